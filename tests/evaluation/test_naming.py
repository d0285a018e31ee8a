from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from kmusic.evaluation.embeddings import Embeddings
from kmusic.evaluation.naming import named_by_output, named_report, named_table
from kmusic.evaluation.predictions import Heard
from kmusic.training.runs import Run
from tests.recordings import RECIPE

EVERY = np.ones(4, dtype=bool)


@pytest.fixture
def tracks():
    return pd.DataFrame(
        {
            "path": ["/m/a.wav", "/m/b.wav", "/m/c.wav", "/m/d.wav"],
            "label": ["low", "high", "low", "high"],
            "artist": ["x", "y", np.nan, "x"],
            "tags": ["low", "high", "low", "high"],
            "group": ["1", "2", "3", "1"],
        },
        index=[3, 1, 7, 5],
    )


def run_of(target="label", labels=("high", "low")):
    """A run of which nothing but target and labels counts."""
    return Run(Path("run"), replace(RECIPE, target=target), labels, model=None)


def heard(tracks, probabilities=((0.2, 0.8), (0.9, 0.1), (0.6, 0.4), (0.3, 0.7))):
    vectors = np.zeros((len(tracks), 2), np.float32)
    chances = None if probabilities is None else np.float32(probabilities)
    return Heard(Embeddings(tracks.reset_index(drop=True), vectors, "front", "model"), chances, {})


def test_a_table_has_a_row_a_track_with_what_it_is_and_what_it_was_named(tracks):
    table = named_table(tracks, np.array(["low", "low", "high", "high"]), "label")
    expected = {
        "path": ["/m/a.wav", "/m/b.wav", "/m/c.wav", "/m/d.wav"],
        "start": [0.0] * 4,
        "group": ["1", "2", "3", "1"],
        "true": ["low", "high", "low", "high"],
        "named": ["low", "low", "high", "high"],
    }
    pd.testing.assert_frame_equal(table, pd.DataFrame(expected), check_dtype=False)


def test_clips_of_one_file_keep_their_start(tracks):
    clips = tracks.assign(path="/m/a.wav", start=pd.array([0, None, 20.5, 30], "Float64"))
    table = named_table(clips, np.array(["low"] * 4), "label")
    assert table["start"].tolist() == [0.0, 0.0, 20.5, 30.0]


def test_numbers_for_classes_become_words(tracks):
    table = named_table(tracks.assign(label=[1, 2, 1, 2]), np.array([2, 2, 1, 1]), "label")
    assert table["true"].tolist() == ["1", "2", "1", "2"]
    assert table["named"].tolist() == ["2", "2", "1", "1"]


def test_the_most_probable_class_is_named(tracks):
    table = named_by_output(run_of(), heard(tracks), EVERY)
    assert table["named"].tolist() == ["low", "high", "high", "low"]
    assert table["true"].tolist() == ["low", "high", "low", "high"]


def test_tracks_that_are_not_judged_are_not_named(tracks):
    judged = np.array([False, True, False, True])
    table = named_by_output(run_of(), heard(tracks), judged)
    assert table["path"].tolist() == ["/m/b.wav", "/m/d.wav"]
    assert table["named"].tolist() == ["high", "low"]


def test_tracks_whose_class_is_unknown_are_not_named(tracks):
    table = named_by_output(run_of("artist", ("x", "y")), heard(tracks), EVERY)
    assert table["path"].tolist() == ["/m/a.wav", "/m/b.wav", "/m/d.wav"]
    assert table["named"].tolist() == ["y", "x", "y"]


@pytest.mark.parametrize(
    "run",
    [run_of(None, ()), run_of("tags"), run_of(labels=("high", "middle"))],
    ids=["no target", "tags", "another class"],
)
def test_what_a_run_cannot_name_is_not_named(run, tracks):
    assert named_by_output(run, heard(tracks), EVERY) is None


def test_without_probabilities_or_a_column_or_a_judged_track_nothing_is_named(tracks):
    assert named_by_output(run_of(), heard(tracks, None), EVERY) is None
    assert named_by_output(run_of(), heard(tracks.drop(columns="label")), EVERY) is None
    assert named_by_output(run_of(), heard(tracks), ~EVERY) is None


@pytest.fixture
def named():
    """Sixty named tracks of three classes in twenty groups, two thirds of them right."""
    rng = np.random.default_rng(0)
    true = rng.choice(["blues", "dub", "choral"], 60)
    guessed = np.where(rng.random(60) < 2 / 3, true, "dub")
    group = (np.arange(60) // 3).astype(str)
    return pd.DataFrame({"path": group, "group": group, "true": true, "named": guessed})


def test_named_tracks_are_judged_as_scikit_learn_judges_them(named):
    report = named_report(named, ("blues", "choral", "dub"))
    assert report.accuracy == pytest.approx(accuracy_score(named["true"], named["named"]))
    f1 = f1_score(named["true"], named["named"], average="macro")
    assert report.macro_f1 == pytest.approx(f1)
    np.testing.assert_array_equal(report.confusion, confusion_matrix(named["true"], named["named"]))


def test_classes_have_the_order_given_or_else_that_of_the_alphabet(named):
    assert named_report(named, ("dub", "blues", "choral")).labels == ("dub", "blues", "choral")
    assert named_report(named).labels == ("blues", "choral", "dub")
    assert named_report(named[named["true"] != "dub"]).labels == ("blues", "choral", "dub")


def test_intervals_come_from_whole_groups_and_their_seed(named):
    report = named_report(named, seed=1)
    assert named_report(named, seed=1).accuracy_interval == report.accuracy_interval
    assert named_report(named, seed=2).accuracy_interval != report.accuracy_interval
    # Three of a kind tell as much as one: the interval is wider by the root of three, or so.
    whole = named.loc[named.index // 3 * 3].reset_index(drop=True)
    alone = whole.assign(group=whole.index.astype(str))
    widths = [np.ptp(named_report(table).accuracy_interval) for table in (whole, alone)]
    assert widths[0] / widths[1] == pytest.approx(np.sqrt(3), rel=0.25)
