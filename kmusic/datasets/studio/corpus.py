"""The studio corpus: its size, its table, its tracks, and its files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kmusic.datasets.studio.addresses import SECONDS, Address, parse_address
from kmusic.datasets.studio.draws import Integers
from kmusic.datasets.studio.factors import studio_factors, tags
from kmusic.datasets.studio.genres import GENRES
from kmusic.datasets.studio.mixing import SAMPLE_RATE
from kmusic.datasets.studio.names import artist_names, titles
from kmusic.datasets.studio.songs import draw_songs, song_draws
from kmusic.datasets.studio.tracks import compose_track, is_studio_path
from kmusic.datasets.studio.writing import Job, write_files
from kmusic.datasets.table import write_tracks

__all__ = [
    "StudioConfig",
    "compose_track",
    "is_studio_path",
    "studio_factors",
    "studio_tracks",
    "write_studio",
]

TRACKS_AN_ALBUM = 4


@dataclass(frozen=True, kw_only=True)
class StudioConfig:
    """Size of the studio corpus.

    Attributes:
        n_tracks: Number of tracks, spread evenly over the genres, then over their artists.
        n_artists: Number of artists in all genres together. There are fewer where that leaves
            less than two tracks for each, but not less than two a genre for that reason.
        seconds: Length of every track.
        seed: What music there is: another seed has other artists and other songs.
        sample_rate: Sampling rate of written files, in Hz.
    """

    n_tracks: int = 288
    n_artists: int = 36
    seconds: float = 12.0
    seed: int = 0
    sample_rate: int = SAMPLE_RATE

    def __post_init__(self) -> None:
        """Reject sizes that leave a genre empty or a track without music."""
        for name, low, high in (
            ("n_tracks", 16, 100_000),
            ("n_artists", len(GENRES), 100_000),
            ("seconds", *SECONDS),
            ("seed", 0, 10**18 - 1),
            ("sample_rate", 4_000, 192_000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must lie in [{low}, {high}]; got {name}={value}.")


def studio_tracks(config: StudioConfig) -> pd.DataFrame:
    """Describe every track without composing a note.

    Args:
        config: Size of the corpus. A larger corpus of as many artists has the same songs and
            more.

    Returns:
        One row a track, genres taking turns: the track table's columns `path`, `label` (the
        genre), `artist`, `group` (the artist), `album` and `tags`; `title`; and the columns that
        `studio_factors` lists.
    """
    n_artists = min(config.n_artists, max(2 * len(GENRES), config.n_tracks // 2))
    rows = np.arange(config.n_tracks)
    parts = []
    for number, genre in enumerate(GENRES):
        turns = np.arange(len(rows[number :: len(GENRES)]))
        artists = len(range(number, n_artists, len(GENRES)))
        part = _genre_tracks(config, genre, turns % artists, turns // artists)
        parts.append(part.set_index(rows[number :: len(GENRES)]))
    return pd.concat(parts).sort_index()


def write_studio(
    folder: str | Path,
    config: StudioConfig,
    progress: Callable[[int], None] | None = None,
    workers: int = 2,
) -> pd.DataFrame:
    """Write the corpus as FLAC files, and its table as `tracks.csv` once all are there.

    Args:
        folder: Where to; tracks land in `<genre>/<artist>/<title>.flac`, 16 bit.
        config: Size of the corpus.
        progress: Called with the number of tracks written so far.
        workers: Processes that compose; 1 composes in this one. A script that asks for more
            needs `if __name__ == "__main__":`, as for all spawned processes.

    Returns:
        The table as written, `path` relative to `folder`.
    """
    folder = Path(folder).absolute()
    tracks = studio_tracks(config)
    files = [
        f"{row.label}/{row.artist}/{parse_address(str(row.path)).track + 1:02d} {row.title}.flac"
        for row in tracks.itertuples()
    ]
    targets = [folder / file for file in files]
    jobs = [
        Job(uri, target, config.sample_rate)
        for uri, target in zip(tracks["path"], targets, strict=True)
    ]
    write_files(jobs, progress or (lambda _: None), workers)
    write_tracks(tracks.assign(path=[str(target) for target in targets]), folder / "tracks.csv")
    return tracks.assign(path=files)


def _genre_tracks(
    config: StudioConfig, genre: str, artists: Integers, tracks: Integers
) -> pd.DataFrame:
    """Describe tracks of one genre."""
    songs = draw_songs(config.seed, genre, artists, tracks)
    draws = song_draws(config.seed, genre, artists, tracks)
    albums = song_draws(config.seed, genre, artists, tracks // TRACKS_AN_ALBUM)
    names = artist_names(config.seed, artists * len(GENRES) + list(GENRES).index(genre))
    columns = {
        "path": [
            str(Address(config.seed, genre, artist, track, config.seconds))
            for artist, track in zip(artists.tolist(), tracks.tolist(), strict=True)
        ],
        "label": genre,
        "artist": names,
        "group": names,
        "album": titles(albums, "album"),
        "title": titles(draws, "title"),
        "tags": tags(songs, draws.uniform("genre tag")),
    }
    known = songs[[factor.name for factor in studio_factors()]]
    return pd.DataFrame(columns, index=known.index).join(known)
