"""Chromagrams: the energy of the pitch classes in each frame."""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from librosa.filters import chroma as chroma_filters

from kmusic.features.spectrogram import BandEnergies, SpectrogramConfig
from kmusic.types import Array, Tensor


@dataclass(frozen=True, kw_only=True)
class ChromaConfig(SpectrogramConfig):
    """Settings of the chroma front end; the defaults are those of `librosa.feature.chroma_stft`.

    Attributes:
        n_chroma: Number of pitch classes in an octave; the first is C.
        tuning: Deviation from A440, in fractions of a pitch class. librosa estimates it for every
            file; here it is fixed, so that an excerpt's features do not depend on the estimate.
    """

    n_chroma: int = 12
    tuning: float = 0.0

    def __post_init__(self) -> None:
        """Reject settings that no chromagram can have."""
        super().__post_init__()
        if self.n_chroma <= 0:
            raise ValueError(f"n_chroma must be positive; got {self.n_chroma}.")

    @property
    def n_raw_bands(self) -> int:
        """Bands after the first stage."""
        return self.n_chroma

    @property
    def n_bands(self) -> int:
        """Bands of the features."""
        return self.n_chroma


def chroma_filter_bank(config: ChromaConfig) -> Array:
    """Give librosa's chroma filters, shape `(n_chroma, 1 + n_fft // 2)`."""
    return chroma_filters(
        sr=config.sample_rate, n_fft=config.n_fft, n_chroma=config.n_chroma, tuning=config.tuning
    )


@keras.saving.register_keras_serializable("kmusic")
class Chromagram(BandEnergies):
    """Turn waveforms into chromagrams whose strongest pitch class is 1 in every frame.

    The first stage does all the work, since the scale of a frame is the frame's own.

    Args:
        config: Settings of the front end.
        kwargs: Passed to Keras.

    Call arguments:
        waveform: Mono audio in `[-1, 1]`, shape `(batch, samples)`.

    Returns:
        Shares of the pitch classes in `[0, 1]`, float32, shape
        `(batch, 1 + samples // hop_length, n_chroma)`; a silent frame is 0.
    """

    config_type = ChromaConfig
    config: ChromaConfig

    def __init__(self, config: ChromaConfig, **kwargs: Any) -> None:
        super().__init__(config, chroma_filter_bank(config), power=2.0, **kwargs)

    def spectrum(self, waveform: Tensor) -> Tensor:
        """Compute the chromagram, shape `(batch, 1 + samples // hop_length, n_chroma)`."""
        chroma = super().spectrum(waveform)
        return tf.math.divide_no_nan(chroma, tf.reduce_max(chroma, axis=-1, keepdims=True))
