"""From a score to a track: stems rendered, balanced, saturated, equalised, put in a room."""

import numpy as np
from scipy import fft

from kmusic.datasets.studio.composition import Note, Score
from kmusic.datasets.studio.drums import strokes
from kmusic.datasets.studio.genres import GENRES
from kmusic.datasets.studio.instruments import Timbre, note
from kmusic.datasets.studio.production import Production
from kmusic.datasets.studio.songs import Song
from kmusic.types import Array

SAMPLE_RATE = 22_050
PEAK = 0.97
FADE_SECONDS = 0.01
ECHO_STEPS = 3  # sixteenths
N_ECHOES = 3


def render(score: Score, song: Song, production: Production, seconds: float) -> Array:
    """Play a score as an artist would release it.

    Args:
        score: What is played.
        song: Instruments, brightness, reverb, drive and tuning.
        production: The artist's sound.
        seconds: Length of the track.

    Returns:
        Waveform at `SAMPLE_RATE`, float32, peak at most `PEAK`, shape `(samples,)`.
    """
    n = round(seconds * SAMPLE_RATE)
    stems = {
        "bass": _played(score.bass, production.timbre("bass"), song.tuning_cents, n),
        "chords": _played(score.chords, production.timbre(song.chords), song.tuning_cents, n),
        "lead": _played(score.lead, production.timbre(song.lead), song.tuning_cents, n),
        "drums": _drummed(score, production, n),
    }
    mix = np.zeros(n, np.float32)
    for name, stem in stems.items():
        decibels = GENRES[song.genre].balance_db[name] + production.gains_db[name]
        mix += _loudness_one(stem) * np.float32(10 ** (decibels / 20))
    mix = _saturated(mix, song.drive)
    mix = _in_the_room(mix, song, production)
    return _finished(mix, production)


def _played(notes: list[Note], timbre: Timbre, tuning_cents: float, n: int) -> Array:
    """Play notes; notes of one pitch and length are rendered once."""
    stem = np.zeros(n, np.float32)
    rendered: dict[tuple[int, int], Array] = {}
    for start, duration, pitch, strength in notes:
        first = round(start * SAMPLE_RATE)
        if first >= n:
            continue
        held = max(1, round(min(duration, n / SAMPLE_RATE - start) * 200))  # in 5 ms
        if (pitch, held) not in rendered:
            hz = 440.0 * 2 ** ((pitch - 69 + tuning_cents / 100) / 12)
            rendered[pitch, held] = note(timbre, hz, held / 200, SAMPLE_RATE)
        sound = rendered[pitch, held][: n - first]
        stem[first : first + len(sound)] += sound * np.float32(strength)
    return stem


def _drummed(score: Score, production: Production, n: int) -> Array:
    """Play the drums."""
    stem = np.zeros(n, np.float32)
    if not score.hits:
        return stem
    kit = strokes(production.kit, SAMPLE_RATE)
    levels = {"kick": 1.0, "snare": 0.8, "clap": 0.7, "hat": 0.3, "ride": 0.25, "shaker": 0.25}
    for start, drum, strength in score.hits:
        first = round(start * SAMPLE_RATE)
        sound = kit[drum][: max(0, n - first)]
        stem[first : first + len(sound)] += sound * np.float32(strength * levels[drum])
    return stem


def _loudness_one(stem: Array) -> Array:
    """Scale to RMS 1 over the samples that sound, so that a sparse part is not boosted."""
    sounding = np.abs(stem) > 1e-3
    if not sounding.any():
        return stem
    return stem / np.sqrt(np.sum(stem * stem) / np.count_nonzero(sounding))


def _saturated(mix: Array, drive: float) -> Array:
    """Bend the peaks; without drive, only those far above the RMS."""
    gain = np.float32((0.15 + 2.5 * drive) / max(float(np.std(mix)), 1e-9))
    return np.tanh(mix * gain)


def _in_the_room(mix: Array, song: Song, production: Production) -> Array:
    """Equalise, echo and reverberate in one multiplication of spectra."""
    rng = np.random.default_rng(production.seed)
    room = rng.standard_normal(int(production.room_seconds * SAMPLE_RATE)).astype(np.float32)
    room *= np.geomspace(1.0, 1e-3, len(room), dtype=np.float32)
    room *= np.float32(song.reverb / np.linalg.norm(room))
    echo_gap = round(ECHO_STEPS * 15.0 / song.tempo_bpm * SAMPLE_RATE)
    response = np.zeros(max(len(room), N_ECHOES * echo_gap) + 1, np.float32)
    response[: len(room)] = room
    response[0] += 1.0 - song.reverb
    echo = GENRES[song.genre].echo
    response[echo_gap::echo_gap][:N_ECHOES] += echo ** np.arange(1, N_ECHOES + 1)
    size = fft.next_fast_len(len(mix) + len(response), real=True)
    curve = _equaliser(size, song.brightness, production)
    spectrum = fft.rfft(mix, size) * fft.rfft(response, size) * curve
    return fft.irfft(spectrum, size)[: len(mix)]


def _equaliser(size: int, brightness: float, production: Production) -> Array:
    """Give the gain at each FFT bin: cuts, bell, and a slope in dB an octave around 1 kHz."""
    hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    octaves = np.log2(np.maximum(hz, 20.0) / 1_000.0)
    bell = np.exp(-((octaves - np.log2(production.bell_hz / 1_000.0)) ** 2))
    decibels = brightness * octaves + production.bell_db * bell
    low = 1 / (1 + (production.low_cut_hz / np.maximum(hz, 1.0)) ** 2)
    high = 1 / (1 + (hz / production.high_cut_hz) ** 2)
    return (10 ** (decibels / 20) * low * high).astype(np.float32)


def _finished(mix: Array, production: Production) -> Array:
    """Add hiss, set the level, and fade both ends so that they do not click."""
    rng = np.random.default_rng(production.seed + 1)
    mix = mix / max(float(np.std(mix)), 1e-9)
    mix = mix + rng.standard_normal(len(mix), np.float32) * np.float32(
        10 ** (production.hiss_db / 20)
    )
    mix *= np.float32(10 ** (production.level_db / 20))
    mix *= np.float32(min(1.0, PEAK / np.abs(mix).max()))
    n = min(round(FADE_SECONDS * SAMPLE_RATE), len(mix) // 2)
    ramp = np.linspace(0, 1, n, dtype=np.float32)
    mix[:n] *= ramp
    mix[len(mix) - n :] *= ramp[::-1]
    return mix
