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


def reconstructed(error, **parts):
    return {"unit": "dB", "mean_squared_error": error} | parts


SOURCES = {"value": 0.7, "interval": [0.6, 0.8], "n_among": 100}
BANDS = {"mean_difference": 5.0, "log2_variance_ratio": 1.5}
LOUDNESS = {
    "value": -0.3,
    "interval": [-0.5, -0.1],
    "rank_value": -0.4,
    "rank_interval": [-0.6, -0.2],
}


def rows_of(*reports):
    """List the figures of what runs reconstruct, without those that are missing."""
    answer = {"classification": None, "probes": {}, "retrieval": [], "reconstruction": [*reports]}
    return {name: row.dropna().tolist() for name, row in figures(answer).iterrows()}


def test_what_is_reconstructed_and_generated_stands_with_its_unit():
    report = reconstructed(30.0, sources=SOURCES, generation=BANDS, loudness=LOUDNESS)
    assert rows_of(report) == {
        "source of a reconstruction found among 100": [0.7, 0.6, 0.8],
        "reconstruction error, dB squared": [30.0],
        "generated: difference of band means, dB": [5.0],
        "generated: log2 ratio of band variances": [1.5],
        "latent length and loudness": [-0.3, -0.5, -0.1],
        "latent length and loudness by rank": [-0.4, -0.6, -0.2],
    }


def test_what_runs_reconstruct_is_numbered_and_what_is_missing_is_not_told():
    reports = [reconstructed(e, sources=None, generation=None, loudness=None) for e in (1.0, 2.0)]
    assert rows_of(*reports) == {
        "reconstruction error, dB squared, run 1": [1.0],
        "reconstruction error, dB squared, run 2": [2.0],
    }


def test_errors_of_standardised_input_say_so_and_only_where_they_were_measured():
    bare = {"sources": None, "generation": None, "loudness": None}
    told = reconstructed(30.0, standardised_error=0.6, forced_error=0.2, **bare)
    assert rows_of(told) == {
        "reconstruction error, dB squared": [30.0],
        "reconstruction error, standardised input": [0.6],
        "reconstruction error, standardised input, teacher forced": [0.2],
    }
    alone = reconstructed(30.0, standardised_error=0.0, forced_error=None, **bare)
    assert rows_of(alone) == {
        "reconstruction error, dB squared": [30.0],
        "reconstruction error, standardised input": [0.0],
    }


def test_a_latent_space_is_told_by_its_divergence_and_active_dimensions():
    latent = {"divergence": 3.5, "n_active": 7, "active_above": 0.01, "latent_dim": 100}
    answer = {"classification": None, "probes": {}, "retrieval": [], "latent": [latent] * 2}
    assert figures(answer)["value"].to_dict() == {
        "divergence of a latent code, nats, run 1": 3.5,
        "latent dimensions above 0.01 nats, of 100, run 1": 7,
        "divergence of a latent code, nats, run 2": 3.5,
        "latent dimensions above 0.01 nats, of 100, run 2": 7,
    }


def test_disentanglement_stands_beside_that_of_shuffled_factors():
    told = {"mig": 0.1, "mig_shuffled": 0.02, "sap": 0.3, "sap_shuffled": 0.04, "n_tracks": 48}
    empty = dict.fromkeys(told, None) | {"factors": {}}
    answer = {"classification": None, "probes": {}, "retrieval": []}
    table = figures(answer | {"disentanglement": [told | {"factors": {"key": {}, "drums": {}}}]})
    assert table["value"].to_dict() == {
        "MIG, mean of 2 factors of 48 tracks": 0.1,
        "MIG of the factors shuffled": 0.02,
        "SAP, mean of 2 factors of 48 tracks": 0.3,
        "SAP of the factors shuffled": 0.04,
    }
    assert figures(answer | {"disentanglement": [empty]}).empty


def found(recall, rank):
    ends = {"recall_interval": {"10": [recall - 0.1, recall + 0.1]}}
    ranks = {"mean_rank_interval": [rank - 1, rank + 1], "median_rank_interval": [1, 2]}
    return {"recall": {"10": recall}, "mean_rank": rank, "median_rank": 1.5} | ends | ranks


ALIGNED = {
    "tags_to_tracks": found(0.5, 20.0),
    "tracks_to_tags": found(0.7, 10.0),
    "chance": {"10": 0.05},
    "pool_size": 200,
}


def test_what_tags_and_tracks_find_of_each_other_stands_with_its_pool_and_chance():
    answer = {"classification": None, "probes": {}, "retrieval": [], "cross_modal": [ALIGNED]}
    rows = {name: row.dropna().tolist() for name, row in figures(answer).iterrows()}
    assert rows == {
        "tags to tracks: found among the nearest 10 of 200": pytest.approx([0.5, 0.4, 0.6]),
        "tags to tracks: median rank of 200": [1.5, 1.0, 2.0],
        "tags to tracks: mean rank of 200": [20.0, 19.0, 21.0],
        "tracks to tags: found among the nearest 10 of 200": pytest.approx([0.7, 0.6, 0.8]),
        "tracks to tags: median rank of 200": [1.5, 1.0, 2.0],
        "tracks to tags: mean rank of 200": [10.0, 9.0, 11.0],
        "tags and tracks: chance among the nearest 10 of 200": [0.05],
    }
    names = figures(answer | {"cross_modal": [ALIGNED] * 2}).index
    assert names[0] == "tags to tracks: found among the nearest 10 of 200, run 1"
    assert names[-1] == "tags and tracks: chance among the nearest 10 of 200, run 2"


def test_runs_of_folds_are_weighed_by_their_tracks():
    probes = {"svm": [probed(0.5, [10]), probed(0.8, [20, 10])]}
    table = figures({"classification": None, "probes": probes, "retrieval": []})
    assert table.index.tolist() == ["svm probe, run 1", "svm probe, run 2", "svm probe, all runs"]
    assert table.loc["svm probe, all runs", "value"] == pytest.approx((5 + 24) / 40)


def test_nothing_measured_is_an_empty_table():
    assert figures({"classification": None, "probes": {}, "retrieval": []}).empty
