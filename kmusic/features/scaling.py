"""Scaling of features by statistics that a model carries."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kmusic.features.spectrogram import require_choice
from kmusic.types import Array, Tensor

AXES = {"band": (0, 1), "frame": (0, 2), "global": (0, 1, 2)}


@dataclass(frozen=True, kw_only=True)
class ScalingConfig:
    """Settings of a scaling.

    Attributes:
        kind: `"standard"` gives mean 0 and deviation 1, `"minmax"` the range `[0, 1]`; `"fixed"`
            fits nothing and takes `offset` and `spread`.
        per: What has statistics of its own: every band, every frame position, or only the whole.
        clip: Keep what lies outside the fitted range in `[0, 1]`; for `"minmax"` alone.
        offset: What is taken from all features, for `"fixed"` alone.
        spread: What they are divided by then.
    """

    kind: Literal["standard", "minmax", "fixed"] = "standard"
    per: Literal["band", "frame", "global"] = "band"
    clip: bool = False
    offset: float = 0.0
    spread: float = 1.0

    def __post_init__(self) -> None:
        """Reject what no scaling can be."""
        require_choice("kind", self.kind, ("standard", "minmax", "fixed"))
        require_choice("per", self.per, tuple(AXES))
        if self.clip and self.kind != "minmax":
            raise ValueError(f"clip=True needs kind='minmax'; got kind={self.kind!r}.")
        if self.kind != "fixed" and (self.offset, self.spread) != (0.0, 1.0):
            raise ValueError(f"offset and spread need kind='fixed'; got kind={self.kind!r}.")
        if not (math.isfinite(self.offset) and 0 < self.spread < math.inf):
            raise ValueError(
                "offset must be finite and spread positive; "
                f"got offset={self.offset}, spread={self.spread}."
            )

    @property
    def is_fitted(self) -> bool:
        """Whether there are statistics to fit."""
        return self.kind != "fixed"


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Moments and range of batches, which merge without the batches.

    Attributes:
        count: Values behind each entry.
        mean: Mean, float64.
        squares: Sum of the squared deviations from the mean, float64.
        minimum: Least value.
        maximum: Greatest value.
    """

    count: int
    mean: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]
    minimum: Array
    maximum: Array

    @classmethod
    def of(cls, batch: Array, axes: tuple[int, ...]) -> Self:
        """Describe a batch over some of its axes, which stay with length 1."""
        mean = batch.mean(axes, np.float64, keepdims=True)
        return cls(
            count=int(np.prod([batch.shape[axis] for axis in axes])),
            mean=mean,
            squares=np.square(batch - mean).sum(axes, keepdims=True),
            minimum=batch.min(axes, keepdims=True),
            maximum=batch.max(axes, keepdims=True),
        )

    def merge(self, other: Self) -> Self:
        """Describe both batches together.

        Source:
            Chan, Golub and LeVeque (1979), equation 2.1.
        """
        count = self.count + other.count
        step = other.mean - self.mean
        return type(self)(
            count=count,
            mean=self.mean + step * other.count / count,
            squares=self.squares + other.squares + step**2 * self.count * other.count / count,
            minimum=np.minimum(self.minimum, other.minimum),
            maximum=np.maximum(self.maximum, other.maximum),
        )


@keras.saving.register_keras_serializable("kmusic")
class Scaling(keras.layers.Layer):
    """Scale features by statistics of the training set; until `adapt` has run, by 0 and 1.

    Args:
        config: Settings of the scaling.
        kwargs: Passed to Keras.

    Call arguments:
        features: Shape `(batch, frames, bands)`.

    Returns:
        Scaled features, float32, same shape. Constant features become 0.
    """

    def __init__(self, config: ScalingConfig, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.config = config

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Lay the statistics, one for each band or frame position, or one alone."""
        axes = AXES[self.config.per]
        shape = tuple(1 if axis in axes else n for axis, n in enumerate(features_shape))
        if None in shape:
            raise ValueError(
                f"per={self.config.per!r} needs a known length; got shape {tuple(features_shape)}."
            )
        first = keras.initializers.Constant
        self.offset = self.add_weight(
            shape=shape, initializer=first(self.config.offset), trainable=False, name="offset"
        )
        self.scale = self.add_weight(
            shape=shape, initializer=first(self.config.spread), trainable=False, name="scale"
        )

    def call(self, features: Tensor) -> Tensor:
        """Scale features, shape `(batch, frames, bands)`."""
        scaled = (features - self.offset) / self.scale
        return tf.clip_by_value(scaled, 0.0, 1.0) if self.config.clip else scaled

    def adapt(self, batches: Iterable[Array]) -> None:
        """Fit the statistics to batches, of which only one is held at a time.

        Args:
            batches: Features, each of shape `(batch, frames, bands)`.

        Raises:
            ValueError: If there is no batch, a batch is empty or holds a NaN or an infinity, or
                nothing is to be fitted.
        """
        if not self.config.is_fitted:
            raise ValueError("adapt needs statistics to fit; got kind='fixed'.")
        statistics = None
        for number, batch in enumerate(batches):
            features = np.asarray(batch)
            if not features.size or not np.isfinite(features).all():
                raise ValueError(f"A batch must hold finite numbers; batch {number} does not.")
            new = Statistics.of(features, AXES[self.config.per])
            statistics = new if statistics is None else statistics.merge(new)
        if statistics is None:
            raise ValueError("adapt needs at least one batch; got none.")
        self._keep(statistics)

    def get_config(self) -> dict[str, Any]:
        """Describe the layer in JSON types."""
        return {**super().get_config(), "config": asdict(self.config)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild the layer from its description."""
        return cls(ScalingConfig(**config.pop("config")), **config)

    def _keep(self, statistics: Statistics) -> None:
        """Write offset and scale into the weights; what is constant keeps scale 1."""
        span = statistics.maximum - statistics.minimum
        scale: npt.NDArray[Any] = span
        if self.config.kind == "standard":
            scale = np.sqrt(statistics.squares / statistics.count)
        if not self.built:
            self.build(span.shape)
        self.offset.assign(
            statistics.mean if self.config.kind == "standard" else statistics.minimum
        )
        self.scale.assign(np.where(span > 0, scale, 1.0))
