"""Plain signals whose spectrum or timing is known, for tests, benchmarks and trials."""

import numpy as np

from kmusic.types import Array


def tone(hz: float, seconds: float, sample_rate: int) -> Array:
    """Make a sine that starts at zero, with a peak of 0.5, float32, shape `(samples,)`.

    Args:
        hz: Frequency, in Hz.
        seconds: Length, in seconds; `samples` is `round(seconds * sample_rate)`.
        sample_rate: Sampling rate, in Hz.
    """
    return (0.5 * np.sin(2.0 * np.pi * hz * _times(seconds, sample_rate))).astype(np.float32)


def chirp(low_hz: float, high_hz: float, seconds: float, sample_rate: int) -> Array:
    """Make a sine whose pitch rises evenly, with a peak of 0.5, float32, shape `(samples,)`.

    Args:
        low_hz: Frequency at the beginning, in Hz.
        high_hz: Frequency at the end, in Hz, above `low_hz`.
        seconds: Length, in seconds; `samples` is `round(seconds * sample_rate)`.
        sample_rate: Sampling rate, in Hz.
    """
    octaves = np.log(high_hz / low_hz)  # natural ones
    turns = low_hz * seconds / octaves * np.expm1(_times(seconds, sample_rate) / seconds * octaves)
    return (0.5 * np.sin(2.0 * np.pi * turns)).astype(np.float32)


def clicks(interval_seconds: float, seconds: float, sample_rate: int) -> Array:
    """Make single samples of 0.5 in silence, the first at time 0, float32, shape `(samples,)`.

    Args:
        interval_seconds: From one click to the next, in seconds; each falls on the nearest sample.
        seconds: Length, in seconds; `samples` is `round(seconds * sample_rate)`.
        sample_rate: Sampling rate, in Hz.
    """
    waveform = np.zeros(round(seconds * sample_rate), np.float32)
    places = np.arange(0.0, seconds, interval_seconds) * sample_rate
    places = np.round(places).astype(int)
    waveform[places[places < len(waveform)]] = 0.5
    return waveform


def noise(seconds: float, sample_rate: int, seed: int = 0) -> Array:
    """Make white noise, even in `[-0.5, 0.5]`, float32, shape `(samples,)`.

    Args:
        seconds: Length, in seconds; `samples` is `round(seconds * sample_rate)`.
        sample_rate: Sampling rate, in Hz.
        seed: The same seed gives the same noise.
    """
    samples = round(seconds * sample_rate)
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def _times(seconds: float, sample_rate: int) -> np.typing.NDArray[np.float64]:
    """Give the time of each sample, in seconds."""
    return np.arange(round(seconds * sample_rate)) / sample_rate
