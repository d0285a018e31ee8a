"""Track tables of sounds of Freesound: FSD50K, or what its API gave."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from kmusic.datasets.folder import audio_files, existing_folder
from kmusic.datasets.metadata import groups_by_side, joined_tags, present, read_json, read_table
from kmusic.datasets.reading import Problems

Sounds: TypeAlias = dict[str, dict[str, Any]]
"""By id: what Freesound says of each sound."""

FNAME = ("[0-9]+", "an id of Freesound")
LABELS = (r"\S+", "classes, separated by commas")
RULES = {
    "dev": {"fname": FNAME, "labels": LABELS, "split": ("train|val", "train or val")},
    "eval": {"fname": FNAME, "labels": LABELS},
}
"""For each set of FSD50K and column of its table: what a cell must match, and in words."""

SPLITS = {"train": "train", "val": "validation"}

FILE = re.compile(r"(?P<id>[0-9]+)(?:_[0-9]+-(?P<quality>hq|lq))?")
"""Stem of a file of a sound: its id, or as the API calls its previews."""

QUALITIES = (None, "hq", "lq")
"""Which of a sound's files is taken: the first that is there."""


def freesound_tracks(root: str | Path, problems: Problems | None = None) -> pd.DataFrame:
    """List sounds of Freesound with their tags.

    Args:
        root: Folder of one of two layouts. FSD50K as unpacked: `FSD50K.dev_audio`,
            `FSD50K.eval_audio`, `FSD50K.ground_truth` and `FSD50K.metadata`; one set of the two
            will do. Or a download through Freesound's API: `sounds.json` with the API's answer
            `{"results": [{"id": ..., "tags": [...], "username": ...}]}`, a list of such answers,
            a list of such sounds, or `{id: {"tags": [...], "username": ...}}`; and anywhere below
            the files, as `1234.wav` or, with the API's names of previews, `1234_5678-hq.mp3`. In
            either a `leave_out.json`, a list of ids, leaves sounds out without a word: those of
            tasks that are to be tested on.
        problems: Where sounds are noted that are left out because their file is missing.

    Returns:
        Rows in the order of the tables or of the answer: `path` (absolute), `tags` (missing where
        a sound has none), `uploader`, `group` (the uploader), `title` and `licence`. FSD50K also
        gives `classes`, separated by semicolons, and its `split`; where its validation shares
        an uploader with another side, the clips for validation are a group of their own.

    Raises:
        FileNotFoundError: If there is no such folder, or neither layout in it.
        ValueError: If a file is not as published, or no sound can be used.

    Source:
        Fonseca et al. (2022), FSD50K: An open dataset of human-labeled sound events. The API:
        freesound.org/docs/api. Leaving out: Favory et al. (2020), Learning contextual tag
        embeddings for cross-modal alignment of audio and tags, and the 8,457 ids in the public
        code of COALA.
    """
    problems = Problems() if problems is None else problems
    root = existing_folder(root)
    left_out = _ids(root / "leave_out.json")
    if (root / "sounds.json").is_file():
        return _downloaded(root, left_out, problems)
    sets = [name for name in RULES if (root / f"FSD50K.ground_truth/{name}.csv").is_file()]
    if not sets:
        raise FileNotFoundError(
            "ROOT must hold FSD50K.ground_truth with dev.csv or eval.csv of "
            "zenodo.org/records/4060432, or sounds.json of Freesound's API; "
            f"got {root} without them."
        )
    tracks = pd.concat([_set(root, name) for name in sets], ignore_index=True)
    tracks["group"] = groups_by_side(tracks["uploader"], tracks["split"])
    tracks = tracks[~tracks.pop("id").isin(left_out)]
    return present(tracks, problems, root, "clips, as in FSD50K.dev_audio/64760.wav")


