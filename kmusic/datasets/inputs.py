"""Tracks from what a person names: files, folders and track tables."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kmusic.datasets.folder import audio_files
from kmusic.datasets.studio.tracks import is_studio_path
from kmusic.datasets.table import read_tracks


def input_tracks(paths: Sequence[str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """List the tracks behind paths, each once.

    Args:
        paths: Audio files, folders of them, track tables, or paths of the studio corpus.

    Returns:
        Track table with absolute paths, and why a path gave none.

    Raises:
        TrackTableError: If a table breaks rules.
        ValueError: If no path gives a track.
    """
    parts: list[pd.DataFrame] = []
    problems: dict[str, str] = {}
    for name in paths:
        path = Path(name)
        if is_studio_path(name):
            parts.append(pd.DataFrame({"path": [name]}))
        elif not path.exists():
            problems[name] = "no such file or folder"
        elif path.is_dir():
            try:
                parts.append(pd.DataFrame({"path": [str(file) for file in audio_files(path)]}))
            except ValueError as error:
                problems[name] = str(error)
        elif path.suffix in (".csv", ".parquet"):
            parts.append(read_tracks(path))
        else:
            parts.append(pd.DataFrame({"path": [str(path.absolute())]}))
    if not parts:
        raise ValueError(f"PATHS must name at least one track; {problems}.")
    tracks = pd.concat(parts, ignore_index=True)
    identity = [column for column in ("path", "start", "duration") if column in tracks]
    return tracks.drop_duplicates(identity, ignore_index=True), problems
