"""Track tables of UrbanSound8K: sounds of ten classes, in ten official folds."""

from pathlib import Path

import pandas as pd

from kmusic.datasets.folder import existing_folder
from kmusic.datasets.metadata import joined_tags, present, read_json, read_table
from kmusic.datasets.reading import Problems

RULES = {
    "slice_file_name": ("[0-9]+(-[0-9]+){3}[.]wav", "a name such as 100032-3-0-0.wav"),
    "fsID": ("[0-9]+", "a whole number"),
    "fold": ("[1-9]|10", "a fold from 1 to 10"),
    "class": (r".*\S.*", "the name of a class"),
}
"""For each column of the table that is read: what a cell must match, and the same in words."""

TAGS = ("UrbanSound8K_tags.json", "US8K_tags.json")
"""How the file of tags may be called; the first that is there is taken."""


def urbansound8k_tracks(root: str | Path, problems: Problems | None = None) -> pd.DataFrame:
    """List the sounds of UrbanSound8K, with their official folds.

    Args:
        root: Folder `UrbanSound8K` as unpacked, with `metadata/UrbanSound8K.csv` and
            `audio/fold1/101415-3-0-2.wav` and so on. Where `metadata` also holds
            `UrbanSound8K_tags.json` or `US8K_tags.json`, a list of tags for each id of Freesound,
            the table has tags.
        problems: Where sounds are noted that are left out: those whose file is missing.

    Returns:
        Rows in the order of the table: `path` (absolute), `label` (the class, as in
        `"air_conditioner"`), `group` (the recording that the sound is cut from, by its id in
        Freesound, as in `"freesound:101415"`), `fold` (1 to 10), and `tags` where there is a file
        of them, missing for a recording that it has no tags of. The place of the sound in its
        recording is not a column, because the files are cut already.

    Raises:
        FileNotFoundError: If there is no such folder, or no table in it.
        ValueError: If the table or the tags are not as published, or no sound can be used.

    Source:
        Salamon, Jacoby and Bello (2014), A dataset and taxonomy for urban sound research. Its
        folds cut no recording, which the check of the track table makes sure of.
    """
    problems = Problems() if problems is None else problems
    root = existing_folder(root)
    metadata = root / "metadata" / "UrbanSound8K.csv"
    if not metadata.is_file():
        raise FileNotFoundError(
            "ROOT must hold metadata/UrbanSound8K.csv of urbansounddataset.weebly.com; "
            f"got {root} without it."
        )
    rows = read_table(metadata, RULES)
    tracks = pd.DataFrame(
        {
            "path": f"{root}/audio/fold" + rows["fold"] + "/" + rows["slice_file_name"],
            "label": rows["class"].str.strip(),
            "group": "freesound:" + rows["fsID"],
            "fold": rows["fold"].astype(int),
        }
    )
    files = [metadata.with_name(name) for name in TAGS]
    if file := next((file for file in files if file.is_file()), None):
        tracks["tags"] = rows["fsID"].map(_tags(file))
    return present(tracks, problems, root, "sounds, as in audio/fold1/101415-3-0-2.wav")


def _tags(path: Path) -> dict[str, str | None]:
    """Read the tags of each recording, by its id in Freesound."""
    said = read_json(path)
    if not isinstance(said, dict):
        raise ValueError(f"{path} must give a list of tags for each id; got {str(said)[:80]!r}.")
    return {id_: joined_tags(tags, f"{id_} in {path}") for id_, tags in said.items()}
