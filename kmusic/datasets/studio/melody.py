"""Melodies: a motif of two bars, repeated, answered and varied over the chords."""

from typing import TypeAlias

import numpy as np

from kmusic.datasets.studio.harmony import Chord

Tone: TypeAlias = tuple[int, float, int, float]
"""Step, length in steps, MIDI pitch, strength."""

LOWEST, HIGHEST = 64, 86
MOTIF_BARS = 2
PHRASES = "ABAC"
LONGEST = 6  # sixteenths; longer notes would blur into the chords


def melody(
    harmony: list[Chord], slot: int, bar: int, density: float, rng: np.random.Generator
) -> list[Tone]:
    """Write a melody, one note at a time, that leaves the first bar of three or more free.

    Args:
        harmony: Chord at every sixteenth.
        slot: Sixteenths between places where a note may start.
        bar: Sixteenths a bar.
        density: Share of slots that start a note.
        rng: What motifs are drawn from.

    Returns:
        Notes in order. On a beat they are notes of the chord, elsewhere of its scale.
    """
    motifs = {name: _motif(slot, bar, density, rng) for name in sorted(set(PHRASES))}
    starts: list[tuple[int, int]] = []
    entry = bar if len(harmony) > 2 * bar else 0
    for phrase, first in enumerate(range(entry, len(harmony), MOTIF_BARS * bar)):
        motif = motifs[PHRASES[phrase % len(PHRASES)]]
        starts += [(first + step, move) for step, move in motif if first + step < len(harmony)]
    tones: list[Tone] = []
    pitch = (LOWEST + HIGHEST) / 2
    ends = [step for step, _ in starts[1:]] + [len(harmony)]
    for (step, move), end in zip(starts, ends, strict=True):
        on_beat = step % 4 == 0
        pitch = _nearest(harmony[step], float(np.clip(pitch + move, LOWEST, HIGHEST)), on_beat)
        tones.append((step, 0.95 * min(end - step, LONGEST), int(pitch), 1.0 if on_beat else 0.8))
    return tones


def _motif(slot: int, bar: int, density: float, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Draw steps and moves in semitones; beats are likelier, and the end breathes."""
    steps = np.arange(0, MOTIF_BARS * bar - 4, slot)
    chance = np.where(steps % 4 == 0, 1.4, 0.7) * density
    sounding = steps[rng.random(len(steps)) < chance]
    moves = rng.choice([-5, -3, -2, -2, 0, 2, 2, 3, 5], len(sounding))
    return [(0, 0)] * (0 not in sounding) + [
        (int(step), int(move)) for step, move in zip(sounding, moves, strict=True)
    ]


def _nearest(chord: Chord, pitch: float, on_beat: bool) -> int:
    """Give the allowed MIDI pitch that is nearest to a wish, the lower of two."""
    allowed = {(chord.root + interval) % 12 for interval in chord.intervals}
    if not on_beat:
        allowed |= set(chord.scale)
    candidates = [note for note in range(LOWEST - 6, HIGHEST + 7) if note % 12 in allowed]
    return min(candidates, key=lambda note: abs(note - pitch))
