import json

import numpy as np
import pytest
import sklearn.metrics

from kmusic.evaluation.classification import (
    classification_report,
    multilabel_report,
    report_from_confusion,
)

GENRES = [
    *("Electronic", "Experimental", "Folk", "Hip-Hop"),
    *("Instrumental", "International", "Pop", "Rock"),
]
# Bjelikj et al. (2020), figures 4 and 6, true genre in rows.
CNN = """
    58 5 4 11 5 3 9 5 / 6 39 13 9 10 5 9 9 / 2 18 53 0 6 10 7 4 / 15 3 5 67 2 3 3 2 /
    8 18 25 0 41 0 8 0 / 13 4 16 5 4 48 7 3 / 17 7 17 8 5 8 28 10 / 5 9 7 1 0 3 7 68
"""
PARALLEL = """
    68 8 7 4 8 4 1 0 / 12 45 9 1 17 10 2 4 / 0 17 65 0 3 11 3 1 / 13 8 1 71 0 6 1 0 /
    8 24 26 1 37 2 0 2 / 7 2 14 5 2 63 6 1 / 24 7 17 7 3 20 17 5 / 11 13 7 1 3 7 4 54
"""
# Tables 2 and 3, in percent as printed: precision, recall, F1 of each genre.
TABLE_2 = """
    46.77 58 51.79 / 37.86 39 38.42 / 37.86 53 44.17 / 66.34 67 66.67 /
    56.16 41 47.40 / 60.00 48 53.33 / 35.90 28 31.46 / 67.33 68 67.66
"""
TABLE_3 = """
    47.55 68 55.97 / 36.29 45 40.18 / 44.52 65 52.85 / 78.89 71 74.74 /
    50.68 37 42.77 / 51.22 63 56.50 / 50.00 17 25.37 / 80.60 54 64.67
"""


def table(text, dtype=float):
    return np.array([row.split() for row in text.split("/")], dtype=dtype)


