"""From a song to its score: which instrument plays which note when."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kmusic.datasets.studio.genres import GENRES, KEYS, Genre, Groove
from kmusic.datasets.studio.harmony import Chord, chord, progression
from kmusic.datasets.studio.melody import melody
from kmusic.datasets.studio.songs import Song, song_draws

LOWEST_BASS = 31  # G1, 49 Hz: still a pitch on small loudspeakers
STRENGTHS = {"x": 1.0, "o": 0.5}


class Note(NamedTuple):
    """A note; times in seconds, pitch in MIDI semitones (69 is A4), strength in (0, 1]."""

    start: float
    duration: float
    pitch: int
    strength: float


class Hit(NamedTuple):
    """A stroke on a drum; start in seconds, strength in (0, 1]."""

    start: float
    drum: str
    strength: float


@dataclass(frozen=True, kw_only=True)
class Score:
    """All notes of a song.

    Attributes:
        bass: Notes of the bass.
        chords: Notes of the accompaniment.
        lead: Notes of the melody, one at a time.
        hits: Strokes on the drums.
    """

    bass: list[Note]
    chords: list[Note]
    lead: list[Note]
    hits: list[Hit]


@dataclass(frozen=True)
class Grid:
    """The sixteenths of a song.

    Attributes:
        song: Gives tempo, meter and swing.
        swing_steps: Sixteenths that swing together.
        n_bars: Bars begun before the song ends.
    """

    song: Song
    swing_steps: int
    n_bars: int

    @property
    def bar(self) -> int:
        """Sixteenths a bar."""
        return 4 * self.song.meter

    def seconds(self, step: float) -> float:
        """Say when a sixteenth starts."""
        delayed = int(step) // self.swing_steps % 2 == 1
        delay = self.song.swing * self.swing_steps if delayed else 0.0
        return (step + delay) * 15.0 / self.song.tempo_bpm

    def note(self, step: int, length: float, pitch: int, strength: float) -> Note:
        """Place a note of a length in sixteenths."""
        start = self.seconds(step)
        return Note(start, self.seconds(step + length) - start, pitch, strength)


def compose(song: Song, seconds: float) -> Score:
    """Write a song.

    Args:
        song: What to write.
        seconds: Length; the form repeats until then.

    Returns:
        The score, the same on every call.
    """
    genre = GENRES[song.genre]
    groove = genre.grooves[song.groove]
    draws = song_draws(song.seed, song.genre, song.artist_number, song.track_number)
    rng = np.random.default_rng(draws.words("score"))
    bar_seconds = 60.0 * song.meter / song.tempo_bpm
    grid = Grid(song, genre.swing_steps, int(np.ceil(seconds / bar_seconds)))
    harmony = _harmony(song, genre, grid, rng)
    line = melody(harmony, genre.lead_steps, grid.bar, song.density, rng)
    return Score(
        bass=_bass(groove, grid, harmony),
        chords=_chords(groove, genre.register, grid, harmony, rng),
        lead=[grid.note(*tone) for tone in line],
        hits=_hits(groove, grid, rng) if song.drums else [],
    )


def _harmony(song: Song, genre: Genre, grid: Grid, rng: np.random.Generator) -> list[Chord]:
    """Give the chord at every sixteenth."""
    tonic = KEYS.index(song.key)
    symbols = progression(genre.grammar, rng)
    spelled = [chord(symbol, tonic, song.mode) for symbol in symbols]
    length = int(genre.chord_bars * grid.bar)
    return [spelled[step // length % len(spelled)] for step in range(grid.n_bars * grid.bar)]


def _bass(groove: Groove, grid: Grid, harmony: list[Chord]) -> list[Note]:
    """Play the bass pattern over the chords; a change within a bar sounds the new root."""
    signs = [groove.bass[step % grid.bar] for step in range(len(harmony))]
    for step in range(1, len(harmony)):
        if harmony[step] != harmony[step - 1] and step % grid.bar:
            signs[step] = "r"
    strokes = [step for step, sign in enumerate(signs) if sign != "."]
    notes = []
    for step, following in zip(strokes, [*strokes[1:], len(harmony)], strict=True):
        root = LOWEST_BASS + (harmony[step].root - LOWEST_BASS) % 12
        pitch = root + harmony[step].interval(signs[step])
        notes.append(grid.note(step, 0.9 * (following - step), pitch, 1.0))
    return notes


def _chords(
    groove: Groove, register: int, grid: Grid, harmony: list[Chord], rng: np.random.Generator
) -> list[Note]:
    """Play the accompaniment; a chord held over a change is struck again."""
    signs = [groove.chords[step % grid.bar] for step in range(len(harmony))]
    arpeggio = any(sign.isdigit() for sign in groove.chords)
    for step in range(1, len(harmony)):
        if harmony[step] != harmony[step - 1] and not arpeggio and groove.hold == 1.0:
            signs[step] = "x"
    strokes = [step for step, sign in enumerate(signs) if sign != "."]
    centre = register + int(rng.integers(-3, 4))
    notes = []
    for step, following in zip(strokes, [*strokes[1:], len(harmony)], strict=True):
        voices, sign = harmony[step].voicing(centre), signs[step]
        if sign.isdigit():
            octave, voice = divmod(int(sign), len(voices))
            voices = [voices[voice] + 12 * octave]
        length = groove.hold * (following - step)
        notes += [grid.note(step, length, pitch, STRENGTHS.get(sign, 0.8)) for pitch in voices]
    return notes


def _hits(groove: Groove, grid: Grid, rng: np.random.Generator) -> list[Hit]:
    """Play the drums, a little unevenly; every fourth bar ends in a fill."""
    hits = []
    for drum, pattern in groove.drums.items():
        for step in range(grid.n_bars * grid.bar):
            sign = pattern[step % grid.bar]
            if sign != ".":
                strength = STRENGTHS[sign] * rng.uniform(0.85, 1.0)
                hits.append(Hit(grid.seconds(step), drum, strength))
    if "snare" in groove.drums:
        for end in range(4 * grid.bar, grid.n_bars * grid.bar + 1, 4 * grid.bar):
            fill = [(step, 0.5 + 0.1 * (step - end + 4)) for step in range(end - 4, end)]
            hits += [Hit(grid.seconds(step), "snare", strength) for step, strength in fill]
    return hits
