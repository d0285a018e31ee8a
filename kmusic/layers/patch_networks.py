"""Convolutional networks from a patch of a spectrogram to a vector and back."""

from dataclasses import dataclass

import keras
from keras import layers

from kmusic.layers.attention import initial_uniform
from kmusic.layers.blocks import as_maps
from kmusic.types import Tensor

KERNEL, STRIDE = 4, 2


@dataclass(frozen=True, kw_only=True)
class PatchConfig:
    """Size of the two networks.

    Attributes:
        n_filters: Filters of every convolution.
        n_blocks: Convolutions from patch to vector, and back; each halves or doubles both axes.
        dropout: Share of each block's output that is left out in training, in [0, 1).
    """

    n_filters: int = 128
    n_blocks: int = 5
    dropout: float = 0.25

    def __post_init__(self) -> None:
        """Reject what no network can be."""
        for name in ("n_filters", "n_blocks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1); got {self.dropout}.")

    def maps(self, shape: tuple[int | None, ...]) -> tuple[int, int, int]:
        """Give the shape of the last maps, `(rows, columns, n_filters)`.

        Args:
            shape: `(n_frames, n_bands)` of a patch.

        Raises:
            ValueError: If the sides cannot be halved so often.
        """
        halves = STRIDE**self.n_blocks
        if any(side is None or side % halves for side in shape):
            raise ValueError(
                f"frames and bands must be multiples of {halves} for n_blocks={self.n_blocks}; "
                f"got {tuple(shape)}."
            )
        rows, columns = (side // halves for side in shape if side)
        return rows, columns, self.n_filters


def patch_encoder(shape: tuple[int, int], config: PatchConfig, *, normalised: bool) -> keras.Model:
    """Build a network from patches to vectors.

    Args:
        shape: `(n_frames, n_bands)`; multiples of `2 ** n_blocks`.
        config: Size.
        normalised: Whether the vector is brought to mean 0 and deviation 1, scaled and shifted.

    Returns:
        Model from patches, shape `(batch, n_frames, n_bands)`, to float32 vectors, shape
        `(batch, dim)`, where `dim` is what five halvings leave of 96 x 96: 1152.

    Source:
        Favory et al. (2020), section 2.1, equation 1; biases as in the public code.
    """
    config.maps(shape)
    patch = keras.Input(shape, name="patch")
    x = as_maps(patch)
    for _ in range(config.n_blocks):
        x = layers.Conv2D(config.n_filters, KERNEL, STRIDE, padding="same", **_first())(x)
        x = layers.Dropout(config.dropout)(_rectified(x))
    x = layers.Flatten()(x)
    if normalised:
        x = layers.LayerNormalization(epsilon=1e-6, dtype="float32")(x)
    return keras.Model(patch, layers.Activation("linear", dtype="float32")(x), name="encoder")


def patch_decoder(shape: tuple[int, int], config: PatchConfig) -> keras.Model:
    """Build the network back from the vectors of `patch_encoder`.

    Args:
        shape: As there.
        config: As there.

    Returns:
        Model from vectors, shape `(batch, dim)`, to patches with values in (0, 1), float32, shape
        `(batch, n_frames, n_bands)`.

    Source:
        Favory et al. (2020), section 2.1, equation 2. Read literally it has a ReLU before the
        sigmoid, with which nothing falls below 0.5; the public code has none.
    """
    maps = config.maps(shape)
    rows, columns, n_filters = maps
    vector = keras.Input((rows * columns * n_filters,), name="vector")
    x = layers.Reshape(maps)(vector)
    for _ in range(config.n_blocks - 1):
        x = layers.Dropout(config.dropout)(x)
        x = layers.Conv2DTranspose(n_filters, KERNEL, STRIDE, padding="same", **_first())(x)
        x = _rectified(x)
    x = layers.Conv2DTranspose(1, KERNEL, STRIDE, padding="same", **_first())(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    x = layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model(vector, layers.Reshape(shape, dtype="float32")(x), name="decoder")


def projection(length: int, dim: int, dropout: float) -> keras.Model:
    """Build a linear map without bias, so that the map of a mean is the mean of the maps.

    Args:
        length: Length of the vectors that go in.
        dim: Length of those that come out.
        dropout: Share of the result that is left out in training.

    Returns:
        Model from vectors, shape `(batch, length)`, to float32 vectors, shape `(batch, dim)`.
    """
    vector = keras.Input((length,), name="vector")
    x = layers.Dense(dim, use_bias=False, kernel_initializer=initial_uniform(), dtype="float32")(
        vector
    )
    return keras.Model(vector, layers.Dropout(dropout, dtype="float32")(x), name="projection")


def _first() -> dict[str, keras.initializers.Initializer]:
    """Say what a convolution of the public code begins with; its biases begin small, here at 0."""
    return {"kernel_initializer": initial_uniform()}


def _rectified(x: Tensor) -> Tensor:
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x))