@pytest.fixture
def judged():
    """True and predicted classes of 300 tracks; class 4 is never true."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, 4, 300)
    return true, np.where(rng.random(300) < 0.6, true, rng.integers(0, 5, 300))


@pytest.mark.parametrize(
    ("confusion", "printed", "averages"),
    [
        # The paper prints 50.20 as table 2's mean F1; its own eight F1 above it average 50.11.
        (CNN, TABLE_2, (51.02, 50.25, 50.11)),
        (PARALLEL, TABLE_3, (54.97, 52.50, 51.63)),
    ],
)
def test_the_papers_tables_follow_from_its_confusion_matrices(confusion, printed, averages):
    report = report_from_confusion(table(confusion, int), GENRES)
    percent = 100 * report.per_class[["precision", "recall", "f1"]].to_numpy()
    np.testing.assert_allclose(percent, table(printed), atol=0.0051)  # half the last digit
    # The paper cuts a digit of its averages (51.028 is printed 51.02) where it should round.
    np.testing.assert_allclose(percent.mean(axis=0), averages, atol=0.01)
    assert report.accuracy == pytest.approx(averages[1] / 100)
    assert 100 * report.macro_f1 == pytest.approx(averages[2], abs=0.005)
    assert (report.per_class["support"] == 100).all()


def test_the_figures_are_sklearns(judged):
    true, predicted = judged
    report = classification_report(true, predicted, list("abcde"))
    assert report.accuracy == sklearn.metrics.accuracy_score(true, predicted)
    np.testing.assert_array_equal(
        report.confusion, sklearn.metrics.confusion_matrix(true, predicted, labels=range(5))
    )
    expected = sklearn.metrics.precision_recall_fscore_support(
        true, predicted, labels=range(5), zero_division=0
    )
    np.testing.assert_allclose(report.per_class.to_numpy().T, expected)


def test_macro_f1_is_over_classes_that_occur(judged):
    report = classification_report(*judged, list("abcde"))
    expected = sklearn.metrics.f1_score(*judged, labels=range(4), average="macro")
    assert report.macro_f1 == pytest.approx(expected)


def test_the_interval_of_accuracy_is_the_binomials():
    true = np.zeros(400, int)
    predicted = (np.arange(400) < 100).astype(int)
    low, high = classification_report(true, predicted, ["a", "b"]).accuracy_interval
    error = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    # 1,000 resamples place a percentile within about a tenth of the half width.
    np.testing.assert_allclose((low, high), (0.75 - error, 0.75 + error), atol=0.1 * error)


def test_the_interval_of_macro_f1_equals_one_from_sklearn(judged):
    true, predicted = judged
    rng = np.random.default_rng(1)
    resamples = rng.integers(0, 300, (400, 300))
    values = [
        sklearn.metrics.f1_score(true[rows], predicted[rows], labels=range(4), average="macro")
        for rows in resamples
    ]
    expected = np.quantile(values, [0.025, 0.975])
    actual = classification_report(true, predicted, list("abcde")).macro_f1_interval
    np.testing.assert_allclose(actual, expected, atol=0.2 * np.ptp(expected) / 2)


def test_whole_groups_widen_the_interval():
    true, predicted = np.zeros(300, int), np.repeat(np.arange(30) % 2, 10)
    labels, groups = ["a", "b"], np.repeat(np.arange(30), 10)
    alone = classification_report(true, predicted, labels).accuracy_interval
    together = classification_report(true, predicted, labels, groups=groups).accuracy_interval
    assert np.ptp(together) > 2 * np.ptp(alone)


def test_reports_are_plain_json(judged):
    report = json.loads(json.dumps(classification_report(*judged, list("abcde")).to_json()))
    assert report["labels"] == list("abcde")
    assert report["per_class"]["e"]["support"] == 0
    assert np.sum(report["confusion"]) == report["n_tracks"] == 300


@pytest.mark.parametrize(
    ("true", "predicted", "rule"),
    [
        ([], [], "one entry a track"),
        ([0, 1], [0], "one entry a track"),
        ([0, 2], [0, 1], r"lie in \[0, 2\); got 2"),
        ([0, -1], [0, 1], r"lie in \[0, 2\); got -1"),
        ([0.0, 1.0], [0, 1], "whole numbers"),
    ],
)
def test_classes_that_are_none_are_refused(true, predicted, rule):
    with pytest.raises(ValueError, match=rule):
        classification_report(true, predicted, ["a", "b"])


def test_a_label_that_occurs_twice_is_refused():
    with pytest.raises(ValueError, match="each class once"):
        classification_report([0], [1], ["a", "a"])


@pytest.mark.parametrize("confusion", [[[1, 2]], [[0.5, 1.0], [1.0, 1.0]]])
def test_a_matrix_that_counts_nothing_is_refused(confusion):
    with pytest.raises(ValueError, match="confusion must"):
        report_from_confusion(confusion, ["a", "b"])


@pytest.fixture
def tagged():
    """Tags and probabilities, with ties, of 80 tracks; nobody has tag 2, everybody tag 3."""
    rng = np.random.default_rng(0)
    true = (rng.random((80, 5)) < 0.3).astype(int)
    true[:, 2], true[:, 3] = 0, 1
    return true, np.round(0.3 * true + 0.7 * rng.random((80, 5)), 1)


def test_tag_scores_are_sklearns(tagged):
    true, probabilities = tagged
    report = multilabel_report(true, probabilities, list("abcde"))
    judged = [0, 1, 4]
    for name, oracle in [
        ("roc_auc", sklearn.metrics.roc_auc_score),
        ("average_precision", sklearn.metrics.average_precision_score),
    ]:
        expected = [oracle(true[:, tag], probabilities[:, tag]) for tag in judged]
        np.testing.assert_allclose(report.per_tag[name], expected, rtol=1e-12)
        assert getattr(report, name) == pytest.approx(np.mean(expected))
        low, high = getattr(report, f"{name}_interval")
        assert low < np.mean(expected) < high
    assert report.per_tag["support"].tolist() == true[:, judged].sum(axis=0).tolist()


def test_tags_that_cannot_be_ranked_are_named(tagged):
    report = multilabel_report(*tagged, list("abcde"))
    assert report.labels == ("a", "b", "e")
    assert report.left_out == ("c", "d")


def test_a_tag_on_one_track_still_has_an_interval():
    true = np.eye(6, 2)
    low, high = multilabel_report(true, true, ["a", "b"]).roc_auc_interval
    assert low == high == 1.0


def test_a_tag_report_is_plain_json(tagged):
    report = json.loads(json.dumps(multilabel_report(*tagged, list("abcde")).to_json()))
    assert report["left_out"] == ["c", "d"]
    assert set(report["per_tag"]) == {"a", "b", "e"}


@pytest.mark.parametrize(
    ("true", "probabilities", "rule"),
    [
        ([[0], [1]], [[0.1], [0.2], [0.3]], "one row a track"),
        ([[0], [2]], [[0.1], [0.2]], "0 and 1"),
        ([[0], [1]], [[0.1], [np.nan]], "finite"),
        ([[0], [0]], [[0.1], [0.2]], "on some tracks"),
    ],
)
def test_tags_that_make_no_sense_are_refused(true, probabilities, rule):
    with pytest.raises(ValueError, match=rule):
        multilabel_report(true, probabilities, ["a"])
