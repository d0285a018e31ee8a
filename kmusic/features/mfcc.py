"""Mel-frequency cepstral coefficients and their derivatives."""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import scipy.fft
import scipy.signal
import tensorflow as tf

from kmusic.features.mel import LogMelConfig, LogMelSpectrogram
from kmusic.features.spectrogram import require_choice
from kmusic.types import Tensor


@dataclass(frozen=True, kw_only=True)
class MFCCConfig(LogMelConfig):
    """Settings of the MFCC front end; the defaults are those of `librosa.feature.mfcc`.

    The cosine transform is the orthonormal DCT-II, without liftering.

    Attributes:
        n_mfcc: Number of coefficients, from the zeroth on.
        deltas: Highest order of the derivatives over time that follow the coefficients.
        delta_width: Number of frames under a derivative's filter; odd.
        delta_mode: What the derivatives of the first and last frames are: `"interp"` those of the
            nearest full filter, `"nearest"` those of a signal that goes on with its edge value.
    """

    n_fft: int = 2_048
    top_db: float | None = 80.0
    n_mfcc: int = 20
    deltas: Literal[0, 1, 2] = 0
    delta_width: int = 9
    delta_mode: Literal["interp", "nearest"] = "interp"

    def __post_init__(self) -> None:
        """Reject settings that no MFCC can have."""
        super().__post_init__()
        if not 0 < self.n_mfcc <= self.n_mels:
            raise ValueError(
                f"n_mfcc must lie in (0, n_mels]; got n_mfcc={self.n_mfcc}, n_mels={self.n_mels}."
            )
        require_choice("deltas", self.deltas, (0, 1, 2))
        if self.delta_width < 3 or self.delta_width % 2 == 0:
            raise ValueError(f"delta_width must be odd and at least 3; got {self.delta_width}.")
        require_choice("delta_mode", self.delta_mode, ("interp", "nearest"))

    @property
    def n_bands(self) -> int:
        """Bands of the features."""
        return self.n_mfcc * (1 + self.deltas)


@keras.saving.register_keras_serializable("kmusic")
class MFCC(LogMelSpectrogram):
    """Turn waveforms into mel-frequency cepstral coefficients.

    The first stage gives the mel spectrum; the second its decibels, their cosine transform and the
    derivatives.

    Args:
        config: Settings of the front end.
        kwargs: Passed to Keras.

    Call arguments:
        waveform: Mono audio in `[-1, 1]`, shape `(batch, samples)`.

    Returns:
        Coefficients, then their derivatives by order, float32, shape
        `(batch, 1 + samples // hop_length, n_mfcc * (1 + deltas))`.
    """

    config_type = MFCCConfig
    config: MFCCConfig

    def __init__(self, config: MFCCConfig, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        cosines = scipy.fft.dct(np.eye(config.n_mels), norm="ortho")[:, : config.n_mfcc]
        self._cosines = cosines.astype(np.float32)

    def compress(self, spectrum: Tensor) -> Tensor:
        """Turn a mel spectrum, `(batch, frames, n_mels)`, into coefficients and derivatives.

        Raises:
            ValueError: If `delta_mode="interp"` has fewer than `delta_width` frames.
        """
        c = self.config
        mfcc = super().compress(spectrum) @ self._cosines
        orders = range(1, c.deltas + 1)
        return tf.concat(
            [mfcc, *(delta(mfcc, order, c.delta_width, c.delta_mode) for order in orders)], axis=-1
        )


def delta(features: Tensor, order: int, width: int, mode: str) -> Tensor:
    """Differentiate features over time as `librosa.feature.delta` does.

    The `order`-th derivative of a polynomial of that order is constant, hence `"interp"` repeats
    the derivative of the nearest full filter.

    Args:
        features: Shape `(batch, frames, bands)`.
        order: Order of the derivative, and of the polynomial fitted to each `width` frames.
        width: Number of frames under the filter; odd.
        mode: `"interp"` or `"nearest"`.

    Returns:
        Derivatives per frame, shape `(batch, frames, bands)`.
    """
    frames, bands = features.shape[1:]
    if mode == "interp" and frames is not None and frames < width:
        raise ValueError(
            f"delta_mode='interp' needs at least delta_width={width} frames; got {frames}."
        )
    taps = scipy.signal.savgol_coeffs(width, order, deriv=order, use="dot")
    kernel = np.tile(taps.astype(np.float32)[None, :, None, None], (1, 1, bands, 1))
    if mode == "nearest":
        features = repeat_edges(features, width // 2)
    slopes = tf.nn.depthwise_conv2d(features[:, None], kernel, [1, 1, 1, 1], "VALID")[:, 0]
    return slopes if mode == "nearest" else repeat_edges(slopes, width // 2)


def repeat_edges(features: Tensor, frames: int) -> Tensor:
    """Repeat the first and the last frame so many times more."""
    first, last = features[:, :1], features[:, -1:]
    return tf.concat([tf.repeat(first, frames, 1), features, tf.repeat(last, frames, 1)], axis=1)
