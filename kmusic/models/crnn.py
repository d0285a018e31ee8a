"""The C-RNN for genres of Bjelikj et al. (2020): convolutions, then a recurrence."""

from dataclasses import dataclass

import keras
from keras import layers

from kmusic.layers.blocks import as_maps, conv_bn
from kmusic.layers.heads import probabilities, require_head
from kmusic.layers.recurrent import require_recurrent_axis, sequence_over


@dataclass(frozen=True, kw_only=True)
class CRNNConfig:
    """Size of the C-RNN.

    Attributes:
        n_classes: Number of classes.
        output: Activation of the last layer: "softmax" for one class a track, "sigmoid" for tags.
        filters: Filters of each 3 x 3 convolution.
        pools: Window of the max pooling behind each of them, `(frames, bands)`.
        pool_stride: Step of the poolings along both axes, which then leave out what fills no
            window. `None` steps by the window and pads to whole windows.
        dropout: Share of values dropped behind each pooling, in `[0, 1)`.
        n_maps: Maps of the last block that the recurrence hears. `None` means all.
        recurrent_axis: What the recurrence steps over: "time" or "mel".
        rnn_units: Units of the GRU, the size of the representation.
    """

    n_classes: int = 8
    output: str = "softmax"
    filters: tuple[int, ...] = (68, 137, 137, 137)
    pools: tuple[tuple[int, int], ...] = ((2, 2), (2, 4), (2, 4), (1, 4))
    pool_stride: int | None = None
    dropout: float = 0.1
    n_maps: int | None = None
    recurrent_axis: str = "time"
    rnn_units: int = 68

    def __post_init__(self) -> None:
        """Reject sizes that no network can have."""
        require_head(self.n_classes, self.output)
        require_recurrent_axis(self.recurrent_axis)
        if len(self.filters) != len(self.pools) or not self.filters:
            raise ValueError(
                "filters and pools must be one each a block, at least one; "
                f"got {self.filters} and {self.pools}."
            )
        if any(len(window) != 2 or min(window) < 1 for window in self.pools):
            raise ValueError(f"pools must be windows of (frames, bands); got {self.pools}.")
        sizes = (*self.filters, self.rnn_units, self.pool_stride or 1)
        if min(sizes) < 1:
            raise ValueError(
                "filters, rnn_units and pool_stride must be positive; "
                f"got {self.filters}, {self.rnn_units} and {self.pool_stride}."
            )
        if self.n_maps is not None and not 1 <= self.n_maps <= self.filters[-1]:
            raise ValueError(
                f"n_maps must lie in [1, filters[-1]]; got n_maps={self.n_maps}, {self.filters}."
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1); got {self.dropout}.")


def build_crnn(config: CRNNConfig, front_end: keras.Model) -> keras.Model:
    """Build the C-RNN on a front end.

    Args:
        config: Size of the network.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`.

    Returns:
        An uncompiled model from the front end's input to probabilities, shape
        `(batch, n_classes)`. Layer `"embedding"` holds the representation, the GRU's last state,
        shape `(batch, rnn_units)`.

    Source:
        Bjelikj et al. (2020), section 3.2 and figure 2. The defaults are what the text means: the
        poolings leave 16 frames and 1 band of 128 x 128 features, and the GRU hears all maps of
        each frame. `pools=((2, 2), (3, 3), (4, 4), (4, 4))`, `pool_stride=1`, `n_maps=1` and
        `recurrent_axis="mel"` are the public code, 463,801 parameters with 8 classes.
    """
    x = as_maps(front_end.output)  # (B, T, M, 1)
    padding = "same" if config.pool_stride is None else "valid"
    for filters, window in zip(config.filters, config.pools, strict=True):
        x = conv_bn(x, filters, 3, initializer="glorot_uniform")
        x = layers.MaxPooling2D(window, strides=config.pool_stride, padding=padding)(x)
        x = layers.Dropout(config.dropout)(x)
    sequence = sequence_over(config.recurrent_axis, x[..., : config.n_maps])
    x = layers.GRU(config.rnn_units, name="embedding")(sequence)
    x = layers.Dense(config.n_classes)(x)
    return keras.Model(front_end.input, probabilities(x, config.output), name="crnn")
