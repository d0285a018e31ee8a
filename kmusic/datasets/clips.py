"""Clips: rows that are parts of one file, where each lies, and how they are told apart."""

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

MICROSECONDS = 6
"""Digits of a second that count, so that a table is the same from text and from numbers."""


def starts(tracks: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Give where each row begins in its file.

    Args:
        tracks: Track table.

    Returns:
        Seconds, float64, shape `(n_tracks,)`; 0 where the table says nothing.
    """
    return _seconds(tracks, "start", 0.0)


def ends(tracks: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Give where each row ends in its file.

    Args:
        tracks: Track table.

    Returns:
        Seconds, float64, shape `(n_tracks,)`; infinity for the end of the file.
    """
    return (starts(tracks) + _seconds(tracks, "duration", np.inf)).round(MICROSECONDS)


def row_keys(tracks: pd.DataFrame, column: str) -> list[tuple[str, float, float, str]]:
    """Say of each row which part of which file it is, and what a column says of it.

    Args:
        tracks: Track table.
        column: One of its columns.

    Returns:
        Path, start and end in seconds, and the column's text, of each row.
    """
    named = tracks[column].astype(str)
    return [*zip(tracks["path"], starts(tracks), ends(tracks), named, strict=True)]


def clip_name(path: str, start: float, *, several: bool = False) -> str:
    """Name a part of a file.

    Args:
        path: The file.
        start: Where the part begins, in seconds.
        several: Whether there are other parts, to be told apart from one that begins with the file.

    Returns:
        The path, or `path@start` if the part begins later or there are others.
    """
    return f"{path}@{start:.12g}" if several or start else path


def row_names(tracks: pd.DataFrame) -> list[str]:
    """Name each row so that rows of one file are told apart.

    Args:
        tracks: Track table.

    Returns:
        The path of a row that is its file's only one and begins where that does; of any other
        `path@start`, in seconds.
    """
    shared = tracks["path"].duplicated(keep=False)
    return [
        clip_name(path, start, several=several)
        for path, start, several in zip(tracks["path"], starts(tracks), shared, strict=True)
    ]


def told_apart(tracks: pd.DataFrame) -> list[dict[str, Any]]:
    """Say of each row what tells it from the others, for people and machines.

    Args:
        tracks: Track table.

    Returns:
        `path` of each row and, if any file has several rows, `start` in seconds.
    """
    if not tracks["path"].duplicated().any():
        return [{"path": path} for path in tracks["path"]]
    pairs = zip(tracks["path"], starts(tracks).tolist(), strict=True)
    return [{"path": path, "start": start} for path, start in pairs]


def named_among(tracks: pd.DataFrame, names: Collection[str]) -> npt.NDArray[np.bool_]:
    """Say which rows are named, each by its own name or by the path of its file.

    Args:
        tracks: Track table, with all rows of its files.
        names: Paths, or names from `row_names`.

    Returns:
        Whether a row is named, shape `(n_tracks,)`.
    """
    pairs = zip(tracks["path"], row_names(tracks), strict=True)
    return np.array([path in names or name in names for path, name in pairs], dtype=bool)


def sharing_sound(tracks: pd.DataFrame, others: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Say which rows hold sound that a row of another table holds too, as their files are named.

    Args:
        tracks: Track table.
        others: The other one.

    Returns:
        Whether a row lies over one of the others in the same file, shape `(n_tracks,)`; one that
        begins where another ends does not.
    """
    begin, end = starts(tracks), ends(tracks)
    other_begin, other_end = starts(others), ends(others)
    mine, theirs = (
        pd.Series(range(len(table))).groupby(table["path"].to_numpy()).indices
        for table in (tracks, others)
    )
    shared = np.zeros(len(tracks), dtype=bool)
    for path in mine.keys() & theirs.keys():
        rows, known = mine[path], theirs[path]
        known = known[np.argsort(other_begin[known])]
        latest_end = np.maximum.accumulate(other_end[known])
        n_earlier = np.searchsorted(other_begin[known], end[rows])  # they begin before it ends
        shared[rows] = (n_earlier > 0) & (latest_end[n_earlier - 1] > begin[rows])
    return shared


def _seconds(tracks: pd.DataFrame, column: str, default: float) -> npt.NDArray[np.float64]:
    if column not in tracks:
        return np.full(len(tracks), default)
    numbers = pd.to_numeric(tracks[column])
    return numbers.to_numpy(dtype=np.float64, na_value=default).round(MICROSECONDS)
