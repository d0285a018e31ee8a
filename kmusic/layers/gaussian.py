"""Latent vectors drawn from a normal distribution that a network tells."""

from typing import Any

import keras
from keras import ops

from kmusic.types import Tensor


@keras.saving.register_keras_serializable("kmusic")
class SampleGaussian(keras.layers.Layer):
    """Draw from normal distributions with independent coordinates, differentiably.

    Args:
        seed: What makes the draws repeatable. `None` draws it.
        kwargs: Passed to Keras.

    Call arguments:
        inputs: Means and logarithms of the variances, each of shape `(batch, latent_dim)`.
        training: Whether to draw.

    Returns:
        `z_mean + exp(z_log_var / 2) * noise`, or `z_mean` when not training, shape
        `(batch, latent_dim)`.

    Source:
        Kingma and Welling (2014), section 2.4.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, shapes: Any) -> None:
        """Lay nothing."""
        del shapes
        self.built = True

    def call(self, inputs: tuple[Tensor, Tensor], training: bool = False) -> Tensor:
        """Draw a vector for each mean and variance."""
        z_mean, z_log_var = inputs
        if not training:
            return z_mean
        noise = keras.random.normal(ops.shape(z_mean), dtype=z_mean.dtype, seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * z_log_var) * noise

    def compute_output_shape(self, shapes: Any) -> tuple[Any, ...]:
        """Give the shape of the means."""
        return tuple(shapes[0])

    def get_config(self) -> dict[str, Any]:
        """Describe the layer in JSON types."""
        return super().get_config() | {"seed": self.seed}
