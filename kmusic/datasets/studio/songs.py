"""What a song is before a note of it is written: drawn from its numbers, whole tables at once."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.datasets.studio.draws import Draws, Integers
from kmusic.datasets.studio.genres import GENRES, KEYS

LOYALTY = 0.75  # share of songs in which artists keep to their favourite groove, key, instrument
TUNING_CENTS = 35.0


@dataclass(frozen=True, kw_only=True)
class Song:
    """Everything that decides how one song is composed and mixed.

    Attributes:
        seed: Seed of the corpus.
        genre: Name in `GENRES`.
        artist_number: Which artist of the genre.
        track_number: Which song of the artist.
        groove: Which groove of the genre.
        tempo_bpm: Quarter notes a minute.
        key: Tonic, in `KEYS`.
        mode: Scale, in `SCALES`.
        meter: Beats a bar, 3 or 4.
        swing: Delay of the off-beats, as a share of the swung step, in `[0, 0.34)`.
        density: Share of melody slots that are filled.
        drums: 1 with drums, 0 without.
        chords: Instrument of the accompaniment.
        lead: Instrument of the melody.
        brightness: Slope of the mix's equaliser around 1 kHz, in dB an octave.
        reverb: Reverberant share of the mix, in [0, 1].
        drive: Amount of saturation, in [0, 1].
        tuning_cents: Offset from A = 440 Hz, in cents.
    """

    seed: int
    genre: str
    artist_number: int
    track_number: int
    groove: int
    tempo_bpm: float
    key: str
    mode: str
    meter: int
    swing: float
    density: float
    drums: int
    chords: str
    lead: str
    brightness: float
    reverb: float
    drive: float
    tuning_cents: float


def artist_draws(seed: int, genre: str, artists: int | Integers) -> Draws:
    """Give the draws that all songs of an artist share."""
    return Draws(seed, list(GENRES).index(genre), artists)


def song_draws(seed: int, genre: str, artists: int | Integers, tracks: int | Integers) -> Draws:
    """Give the draws of single songs."""
    return Draws(seed, list(GENRES).index(genre), artists, tracks)


def draw_songs(seed: int, genre: str, artists: Integers, tracks: Integers) -> pd.DataFrame:
    """Draw songs of one genre; a row depends on nothing but its own numbers.

    Args:
        seed: Seed of the corpus.
        genre: Name in `GENRES`.
        artists: Artist of each song, counted within the genre.
        tracks: Number of each song, counted within its artist.

    Returns:
        One row a song, with the fields of `Song` as columns.
    """
    style = GENRES[genre]
    artist = artist_draws(seed, genre, artists)
    song = song_draws(seed, genre, artists, tracks)
    groove = _favourite(artist, song, "groove", tuple(range(len(style.grooves))))
    tempo = artist.uniform("tempo", *style.tempo_bpm) * song.uniform("tempo", 0.95, 1.05)
    swing = artist.uniform("swing", *style.swing) * song.uniform("swing", 0.9, 1.0)
    reverb = artist.uniform("reverb", *style.reverb) * song.uniform("reverb", 0.8, 1.2)
    brightness = artist.uniform("brightness", -1.2, 1.2) + song.uniform("brightness", -0.5, 0.5)
    drive = artist.uniform("drive", 0.0, 0.9) ** 2 + song.uniform("drive", 0.0, 0.1)
    columns: dict[str, npt.ArrayLike] = {
        "seed": seed,
        "genre": genre,
        "artist_number": artists,
        "track_number": tracks,
        "groove": groove,
        "tempo_bpm": tempo.clip(*style.tempo_bpm).round(1),
        "key": _favourite(artist, song, "key", KEYS),
        "mode": np.array(tuple(style.modes))[song.pick("mode", tuple(style.modes.values()))],
        "meter": np.array([groove.meter for groove in style.grooves])[groove],
        "swing": swing.round(3),
        "density": song.uniform("density", *style.density).round(3),
        "drums": (song.uniform("drums") < style.drums).astype(int),
        "chords": _favourite(artist, song, "chords", style.chords),
        "lead": _favourite(artist, song, "lead", style.lead),
        "brightness": brightness.round(2),
        "reverb": reverb.round(3),
        "drive": drive.round(3),
        "tuning_cents": artist.uniform("tuning", -TUNING_CENTS, TUNING_CENTS).round(1),
    }
    return pd.DataFrame(columns, columns=[field.name for field in fields(Song)])


def draw_song(seed: int, genre: str, artist: int, track: int) -> Song:
    """Draw one song: the row that `draw_songs` gives for these numbers."""
    row = draw_songs(seed, genre, np.array([artist]), np.array([track])).to_dict("records")[0]
    return Song(**{str(name): value for name, value in row.items()})


def _favourite(
    artist: Draws, song: Draws, name: str, options: tuple[int, ...] | tuple[str, ...]
) -> npt.NDArray[np.generic]:
    """Pick the artist's favourite in most songs, anything in the others."""
    evenly = (1.0,) * len(options)
    loyal = song.uniform(f"{name} loyalty") < LOYALTY
    return np.array(options)[np.where(loyal, artist.pick(name, evenly), song.pick(name, evenly))]
