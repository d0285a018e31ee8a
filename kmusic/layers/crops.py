"""Small pieces of features: drawn at random while training, in a row after it."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import keras
from keras import ops

from kmusic.types import Tensor

ROUNDING = 1e-5  # of the largest value: frames of silence differ by less


@dataclass(frozen=True, kw_only=True)
class CropConfig:
    """Which pieces of an excerpt's features a network sees, each by itself.

    Attributes:
        n_frames: Frames of a crop.
        n_bands: Bands of a crop. `None` means all from `first_band` on.
        first_band: Lowest band of a crop.
        first_frame: Where the only crop of an excerpt begins when nothing is trained. `None` takes
            all consecutive crops; what is left at the end is not seen.
        n_random: Crops drawn from each excerpt in a training step. `None` draws none and takes the
            crops that are taken when nothing is trained.
    """

    n_frames: int = 32
    n_bands: int | None = None
    first_band: int = 0
    first_frame: int | None = None
    n_random: int | None = 1

    def __post_init__(self) -> None:
        """Reject what no crop can be."""
        for name in ("n_frames", "n_bands", "n_random"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}.")
        for name in ("first_band", "first_frame"):
            if getattr(self, name) is not None and getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative; got {getattr(self, name)}.")

    def bands_of(self, n_bands: int) -> slice:
        """Say which of so many bands a crop has.

        Raises:
            ValueError: If there are fewer.
        """
        bands = slice(self.first_band, self.first_band + (self.n_bands or n_bands))
        if self.first_band >= n_bands or (self.n_bands and bands.stop > n_bands):
            raise ValueError(f"crops must lie within {n_bands} bands; got {self}.")
        return slice(bands.start, min(bands.stop, n_bands))

    def require_frames(self, n_frames: int) -> None:
        """Raise `ValueError` unless crops lie within so many frames."""
        if (self.first_frame or 0) + self.n_frames > n_frames:
            raise ValueError(f"crops must lie within {n_frames} frames; got {self}.")


@keras.saving.register_keras_serializable("kmusic")
class Crops(keras.layers.Layer):
    """Cut crops from the features of excerpts.

    Args:
        config: Which crops.
        seed: What makes the draws repeatable. `None` draws it.
        kwargs: Passed to Keras.

    Call arguments:
        features: Shape `(batch, frames, bands)`, both known before.
        training: Whether to draw crops at random.

    Returns:
        Crops, those of one excerpt behind each other, shape
        `(batch * n_crops, config.n_frames, n_bands)`.
    """

    def __init__(self, config: CropConfig, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Refuse features that hold no crop."""
        _, frames, bands = features_shape
        if frames is None or bands is None:
            raise ValueError(f"crops need a known length; got shape {tuple(features_shape)}.")
        self.config.require_frames(frames)
        self.config.bands_of(bands)
        self.built = True

    def call(self, features: Tensor, training: bool = False) -> Tensor:
        """Cut crops from features, shape `(batch, frames, bands)`."""
        c = self.config
        features = features[:, :, c.bands_of(features.shape[2])]
        if training and c.n_random:
            return self._drawn(features, c.n_random)
        if c.first_frame is not None:
            return features[:, c.first_frame : c.first_frame + c.n_frames]
        whole = features.shape[1] // c.n_frames * c.n_frames
        return ops.reshape(features[:, :whole], (-1, c.n_frames, features.shape[2]))

    def compute_output_shape(self, features_shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        """Give `(None, config.n_frames, n_bands)`."""
        bands = self.config.bands_of(features_shape[2] or 0)
        return None, self.config.n_frames, bands.stop - bands.start

    def get_config(self) -> dict[str, Any]:
        """Describe the layer in JSON types."""
        return super().get_config() | {"config": asdict(self.config), "seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild the layer from its description."""
        return cls(CropConfig(**config.pop("config")), **config)

    def _drawn(self, features: Tensor, n_random: int) -> Tensor:
        """Draw crops of each excerpt, each position alike."""
        frames, bands = features.shape[1:]
        n = self.config.n_frames
        excerpts = ops.shape(features)[0]
        last = frames - n + 1
        starts = keras.random.randint((excerpts, n_random), 0, last, seed=self.seed_generator)
        first_row = ops.arange(excerpts, dtype="int32")[:, None] * frames
        rows = (first_row + starts)[:, :, None] + ops.arange(n, dtype="int32")  # (B, R, N)
        drawn = ops.take(ops.reshape(features, (-1, bands)), ops.reshape(rows, (-1,)), axis=0)
        return ops.reshape(drawn, (-1, n, bands))


@keras.saving.register_keras_serializable("kmusic")
class MeanOverCrops(keras.layers.Layer):
    """Average what was computed of each crop over the crops of each excerpt.

    Silent crops, such as those of the zeros behind a short track, do not count, unless all of an
    excerpt are silent.

    Call arguments:
        inputs: Values of each crop, as `Crops` orders them, shape `(batch * n_crops, dim)`; the
            crops; and the excerpts' features, shape `(batch, frames, bands)`.

    Returns:
        Means, shape `(batch, dim)`.
    """

    def build(self, shapes: Any) -> None:
        """Lay nothing."""
        del shapes
        self.built = True

    def call(self, inputs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Average values over the crops of each excerpt."""
        values, crops, features = inputs
        excerpts = ops.shape(features)[0]
        counts = ops.reshape(is_sounding(crops), (excerpts, -1, 1))
        counts = counts | ~ops.any(counts, axis=1, keepdims=True)
        each = ops.reshape(values, (excerpts, -1, values.shape[-1]))
        total = ops.sum(ops.where(counts, each, ops.zeros_like(each)), axis=1)
        return total / ops.sum(ops.cast(counts, values.dtype), axis=1)

    def compute_output_shape(self, shapes: Any) -> tuple[Any, ...]:
        """Give `(batch, dim)`."""
        values, _, features = shapes
        return features[0], values[-1]


def is_sounding(crops: Tensor) -> Tensor:
    """Say of each crop whether its frames differ by more than rounding, as those of silence do not.

    Args:
        crops: Shape `(batch, frames, bands)`.

    Returns:
        Truth values, shape `(batch,)`.
    """
    spans = ops.max(ops.max(crops, axis=1) - ops.min(crops, axis=1), axis=1)
    return spans > ROUNDING * ops.max(ops.abs(crops), axis=(1, 2))
