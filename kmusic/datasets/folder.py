"""Track tables of plain folders: ROOT/label/artist/album/file."""

import os
from pathlib import Path

import pandas as pd

from kmusic.audio.files import AUDIO_SUFFIXES

LEVELS = ("label", "artist", "album")


def folder_tracks(root: str | Path) -> pd.DataFrame:
    """List the recordings below a folder; its subfolders name label, artist and album.

    Args:
        root: Folder. `root/jazz/Monk/x.flac` gives label `jazz` and artist `Monk`; a level that
            no file has gives no column.

    Returns:
        Rows sorted by path, with the columns `path` (absolute) and those of `label`, `artist`,
        `album` that the folders name.

    Raises:
        FileNotFoundError: If `root` is not a folder.
        ValueError: If there is no audio file below it, or only some of the files lie in a
            label's folder.
    """
    root = Path(root).absolute()
    rows = []
    for path in audio_files(root):
        places = path.relative_to(root).parts[:-1]
        rows.append({"path": str(path)} | dict(zip(LEVELS, places, strict=False)))
    tracks = pd.DataFrame(rows)
    if "label" in tracks and tracks["label"].isna().any():
        stray = tracks.loc[tracks["label"].isna(), "path"].iloc[0]
        raise ValueError(f"every file must lie in its label's folder, or none; got {stray}.")
    return tracks


def existing_folder(root: str | Path) -> Path:
    """Give the absolute path of a source's folder.

    Raises:
        FileNotFoundError: If it is not a folder.
    """
    root = Path(root).absolute()
    if not root.is_dir():
        raise FileNotFoundError(f"ROOT must be a folder; got {root}.")
    return root


def audio_files(root: str | Path) -> list[Path]:
    """List the audio files below a folder, hidden ones left out, sorted by path.

    Raises:
        FileNotFoundError: If `root` is not a folder.
        ValueError: If it holds none, or one whose name is not UTF-8, which no table can hold.
    """
    root = existing_folder(root)
    files = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        paths = (Path(folder, name) for name in names if not name.startswith("."))
        files += [path for path in paths if path.suffix.lower() in AUDIO_SUFFIXES]
    if not files:
        known = ", ".join(sorted(AUDIO_SUFFIXES))
        raise ValueError(f"ROOT must hold files ending in {known}; got none in {root}.")
    strange = [path for path in files if any("\udc80" <= sign <= "\udcff" for sign in str(path))]
    if strange:
        raise ValueError(f"file names must be UTF-8; got {str(strange[0])!r}.")
    return sorted(files)
