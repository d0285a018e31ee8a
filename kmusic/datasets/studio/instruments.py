"""Instruments: the spectrum and the envelope of each, and the rendering of single notes."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from kmusic.types import Array

TABLE_BITS = 11
HIGHEST_HARMONIC = 48
VIBRATO_HZ = 5.3


@dataclass(frozen=True, kw_only=True)
class Timbre:
    """How an instrument sounds; times in seconds.

    Attributes:
        partials: Factors on the first harmonics; those above are silent. Empty for all alike.
        rolloff: Power of the harmonic's number by which its level falls; higher is mellower.
        even: Level of even harmonics beside odd ones, in [0, 1].
        attack: Time to full level.
        decay: Time in which the level falls by 1/e towards `sustain`.
        sustain: Level that a held note keeps, in [0, 1].
        release: Time to silence after the note's end.
        mellowing: Time in which the bright onset becomes the mellow tone; 0 for none.
        vibrato_cents: Depth of the vibrato.
        detune_cents: Distance of a second, detuned voice; 0 for one voice.
    """

    partials: tuple[float, ...] = ()
    rolloff: float = 0.0
    even: float = 1.0
    attack: float = 0.005
    decay: float = 0.5
    sustain: float = 0.0
    release: float = 0.05
    mellowing: float = 0.0
    vibrato_cents: float = 0.0
    detune_cents: float = 0.0


INSTRUMENTS = {
    "piano": Timbre(rolloff=1.5, decay=0.9, release=0.12, mellowing=0.25),
    "guitar": Timbre(rolloff=1.2, even=0.8, decay=0.6, release=0.08, mellowing=0.12),
    "organ": Timbre(partials=(1, 0.8, 0.5, 0.6, 0, 0.35, 0, 0.3), attack=0.01, sustain=1.0),
    "strings": Timbre(
        rolloff=1.1, attack=0.12, sustain=1.0, release=0.2, vibrato_cents=8, detune_cents=7
    ),
    "flute": Timbre(partials=(1, 0.35, 0.12, 0.05), attack=0.06, sustain=1.0, vibrato_cents=12),
    "brass": Timbre(rolloff=0.9, attack=0.03, sustain=0.8, release=0.06, vibrato_cents=4),
    "harmonica": Timbre(rolloff=0.7, even=0.4, attack=0.02, sustain=0.9, vibrato_cents=10),
    "accordion": Timbre(rolloff=0.8, even=0.7, attack=0.04, sustain=1.0, detune_cents=18),
    "clavinet": Timbre(rolloff=0.6, even=0.5, decay=0.25, release=0.02, mellowing=0.4),
    "synth": Timbre(rolloff=0.8, sustain=0.4, decay=0.2, mellowing=0.15, detune_cents=12),
    "pad": Timbre(rolloff=1.4, attack=0.3, sustain=1.0, release=0.5, detune_cents=14),
    "bells": Timbre(partials=(1, 0, 0, 0.6, 0, 0, 0.4, 0, 0, 0, 0.25), decay=0.8, release=0.6),
    "marimba": Timbre(partials=(1, 0, 0, 0.5, 0, 0, 0, 0, 0, 0.2), decay=0.15, release=0.1),
    "bass": Timbre(rolloff=1.3, decay=0.5, sustain=0.4, mellowing=0.1),
}


def note(timbre: Timbre, hz: float, seconds: float, sample_rate: int) -> Array:
    """Render one note.

    Args:
        timbre: How it sounds.
        hz: Fundamental.
        seconds: Time until the release begins.
        sample_rate: In Hz; no harmonic lies above 0.45 of it.

    Returns:
        Waveform with a peak near 1, float32, shape `(samples,)`, the release included.
    """
    n = int((seconds + timbre.release) * sample_rate)
    n_harmonics = int(min(HIGHEST_HARMONIC, 0.45 * sample_rate / hz))
    mellow = wavetable(timbre, n_harmonics, 1.0 if timbre.mellowing else 0.0)
    index = _phase(timbre, hz, n, sample_rate)
    tone = mellow[index]
    if timbre.detune_cents:
        above = hz * 2 ** (timbre.detune_cents / 1200)
        tone = 0.5 * (tone + mellow[_phase(timbre, above, n, sample_rate)])
    if timbre.mellowing:
        bright = wavetable(timbre, n_harmonics, 0.0)
        tone += (bright[index] - tone) * _decay(n, timbre.mellowing, sample_rate)
    return tone * _envelope(timbre, n, seconds, sample_rate)


@lru_cache(maxsize=512)
def wavetable(timbre: Timbre, n_harmonics: int, extra_rolloff: float) -> Array:
    """Give one period of a tone with peak 1, float32, shape `(2 ** TABLE_BITS,)`."""
    number = np.arange(1.0, n_harmonics + 1)
    levels = number ** -(timbre.rolloff + extra_rolloff)
    levels *= np.where(number % 2 == 0, timbre.even, 1.0)
    if timbre.partials:
        drawn = np.zeros(n_harmonics)
        drawn[: len(timbre.partials)] = timbre.partials[:n_harmonics]
        levels *= drawn
    spectrum = np.zeros(2 ** (TABLE_BITS - 1) + 1, np.complex128)
    spectrum[1 : n_harmonics + 1] = -1j * levels
    table = np.fft.irfft(spectrum)
    return (table / np.abs(table).max()).astype(np.float32)


def _phase(timbre: Timbre, hz: float, n: int, sample_rate: int) -> npt.NDArray[np.uint32]:
    """Give the table's index at every sample; 32-bit integers wrap as the phase does."""
    period = 2.0**32
    phase = np.arange(n, dtype=np.uint32) * np.uint32(hz / sample_rate * period)
    if timbre.vibrato_cents:
        depth = hz * timbre.vibrato_cents / 1200 * np.log(2) / (2 * np.pi * VIBRATO_HZ)
        seconds = np.arange(n, dtype=np.float32) / np.float32(sample_rate)
        wobble = np.sin(np.float32(2 * np.pi * VIBRATO_HZ) * seconds)
        phase += (wobble * np.float32(depth * period)).astype(np.int64).astype(np.uint32)
    return phase >> np.uint32(32 - TABLE_BITS)


def _decay(n: int, seconds: float, sample_rate: int) -> Array:
    """Fall from 1 by 1/e every so many seconds."""
    return np.exp(np.arange(n, dtype=np.float32) * np.float32(-1 / (seconds * sample_rate)))


def _envelope(timbre: Timbre, n: int, seconds: float, sample_rate: int) -> Array:
    """Shape attack, decay, sustain and release."""
    level = timbre.sustain + (1 - timbre.sustain) * _decay(n, timbre.decay, sample_rate)
    rise = min(n, 1 + int(timbre.attack * sample_rate))
    level[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
    held = int(seconds * sample_rate)
    level[held:] *= np.linspace(1, 0, n - held, dtype=np.float32)
    return level