def _set(root: Path, name: str) -> pd.DataFrame:
    """List the clips of a set of FSD50K."""
    rows = read_table(root / f"FSD50K.ground_truth/{name}.csv", RULES[name])
    path = root / f"FSD50K.metadata/{name}_clips_info_FSD50K.json"
    said = read_json(path)
    if not isinstance(said, dict) or (absent := set(rows["fname"]).difference(said)):
        got = f"none of {min(absent)}" if isinstance(said, dict) else repr(str(said)[:80])
        raise ValueError(f"{path} must have an entry of each clip in {name}.csv; got {got}.")
    columns = {
        "id": rows["fname"],
        "path": f"{root}/FSD50K.{name}_audio/" + rows["fname"] + ".wav",
        "classes": rows["labels"].str.replace(",", ";"),
        "split": rows["split"].map(SPLITS) if "split" in rows else "test",
    }
    clips = {id_: said[id_] for id_ in rows["fname"]}
    return pd.DataFrame(columns | _described(clips, path, "uploader", "title"))


def _downloaded(root: Path, left_out: set[str], problems: Problems) -> pd.DataFrame:
    """List the sounds of the API's answer that have a file."""
    path = root / "sounds.json"
    sounds = {id_: sound for id_, sound in _answered(path) if id_ not in left_out}
    files = _files(root)
    for id_ in sounds.keys() - files.keys():
        problems.add(root / f"{id_}.*", "no such file")
    sounds = {id_: sound for id_, sound in sounds.items() if id_ in files}
    if not sounds:
        rule = "ROOT must hold files of sounds in sounds.json, as in 1234.wav or 1234_5678-hq.mp3"
        raise ValueError(f"{rule}; got {root} with none that can be used.")
    tracks = pd.DataFrame({"path": [str(files[id_]) for id_ in sounds]})
    tracks = tracks.assign(**_described(sounds, path, "username", "name"))
    return tracks.assign(group=tracks["uploader"])


def _answered(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the id of each sound and what is said of it, from any shape of the API's answer."""
    said = read_json(path)
    if isinstance(said, dict) and "results" not in said:
        yield from said.items()
        return
    try:
        pages = (page.get("results", [page]) for page in ([said] if "results" in said else said))
        for sound in chain.from_iterable(pages):
            yield str(sound["id"]), sound
    except (AttributeError, KeyError, TypeError) as error:
        rule = 'hold sounds with their ids, as {"results": [{"id": 1234, ...}]}'
        raise ValueError(f"{path} must {rule}; got {error!r}.") from error


def _files(root: Path) -> dict[str, Path]:
    """Give the best file of each sound below a folder, by id."""
    named = [(match, path) for path in audio_files(root) if (match := FILE.fullmatch(path.stem))]
    files: dict[str, Path] = {}
    for match, path in sorted(named, key=lambda pair: QUALITIES.index(pair[0]["quality"])):
        files.setdefault(match["id"], path)
    return files


def _described(sounds: Sounds, path: Path, uploader: str, title: str) -> dict[str, list[Any]]:
    """Give the columns that Freesound's words of sounds fill."""
    for id_, sound in sounds.items():
        if not isinstance(sound, dict) or not {"tags", uploader} <= sound.keys():
            got = f"{id_} with {str(sound)[:80]!r}"
            raise ValueError(f"each sound of {path} must have tags and {uploader}; got {got}.")
    said = sounds.values()
    return {
        "tags": [joined_tags(sound["tags"], f"{id_} in {path}") for id_, sound in sounds.items()],
        "uploader": [sound[uploader] or None for sound in said],
        "title": [sound.get(title) or None for sound in said],
        "licence": [sound.get("license") or None for sound in said],
    }


def _ids(path: Path) -> set[str]:
    """Read a list of ids; none if there is no such file."""
    said = read_json(path) if path.is_file() else []
    if not isinstance(said, list) or not all(re.fullmatch("[0-9]+", str(id_)) for id_ in said):
        raise ValueError(f"{path} must be a list of ids of Freesound; got {str(said)[:80]!r}.")
    return {str(id_) for id_ in said}
