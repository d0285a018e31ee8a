"""Tracks with tags and without, and what probes read from the tags alone."""

import numpy as np
import pandas as pd
import pytest

from kmusic.evaluation.aligned import AlignedRun
from kmusic.evaluation.cross_modal import cross_modal_report
from kmusic.evaluation.folds import Fold
from kmusic.evaluation.probes import evaluate_probe
from kmusic.evaluation.tagged_tracks import align_tracks, judge_alignment, probe_tags
from tests.aligned_runs import chart_run

WORDS = ("piano", "drum", "dark")
TAGS = ["Pianos; drum", "dark", "unheard", None, "drum", "piano;dark", "drum; dark", "", "piano"]
NUMBERS = [[1, 2], [3, 0], [0, 0], [0, 0], [2, 0], [1, 3], [2, 3], [0, 0], [1, 0]]
KNOWN = [any(row) for row in NUMBERS]


@pytest.fixture
def aligned(tmp_path):
    places = np.random.default_rng(0).normal(size=(3, 4))
    projection = np.random.default_rng(1).normal(size=(5, 4))
    return AlignedRun(chart_run(tmp_path, WORDS, places, projection, max_tags=2))


@pytest.fixture
def vectors():
    return np.random.default_rng(2).normal(size=(9, 5)).astype(np.float32)


@pytest.fixture
def tagged(aligned, vectors):
    return align_tracks(aligned, pd.DataFrame({"tags": TAGS}), vectors)


def test_tracks_and_their_tags_lie_in_one_space(tagged, aligned, vectors):
    assert tagged.known.tolist() == KNOWN
    assert tagged.numbers.tolist() == NUMBERS
    np.testing.assert_array_equal(tagged.sound, aligned.sound(vectors))
    assert not tagged.tags[~tagged.known].any()
    lists = [[WORDS[n - 1] for n in row if n] for row in NUMBERS if any(row)]
    np.testing.assert_array_equal(tagged.tags[tagged.known], aligned.tags(lists))


def test_a_run_hears_no_more_tags_of_a_track_than_it_may(aligned, vectors):
    table = pd.DataFrame({"tags": ["piano;drum;dark"] * 9})
    assert align_tracks(aligned, table, vectors).numbers.tolist() == [[1, 2]] * 9  # the rarest


def test_judged_tracks_of_known_tags_are_looked_for_among_each_other(tagged):
    judged = np.arange(9) > 0
    groups = np.array(list("aabbccddd"))
    rows = [1, 4, 5, 6, 8]
    expected = cross_modal_report(
        tagged.sound[rows],
        tagged.tags[rows],
        tagged.numbers[rows],
        groups=groups[rows],
        n_untagged=3,
        seed=4,
    )
    assert judge_alignment(tagged, judged, groups, seed=4) == expected


@pytest.mark.parametrize("rows", [[], [2, 3, 7], [0, 2, 3]])
def test_fewer_than_two_tagged_tracks_are_not_judged(tagged, rows):
    judged = np.isin(np.arange(9), rows)
    assert judge_alignment(tagged, judged, np.arange(9)) is None


TARGETS = np.array([0, 1, 0, 1, 1, 0, 1, 0, 0])
SETTINGS = {"labels": ["a", "b"], "n_seeds": 2, "seed": 3, "groups": np.arange(9)}


def test_a_probe_of_tags_is_fitted_and_judged_where_there_are_tags(tagged):
    fold = Fold(np.array([0, 1, 2, 3]), np.array([4, 5, 7, 8]), np.array([6, 7])[:1])
    result = probe_tags(tagged, "mlp", TARGETS, [fold], **SETTINGS)
    rows = (np.array([0, 1]), np.array([4, 5, 8]), np.array([6]))
    expected = evaluate_probe("mlp", tagged.tags, TARGETS, [rows], **SETTINGS)
    assert result.name == "mlp of tags"
    assert result.tested.tolist() == [4, 5, 8]
    assert result.named.tolist() == expected.named.tolist()
    assert result.accuracy == expected.accuracy
    assert result.protocol == expected.protocol | {"of": "tags", "n_without_tags": [3]}


@pytest.mark.parametrize(
    "fold",
    [Fold(np.array([0, 2, 5, 7]), np.array([1])), Fold(np.array([0, 1]), np.array([2, 3]))],
    ids=["one class", "nothing to test"],
)
def test_where_too_few_bear_tags_there_is_no_probe_of_tags(tagged, fold):
    folds = [Fold(np.array([0, 1]), np.array([8])), fold]
    assert probe_tags(tagged, "knn", TARGETS, folds, **SETTINGS) is None
