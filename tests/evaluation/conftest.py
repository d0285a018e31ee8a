"""A trained run, its tracks, others that it has not seen, and a run a fold."""

import shutil

import pandas as pd
import pytest

from tests import recordings


@pytest.fixture(scope="session")
def run():
    return recordings.trained()


@pytest.fixture
def tracks():
    return recordings.collection_table(recordings.collection())


@pytest.fixture(scope="session")
def fold_runs():
    return recordings.fold_runs()


@pytest.fixture
def foreign(tracks):
    """Table of the same sound under other paths, so that no run has seen it."""
    return tracks.drop(columns=["split", "fold"]).assign(start=0.05)


@pytest.fixture
def elsewhere(foreign, tmp_path):
    """Table of copies, which the run has never seen, with two folds."""
    paths = []
    for number, path in enumerate(foreign["path"]):
        paths.append(str(shutil.copy(path, tmp_path / f"{number}.{path.split('.')[-1]}")))
    folds = pd.array([1 + number // 2 % 2 for number in range(len(paths))], dtype="Int64")
    return foreign.assign(path=paths, fold=folds)
