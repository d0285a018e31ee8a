"""Convolution blocks that several networks are made of."""

from dataclasses import dataclass

from keras import layers

from kmusic.types import Tensor


@dataclass(frozen=True, kw_only=True)
class ResidualStage:
    """Size of one two-step stage of the residual tower.

    Attributes:
        filters: Filters of the first step, which halves both axes, and of the second.
        bottleneck: Filters of the 1 x 1 convolution that narrows the side branch.
        initializers: Keras initializers of the two main 3 x 3 convolutions.
    """

    filters: tuple[int, int]
    bottleneck: int
    initializers: tuple[str, str] = ("he_normal", "he_normal")

    def __post_init__(self) -> None:
        """Reject sizes that no stage can have."""
        if len(self.filters) != 2 or len(self.initializers) != 2:
            raise ValueError(
                "filters and initializers must be two each; "
                f"got {self.filters} and {self.initializers}."
            )
        if min(*self.filters, self.bottleneck) < 1:
            raise ValueError(
                "filters and bottleneck must be positive; "
                f"got {self.filters} and {self.bottleneck}."
            )


GENRE_STAGES = (
    ResidualStage(filters=(64, 128), bottleneck=16, initializers=("he_uniform", "he_uniform")),
    ResidualStage(filters=(256, 128), bottleneck=32),
    ResidualStage(filters=(64, 128), bottleneck=64),
)
"""The stages of Bjelikj et al. (2020), figure 1."""


def as_maps(features: Tensor) -> Tensor:
    """Lay features out as one map.

    Args:
        features: Spectrogram, shape `(batch, n_frames, n_bands)`.

    Returns:
        The same values, shape `(batch, n_frames, n_bands, 1)`.
    """
    return layers.Reshape((*features.shape[1:], 1))(features)


def conv_bn(
    x: Tensor,
    filters: int,
    kernel_size: int,
    *,
    strides: int = 1,
    relu: bool = True,
    initializer: str = "he_uniform",
) -> Tensor:
    """Convolve with "same" padding, batch-normalise, and rectify if asked.

    Args:
        x: Maps, shape `(batch, rows, columns, channels)`.
        filters: Number of filters.
        kernel_size: Side of the square kernel.
        strides: Step along both axes.
        relu: Whether a ReLU follows.
        initializer: Keras initializer of the kernel.

    Returns:
        Maps, shape `(batch, ceil(rows / strides), ceil(columns / strides), filters)`.
    """
    x = layers.Conv2D(
        filters, kernel_size, strides=strides, padding="same", kernel_initializer=initializer
    )(x)
    x = layers.BatchNormalization()(x)
    return layers.ReLU()(x) if relu else x


def residual_stage(x: Tensor, stage: ResidualStage) -> Tensor:
    """Apply two residual steps whose bottlenecked side branches are chained.

    The second side branch starts from the output of the first one, before the addition.

    Args:
        x: Maps, shape `(batch, rows, columns, channels)`.
        stage: Size of the stage.

    Returns:
        Maps, shape `(batch, ceil(rows / 2), ceil(columns / 2), stage.filters[1])`.

    Source:
        Bjelikj et al. (2020), figure 1, with the branches as in its public code.
    """
    side = layers.MaxPooling2D(2, padding="same")(x)
    steps = zip(stage.filters, stage.initializers, (2, 1), strict=True)
    for filters, initializer, strides in steps:
        main = conv_bn(x, filters, 3, strides=strides, relu=False, initializer=initializer)
        side = conv_bn(conv_bn(side, stage.bottleneck, 1), filters, 1, relu=False)
        x = layers.ReLU()(layers.Add()([main, side]))
    return x


def residual_tower(features: Tensor, stages: tuple[ResidualStage, ...]) -> Tensor:
    """Turn a spectrogram into one vector through a stem, residual stages and a tail.

    Args:
        features: Spectrogram, shape `(batch, n_frames, n_bands)`.
        stages: Sizes of the stages, in order.

    Returns:
        Flattened maps, shape `(batch, ceil(n_frames / s) * ceil(n_bands / s) * 64)`, where
        `s = 4 * 2 ** len(stages)`.

    Source:
        Bjelikj et al. (2020), figures 1 and 3.
    """
    x = conv_bn(as_maps(features), 32, 5, strides=2)
    for stage in stages:
        x = residual_stage(x, stage)
    x = conv_bn(x, 64, 3)
    x = layers.MaxPooling2D(2, padding="same")(x)
    return layers.Flatten()(x)
