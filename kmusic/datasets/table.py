"""The track table: one row a track, checked when it is read."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from kmusic.atomic import replacing

SPLITS = ("train", "validation", "test")
NUMBERS = {"fold": "Int64", "start": "Float64", "duration": "Float64"}
SHOWN_PER_RULE = 20


class TrackTableError(ValueError):
    """A track table that breaks rules; the message lists every row and rule."""


def read_tracks(path: str | Path) -> pd.DataFrame:
    """Read and check a track table.

    Args:
        path: CSV or Parquet file with at least a column `path`. Paths in it are absolute,
            relative to the table's folder, or name a track of the studio corpus.

    Returns:
        The rows in file order. `path` is absolute; `group` is always there and filled from the
        artist, else the album, else the path; blank cells are missing values; unknown columns
        are carried along.

    Raises:
        FileNotFoundError: If the table does not exist.
        TrackTableError: If a rule is broken; every broken rule and row is named.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"The track table must exist; got {path}.")
    if path.suffix == ".parquet":
        tracks = pd.read_parquet(path)
    else:
        try:
            tracks = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            raise TrackTableError(f"{path} must be a CSV table in UTF-8; {error}.") from error
        tracks = tracks.replace("", np.nan).dropna(axis="columns", how="all")
    if "path" not in tracks:
        raise TrackTableError(
            f"{path} must have a column 'path' with at least one row; got {list(tracks.columns)}."
        )
    folder = path.absolute().parent
    tracks["path"] = [_absolute(name, folder) for name in tracks["path"]]
    return checked(tracks, str(path))


def checked(tracks: pd.DataFrame, name: str = "table") -> pd.DataFrame:
    """Give the table with numbers as numbers and groups filled, or say what is wrong.

    Args:
        tracks: Rows with absolute paths.
        name: What to call the table in an error.

    Returns:
        A checked copy, numbered from 0.

    Raises:
        TrackTableError: If a rule is broken.
    """
    tracks = tracks.reset_index(drop=True).copy()
    problems: list[str] = []
    for column, dtype in NUMBERS.items():
        if column in tracks:
            values = pd.to_numeric(tracks[column], errors="coerce")
            wrong = (values.isna() & tracks[column].notna()) | (values < 0)
            if column == "fold":
                wrong |= values.notna() & (values % 1 != 0)
            problems += _rows(wrong, f"{column} must be a number, 0 or more", tracks[column])
            tracks[column] = values.mask(wrong).astype(dtype)
    tracks["group"] = _groups(tracks)
    problems += _broken_rules(tracks)
    if problems:
        raise TrackTableError("\n".join([f"{name} breaks {len(problems)} rule(s):", *problems]))
    return tracks


def write_tracks(tracks: pd.DataFrame, path: str | Path) -> None:
    """Write a track table whose paths below its folder are relative, whole or not at all.

    Args:
        tracks: Rows with absolute paths (or paths of the studio corpus).
        path: CSV or Parquet file to write.
    """
    path = Path(path)
    folder = path.absolute().parent
    rows = tracks.assign(path=[_relative(name, folder) for name in tracks["path"]])
    with replacing(path) as draft:
        if path.suffix == ".parquet":
            rows.to_parquet(draft, index=False)
        else:
            rows.to_csv(draft, index=False)


def _absolute(name: object, folder: Path) -> object:
    if not isinstance(name, str) or name.startswith("studio:"):
        return name
    return os.path.normpath(folder / name)


def _relative(name: str, folder: Path) -> str:
    if name.startswith("studio:"):
        return name
    path = Path(os.path.normpath(Path.cwd() / name))
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _groups(tracks: pd.DataFrame) -> pd.Series:
    """Fill each row's group: its own, else its artist, else its album, else its path."""
    groups = pd.Series(np.nan, index=tracks.index, dtype=object)
    for column in ("group", "artist", "album", "path"):
        if column in tracks:
            groups = groups.where(groups.notna(), tracks[column])
    return groups.astype(str)


def _broken_rules(tracks: pd.DataFrame) -> list[str]:
    paths = tracks["path"]
    problems = _rows(paths.isna(), "path must not be empty", paths)
    absent = [
        isinstance(name, str) and not name.startswith("studio:") and not Path(name).is_file()
        for name in paths
    ]
    problems += _rows(pd.Series(absent), "file must exist", paths)
    identity = [column for column in ("path", "start", "duration") if column in tracks]
    problems += _rows(tracks.duplicated(identity), "row must not repeat an earlier one", paths)
    if "label" in tracks:
        problems += _rows(tracks["label"].isna(), "label must not be empty", paths)
    if "split" in tracks:
        unknown = ~tracks["split"].isin(SPLITS)
        problems += _rows(unknown, f"split must be one of {', '.join(SPLITS)}", tracks["split"])
    for side in ("split", "fold"):
        if side in tracks:
            sides = tracks.groupby("group")[side].transform("nunique")
            rule = f"a group must lie in one {side}"
            problems += _rows(sides > 1, rule, tracks["group"])
    return problems


def _rows(broken: pd.Series, rule: str, values: pd.Series) -> list[str]:
    """Name the first rows that break a rule, numbered as a text editor numbers the file."""
    rows = np.flatnonzero(broken.to_numpy(dtype=bool))
    lines = [f"  line {row + 2}: {rule}; got {values.iloc[row]!r}" for row in rows[:SHOWN_PER_RULE]]
    if len(rows) > SHOWN_PER_RULE:
        lines.append(f"  and {len(rows) - SHOWN_PER_RULE} more rows: {rule}")
    return lines
