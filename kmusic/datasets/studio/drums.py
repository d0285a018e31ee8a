"""Drums: a kit synthesised from swept sines and filtered noise."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfilt

from kmusic.types import Array


@dataclass(frozen=True, kw_only=True)
class Kit:
    """How an artist's drums sound.

    Attributes:
        kick_hz: Pitch on which the kick settles.
        kick_seconds: Time in which the kick fades by 1/e.
        snare_hz: Pitch of the snare's skin.
        snare_seconds: Time in which the snare's wires fade by 1/e.
        hat_hz: Lower edge of the cymbals' noise.
        hat_seconds: Time in which a closed hi-hat fades by 1/e.
        seed: What the noise is drawn from.
    """

    kick_hz: float = 50.0
    kick_seconds: float = 0.15
    snare_hz: float = 190.0
    snare_seconds: float = 0.1
    hat_hz: float = 6_000.0
    hat_seconds: float = 0.04
    seed: int = 0


def strokes(kit: Kit, sample_rate: int) -> dict[str, Array]:
    """Render one stroke on each drum of a kit.

    Args:
        kit: How it sounds.
        sample_rate: In Hz, at least twice `kit.hat_hz`.

    Returns:
        Waveforms with peak 1, float32, by the drums' names in a groove.
    """
    rng = np.random.default_rng(kit.seed)
    hiss = rng.standard_normal(sample_rate).astype(np.float32)  # one second serves all drums
    wires = _band(hiss, 1_200.0, None, sample_rate)
    metal = _band(hiss, kit.hat_hz, None, sample_rate)
    hands = _band(hiss, 900.0, 2_500.0, sample_rate)
    claps = sum(
        np.roll(_faded(hands, 0.01, sample_rate), int(delay * sample_rate))
        for delay in (0.0, 0.011, 0.023)
    )
    skin = _swept(kit.snare_hz, 0.4, 0.06, sample_rate)
    return {
        "kick": _trimmed(_swept(kit.kick_hz, 3.0, kit.kick_seconds, sample_rate)),
        "snare": _trimmed(0.7 * skin + 0.5 * _faded(wires, kit.snare_seconds, sample_rate)),
        "clap": _trimmed(claps + 0.5 * _faded(hands, kit.snare_seconds, sample_rate)),
        "hat": _trimmed(_faded(metal, kit.hat_seconds, sample_rate)),
        "ride": _trimmed(_faded(metal, 6 * kit.hat_seconds, sample_rate)),
        "shaker": _trimmed(_faded(wires, kit.hat_seconds, sample_rate)),
    }


def _swept(hz: float, sweep: float, seconds: float, sample_rate: int) -> Array:
    """Give a second of a sine that falls to `hz` from `1 + sweep` times it, fading."""
    time = np.arange(sample_rate) / sample_rate
    fall = 0.03
    phase = hz * (time + sweep * fall * (1 - np.exp(-time / fall)))
    return np.asarray(np.sin(2 * np.pi * phase) * np.exp(-time / seconds), np.float32)


def _band(noise: Array, low: float, high: float | None, sample_rate: int) -> Array:
    """Keep the noise above `low`, and below `high` if given, in Hz."""
    edges, kind = (low, "highpass") if high is None else ((low, high), "bandpass")
    sections = butter(2, edges, kind, fs=sample_rate, output="sos")
    band = sosfilt(sections, noise)
    return np.asarray(band / np.std(band), np.float32)


def _faded(noise: Array, seconds: float, sample_rate: int) -> Array:
    """Let noise fade by 1/e every so many seconds."""
    time = np.arange(len(noise), dtype=np.float32) / sample_rate
    return noise * np.exp(-time / np.float32(seconds))


def _trimmed(stroke: Array) -> Array:
    """Scale to peak 1 and cut where less than -60 dB is left."""
    stroke = stroke / np.abs(stroke).max()
    return stroke[: 1 + np.flatnonzero(np.abs(stroke) > 1e-3)[-1]]
