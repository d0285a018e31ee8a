"""Track tables of GTZAN, with the fault-filtered split."""

import re
from pathlib import Path

import pandas as pd

from kmusic.audio.files import AudioError, describe_file
from kmusic.datasets.folder import existing_folder
from kmusic.datasets.reading import Problems

FIXED_SPLIT = (
    "GTZAN repeats artists and recordings and names no artist, "
    "so a random split would test on what was trained on"
)
"""Why no other split may be drawn."""

SPLITS = {"train": "train", "valid": "validation", "test": "test"}
"""By the first word of a list's name: the side of its tracks."""

NAMES = ("{}_filtered.txt", "{}.txt")
"""How the three lists may be called; the first that all go by is taken."""

FOLDERS = ("genres", "genres_original")
"""Where the genres' folders may lie below the root, if not in it."""

SUFFIXES = (".wav", ".au")
"""Endings of the tracks; one of the archives has .au where the lists say .wav."""

LINE = re.compile(r"(([a-z]+)/\2\.[0-9]{5})\.(?:wav|au)")
DAMAGED = "jazz.00054"  # in the archive with genres_original; others have it whole


def gtzan_tracks(root: str | Path, problems: Problems | None = None) -> pd.DataFrame:
    """List the tracks of GTZAN that stand on its fault-filtered lists.

    No artist is known, so a table has each track as a group of its own: its intervals are too
    narrow to the extent that one artist has several tracks on a side.

    Args:
        root: Folder with `train_filtered.txt`, `valid_filtered.txt` and `test_filtered.txt`, or
            `train.txt`, `valid.txt` and `test.txt`, of lines such as `blues/blues.00029.wav`. The
            genres' folders lie in it, in its `genres` or in its `genres_original`.
        problems: Where listed tracks are noted that are left out: those whose file is missing,
            and jazz.00054 if it is the damaged copy.

    Returns:
        Rows in the order of the lists, training first: `path` (absolute), `label` (the genre)
        and `split`. Files that are on no list have no row.

    Raises:
        FileNotFoundError: If there is no such folder, or it lacks the lists.
        ValueError: If a line names no track, a track is listed twice, or none can be used.

    Source:
        Tzanetakis and Cook (2002), Musical genre classification of audio signals; the lists are
        those of Kereliuk, Sturm and Larsen (2015), Deep learning and music adversaries: 443
        tracks to train on, 197 for validation and 290 for the test.
    """
    problems = Problems() if problems is None else problems
    root = existing_folder(root)
    listed = _listed(root)
    genres = {track.split("/")[0] for track in listed}
    places = (root / folder for folder in FOLDERS)
    place = next((place for place in places if any((place / g).is_dir() for g in genres)), root)
    rows = []
    for track, split in listed.items():
        path = _file(place, track)
        if fault := _fault(path):
            problems.add(path, fault)
        else:
            rows.append({"path": str(path), "label": path.parent.name, "split": split})
    if not rows:
        raise ValueError(
            f"ROOT must hold the listed tracks, as in genres/blues/blues.00029.wav; "
            f"got {root} with none that can be used of {len(listed)}."
        )
    return pd.DataFrame(rows)


def _listed(root: Path) -> dict[str, str]:
    """Give the side of each listed track, by genre and name, as in `blues/blues.00029`."""
    families = [[root / name.format(side) for side in SPLITS] for name in NAMES]
    lists = next((paths for paths in families if all(path.is_file() for path in paths)), None)
    if lists is None:
        first, second = (", ".join(path.name for path in paths) for paths in families)
        raise FileNotFoundError(
            f"ROOT must hold the fault-filtered lists {first}, or {second}, because "
            f"{FIXED_SPLIT}; they are GTZAN_split of github.com/jongpillee/music_dataset_split; "
            f"got {root} without them."
        )
    sides: dict[str, str] = {}
    for path, split in zip(lists, SPLITS.values(), strict=True):
        # What is not UTF-8 is no track, and is told like any other line that names none.
        for line in path.read_text(encoding="utf-8-sig", errors="replace").split():
            if not (named := LINE.fullmatch(line)):
                rule = "must name a track, as in blues/blues.00029.wav"
                raise ValueError(f"each line of {path} {rule}; got {line[:80]!r}.")
            if named[1] in sides:
                raise ValueError(f"a track must be listed once; got {line!r} again in {path}.")
            sides[named[1]] = split
    return sides


def _file(place: Path, track: str) -> Path:
    """Give the file of a track; the first that it could be, if there is none."""
    paths = [place / f"{track}{suffix}" for suffix in SUFFIXES]
    return next((path for path in paths if path.is_file()), paths[0])


def _fault(path: Path) -> str | None:
    """Say why a track cannot be used."""
    if not path.is_file():
        return "no such file"
    if path.stem == DAMAGED:
        try:
            describe_file(path)
        except AudioError as error:
            return f"{error.reason}; known to be damaged in one of the archives of GTZAN"
    return None
