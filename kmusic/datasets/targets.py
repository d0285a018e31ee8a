"""What is to be learned of each track, as arrays."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.types import Array


def target_names(tracks: pd.DataFrame, target: str) -> tuple[str, ...]:
    """Give the sorted names of the classes, or of the tags, in a column.

    Args:
        tracks: Track table.
        target: "label", "artist" or "tags".

    Raises:
        ValueError: If the table lacks the column or it names fewer than two classes.
    """
    names = sorted({name for row in names_per_track(tracks, target) for name in row})
    if len(names) < 2:
        raise ValueError(f"{target} must name at least two classes; got {names}.")
    return tuple(names)


def target_matrix(tracks: pd.DataFrame, target: str, names: tuple[str, ...]) -> Array:
    """Mark the classes of each track.

    Args:
        tracks: Track table.
        target: "label", "artist" or "tags".
        names: Names of the classes, in the order of the columns.

    Returns:
        Ones and zeros, float32, shape `(n_tracks, n_classes)`. A track none of whose classes is
        in `names` has zeros alone.
    """
    places = {name: column for column, name in enumerate(names)}
    matrix = np.zeros((len(tracks), len(names)), np.float32)
    for row, classes in enumerate(names_per_track(tracks, target)):
        for name in classes:
            if name in places:
                matrix[row, places[name]] = 1.0
    return matrix


def names_per_track(tracks: pd.DataFrame, target: str) -> list[list[str]]:
    """List the classes of each track, or its tags.

    Args:
        tracks: Track table.
        target: "label", "artist" or "tags".

    Returns:
        The names of each track; none where the cell is missing.

    Raises:
        ValueError: If the table lacks the column.
    """
    if target not in tracks:
        raise _lacks(tracks, target)
    values = tracks[target].fillna("").astype(str)
    if target == "tags":
        return [[tag.strip() for tag in tags.split(";") if tag.strip()] for tags in values]
    return [[value] if value else [] for value in values]


def class_codes(tracks: pd.DataFrame, column: str) -> npt.NDArray[np.int64]:
    """Number the classes in a column.

    Args:
        tracks: Track table.
        column: Name of the column.

    Returns:
        The same number for rows of the same class, from 0, int64, shape `(n_tracks,)`; -1 where
        the class is missing.

    Raises:
        ValueError: If the table lacks the column.
    """
    if column not in tracks:
        raise _lacks(tracks, column)
    return pd.factorize(tracks[column])[0].astype(np.int64)


def _lacks(tracks: pd.DataFrame, column: str) -> ValueError:
    return ValueError(
        f"the track table must have a column {column!r} to learn it; got {list(tracks.columns)}."
    )
