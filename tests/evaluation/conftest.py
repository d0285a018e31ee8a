"""A trained run, its tracks and a run a fold."""

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
