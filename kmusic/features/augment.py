"""Changes of waveforms while a model trains, drawn anew or fixed."""

import math
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from kmusic.features.stretch import stretch_and_shift
from kmusic.types import Tensor


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One fixed copy of the training set.

    Attributes:
        semitones: Shift of the pitch, in `[-12, 12]`.
        stretch: Tempo, 1 for that of the recording.
        place: Where in its track the copy's excerpt lies, from 0, as early as possible, to 1, as
            late as possible. `None` hears another one in each epoch.
    """

    semitones: float = 0.0
    stretch: float = 1.0
    place: float | None = None

    def __post_init__(self) -> None:
        """Reject what no copy can be."""
        if not -12 <= self.semitones <= 12:
            raise ValueError(f"semitones must lie in [-12, 12]; got {self.semitones}.")
        if not 0 < self.stretch < math.inf:
            raise ValueError(f"stretch must be above 0; got {self.stretch}.")
        if self.place is not None and not 0 <= self.place <= 1:
            raise ValueError(f"place must lie in [0, 1] or be None; got {self.place}.")


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How each training example is changed: ranges to draw from, evenly, or fixed copies.

    Attributes:
        copies: Copies of the training set that an epoch consists of, in place of drawn pitch and
            tempo. Empty means the training set as it is.
        semitones: Farthest shift of the pitch, up or down, in `[0, 12]`.
        stretch: Slowest and fastest tempo, 1 for that of the recording.
        gain_db: Largest gain, up or down, in dB; nothing is clipped.
        noise_db: Loudest white noise, in dB re the example's RMS; the softest is 20 dB below it.
            `None` adds none.
        time_masks: Number of masks over time.
        time_mask_frames: Widest of them, in frames; the narrowest is empty.
        frequency_masks: Number of masks over frequency.
        frequency_mask_bands: Widest of them, in bands; the narrowest is empty.
    """

    copies: tuple[Copy, ...] = ()
    semitones: float = 0.0
    stretch: tuple[float, float] = (1.0, 1.0)
    gain_db: float = 0.0
    noise_db: float | None = None
    time_masks: int = 0
    time_mask_frames: int = 0
    frequency_masks: int = 0
    frequency_mask_bands: int = 0

    def __post_init__(self) -> None:
        """Reject ranges that nothing can be drawn from."""
        # JSON knows lists and dicts only.
        object.__setattr__(self, "stretch", tuple(self.stretch))
        copies = (copy if isinstance(copy, Copy) else Copy(**copy) for copy in self.copies)
        object.__setattr__(self, "copies", tuple(copies))
        if self.copies and (self.semitones or self.stretch != (1.0, 1.0)):
            raise ValueError(
                "copies stand in place of semitones and stretch; "
                f"got {len(self.copies)} copies, {self.semitones} and {self.stretch}."
            )
        if not 0 <= self.semitones <= 12:
            raise ValueError(f"semitones must lie in [0, 12]; got {self.semitones}.")
        if len(self.stretch) != 2 or not 0 < self.stretch[0] <= self.stretch[1] < math.inf:
            raise ValueError(f"stretch must be (slowest, fastest), above 0; got {self.stretch}.")
        if not 0 <= self.gain_db < math.inf:
            raise ValueError(f"gain_db must lie in [0, inf); got {self.gain_db}.")
        if self.noise_db is not None and not math.isfinite(self.noise_db):
            raise ValueError(f"noise_db must be finite or None; got {self.noise_db}.")
        time = (self.time_masks, self.time_mask_frames)
        frequency = (self.frequency_masks, self.frequency_mask_bands)
        if any(min(masks) < 0 or min(masks) == 0 < max(masks) for masks in (time, frequency)):
            got = f"(count, width) of {time} in time and {frequency} in frequency"
            raise ValueError(f"masks must have count and width both 0 or both above; got {got}.")

    @property
    def alters_waveform(self) -> bool:
        """Whether the waveform is changed."""
        pitch_or_tempo = self.semitones > 0 or self.stretch != (1.0, 1.0) or bool(self.copies)
        return pitch_or_tempo or self.gain_db > 0 or self.noise_db is not None

    @property
    def alters_spectrum(self) -> bool:
        """Whether anything is drawn for the spectrum."""
        return self.time_masks > 0 or self.frequency_masks > 0

    def reads(self, samples: int) -> int:
        """Say how many samples of a recording fill `samples` at the fastest tempo."""
        fastest = max([self.stretch[1], *(copy.stretch for copy in self.copies)])
        return math.ceil(samples * fastest)


SIX_COPIES = (
    Copy(),
    Copy(place=0.811),  # 21.5 s into clips of 30 s
    Copy(semitones=2.0),
    Copy(semitones=-2.0),
    Copy(stretch=1.1),
    Copy(stretch=0.9),
)
"""The training set of Bjelikj et al. (2020), section 3.1: each track as it is, another excerpt, two
semitones higher and lower, faster and slower."""


class WaveformChanges(NamedTuple):
    """What happens to each waveform of a batch; `None` where the config asks for nothing.

    Attributes:
        rate: Tempo, float32, shape `(batch,)`.
        semitones: Pitch, float32, shape `(batch,)`.
        gain_db: Gain, float32, shape `(batch,)`.
        noise_db: Noise re the waveform's RMS, float32, shape `(batch,)`.
        noise_seed: What the noise is drawn from, shape `(2,)`.
    """

    rate: Tensor | None = None
    semitones: Tensor | None = None
    gain_db: Tensor | None = None
    noise_db: Tensor | None = None
    noise_seed: Tensor | None = None


