"""Where in its track an excerpt lies."""

from collections.abc import Sequence

import pandas as pd

from kmusic.features.augment import Copy


def at_place(
    tracks: pd.DataFrame, place: float | None, seconds: float, read_seconds: float | None = None
) -> pd.DataFrame:
    """Cut each track to one excerpt.

    Args:
        tracks: Tracks with `start` and `seconds`, from `open_tracks`.
        place: From 0, as early as possible in the track, to 1, as late as possible. `None` leaves
            the tracks whole.
        seconds: Length of the excerpt, in seconds; a shorter track stays whole.
        read_seconds: Length that is read of it, in seconds, if that is more: played faster, it
            fills the excerpt. The excerpt begins earlier where the track would end too soon.

    Returns:
        The tracks with `start` and `seconds` of what is read.
    """
    if place is None:
        return tracks
    whole, longest = tracks["seconds"], max(seconds, read_seconds or 0.0)
    begin = (place * (whole - seconds)).clip(upper=whole - longest).clip(lower=0.0)
    return tracks.assign(start=tracks["start"] + begin, seconds=whole.clip(upper=longest))


def copied(
    tracks: pd.DataFrame,
    copies: Sequence[Copy],
    place: float | None,
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
