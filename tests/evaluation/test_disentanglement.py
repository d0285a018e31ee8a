"""MIG and SAP on codes made by hand, held to slow loops and scikit-learn."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import balanced_accuracy_score, mutual_info_score
from sklearn.neighbors import NearestCentroid
from sklearn.svm import LinearSVC

from kmusic.datasets.studio.corpus import studio_factors
from kmusic.evaluation.disentanglement import (
    judge_disentanglement,
    mutual_information_gap,
    require_factors,
    separated_attribute_predictability,
)

N = 240


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def factors(rng):
    """Factors that are even and know nothing of each other."""
    drums, key = np.meshgrid([0, 1], [*"CDEFGA"])
    tempo = np.linspace(60.0, 168.0, N)
    rows = rng.permutation(N)
    turns = N // drums.size
    even = {"drums": np.tile(drums.ravel(), turns), "key": np.tile(key.ravel(), turns)}
    return pd.DataFrame(even | {"tempo": tempo[rows]})


def noise(rng, n_coordinates=4):
    return rng.normal(size=(N, n_coordinates))


def numbered(factors):
    """Give every factor as numbers, a coordinate each."""
    return np.stack([pd.factorize(factors[name], sort=True)[0] for name in factors], axis=1)


def test_a_code_of_the_factors_themselves_is_wholly_disentangled(factors):
    found = judge_disentanglement(numbered(factors[["drums", "key"]]), factors[["drums", "key"]])
    assert found.table["mig"].tolist() == pytest.approx([1.0, 1.0])
    assert found.table["mig_coordinate"].tolist() == [0, 1]
    assert found.table["sap_coordinate"].tolist() == [0, 1]
    assert found.table["sap"].tolist() == pytest.approx([1 - 1 / 2, 1 - 1 / 6])  # above chance
    assert found.mean("mig") == pytest.approx(1.0)
    assert 0 < found.mean("mig_shuffled") < 0.05


def test_even_numbers_in_a_coordinate_of_their_own_are_disentangled(factors, rng):
    code = np.stack([factors["tempo"], rng.permutation(factors["tempo"])], axis=1)
    assert separated_attribute_predictability(code, factors["tempo"]).value > 0.95
    gap = mutual_information_gap(np.stack([code[:, 0], np.zeros(N)], axis=1), factors["tempo"])
    assert gap.value == pytest.approx(1.0)
    assert gap.coordinate == 0


@pytest.mark.parametrize("name", ["drums", "key", "tempo"])
def test_a_factor_in_two_coordinates_is_in_none_of_them_alone(name, factors, rng):
    own = pd.factorize(factors[name], sort=True)[0].astype(float)
    code = np.stack([own, -3 * own + 1, rng.normal(size=N)], axis=1)
    assert mutual_information_gap(code, factors[name]).value == pytest.approx(0.0, abs=1e-9)
    assert separated_attribute_predictability(code, factors[name]).value == pytest.approx(0.0)


def test_a_code_that_knows_nothing_scores_as_shuffled_factors_do(factors, rng):
    found = judge_disentanglement(noise(rng, 30), factors, n_shuffles=50)
    for name in ("mig", "sap"):
        assert found.mean(f"{name}_shuffled") > 0  # the best of many seems to know something
        assert found.mean(name) == pytest.approx(found.mean(f"{name}_shuffled"), abs=0.02)


def bins_by_hand(values):
    """Number the bin of each value, 20 of equal width, the greatest in the last."""
    edges = np.linspace(min(values), max(values), 21)
    return [min(int(np.searchsorted(edges, value, side="right")) - 1, 19) for value in values]


def gap_by_hand(scores):
    second, best = sorted(scores)[-2:]
    return best - second, int(np.argmax(scores))


@pytest.mark.parametrize("name", ["key", "tempo"])
def test_the_information_gap_is_scikit_learns_information_on_bins(name, factors, rng):
    code = noise(rng)
    code[:, 2] += 2 * pd.factorize(factors[name], sort=True)[0] / N
    values = bins_by_hand(factors[name]) if name == "tempo" else factors[name]
    scores = [mutual_info_score(bins_by_hand(column), values) for column in code.T]
    expected, best = gap_by_hand(scores)
    gap = mutual_information_gap(code, factors[name])
    assert gap.value == pytest.approx(expected / mutual_info_score(values, values))
    assert gap.coordinate == best


def test_numbers_are_predicted_by_a_line(factors, rng):
    code = noise(rng)
    code[:, 1] += factors["tempo"] / 50
    code[:, 3] -= factors["tempo"] / 90
    columns = [column[:, None] for column in code.T]
    lines = [LinearRegression().fit(column, factors["tempo"]) for column in columns]
    scores = [line.score(x, factors["tempo"]) for line, x in zip(lines, columns, strict=True)]
    assert separated_attribute_predictability(code, factors["tempo"]) == pytest.approx(
        gap_by_hand(scores)
    )


def uneven(rng):
    """Give classes of unlike size, and a code of which two coordinates know something of them."""
    classes = rng.choice(["waltz", "dub", "choral"], N, p=[0.6, 0.3, 0.1])
    places = {"waltz": 0.0, "dub": 1.5, "choral": -2.0}
    code = noise(rng)
    code[:, 3] += [places[name] for name in classes]
    code[:, 0] += [name == "waltz" for name in classes]
    return code, classes


def test_classes_are_predicted_by_the_nearest_of_their_means(rng):
    code, classes = uneven(rng)
    scores = []
    for column in code.T:
        nearest = NearestCentroid().fit(column[:, None], classes).predict(column[:, None])
        scores.append(balanced_accuracy_score(classes, nearest))
    gap = separated_attribute_predictability(code, classes)
    assert gap == pytest.approx(gap_by_hand(scores))


def test_the_nearest_mean_predicts_about_what_a_support_vector_machine_does(rng):
    code, classes = uneven(rng)
    dub = classes == "dub"
    scores = []
    for column in code.T:
        machine = LinearSVC(class_weight="balanced").fit(column[:, None], dub)
        scores.append(balanced_accuracy_score(dub, machine.predict(column[:, None])))
    gap = separated_attribute_predictability(code, dub)
    assert gap.value == pytest.approx(gap_by_hand(scores)[0], abs=0.05)


def test_a_constant_coordinate_knows_nothing(factors):
    constant = np.full((N, 2), 0.1)
    for name in factors:
        assert mutual_information_gap(constant, factors[name]).value == pytest.approx(0.0)
        gap = separated_attribute_predictability(constant, factors[name])
        assert gap.value == pytest.approx(0.0)


def test_a_constant_factor_is_left_out_and_named(factors, rng):
    told = factors.assign(meter=4, swing=np.nan)
    found = judge_disentanglement(noise(rng), told, n_shuffles=1)
    assert found.table.index.tolist() == ["drums", "key", "tempo"]
    assert found.constant == ("meter", "swing")


def test_where_every_factor_is_constant_there_is_no_mean(factors, rng):
    found = judge_disentanglement(noise(rng), factors.assign(meter=4)[["meter"]])
    answer = json.loads(json.dumps(found.to_json()))
    assert (answer["mig"], answer["sap_shuffled"], answer["factors"]) == (None, None, {})


def test_a_missing_value_costs_a_track_for_its_factor_alone(factors, rng):
    code, gone = noise(rng), np.arange(N) < 30
    told = factors.assign(key=factors["key"].mask(gone))
    table = judge_disentanglement(code, told, n_shuffles=1).table
    assert table["n_tracks"].tolist() == [N, N - 30, N]
    kept = mutual_information_gap(code[30:], factors["key"][30:])
    assert table.loc["key", "mig"] == pytest.approx(kept.value)


def test_whole_numbers_that_are_few_are_classes_and_text_of_numbers_is_numbers(rng):
    told = pd.DataFrame(
        {
            "few": [f"{i % 20}" for i in range(N)],
            "many": [f"{i % 21}" for i in range(N)],
            "halves": [f"{i % 3 / 2}" for i in range(N)],
            "words": [f"x{i}" for i in range(N)],
        }
    )
    table = judge_disentanglement(noise(rng), told, n_shuffles=1).table
    assert table["kind"].tolist() == ["classes", "numbers", "numbers", "classes"]
    as_numbers = told.assign(many=told["many"].astype(int))
    assert (
        judge_disentanglement(noise(rng), as_numbers, n_shuffles=1).table.loc["many", "kind"]
        == "numbers"
    )


def test_shuffles_follow_their_seed(factors, rng):
    code = noise(rng)
    first, again, other = (
        judge_disentanglement(code, factors, seed=seed).mean("mig_shuffled") for seed in (1, 1, 2)
    )
    assert first == again != other


def test_figures_are_plain_values_beside_their_protocol(factors, rng):
    found = judge_disentanglement(noise(rng), factors, n_shuffles=2, seed=5)
    answer = json.loads(json.dumps(found.to_json()))
    assert answer["mig"] == pytest.approx(np.mean([f["mig"] for f in answer["factors"].values()]))
    assert (answer["n_tracks"], answer["n_coordinates"], answer["n_bins"]) == (N, 4, 20)
    assert (answer["n_shuffles"], answer["seed"]) == (2, 5)
    assert answer["factors"]["tempo"]["kind"] == "numbers"


def test_studio_stands_for_all_factors_of_the_corpus():
    names = [factor.name for factor in studio_factors()]
    table = pd.DataFrame(columns=["path", "mood", *names])
    assert require_factors(["mood", "studio", "key"], table) == ("mood", *names)


@pytest.mark.parametrize(
    ("vectors", "n_values", "settings", "rule"),
    [
        (np.zeros((4, 1)), 4, {}, r"2 coordinates or more.*shape \(4, 1\)"),
        (np.zeros((4, 2)), 5, {}, "5 values"),
        (np.full((4, 2), np.nan), 4, {}, "8 not finite"),
        (np.zeros((4, 2)), 4, {"n_shuffles": 0}, "n_shuffles must be positive; got 0"),
    ],
)
def test_nonsense_is_refused(vectors, n_values, settings, rule):
    with pytest.raises(ValueError, match=rule):
        judge_disentanglement(vectors, pd.DataFrame({"key": range(n_values)}), **settings)


def test_an_unknown_factor_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"columns of the track table, \['key'\].* got 'tempo'"):
        require_factors(["tempo", "key"], pd.DataFrame({"key": ["C"]}))
