"""Mel spectrograms on a linear, logarithmic or decibel scale."""

import math
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import keras
import tensorflow as tf
from librosa.filters import mel as mel_filters

from kmusic.features.spectrogram import BandEnergies, SpectrogramConfig, require_choice
from kmusic.types import Array, Tensor


@dataclass(frozen=True, kw_only=True)
class LogMelConfig(SpectrogramConfig):
    """Settings of the log-mel front end.

    Attributes:
        n_mels: Number of mel bands.
        fmin: Lowest frequency, in Hz.
        fmax: Highest frequency, in Hz; bands above half the sampling rate stay empty, as in
            librosa. `None` means `sample_rate / 2`.
        htk: Take HTK's mel scale instead of Slaney's.
        norm: `"slaney"` gives every filter the same area, `None` the same height.
        power: 2 filters energies, 1 magnitudes.
        scale: `"db"` is decibels; `"log"` is `log(mel + log_offset)`, natural; `"log10"` is
            `log10(1 + gain * mel)`; `"linear"` leaves the mel spectrum as it is.
        reference: Where 0 dB is: a value of the mel spectrum, or `"max"`, the excerpt's maximum.
        top_db: Lift what lies further below the excerpt's maximum, in dB. `None` lifts nothing.
        floor: Least value of the mel spectrum under the decibels.
        log_offset: What `"log"` adds.
        gain: What `"log10"` multiplies by.
    """

    n_fft: int = 1_024
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float | None = None
    htk: bool = False
    norm: Literal["slaney"] | None = "slaney"
    power: float = 2.0
    scale: Literal["db", "log", "log10", "linear"] = "db"
    reference: float | Literal["max"] = 1.0
    top_db: float | None = None
    floor: float = 1e-10
    log_offset: float = 1e-6
    gain: float = 10.0

    def __post_init__(self) -> None:
        """Reject settings that no mel spectrogram can have."""
        super().__post_init__()
        if self.n_mels <= 0:
            raise ValueError(f"n_mels must be positive; got {self.n_mels}.")
        fmax = self.sample_rate / 2 if self.fmax is None else self.fmax
        if not 0 <= self.fmin < fmax:
            raise ValueError(f"fmin must lie in [0, fmax); got fmin={self.fmin}, fmax={fmax}.")
        require_choice("norm", self.norm, ("slaney", None))
        require_choice("power", self.power, (1.0, 2.0))
        require_choice("scale", self.scale, ("db", "log", "log10", "linear"))
        numbers: dict[str, Any] = {n: getattr(self, n) for n in ("floor", "log_offset", "gain")}
        if self.top_db is not None:
            numbers["top_db"] = self.top_db
        if self.reference != "max":
            numbers["reference"] = self.reference
        for name, value in numbers.items():
            if isinstance(value, str) or not value > 0:
                raise ValueError(f"{name} must be positive; got {value!r}.")

    @property
    def n_raw_bands(self) -> int:
        """Bands after the first stage."""
        return self.n_mels

    @property
    def n_bands(self) -> int:
        """Bands of the features."""
        return self.n_mels


def mel_filter_bank(config: LogMelConfig) -> Array:
    """Give librosa's mel filters, shape `(n_mels, 1 + n_fft // 2)`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Empty filters detected", UserWarning)
        return mel_filters(
            sr=config.sample_rate,
            n_fft=config.n_fft,
            n_mels=config.n_mels,
            fmin=config.fmin,
            fmax=config.fmax,
            htk=config.htk,
            norm=config.norm,
        )


@keras.saving.register_keras_serializable("kmusic")
class LogMelSpectrogram(BandEnergies):
    """Turn waveforms into log-mel spectrograms.

    The first stage gives the mel spectrum, the second its scale. Values equal librosa's.

    Args:
        config: Settings of the front end.
        kwargs: Passed to Keras.

    Call arguments:
        waveform: Mono audio in `[-1, 1]`, shape `(batch, samples)`.

    Returns:
        Log-mel spectrogram in units of `scale`, float32, shape
        `(batch, 1 + samples // hop_length, n_mels)`.
    """

    config_type = LogMelConfig
    config: LogMelConfig

    def __init__(self, config: LogMelConfig, **kwargs: Any) -> None:
        super().__init__(config, mel_filter_bank(config), config.power, **kwargs)

    def compress(self, spectrum: Tensor) -> Tensor:
        """Bring a mel spectrum, shape `(batch, frames, n_mels)`, to the scale."""
        c = self.config
        mel = tf.cast(spectrum, tf.float32)
        if c.scale == "db":
            return decibels(mel, c)
        if c.scale == "log":
            return tf.math.log(mel + c.log_offset)
        if c.scale == "log10":
            return tf.math.log1p(c.gain * mel) / math.log(10)
        return mel


def decibels(mel: Tensor, config: LogMelConfig) -> Tensor:
    """Bring a mel spectrum to decibels, each excerpt by itself."""
    factor = 20 / config.power / math.log(10)
    db = factor * tf.math.log(tf.maximum(mel, config.floor))
    peak = tf.reduce_max(db, axis=(1, 2), keepdims=True)
    if config.top_db is not None:
        db = tf.maximum(db, peak - config.top_db)
    if config.reference == "max":
        return db - peak
    return db - factor * math.log(max(config.reference, config.floor))
