"""Where in its track an excerpt lies."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from kmusic.audio.excerpts import loudest_excerpt
from kmusic.audio.files import AudioError
from kmusic.datasets.clips import row_names
from kmusic.datasets.reading import Problems, in_threads
from kmusic.datasets.spectra import first_stage, stream_frames
from kmusic.features.augment import Copy
from kmusic.features.front_ends import FrontEndConfig

SILENCE = float(np.finfo(np.float32).eps)
"""What is added to a spectrum before its logarithm."""

Place: TypeAlias = float | Literal["loudest"] | None


def at_place(
    tracks: pd.DataFrame, place: Place, seconds: float, read_seconds: float | None = None
) -> pd.DataFrame:
    """Cut each track to one excerpt.

    Args:
        tracks: Tracks with `start` and `seconds`, from `open_tracks`.
        place: From 0, as early as possible in the track, to 1, as late as possible. `None` leaves
            the tracks whole, and so does "loudest", which `at_loudest` finds.
        seconds: Length of the excerpt, in seconds; a shorter track stays whole.
        read_seconds: Length that is read of it, in seconds, if that is more: played faster, it
            fills the excerpt. The excerpt begins earlier where the track would end too soon.

    Returns:
        The tracks with `start` and `seconds` of what is read.
    """
    if place is None or isinstance(place, str):
        return tracks
    whole, longest = tracks["seconds"], max(seconds, read_seconds or 0.0)
    begin = (place * (whole - seconds)).clip(upper=whole - longest).clip(lower=0.0)
    return tracks.assign(start=tracks["start"] + begin, seconds=whole.clip(upper=longest))


def at_loudest(
    tracks: pd.DataFrame,
    config: FrontEndConfig,
    seconds: float,
    problems: Problems,
    advance: Callable[[], Any] = lambda: None,
) -> pd.DataFrame:
    """Cut each track to its excerpt of most energy: the sum of the logarithms of its spectrum.

    All of every track is heard once; what is held is a number a frame. Of raw sound, which has
    negative values, magnitudes count.

    Args:
        tracks: Tracks with `start` and `seconds`, from `open_tracks`.
        config: Front end whose first stage is the spectrum.
        seconds: Length of the excerpt, in seconds; a shorter track stays whole.
        problems: Where tracks are noted that cannot be heard, which are left out.
        advance: Called after each track.

    Returns:
        The others with `start` and `seconds` of the excerpt, numbered from 0.

    Source:
        Favory et al. (2020), section 3.1.
    """
    spectrum = first_stage(config)
    n_frames = config.n_frames(round(seconds * config.sample_rate))

    def begin(row: Any, name: str) -> float | None:
        frames = stream_frames(row.path, row.start, row.seconds, config, spectrum)
        try:
            energies = [np.log(np.abs(block) + SILENCE).sum(axis=1) for block in frames]
        except AudioError as error:
            problems.add(name, error.reason)
            return None
        finally:
            advance()
        first = loudest_excerpt(np.concatenate(energies), n_frames)
        at = first * config.hop_length / config.sample_rate
        return max(0.0, min(at, float(row.seconds) - seconds))

    named = zip(tracks.itertuples(), row_names(tracks), strict=True)
    begins = [*in_threads(lambda pair: begin(*pair), named)]
    heard = np.array([each is not None for each in begins], dtype=bool)
    begin_at = np.array([each for each in begins if each is not None])
    kept = tracks[heard].reset_index(drop=True)
    return kept.assign(start=kept["start"] + begin_at, seconds=kept["seconds"].clip(upper=seconds))


def copied(
    tracks: pd.DataFrame,
    copies: Sequence[Copy],
    place: Place,
    seconds: float,
    read_seconds: float | None = None,
) -> pd.DataFrame:
    """List each track once a copy.

    Args:
        tracks: Tracks with `start` and `seconds`, from `open_tracks`.
        copies: Copies to list.
        place: Where the excerpt of a copy lies that names no place of its own.
        seconds: Length of an excerpt, in seconds.
        read_seconds: Length that is read of it, in seconds, if that is more.

    Returns:
        All tracks of the first copy, then of the second, and so on, numbered from 0, with
        `semitones` and `stretch`. Without copies, the tracks at the place.
    """
    if not copies:
        return at_place(tracks, place, seconds, read_seconds)
    parts = []
    for copy in copies:
        own = place if copy.place is None else copy.place
        rows = at_place(tracks, own, seconds, read_seconds)
        parts.append(rows.assign(semitones=copy.semitones, stretch=copy.stretch))
    return pd.concat(parts, ignore_index=True)
