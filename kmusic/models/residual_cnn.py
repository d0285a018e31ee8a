"""The residual CNN for genres of Bjelikj et al. (2020)."""

from dataclasses import dataclass

import keras
from keras import layers

from kmusic.layers.blocks import GENRE_STAGES, ResidualStage, residual_tower
from kmusic.layers.heads import probabilities, require_head


@dataclass(frozen=True, kw_only=True)
class ResidualCNNConfig:
    """Size of the residual CNN.

    Attributes:
        n_classes: Number of classes.
        output: Activation of the last layer: "softmax" for one class a track, "sigmoid" for tags.
        embedding_dim: Units of the hidden dense layer, the representation.
        stages: Sizes of the residual stages.
    """

    n_classes: int = 8
    output: str = "softmax"
    embedding_dim: int = 128
    stages: tuple[ResidualStage, ...] = GENRE_STAGES

    def __post_init__(self) -> None:
        """Reject sizes that no network can have."""
        require_head(self.n_classes, self.output)
        if self.embedding_dim < 1:
            raise ValueError(f"embedding_dim must be positive; got {self.embedding_dim}.")


def build_residual_cnn(config: ResidualCNNConfig, front_end: keras.Model) -> keras.Model:
    """Build the residual CNN on a front end.

    Args:
        config: Size of the network.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`.

    Returns:
        An uncompiled model from the front end's input to probabilities, shape
        `(batch, n_classes)`. Layer `"embedding"` holds the representation, shape
        `(batch, embedding_dim)`.

    Source:
        Bjelikj et al. (2020), section 3.2 and figure 1; 1,099,784 parameters with 8 classes on
        128 x 128 features, the batch normalisation before the softmax included.
    """
    x = residual_tower(front_end.output, config.stages)
    x = layers.Dense(config.embedding_dim, kernel_initializer="he_uniform")(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(name="embedding")(x)
    x = layers.Dense(config.n_classes, kernel_initializer="he_uniform")(x)
    x = layers.BatchNormalization()(x)
    return keras.Model(front_end.input, probabilities(x, config.output), name="residual_cnn")
