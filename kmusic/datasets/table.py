"""The track table: one row a track, checked when it is read."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kmusic.atomic import replacing

SPLITS = ("train", "validation", "test")
NUMBERS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "fold": ("Int64", "a whole number, 0 or more", lambda n: (n >= 0) & (n % 1 == 0) & (n < 2**53)),
    "start": ("Float64", "a number of seconds, 0 or more", lambda n: (n >= 0) & (n < np.inf)),
    "duration": ("Float64", "a number of seconds above 0", lambda n: (n > 0) & (n < np.inf)),
}
"""For each column of numbers: dtype, rule in words, and the rule."""

SHOWN_PER_RULE = 20


class TrackTableError(ValueError):
    """A track table that breaks rules; the message lists every row and rule."""


def read_tracks(path: str | Path, *, must_exist: bool = True) -> pd.DataFrame:
    """Read and check a track table.

    Args:
        path: CSV or Parquet file with at least a column `path`. Paths in it are absolute,
            relative to the table's folder, or name a track of the studio corpus.
        must_exist: Whether there must be a row, and each file be there. A run asks its own table
            without it for what it was trained on, maybe on another machine, or nowhere at all.

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
    tracks = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    tracks = tracks.replace(r"^\s*$", np.nan, regex=True)
    tracks = tracks.dropna(axis="index", how="all")
    if must_exist or not tracks.empty:
        tracks = tracks.dropna(axis="columns", how="all")  # of no rows that is every column
    if "path" not in tracks:
        raise TrackTableError(
            f"{path} must have a column 'path' with at least one row; got {list(tracks.columns)}."
        )
    folder = path.absolute().parent
    tracks["path"] = tracks["path"].map(lambda name: _absolute(name, folder))
    return checked(tracks, str(path), must_exist=must_exist)


def checked(tracks: pd.DataFrame, name: str = "table", *, must_exist: bool = True) -> pd.DataFrame:
    """Give the table with numbers as numbers and groups filled, or say what is wrong.

    Args:
        tracks: Rows with absolute paths. An error gives their index, plus 2 for the header and
            counting from 1, as the line.
        name: What to call the table in an error.
        must_exist: Whether each file must be there.

    Returns:
        A checked copy, numbered from 0.

    Raises:
        TrackTableError: If a rule is broken.
    """
    tracks = tracks.copy()
    problems: list[str] = []
    for column, (dtype, rule, holds) in NUMBERS.items():
        if column in tracks:
            values = pd.to_numeric(tracks[column], errors="coerce").astype(float)
            wrong = tracks[column].notna() & ~holds(values)
            problems += _rows(wrong, f"{column} must be {rule}", tracks[column])
            tracks[column] = values.mask(wrong).astype(dtype)
    tracks["group"] = _groups(tracks)
    if must_exist:
        absent = absent_files(tracks["path"])
        problems += _rows(absent, "file must exist", tracks["path"])
    problems += _broken_rules(tracks)
    if problems:
        raise TrackTableError("\n".join([f"{name} breaks {len(problems)} rule(s):", *problems]))
    return tracks.reset_index(drop=True)


def absent_files(paths: pd.Series) -> pd.Series:
    """Say of each path whether it names a file that is not there."""
    absent = [
        isinstance(name, str) and not name.startswith("studio:") and not Path(name).is_file()
        for name in paths
    ]
    return pd.Series(absent, paths.index, dtype=bool)


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
            with _parquet(path):
                rows.to_parquet(draft, index=False)
        else:
            rows.to_csv(draft, index=False)


def _read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV as text, with lines that are blank, so that rows count as a text editor counts."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond the header
            return pd.read_csv(
                path,
                dtype=str,
                keep_default_na=False,
                encoding="utf-8-sig",
                index_col=False,
                skip_blank_lines=False,
            )
    except (
        pd.errors.ParserError,
        pd.errors.ParserWarning,
        pd.errors.EmptyDataError,
        UnicodeDecodeError,
    ) as error:
        complaint = str(error).strip().rstrip(".")
        raise TrackTableError(f"{path} must be a CSV table in UTF-8; {complaint}.") from error


def _read_parquet(path: Path) -> pd.DataFrame:
    with _parquet(path):
        try:
            return pd.read_parquet(path).reset_index(drop=True)
        except (OSError, ValueError) as error:
            raise TrackTableError(f"{path} must be a Parquet table; {error}.") from error


@contextmanager
def _parquet(path: Path) -> Iterator[None]:
    """Say in one line what pandas says in five where nothing can read Parquet."""
    try:
        yield
    except ImportError as error:
        raise TrackTableError(
            f"a Parquet table needs `pip install pyarrow`; got {path}."
        ) from error


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
    wrong = values[broken.to_numpy(dtype=bool)]
    shown = wrong.iloc[:SHOWN_PER_RULE]
    lines = [f"  line {row + 2}: {rule}; got {value!r}" for row, value in shown.items()]
    if len(wrong) > SHOWN_PER_RULE:
        lines.append(f"  and {len(wrong) - SHOWN_PER_RULE} more rows: {rule}")
    return lines
