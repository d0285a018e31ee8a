"""What is known exactly about every track of the studio corpus: its factors and its tags."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kmusic.datasets.studio.draws import Floats
from kmusic.datasets.studio.genres import GENRES, KEYS, SCALES

MAJOR_THIRD = ("major", "mixolydian")


@dataclass(frozen=True, kw_only=True)
class Factor:
    """A column whose value caused the sound.

    Attributes:
        name: Column of the track table.
        meaning: What the value does, with its unit.
        values: All values of a discrete factor; empty for a continuous one.
        low: Least value of a continuous factor.
        high: Greatest value of a continuous factor.
    """

    name: str
    meaning: str
    values: tuple[str | int, ...] = ()
    low: float = 0.0
    high: float = 1.0


def studio_factors() -> tuple[Factor, ...]:
    """List the factor columns of the studio corpus with their ranges."""
    chords = sorted({name for genre in GENRES.values() for name in genre.chords})
    lead = sorted({name for genre in GENRES.values() for name in genre.lead})
    return (
        Factor(name="tempo_bpm", meaning="quarter notes a minute", low=60.0, high=168.0),
        Factor(name="key", meaning="tonic", values=KEYS),
        Factor(name="mode", meaning="scale", values=tuple(SCALES)),
        Factor(name="meter", meaning="quarter notes a bar", values=(3, 4)),
        Factor(name="swing", meaning="delay of off-beats, share of the swung step", high=0.34),
        Factor(name="density", meaning="share of melody slots filled", low=0.15, high=0.7),
        Factor(name="drums", meaning="whether drums play", values=(0, 1)),
        Factor(name="chords", meaning="instrument of the accompaniment", values=tuple(chords)),
        Factor(name="lead", meaning="instrument of the melody", values=tuple(lead)),
        Factor(name="brightness", meaning="slope of the mix, dB an octave", low=-1.7, high=1.7),
        Factor(name="reverb", meaning="reverberant share of the mix", high=0.72),
        Factor(name="drive", meaning="amount of saturation", high=0.91),
        Factor(name="tuning_cents", meaning="offset from A = 440 Hz, cents", low=-35.0, high=35.0),
    )


def tags(songs: pd.DataFrame, named: Floats) -> list[str]:
    """Describe songs in words that are true by construction.

    Words: `drums`, `bass` and the instruments of accompaniment and melody; `slow` below 90 bpm,
    `fast` from 120, else `medium`; the mode; `triple` meter; `swinging`; `dark` and `bright`,
    `dry` and `spacious`, `distorted`, `busy` and `sparse` by their factors; `happy` with a major
    third and not slow, `sad` with a minor third and slow, `energetic` with drums from 110 bpm,
    `calm` without drums below 110; and the genre in half of the songs, as listeners would.

    Args:
        songs: Rows of `draw_songs`.
        named: A number in [0, 1) a song; the genre is a tag where it is below 0.5.

    Returns:
        One semicolon-separated string a song.
    """
    tempo, swing, density = songs["tempo_bpm"], songs["swing"], songs["density"]
    brightness, reverb, drums = songs["brightness"], songs["reverb"], songs["drums"] == 1
    slow, major = tempo < 90, songs["mode"].isin(MAJOR_THIRD)
    yes = np.ones(len(songs), bool)
    claims: tuple[tuple[pd.Series | str, object], ...] = (
        (songs["genre"], named < 0.5),
        ("drums", drums),
        ("bass", yes),
        (songs["chords"], yes),
        (songs["lead"], songs["lead"] != songs["chords"]),
        ("slow", slow),
        ("medium", (tempo >= 90) & (tempo < 120)),
        ("fast", tempo >= 120),
        (songs["mode"], yes),
        ("triple", songs["meter"] == 3),
        ("swinging", swing >= 0.12),
        ("dark", brightness < -0.6),
        ("bright", brightness > 0.6),
        ("dry", reverb < 0.12),
        ("spacious", reverb > 0.3),
        ("distorted", songs["drive"] > 0.35),
        ("busy", density > 0.5),
        ("sparse", density < 0.3),
        ("happy", major & ~slow),
        ("sad", ~major & slow),
        ("energetic", drums & (tempo >= 110)),
        ("calm", ~drums & (tempo < 110)),
    )
    columns = [np.where(np.asarray(where), word, "") for word, where in claims]
    return [";".join(filter(None, row)) for row in zip(*columns, strict=True)]
