"""Features of frames as features of samples."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from kmusic.types import Tensor


@keras.saving.register_keras_serializable("kmusic")
class Upsampling(layers.Layer):
    """Stretch features in time, and smooth them by filters that are learned; always in float32.

    Args:
        scales: How much longer each stage makes a sequence.
        weight_norm: Whether direction and length of each filter are weights of their own.
        kwargs: Passed to Keras.

    Call arguments:
        features: Shape `(batch, n_frames, n_bands)`.

    Returns:
        Float32, shape `(batch, n_frames * prod(scales), n_bands)`. Frame t begins at sample
        `t * prod(scales)`; at first each value is the mean over the `2 * scale + 1` around it.

    Source:
        Public code of Qasemi et al. (2019): bands are mixed, then in each stage repeated and
        filtered, all bands alike and with zeros beyond the ends.
    """

    def __init__(self, scales: Sequence[int], *, weight_norm: bool = False, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})  # 16 bits take minutes on a CPU
        self.scales, self.weight_norm = tuple(scales), weight_norm

    @property
    def factor(self) -> int:
        """Samples a frame."""
        return math.prod(self.scales)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Lay the mixture of the bands, and a filter a stage."""
        self.mixture = self.add_weight((shape[-1], shape[-1]), "he_normal", name="mixture")
        self.filters, self.lengths = [], []
        for scale in self.scales:
            size = 2 * scale + 1
            mean = keras.initializers.Constant(1 / size)
            self.filters.append(self.add_weight((size,), mean, name=f"filter_{scale}"))
            if self.weight_norm:
                length = keras.initializers.Constant(1 / math.sqrt(size))
                self.lengths.append(self.add_weight((), length, name=f"length_{scale}"))

    def call(self, features: Tensor) -> Tensor:
        """Stretch and smooth features."""
        n_bands = features.shape[-1]
        x = ops.matmul(features, self.mixture)
        for number, scale in enumerate(self.scales):
            x = ops.repeat(x, scale, axis=1)
            taps = ops.convert_to_tensor(self.filters[number])
            if self.weight_norm:
                taps = taps * (self.lengths[number] / ops.sqrt(ops.sum(ops.square(taps))))
            kernel = ops.tile(taps[:, None, None], (1, n_bands, 1))  # one filter for all bands
            x = ops.depthwise_conv(x, kernel, padding="same")
        return x

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Give `(batch, n_frames * prod(scales), n_bands)`."""
        batch, n_frames, n_bands = shape
        return batch, None if n_frames is None else n_frames * self.factor, n_bands

    def get_config(self) -> dict[str, Any]:
        """Describe the layer in JSON types."""
        return super().get_config() | {"scales": self.scales, "weight_norm": self.weight_norm}
