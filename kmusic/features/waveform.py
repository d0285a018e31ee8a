"""Raw sound as features: one band, and a frame a sample."""

from dataclasses import dataclass
from typing import ClassVar

import keras
import tensorflow as tf

from kmusic.features.spectrogram import FrontEnd, require_waveform
from kmusic.types import Tensor


@dataclass(frozen=True, kw_only=True)
class WaveformConfig:
    """Settings of raw sound as features.

    Attributes:
        sample_rate: Sampling rate of the waveform, in Hz.
        hop_length: Distance between frames, in samples.
        n_raw_bands: Bands after the first stage.
        n_bands: Bands of the features.
        context: Frames on each side of a cut that reach across it.
    """

    hop_length: ClassVar[int] = 1
    n_raw_bands: ClassVar[int] = 1
    n_bands: ClassVar[int] = 1
    context: ClassVar[int] = 0

    sample_rate: int = 8_000

    def __post_init__(self) -> None:
        """Reject a rate that no sound can have."""
        if self.sample_rate <= 0:
            raise ValueError(f"sample_rate must be positive; got {self.sample_rate}.")

    def n_frames(self, samples: int) -> int:
        """Count the frames of an excerpt of so many samples."""
        return samples


@keras.saving.register_keras_serializable("kmusic")
class RawWaveform(FrontEnd):
    """Take waveforms as features, without a change but their shape.

    Args:
        config: Settings of the front end.
        kwargs: Passed to Keras.

    Call arguments:
        waveform: Mono audio in `[-1, 1]`, shape `(batch, samples)`.

    Returns:
        The same, float32, shape `(batch, samples, 1)`.
    """

    config_type = WaveformConfig
    config: WaveformConfig

    def spectrum(self, waveform: Tensor) -> Tensor:
        """Give waveforms a band, shape `(batch, samples, 1)`.

        Raises:
            ValueError: If the waveform is not `(batch, samples)`.
        """
        waveform = tf.cast(waveform, tf.float32)
        require_waveform(waveform)
        return waveform[..., None]  # (B, T, 1)
