"""Figures of a run as one table, from answers written by hand."""

import pandas as pd
import pytest

from kmusic.report.figures import figures

RETRIEVAL = {"map": 0.4, "map_interval": [0.3, 0.5], "precision_at": {"1": 0.6}}


def probed(accuracy, n_test):
    interval = [accuracy - 0.1, accuracy + 0.1]
    return {"accuracy": accuracy, "accuracy_interval": interval, "protocol": {"n_test": n_test}}


def test_each_figure_stands_with_its_interval():
    named = {"accuracy": 0.9, "accuracy_interval": [0.8, 1.0]}
    table = figures({"classification": named, "probes": {}, "retrieval": [RETRIEVAL]})
    assert table.loc["accuracy"].tolist() == [0.9, 0.8, 1.0]
    assert table.loc["retrieval MAP"].tolist() == [0.4, 0.3, 0.5]


def test_a_figure_without_an_interval_has_none():
    table = figures({"classification": None, "probes": {}, "retrieval": [RETRIEVAL]})
    assert table.loc["precision at 1", "value"] == 0.6
    assert pd.isna(table.loc["precision at 1", "low"])


def test_runs_of_folds_are_weighed_by_their_tracks():
    probes = {"svm": [probed(0.5, [10]), probed(0.8, [20, 10])]}
    table = figures({"classification": None, "probes": probes, "retrieval": []})
    assert table.index.tolist() == ["svm probe, run 1", "svm probe, run 2", "svm probe, all runs"]
    assert table.loc["svm probe, all runs", "value"] == pytest.approx((5 + 24) / 40)


def test_nothing_measured_is_an_empty_table():
    assert figures({"classification": None, "probes": {}, "retrieval": []}).empty