def draw_waveform_changes(
    config: AugmentConfig, batch_size: int | Tensor, seed: Tensor
) -> WaveformChanges:
    """Draw a change for each waveform of a batch.

    Args:
        config: Ranges to draw from.
        batch_size: Number of waveforms.
        seed: What makes the draw repeatable, int32 or int64, shape `(2,)`. Each kind of change
            has its own numbers, whichever others are asked for.
    """
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 5))

    def draw(kind: int, low: float, high: float) -> Tensor:
        return tf.random.stateless_uniform([batch_size], seeds[kind], low, high)

    c = config
    return WaveformChanges(
        rate=draw(0, *c.stretch) if c.stretch != (1.0, 1.0) else None,
        semitones=draw(1, -c.semitones, c.semitones) if c.semitones > 0 else None,
        gain_db=draw(2, -c.gain_db, c.gain_db) if c.gain_db > 0 else None,
        noise_db=None if c.noise_db is None else draw(3, c.noise_db - 20.0, c.noise_db),
        noise_seed=None if c.noise_db is None else seeds[4],
    )


def apply_waveform_changes(
    waveform: Tensor,
    changes: WaveformChanges,
    samples: int,
    sample_rate: int,
    *,
    max_semitones: float | None = None,
) -> Tensor:
    """Change tempo and pitch, then add noise, then apply the gain.

    Args:
        waveform: Mono audio, float32, shape `(batch, samples * rate)`; less ends in silence.
        changes: What to do to each.
        samples: Length of the result.
        sample_rate: Sampling rate, in Hz.
        max_semitones: Bound on the shift that keeps all shapes static. `None` measures the batch.

    Returns:
        Changed audio, float32, shape `(batch, samples)`.
    """
    rate, semitones, gain_db, noise_db, noise_seed = changes
    if semitones is not None or rate is not None:
        rate = 1.0 if rate is None else rate
        bounds = {"out_samples": samples, "max_semitones": max_semitones}
        waveform = stretch_and_shift(waveform, rate, semitones, sample_rate, **bounds)
    waveform = waveform[:, :samples]
    if noise_db is not None:
        rms = tf.sqrt(tf.reduce_mean(tf.square(waveform), axis=1, keepdims=True))
        noise = tf.random.stateless_normal(tf.shape(waveform), noise_seed)
        waveform = waveform + 10.0 ** (noise_db[:, None] / 20.0) * rms * noise
    if gain_db is not None:
        waveform = waveform * 10.0 ** (gain_db[:, None] / 20.0)
    return waveform


def apply_copies(
    waveform: Tensor, semitones: Tensor, stretch: Tensor, samples: int, sample_rate: int
) -> Tensor:
    """Give each waveform the pitch and tempo of its copy; leave those alone that have none.

    Args:
        waveform: Mono audio, float32, shape `(batch, AugmentConfig.reads(samples))`.
        semitones: Shift of the pitch, float32, shape `(batch,)`.
        stretch: Tempo, float32, shape `(batch,)`.
        samples: Length of the result.
        sample_rate: Sampling rate, in Hz.

    Returns:
        Audio, float32, shape `(batch, samples)`.
    """
    changes = WaveformChanges(rate=stretch, semitones=semitones)
    changed = apply_waveform_changes(waveform, changes, samples, sample_rate)
    plain = (semitones == 0.0) & (stretch == 1.0)
    return tf.where(plain[:, None], waveform[:, :samples], changed)


class RandomLayer(keras.layers.Layer):
    """Keep a config and a stream of random numbers, whose state is saved with the model.

    Args:
        config: Ranges to draw from.
        seed: What makes the draws repeatable. `None` draws it.
        kwargs: Passed to Keras.
    """

    def __init__(self, config: AugmentConfig, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.config = config
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def save_own_variables(self, store: Any) -> None:
        """Save the stream's state, which Keras leaves out."""
        store["seed_state"] = self.seed_generator.state.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Go on where the saved stream stood."""
        self.seed_generator.state.assign(store["seed_state"])

    def get_config(self) -> dict[str, Any]:
        """Give the settings as plain values."""
        return super().get_config() | {"config": asdict(self.config), "seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Build the layer from plain values."""
        return cls(**(config | {"config": AugmentConfig(**config["config"])}))


@keras.saving.register_keras_serializable("kmusic")
class AugmentWaveform(RandomLayer):
    """Change the pitch, tempo, gain and noise of each excerpt while training.

    Args:
        config: Ranges to draw from.
        samples: Length of the result.
        sample_rate: Sampling rate, in Hz.
        seed: What makes the draws repeatable. `None` draws it.

    Call arguments:
        waveform: Mono audio, shape `(batch, samples)`; in training
            `(batch, config.reads(samples))`, or what is played faster may end in silence.
        training: Whether to change anything.

    Returns:
        Audio, float32, shape `(batch, samples)`; the waveform itself when not training.
    """

    def __init__(
        self, config: AugmentConfig, samples: int, sample_rate: int, **kwargs: Any
    ) -> None:
        super().__init__(config, **kwargs)
        self.samples = samples
        self.sample_rate = sample_rate

    def call(self, waveform: Tensor, training: bool = False) -> Tensor:
        """Draw and apply the changes."""
        if training:
            c, seed = self.config, self.seed_generator.next()
            changes = draw_waveform_changes(c, tf.shape(waveform)[0], seed)
            waveform = apply_waveform_changes(
                waveform, changes, self.samples, self.sample_rate, max_semitones=c.semitones
            )
        return tf.ensure_shape(waveform, (None, self.samples))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """Say that every excerpt has `samples` samples."""
        return (input_shape[0], self.samples)

    def get_config(self) -> dict[str, Any]:
        """Give the settings as plain values."""
        return super().get_config() | {"samples": self.samples, "sample_rate": self.sample_rate}
