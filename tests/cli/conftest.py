"""A folder of recordings, good, odd and bad, and a run trained on it through the command line."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from kmusic.datasets.folder import folder_tracks
from tests import recordings
from tests.cli.commands import Answer, kmusic

RECIPE = "from tests.recordings import RECIPE\n"


@dataclass(frozen=True)
class Collection:
    """A folder with label subfolders, in which some files are odd and some are bad.

    Attributes:
        root: The folder.
        good: Number of files that can be used.
        bad: By file name, a word of what is wrong with it.
        odd: Names of good files of unusual kinds.
        table: Track table that still contains the bad files, as written by hand.
        recipe: Recipe file.
    """

    root: Path
    good: int
    bad: dict[str, str]
    odd: list[str]
    table: Path
    recipe: Path


@pytest.fixture(scope="session")
def collection(tmp_path_factory):
    folder = tmp_path_factory.mktemp("collection")
    root = recordings.write_collection(folder / "music")
    bad = recordings.spoil(root / "high" / "spoiled")
    odd = recordings.enrich(root / "low" / "odd")
    rows = folder_tracks(root).drop(columns="artist")
    sides = {
        "2": "validation",
        "3": "test",
        "silent.wav": "validation",
        "truncated.flac": "validation",
    }
    rows["split"] = [
        sides.get(Path(path).name) or sides.get(Path(path).parent.name[-1], "train")
        for path in rows["path"]
    ]
    rows.to_csv(folder / "by_hand.csv", index=False)
    (folder / "tiny.py").write_text(RECIPE)
    return Collection(root, 18, bad, odd, folder / "by_hand.csv", folder / "tiny.py")


@dataclass(frozen=True)
class Training:
    """A run and what its training said."""

    run: Path
    answer: Answer


@pytest.fixture(scope="session")
def training(collection, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "tiny"
    words = (collection.recipe, "--tracks", collection.table, "--run", run, "--json")
    return Training(run, kmusic("train", *words))


@pytest.fixture(scope="session")
def run(training):
    assert (training.run / "model.keras").is_file(), training.answer.err
    return training.run


@pytest.fixture(scope="session")
def embeddings(run, collection, tmp_path_factory):
    """Embeddings of all that can be heard, and what the command said."""
    file = tmp_path_factory.mktemp("embeddings") / "all.npz"
    return file, kmusic("embed", run, collection.root, "--out", file, "--segments", "--json")


@pytest.fixture
def clean(collection, tmp_path):
    """Table of the good files alone."""
    table = pd.read_csv(collection.table)
    names = table["path"].map(lambda path: Path(path).name)
    table[~names.isin(collection.bad)].to_csv(tmp_path / "clean.csv", index=False)
    return tmp_path / "clean.csv"
