"""What data sets say of their sounds: JSON, tables, lists of tags, and whose files are there."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from kmusic.datasets.reading import Problems


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise FileNotFoundError(f"the data set must have {path.name}; got no {path}.") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} must be JSON; got: {error}.") from error


def read_table(path: Path, rules: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """Read some columns of a CSV table, as the text that they are.

    Args:
        path: CSV table in UTF-8.
        rules: By column: the regular expression that all of each cell must match, and the same
            in words.

    Raises:
        ValueError: If it is no such table, lacks a column, or a cell breaks its rule.
    """
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        complaint = str(error).strip().rstrip(".")
        raise ValueError(f"{path} must be a CSV table in UTF-8; {complaint}.") from error
    if absent := [name for name in rules if name not in rows]:
        raise ValueError(f"{path} must have the columns {', '.join(rules)}; it lacks {absent}.")
    for name, (pattern, rule) in rules.items():
        wrong = rows.loc[~rows[name].str.fullmatch(pattern), name]
        if len(wrong):
            raise ValueError(f"{name} in {path} must be {rule}; got {wrong.iloc[0]!r}.")
    return rows[list(rules)]


def joined_tags(tags: object, sound: str) -> str | None:
    """Join a sound's tags by semicolons, each once; one within a tag becomes a space.

    Args:
        tags: The list of its tags.
        sound: What to call it in an error.

    Returns:
        The tags, or `None` where there are none.

    Raises:
        ValueError: If the tags are no list of texts.
    """
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError(f"tags of {sound} must be a list of texts; got {str(tags)[:80]!r}.")
    words = (" ".join(tag.replace(";", " ").split()) for tag in tags)
    return ";".join(dict.fromkeys(word for word in words if word)) or None


def groups_by_side(names: pd.Series, split: pd.Series) -> pd.Series:
    """Give groups that no official split cuts, though its validation side shares some names.

    Args:
        names: What rows that belong together share, as the performer; it may be missing.
        split: Side of each row.

    Returns:
        The names; but where a name also lies on another side, its rows for validation are a group
        of their own, as in `"flute_012 (validation)"`. One in training and test is left, to be
        found by the check of the table.
    """
    validation = split == "validation"
    shared = validation & names.isin(names[~validation].dropna())
    return names.mask(shared, names + " (validation)")


def present(tracks: pd.DataFrame, problems: Problems, root: Path, layout: str) -> pd.DataFrame:
    """Give the rows whose file is there, by one listing of each folder.

    Args:
        tracks: Rows with absolute paths.
        problems: Where the others are noted.
        root: The source's folder, for the error.
        layout: What it must hold, for the error, as in `"notes, as in audio/note.wav"`.

    Returns:
        The rows, numbered from 0.

    Raises:
        ValueError: If there is none.
    """
    places = [os.path.split(path) for path in tracks["path"]]
    folders = {folder for folder, _ in places}
    names = {
        folder: {path.name for path in Path(folder).iterdir()}
        for folder in folders
        if Path(folder).is_dir()
    }
    found = [name in names.get(folder, ()) for folder, name in places]
    if not any(found):
        rule = f"ROOT must hold {layout}"
        raise ValueError(f"{rule}; got {root} with none that can be used of {len(tracks)}.")
    for path in tracks["path"][[not there for there in found]]:
        problems.add(path, "no such file")
    return tracks[found].reset_index(drop=True)
