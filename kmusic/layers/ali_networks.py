"""The three networks of adversarially learned inference on 32 x 32 crops."""

from typing import Any

import keras
from keras import layers
from keras.initializers import RandomNormal

from kmusic.layers.blocks import as_maps
from kmusic.layers.crops import CropConfig
from kmusic.types import Tensor

SIDE = 32
"""Frames and bands of a crop: what the convolutions without padding bring down to one."""

SQUARE = CropConfig(n_frames=SIDE, n_bands=SIDE)
"""The lowest 32 bands, 32 frames at a time."""

STEPS = ((32, 5, 1), (64, 4, 2), (128, 4, 1), (256, 4, 2), (512, 4, 1))
"""Filters, kernel and stride of the convolutions over a crop; its sides go 28, 13, 10, 4, 1."""

SLOPE = 0.01
"""Of the leaky rectifiers, where they leak."""

BACK = ((256, 4, 1), (128, 4, 2), (64, 4, 1), (32, 4, 2), (32, 5, 1), (32, 1, 1))
"""The same of the transposed convolutions; the sides go 4, 10, 13, 28, 32, 32."""


def require_square(crop: CropConfig) -> None:
    """Raise `ValueError` unless crops have the one size that the networks take."""
    if (crop.n_frames, crop.n_bands) != (SIDE, SIDE):
        raise ValueError(f"crop must have {SIDE} frames and {SIDE} bands; got {crop}.")


def ali_encoder(crops: Tensor, n_outputs: int) -> Tensor:
    """Bring crops down to one vector each.

    Args:
        crops: Shape `(batch, 32, 32)`.
        n_outputs: Length of a vector.

    Returns:
        Vectors, shape `(batch, n_outputs)`.

    Source:
        Yanchenko (2019), table 5, upper half. Nothing is padded, else the sides would not end at
        one. No bias where batch normalisation follows.
    """
    x = as_maps(crops)
    for filters, kernel, stride in (*STEPS, (512, 1, 1)):
        x = _normalised(_conv(filters, kernel, stride, use_bias=False)(x))
    return layers.Flatten()(_conv(n_outputs, 1, 1)(x))


def ali_generator(z: Tensor, *, output_map: bool) -> Tensor:
    """Unfold latent vectors to crops.

    Args:
        z: Shape `(batch, latent_dim)`.
        output_map: Whether every position has a bias of its own, in place of one for all.

    Returns:
        Crops with values in (0, 1), float32, shape `(batch, 32, 32)`.

    Source:
        Yanchenko (2019), table 5, lower half.
    """
    x = layers.Reshape((1, 1, z.shape[-1]))(z)
    for filters, kernel, stride in BACK:
        x = _normalised(
            layers.Conv2DTranspose(
                filters, kernel, stride, use_bias=False, kernel_initializer=_small()
            )(x)
        )
    x = _conv(1, 1, 1, use_bias=not output_map)(x)
    if output_map:
        x = PositionBias(name="output_map")(x)
    x = layers.Activation("sigmoid", dtype="float32")(x)
    return layers.Reshape((SIDE, SIDE))(x)


def ali_discriminator(crops: Tensor, z: Tensor, *, dropout: float, normalised: bool) -> Tensor:
    """Judge whether the latent vectors of crops were inferred or the crops generated.

    Args:
        crops: Shape `(batch, 32, 32)`.
        z: Shape `(batch, latent_dim)`.
        dropout: Share of the maps that are left out behind each convolution in training.
        normalised: Whether the convolutions over crops are batch-normalised, but for the first.

    Returns:
        Logit that a pair is an inferred one, float32, shape `(batch, 1)`.

    Source:
        Yanchenko (2019), table 6. It prints no normalisation; the public code has it, and then no
        bias there nor in the convolutions over `z`. The last line of the table ends in a leaky
        ReLU and dropout, which no logit can.
    """

    def leaky(x: Tensor, norm: bool = False) -> Tensor:
        x = _normalised(x) if norm else layers.LeakyReLU(SLOPE)(x)
        return layers.SpatialDropout2D(dropout)(x)

    x = as_maps(crops)
    for number, (filters, kernel, stride) in enumerate(STEPS):
        norm = normalised and number > 0
        x = leaky(_conv(filters, kernel, stride, use_bias=not norm)(x), norm)
    code = layers.Reshape((1, 1, z.shape[-1]))(z)
    for _ in range(2):
        code = leaky(_conv(512, 1, 1, use_bias=not normalised)(code))
    x = layers.Concatenate()([x, code])
    for _ in range(2):
        x = leaky(_conv(1_024, 1, 1)(x))
    x = layers.Flatten()(_conv(1, 1, 1)(x))
    return layers.Activation("linear", dtype="float32")(x)


@keras.saving.register_keras_serializable("kmusic")
class PositionBias(layers.Layer):
    """Add a number of its own to each position of maps.

    Call arguments:
        maps: Shape `(batch, rows, columns, channels)`.

    Returns:
        The same shape.
    """

    def build(self, maps_shape: tuple[int | None, ...]) -> None:
        """Lay the numbers."""
        self.bias = self.add_weight(shape=maps_shape[1:], initializer="zeros", name="bias")

    def call(self, maps: Tensor) -> Tensor:
        """Add them."""
        return maps + self.bias


def _small() -> RandomNormal:
    return RandomNormal(0.0, 0.02)


def _conv(filters: int, kernel: int, stride: int, **settings: Any) -> layers.Layer:
    return layers.Conv2D(filters, kernel, stride, kernel_initializer=_small(), **settings)


def _normalised(x: Tensor) -> Tensor:
    x = layers.BatchNormalization(epsilon=1e-5, gamma_initializer=RandomNormal(1.0, 0.02))(x)
    return layers.LeakyReLU(SLOPE)(x)
