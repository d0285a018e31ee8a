"""Chords: progressions rewritten from a genre's grammar, and the pitches they stand for."""

from dataclasses import dataclass

import numpy as np

from kmusic.datasets.studio.genres import SCALES


@dataclass(frozen=True)
class Chord:
    """A chord in a key.

    Attributes:
        root: Pitch class of the root, 0 for C.
        intervals: Semitones of the notes above the root, the root's 0 first.
        scale: Pitch classes that a melody may use over it.
    """

    root: int
    intervals: tuple[int, ...]
    scale: tuple[int, ...]

    def voicing(self, centre: int) -> list[int]:
        """Give the notes closest to a MIDI pitch, lowest first, so that voices move little."""
        notes = [self.root + interval for interval in self.intervals]
        return sorted(centre - 6 + (note - centre + 6) % 12 for note in notes)

    def interval(self, sign: str) -> int:
        """Give the semitones above the root that a sign of a bass pattern stands for."""
        fixed = {"r": 0, "5": 7, "6": 9, "8": 12}
        return fixed[sign] if sign in fixed else self.intervals[1]


def progression(grammar: dict[str, tuple[str, ...]], rng: np.random.Generator) -> list[str]:
    """Rewrite "song" until only chords are left.

    A rule is rewritten once a song: every verse has the chords of the first.
    """
    chosen = {rule: options[rng.integers(len(options))] for rule, options in grammar.items()}

    def rewritten(symbol: str) -> list[str]:
        if symbol not in chosen:
            return [symbol]
        return [chord for part in chosen[symbol].split() for chord in rewritten(part)]

    return rewritten("song")


def chord(symbol: str, tonic: int, mode: str) -> Chord:
    """Spell a chord of the grammar.

    Args:
        symbol: Degree 1 to 7; "7" behind it adds the scale's seventh, "d" makes a dominant
            seventh of it whatever the scale.
        tonic: Pitch class of the key, 0 for C.
        mode: Name in `SCALES`.
    """
    scale = SCALES[mode]
    degree, kind = int(symbol[0]) - 1, symbol[1:]
    root = scale[degree]
    stacked = [(scale[(degree + step) % 7] - root) % 12 for step in (0, 2, 4, 6)]
    if kind == "d":
        stacked = [0, 4, 7, 10]
    elif kind != "7":
        stacked = stacked[:3]
    # A melody steps around the notes of the scale that clash with an altered chord.
    sounding = {(tonic + root + interval) % 12 for interval in stacked}
    neighbours = {(note + shift) % 12 for note in sounding for shift in (1, 11)}
    usable = {(tonic + note) % 12 for note in scale} - neighbours | sounding
    return Chord((tonic + root) % 12, tuple(stacked), tuple(sorted(usable)))
