"""The basic DCNN of Park et al. (2018), for artists or for tags."""

from dataclasses import dataclass

import keras
from keras import layers

from kmusic.layers.artist_trunk import artist_trunk, require_trunk
from kmusic.layers.heads import probabilities, require_head


@dataclass(frozen=True, kw_only=True)
class ArtistDCNNConfig:
    """Size of the network.

    Attributes:
        n_classes: Number of artists, or of tags.
        output: Activation of the last layer: "softmax" for artists, "sigmoid" for tags.
        dropout: Share of the representation that is left out in training, in [0, 1).
        l2: Weight of the squared kernels of the convolutions in the loss.
    """

    n_classes: int = 5_000
    output: str = "softmax"
    dropout: float = 0.5
    l2: float = 1e-5

    def __post_init__(self) -> None:
        """Reject what no network can be."""
        require_head(self.n_classes, self.output)
        require_trunk(self.dropout, self.l2)


def build_artist_dcnn(config: ArtistDCNNConfig, front_end: keras.Model) -> keras.Model:
    """Build the network on a front end.

    Args:
        config: Size of the network.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`.

    Returns:
        An uncompiled model from the front end's input to probabilities, shape
        `(batch, n_classes)`. Layer `"embedding"` holds the representation, shape `(batch, 256)`.

    Source:
        Park et al. (2018), sections 2.1, 2.3 and 3.3; on 128 bands 394,484 parameters for 500
        artists and 2,835,984 for 10,000. The public code makes a dropout layer that its training
        graph does not use; `dropout=0` is that.
    """
    x = artist_trunk(front_end.output, config.l2)
    if config.dropout:
        x = layers.Dropout(config.dropout)(x)
    x = layers.Dense(config.n_classes)(x)
    return keras.Model(front_end.input, probabilities(x, config.output), name="artist_dcnn")
