"""Track tables of NSynth: single notes of instruments, all of them or a balanced part."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from kmusic.datasets.folder import existing_folder
from kmusic.datasets.metadata import groups_by_side, joined_tags, present, read_json
from kmusic.datasets.reading import Problems

SUBSET = re.compile(r"all|published|(?P<notes>[1-9][0-9]*)(?::(?P<seed>[0-9]+))?")

SPLITS = {"train": "train", "valid": "validation", "test": "test"}
"""By the last word of a folder's name: the side of its notes."""

FAMILIES = (
    "guitar",
    "bass",
    "organ",
    "keyboard",
    "vocal",
    "string",
    "reed",
    "flute",
    "mallet",
    "brass",
)
"""The families of the test set; `synth_lead` is in the training set alone."""

PUBLISHED = "nsynth_selected_sounds_per_class.json"
"""The list of the notes that were trained on for the paper, by family."""

COLUMNS = {
    "label": "instrument_family_str",
    "instrument": "instrument_str",
    "source": "instrument_source_str",
    "qualities": "qualities_str",
    "pitch": "pitch",
    "velocity": "velocity",
}
"""For each column: what it is called in `examples.json`."""


def nsynth_tracks(subset: str, root: str | Path, problems: Problems | None = None) -> pd.DataFrame:
    """List notes of NSynth, with the official split.

    Args:
        subset: `"all"`; or a number of training notes, as `"20000"`, drawn with as many of each
            family that the test set has, as `"20000:1"` with the seed 1 in place of 0; or
            `"published"` for the training notes on the list `nsynth_selected_sounds_per_class.json`
            in `root`. The other sides are always whole.
        root: Folder with `nsynth-train`, `nsynth-valid` and `nsynth-test` as unpacked, or some of
            them, each with `examples.json` and `audio/bass_synthetic_033-022-050.wav` and so on.
        problems: Where notes are noted that are left out: those whose file is missing.

    Returns:
        Rows by side and name: `path` (absolute), `label` (the family), `instrument`, `group` (the
        instrument; as the official validation and test share instruments, the notes for
        validation of a shared one are a group of their own), `tags` (family, source and
        qualities), `pitch` (MIDI number), `velocity` (1 to 127) and `split`.

    Raises:
        FileNotFoundError: If there is no such folder, no side of the data set in it, not the one
            that is to be drawn from, or no list.
        ValueError: If there is no such subset, a file is not as published, a family has too few
            notes to draw from, or no note can be used.

    Source:
        Engel et al. (2017), Neural audio synthesis of musical notes with WaveNet autoencoders.
        The balanced part: Favory et al. (2020), Learning contextual tag embeddings for
        cross-modal alignment of audio and tags, section on downstream tasks, with 2,000 training
        notes of each of ten families; theirs are on the list in the public code of COALA.
    """
    problems = Problems() if problems is None else problems
    if not (asked := SUBSET.fullmatch(subset)) or int(asked["notes"] or 0) % len(FAMILIES):
        rule = f"all, published, or a multiple of {len(FAMILIES)}, the families, maybe with :SEED"
        raise ValueError(f"SUBSET in nsynth:SUBSET must be {rule}; got {subset!r}.")
    root = existing_folder(root)
    tracks = _listed(root, subset)
    if subset == "published":
        tracks = tracks[_published(root / PUBLISHED, tracks)]
    layout = "notes, as in nsynth-test/audio/bass_synthetic_033-022-050.wav"
    tracks = present(tracks, problems, root, layout)
    if asked["notes"]:
        chosen = _drawn(tracks, int(asked["notes"]), int(asked["seed"] or 0))
        tracks = tracks[(tracks["split"] != "train") | tracks.index.isin(chosen)]
    return tracks.reset_index(drop=True)


def _listed(root: Path, subset: str) -> pd.DataFrame:
    """List the notes of all sides that are there, whether or not their files are."""
    folders = {split: root / f"nsynth-{name}" for name, split in SPLITS.items()}
    held = {side: f for side, f in folders.items() if (f / "examples.json").is_file()}
    if not held or (subset != "all" and "train" not in held):
        names = "nsynth-train, nsynth-valid or nsynth-test" if subset == "all" else "nsynth-train"
        raise FileNotFoundError(
            f"ROOT must hold {names} of magenta.tensorflow.org/datasets/nsynth, with "
            f"examples.json, for nsynth:{subset}; got {root} without."
        )
    tracks = pd.concat([_side(folder, side) for side, folder in held.items()], ignore_index=True)
    return tracks.assign(group=groups_by_side(tracks["instrument"], tracks["split"]))


def _side(folder: Path, split: str) -> pd.DataFrame:
    """List the notes of a side, by name."""
    path = folder / "examples.json"
    examples = read_json(path)
    rows = []
    note = "no note"
    try:
        for note, example in sorted(examples.items()):
            row = {column: example[name] for column, name in COLUMNS.items()}
            tags = [row["label"], row.pop("source"), *row.pop("qualities")]
            rows.append(row | {"note": note, "tags": joined_tags(tags, f"{note} in {path}")})
    except (AttributeError, KeyError, TypeError) as error:
        rule = f"give {', '.join(COLUMNS.values())} of each note"
        raise ValueError(f"{path} must {rule}; got {note} with {error!r}.") from error
    columns = ["note", "label", "instrument", "tags", "pitch", "velocity"]
    notes = pd.DataFrame(rows, columns=columns)
    notes.insert(0, "path", f"{folder}/audio/" + notes.pop("note").astype(str) + ".wav")
    return notes.assign(split=split)


def _published(path: Path, tracks: pd.DataFrame) -> pd.Series:
    """Say which notes are on the list, or not for training."""
    if not path.is_file():
        raise FileNotFoundError(
            f"ROOT must hold {path.name}, of json/ in github.com/xavierfav/coala, "
            f"for nsynth:published; got no {path}."
        )
    said = read_json(path)
    training = tracks["split"] == "train"
    names = tracks["path"].str.extract(r"([^/]*)[.]wav$", expand=False)
    try:
        listed = {str(note) for notes in said.values() for note in notes}
    except (AttributeError, TypeError) as error:
        rule = "give a list of notes for each family"
        raise ValueError(f"{path} must {rule}; got {str(said)[:80]!r}.") from error
    if unknown := listed.difference(names[training]):
        rule = "name notes of nsynth-train/examples.json"
        raise ValueError(f"{path} must {rule}; got {min(unknown)!r}.")
    return ~training | names.isin(listed)


def _drawn(tracks: pd.DataFrame, n_notes: int, seed: int) -> pd.Index:
    """Draw as many training notes of each family, without repetition."""
    each = n_notes // len(FAMILIES)
    rng = np.random.default_rng(seed)
    families = tracks.loc[tracks["split"] == "train", "label"]
    chosen = []
    for family in FAMILIES:
        rows = families.index[families == family]
        if len(rows) < each:
            rule = f"nsynth:{n_notes} must find {each} training notes of each family"
            raise ValueError(f"{rule}; got {len(rows)} of {family}.")
        chosen.append(rng.choice(rows, each, replace=False))
    return pd.Index(np.concatenate(chosen))
