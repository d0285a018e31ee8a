"""The parallel CNN-RNN for genres of Bjelikj et al. (2020)."""

from dataclasses import dataclass

import keras
from keras import layers

from kmusic.layers.attention import attention_pooling
from kmusic.layers.blocks import GENRE_STAGES, ResidualStage, as_maps, residual_tower
from kmusic.layers.heads import probabilities, require_head
from kmusic.layers.recurrent import require_recurrent_axis, sequence_over


@dataclass(frozen=True, kw_only=True)
class ParallelCNNRNNConfig:
    """Size of the parallel CNN-RNN.

    Attributes:
        n_classes: Number of classes.
        output: Activation of the last layer: "softmax" for one class a track, "sigmoid" for tags.
        stages: Sizes of the convolutional half's residual stages.
        frame_embedding: Units of the dense layer that each step of the recurrent half passes
            first. `None` leaves it out.
        recurrent_axis: What the recurrence steps over: "time" or "mel".
        rnn_units: Units of the GRU in each direction.
        attention_units: Hidden units of the attention over the recurrence's steps. `None` takes
            the last state of each direction instead.
    """

    n_classes: int = 8
    output: str = "softmax"
    stages: tuple[ResidualStage, ...] = GENRE_STAGES
    frame_embedding: int | None = 64
    recurrent_axis: str = "time"
    rnn_units: int = 64
    attention_units: int | None = 64

    def __post_init__(self) -> None:
        """Reject sizes that no network can have."""
        require_head(self.n_classes, self.output)
        require_recurrent_axis(self.recurrent_axis)
        sizes = (self.rnn_units, self.frame_embedding, self.attention_units)
        if min(size for size in sizes if size is not None) < 1:
            raise ValueError(
                "rnn_units, frame_embedding and attention_units must be positive or None; "
                f"got {sizes}."
            )


def build_parallel_cnn_rnn(config: ParallelCNNRNNConfig, front_end: keras.Model) -> keras.Model:
    """Build the parallel CNN-RNN on a front end.

    Args:
        config: Size of the network.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`.

    Returns:
        An uncompiled model from the front end's input to probabilities, shape
        `(batch, n_classes)`. Layer `"embedding"` holds the representation, both halves joined:
        on 128 x 128 features `(batch, 1024 + 2 * rnn_units)`.

    Source:
        Bjelikj et al. (2020), section 3.2 and figure 3. The defaults are what the text means: an
        embedding of each frame, a recurrence over time, attention. A wide tower, no embedding, no
        attention and `recurrent_axis="mel"` are the public code, 7,148,136 parameters with 8
        classes on 128 x 128 features.
    """
    features = front_end.output
    maps = residual_tower(features, config.stages)
    x = layers.MaxPooling2D((2, 1), padding="same")(as_maps(features))  # (B, T / 2, M, 1)
    x = sequence_over(config.recurrent_axis, x)  # (B, steps, features)
    if config.frame_embedding is not None:
        x = layers.Dense(config.frame_embedding)(x)
    attends = config.attention_units is not None
    x = layers.Bidirectional(layers.GRU(config.rnn_units, return_sequences=attends))(x)
    if config.attention_units is not None:
        x = attention_pooling(x, config.attention_units)
    x = layers.Concatenate(name="embedding")([maps, x])
    x = layers.Dense(config.n_classes)(x)
    return keras.Model(front_end.input, probabilities(x, config.output), name="parallel_cnn_rnn")
