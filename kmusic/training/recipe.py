"""A recipe: everything that decides what is learned, in one frozen object."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kmusic.datasets.sampling import TripletConfig
from kmusic.datasets.tags import TagConfig
from kmusic.features.augment import AugmentConfig
from kmusic.features.front_ends import FrontEndConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.features.spectrogram import require_choice
from kmusic.losses.double_softmax import double_softmax
from kmusic.training.optimizers import AdamConfig, SGDConfig
from kmusic.training.probe import ProbeConfig
from kmusic.types import Tensor

TARGETS = ("label", "artist", "tags")
BESIDES = ("triplets", "tags")
"""What a model's config may say that its training sees besides sound."""

LOSSES: dict[str, str | Callable[[Tensor, Tensor], Tensor]] = {
    "categorical_crossentropy": "categorical_crossentropy",
    "binary_crossentropy": "binary_crossentropy",
    "double_softmax": double_softmax,
}
"""What Keras minimises, by the name that recipes have for it."""

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")


@dataclass(frozen=True, kw_only=True)
class EarlyStopping:
    """When to stop, and which epoch's weights to keep.

    Attributes:
        monitor: Column of `history.csv`. One that ends in "accuracy" or "auc" is better when
            higher, any other when lower.
        patience: Epochs without a better value after which training ends.
    """

    monitor: str = "val_accuracy"
    patience: int = 10

    def __post_init__(self) -> None:
        """Reject a patience that never lets an epoch pass."""
        if self.patience < 1:
            raise ValueError(f"patience must be at least 1; got {self.patience}.")

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher value of `monitor` is better."""
        return higher_is_better(self.monitor)


@dataclass(frozen=True, kw_only=True)
class Plateau:
    """When the learning rate falls, and how far.

    Attributes:
        monitor: Column of `history.csv`, as for `EarlyStopping`.
        patience: Epochs without a better value after which the rate falls.
        factor: What the rate is multiplied by then, in (0, 1).
    """

    monitor: str = "val_loss"
    patience: int = 1
    factor: float = 0.2

    def __post_init__(self) -> None:
        """Reject a rate that never falls, or not to a positive one."""
        if self.patience < 1:
            raise ValueError(f"patience must be at least 1; got {self.patience}.")
        _require_factor(self.factor)

    def falls(self, history: Sequence[Mapping[str, float]]) -> int:
        """Count how often the rate has fallen after these epochs.

        Args:
            history: Rows of `history.csv`.

        Raises:
            ValueError: If a row has no value of `monitor`.

        Source:
            As `keras.callbacks.ReduceLROnPlateau` with `min_delta=0`; a count of the past, not a
            state, so that a training that goes on needs nothing kept.
        """
        sign = -1 if higher_is_better(self.monitor) else 1
        best, waited, n_falls = math.inf, 0, 0
        for row in history:
            waited += 1
            value = sign * monitored(row, self.monitor, "rate_falls")
            if value < best:
                best, waited = value, 0
            elif waited == self.patience:
                n_falls, waited = n_falls + 1, 0
        return n_falls


@dataclass(frozen=True, kw_only=True)
class Milestones:
    """After which epochs the learning rate falls, and how far.

    Attributes:
        epochs: Numbers of epochs done, ascending, each at least 1.
        factor: What the rate is multiplied by behind each, in (0, 1).
    """

    epochs: tuple[int, ...]
    factor: float = 0.1

    def __post_init__(self) -> None:
        """Reject what no training passes, and a rate that never falls."""
        if not self.epochs or min(self.epochs) < 1 or [*self.epochs] != sorted({*self.epochs}):
            raise ValueError(f"epochs must ascend from 1 or later; got {self.epochs}.")
        _require_factor(self.factor)

    def falls(self, history: Sequence[Mapping[str, float]]) -> int:
        """Count how often the rate has fallen after these epochs, rows of `history.csv`."""
        return sum(len(history) >= epoch for epoch in self.epochs)


def _require_factor(factor: float) -> None:
    if not 0 < factor < 1:
        raise ValueError(f"factor must lie in (0, 1); got {factor}.")


def higher_is_better(monitor: str) -> bool:
    """Say whether more is better: of a column of `history.csv`, or of what a search measures."""
    return monitor.endswith(("accuracy", "auc", "map", "recall"))


def monitored(row: Mapping[str, float], monitor: str, rule: str) -> float:
    """Give the value of an epoch's row that a rule of the recipe watches.

    Raises:
        ValueError: If the row has no such value.
    """
    if monitor not in row:
        raise ValueError(f"{rule}.monitor must be one of {sorted(row)}; got {monitor!r}.")
    return row[monitor]


ADAM = AdamConfig()
PATIENT = EarlyStopping()


@dataclass(frozen=True, kw_only=True)
class PaperFigure:
    """The figure that a paper prints for a recipe.

    Attributes:
        place: Table or figure.
        metric: What was measured.
        value: The figure.
        data: The data set it was measured on.
    """

    place: str
    metric: str
    value: float
    data: str


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to train, on which features, and how.

    Attributes:
        frontend: Features that the model computes from the waveform.
        excerpt_seconds: Length of the sound that the model hears at once, in seconds.
        place: Where in a track its only excerpt lies, from 0, as early as possible, to 1, as late
            as possible. `None` hears random excerpts in training and all of the track after it;
            "loudest" the excerpt of most energy in training, and all of the track after it.
        model: Config of a system in `kmusic.models.BUILDERS`.
        target: Column to learn: "label", "artist", "tags", or `None` for no labels.
        n_artists: Artists to learn from: those that the table names first. `None` takes all.
        triplets: What is learned without a target: which tracks belong together.
        tags: What is learned without a target: how tags become words that sound is aligned with.
        probe: What names the classes of a system without a target, from its vectors.
        loss: "categorical_crossentropy"; "binary_crossentropy" over the outputs one by one; or
            "double_softmax", the cross-entropy of a second softmax over the probabilities.
        augment: Random changes while training.
        scaling: Statistics fitted on training excerpts that features are scaled by.
        optimizer: Optimizer and its schedule.
        rate_falls: When the learning rate falls between epochs. `None` means never.
        crop: "waveform" computes features for each excerpt; "frames" computes them once a track,
            keeps them on disk and crops in time.
        decoder: "soundfile", or "tfio" for pipelines without Python (extra `io`).
        batch_size: Excerpts in a batch.
        excerpts_per_track: How often an epoch hears each track, or each copy of one, each time
            another excerpt.
        epochs: Most epochs to train. What is fitted, not trained, hears all of them once.
        early_stopping: When to stop before that. `None` trains all epochs and keeps the last.
        batch_norm_momentum: Share of its moving averages that batch normalisation keeps at each
            step, in `[0, 1)`. `None` keeps that of the layers, Keras' 0.99, which takes thousands
            of steps to settle: too many for small collections.
        precision: Keras dtype policy of the network; features are float32 always.
        seed: Makes weights, order and excerpts repeatable.
        deterministic: Whether TensorFlow may only use operations that repeat to the last bit.
        paper: The paper's figure.
    """

    frontend: FrontEndConfig
    excerpt_seconds: float
    model: Any
    place: float | Literal["loudest"] | None = None
    target: str | None = "label"
    n_artists: int | None = None
    triplets: TripletConfig | None = None
    tags: TagConfig | None = None
    probe: ProbeConfig | None = None
    loss: str = "categorical_crossentropy"
    augment: AugmentConfig | None = None
    scaling: ScalingConfig | None = None
    optimizer: AdamConfig | SGDConfig = ADAM
    rate_falls: Plateau | Milestones | None = None
    crop: str = "waveform"
    decoder: str = "soundfile"
    batch_size: int = 32
    excerpts_per_track: int = 1
    epochs: int = 50
    early_stopping: EarlyStopping | None = PATIENT
    batch_norm_momentum: float | None = None
    precision: str = "float32"
    seed: int = 0
    deterministic: bool = False
    paper: PaperFigure | None = None

    def __post_init__(self) -> None:
        """Reject recipes that cannot be cooked."""
        choices = {
            "loss": tuple(LOSSES),
            "precision": PRECISIONS,
            "crop": ("waveform", "frames"),
            "decoder": ("soundfile", "tfio"),
        }
        for name, words in choices.items():
            require_choice(name, getattr(self, name), words)
        for name in ("batch_size", "excerpts_per_track", "epochs", "excerpt_seconds"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}.")
        if self.n_artists is not None and self.n_artists < 2:
            raise ValueError(f"n_artists must be at least 2 or None; got {self.n_artists}.")
        momentum = self.batch_norm_momentum
        if momentum is not None and not 0 <= momentum < 1:
            raise ValueError(f"batch_norm_momentum must lie in [0, 1) or be None; got {momentum}.")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must lie in [0, 2 ** 32); got {self.seed}.")
        self._require_lesson()
        self._require_sound()

    def _require_lesson(self) -> None:
        """Reject what cannot be learned together."""
        if self.target is not None and self.target not in TARGETS:
            raise ValueError(f"target must be one of {TARGETS} or None; got {self.target!r}.")
        if self.probe is not None and self.target is not None:
            raise ValueError(f"probe needs target=None; got target={self.target!r}.")
        for name in BESIDES:
            given = getattr(self, name) is not None
            if given and self.target is not None:
                raise ValueError(f"{name} need target=None; got target={self.target!r}.")
            if given != (getattr(self.model, "besides", None) == name):
                raise ValueError(
                    f"{name} and a model that learns from {name} belong together; "
                    f"got {name}={getattr(self, name)}, model={self.model}."
                )
        if self.tags is not None and (self.scaling is None or self.scaling.kind == "standard"):
            raise ValueError(
                "tags need features in [0, 1], by a scaling of kind minmax or fixed; "
                f"got scaling={self.scaling}."
            )

    def _require_sound(self) -> None:
        """Reject what cannot be heard."""
        if isinstance(self.place, str) and self.place != "loudest":
            raise ValueError(f'place must be a number, "loudest" or None; got {self.place!r}.')
        if not isinstance(self.place, str | None) and not 0 <= self.place <= 1:
            raise ValueError(f"place must lie in [0, 1] or be None; got {self.place}.")
        if self.decoder == "tfio" and self.crop == "frames":
            raise ValueError('decoder="tfio" reads waveforms; got crop="frames".')
        augment = self.augment
        if augment is None:
            return
        if self.crop == "frames" and augment.alters_waveform:
            raise ValueError(
                'crop="frames" keeps features, so augment must not change the waveform; '
                f"got {augment}."
            )
        if self.triplets is not None and augment.copies:
            raise ValueError(f"triplets are not drawn from copies; got {augment}.")
        if self.place == "loudest" and any(copy.place is not None for copy in augment.copies):
            raise ValueError(f'place="loudest" leaves copies no place of their own; got {augment}.')

    @property
    def excerpt_samples(self) -> int:
        """Length of the sound that the model hears at once, in samples."""
        return round(self.excerpt_seconds * self.frontend.sample_rate)
