import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from kmusic.evaluation.folds import Fold
from kmusic.evaluation.linear_softmax import LinearSoftmax
from kmusic.evaluation.probes import PROBES, build_probe, evaluate_probe
from kmusic.training.probe import ForestConfig, KNNConfig, MLPConfig, SVMConfig

LABELS = ["blues", "choral", "dub"]


@pytest.fixture(scope="module")
def cloud():
    """Embeddings and classes of 120 tracks, 8 dimensions of very different size."""
    rng = np.random.default_rng(0)
    targets = np.arange(120) % 3
    embeddings = rng.normal(size=(3, 8))[targets] + 0.8 * rng.normal(size=(120, 8))
    return embeddings * np.logspace(-3, 3, 8), targets


@pytest.fixture(scope="module")
def folds(cloud):
    return list(StratifiedKFold(3, shuffle=True, random_state=0).split(*cloud))


@pytest.mark.parametrize("name", sorted(PROBES))
def test_every_probe_learns_what_there_is(name, cloud, folds):
    result = evaluate_probe(name, *cloud, folds, labels=LABELS)
    # k-NN on raw numbers sees only the largest of the dimensions.
    assert result.accuracy > (0.5 if name == "knn" else 0.75)
    assert result.report.n_tracks == 120
    assert result.accuracy == pytest.approx(result.report.accuracy)
    assert result.protocol["n_test"] == [40, 40, 40]


@pytest.mark.parametrize("name", sorted(PROBES))
def test_the_same_seed_gives_the_same_result(name, cloud, folds):
    first, again = (
        evaluate_probe(name, *cloud, folds[:1], labels=LABELS, seed=4).to_json() for _ in range(2)
    )
    assert first == again


def test_k_nn_is_sklearns_with_its_weights(cloud, folds):
    x, y = cloud
    expected = [
        make_pipeline(StandardScaler(), KNeighborsClassifier(8, weights="distance"))
        .fit(x[train], y[train])
        .score(x[test], y[test])
        for train, test in folds
    ]
    result = evaluate_probe("knn8", x, y, folds, labels=LABELS)
    assert result.fold_accuracies == pytest.approx(expected)


def test_k_nn_ignores_length():
    y = np.repeat(np.arange(3), 50)
    noise = 0.2 * np.random.default_rng(0).normal(size=(150, 3))
    x = (np.eye(3)[y] + noise) * np.tile(np.logspace(0, 6, 50), 3)[:, None]
    splits = [(np.arange(0, 150, 2), np.arange(1, 150, 2))]
    assert evaluate_probe("knn", x, y, splits, labels=LABELS).accuracy == 1.0


def test_k_is_cut_to_the_rows_there_are():
    x, y = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]]), np.array([0, 1, 0])
    result = evaluate_probe("knn", x, y, [([0, 1], [2])], labels=["a", "b"])
    assert result.protocol["n_train"] == [2]


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (KNNConfig(), KNeighborsClassifier(8, weights="distance", metric="euclidean")),
        (
            KNNConfig(n_neighbors=3, weights="uniform", metric="cosine"),
            KNeighborsClassifier(3, weights="uniform", metric="cosine"),
        ),
        (SVMConfig(penalty=10.0), SVC(C=10.0, kernel="rbf", gamma="scale")),
        (
            MLPConfig(hidden_units=9, max_iter=30),
            MLPClassifier((9,), max_iter=30, random_state=0),
        ),
    ],
    ids=["neighbours", "others", "svm", "perceptron"],
)
def test_a_recipe_s_probe_is_scikit_learns_with_its_settings(config, expected, standardize):
    built = build_probe(replace(config, standardize=standardize))
    if standardize:
        scaler, built = (step for _, step in built.steps)
        assert type(scaler) is StandardScaler
    assert is_classifier(built)
    assert isinstance(built, type(expected))
    assert built.get_params() == expected.get_params()


@pytest.mark.parametrize(
    ("config", "name", "expected"),
    [
        (KNNConfig(n_neighbors=5), "k-NN", KNeighborsClassifier(5, weights="distance")),
        (SVMConfig(penalty=0.5), "SVM", SVC(C=0.5)),
    ],
)
def test_a_recipe_s_probe_is_judged_like_those_with_names(config, name, expected, cloud, folds):
    x, y = cloud
    result = evaluate_probe(config, x, y, folds, labels=LABELS, n_seeds=3)
    scores = [expected.fit(x[train], y[train]).score(x[test], y[test]) for train, test in folds]
    assert result.fold_accuracies == pytest.approx(scores)
    assert (result.name, result.protocol["probe"], result.protocol["n_seeds"]) == (name, name, 1)


def test_the_perceptron_is_scikit_learns_with_256_hidden_units_and_its_defaults(cloud, folds):
    x, y = cloud
    scores = []
    for seed in (3, 4):
        for train, test in folds[:2]:
            scaler = StandardScaler().fit(x[train])
            oracle = MLPClassifier(256, random_state=seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                oracle.fit(scaler.transform(x[train]), y[train])
            scores.append(oracle.score(scaler.transform(x[test]), y[test]))
    result = evaluate_probe("mlp", x, y, folds[:2], labels=LABELS, n_seeds=2, seed=3)
    assert result.seed_accuracies == pytest.approx(np.reshape(scores, (2, 2)).mean(axis=1))
    (_, perceptron) = PROBES["mlp"](3).steps[1]
    assert perceptron.get_params()["max_iter"] == 200


def test_a_result_says_what_each_tested_row_was_named(cloud, folds):
    x, y = cloud
    result = evaluate_probe("knn", x, y, folds, labels=LABELS)
    np.testing.assert_array_equal(result.tested, np.concatenate([test for _, test in folds]))
    oracle = KNeighborsClassifier(20, metric="cosine")
    expected = [oracle.fit(x[train], y[train]).predict(x[test]) for train, test in folds]
    np.testing.assert_array_equal(result.named, np.concatenate(expected))


def test_of_several_seeds_the_first_one_s_names_are_kept(cloud, folds):
    x, y = cloud[0], np.random.default_rng(0).permutation(cloud[1])  # nothing to learn
    first, other = (
        evaluate_probe("forest", x, y, folds[:1], labels=LABELS, seed=seed).named for seed in (5, 6)
    )
    both = evaluate_probe("forest", x, y, folds[:1], labels=LABELS, n_seeds=2, seed=5)
    np.testing.assert_array_equal(both.named, first)
    assert np.any(other != first)


@pytest.mark.parametrize(
    "name", ["knn8", "logistic", "linear_softmax", "linear_softmax_published", "mlp", "svm"]
)
def test_the_scaler_never_sees_a_test_row(name, cloud, folds, monkeypatch):
    x, y = cloud
    train, test = folds[0]
    poisoned = x.copy()
    poisoned[test] = 1e30
    made, make = [], PROBES[name]
    monkeypatch.setitem(PROBES, name, lambda seed: made.append(make(seed)) or made[-1])
    for embeddings in (x, poisoned):
        evaluate_probe(name, embeddings, y, [(train, test)], labels=LABELS)
    scalers = [probe.scaler if name.startswith("linear") else probe[0] for probe in made]
    clean, dirty = (scaler for scaler in scalers if hasattr(scaler, "mean_"))
    np.testing.assert_array_equal(clean.mean_, dirty.mean_)
    np.testing.assert_array_equal(clean.scale_, dirty.scale_)


def test_a_fold_s_validation_rows_choose_the_epoch(cloud):
    x, y = cloud[0], np.random.default_rng(0).permutation(cloud[1])  # nothing to learn
    fold = Fold(np.arange(60), np.arange(90, 120), np.arange(60, 90))
    result = evaluate_probe("linear_softmax", x, y, [fold], labels=LABELS, seed=7)
    oracle = LinearSoftmax(seed=7).fit(x[:60], y[:60], validation_data=(x[60:90], y[60:90]))
    np.testing.assert_array_equal(result.named, oracle.predict(x[90:]))
    without = evaluate_probe("linear_softmax", x, y, [fold[:2]], labels=LABELS, seed=7)
    assert np.any(without.named != result.named)


def test_a_probe_that_chooses_no_epoch_leaves_validation_rows_alone(cloud):
    x, y = cloud
    fold = Fold(np.arange(60), np.arange(90, 120), np.arange(60, 90))
    result = evaluate_probe("knn", x, y, [fold], labels=LABELS)
    oracle = KNeighborsClassifier(20, metric="cosine").fit(x[:60], y[:60])
    np.testing.assert_array_equal(result.named, oracle.predict(x[90:]))


def test_the_protocol_counts_the_rows_of_each_side(cloud):
    splits = [([0, 1], [2], [3, 4, 5]), ([0, 1], [6])]
    protocol = evaluate_probe("knn", *cloud, splits, labels=LABELS).protocol
    sides = ("n_train", "n_validation", "n_test")
    assert [protocol[side] for side in sides] == [[2, 2], [3, 0], [1, 1]]


def test_the_published_linear_softmax_scales_all_dimensions_alike(cloud, folds):
    result = evaluate_probe("linear_softmax_published", *cloud, folds[:1], labels=LABELS, n_seeds=2)
    assert "scaling='global'" in result.protocol["settings"]
    assert result.protocol["n_seeds"] == 2


def test_several_seeds_are_averaged(cloud, folds):
    result = evaluate_probe("forest", *cloud, folds, labels=LABELS, n_seeds=3, seed=5)
    assert len(result.seed_accuracies) == result.protocol["n_seeds"] == 3
    assert result.accuracy == pytest.approx(np.mean(result.seed_accuracies))
    assert result.accuracy == pytest.approx(np.mean(result.fold_accuracies))  # folds of one size
    alone = evaluate_probe("forest", *cloud, folds, labels=LABELS, seed=6)
    assert result.seed_accuracies[1] == pytest.approx(alone.accuracy)
    low, high = result.accuracy_interval
    assert low < result.accuracy < high


def test_a_probe_without_randomness_runs_once(cloud, folds):
    result = evaluate_probe("svm", *cloud, folds, labels=LABELS, n_seeds=10)
    assert result.protocol["n_seeds"] == len(result.seed_accuracies) == 1


def test_the_protocol_says_whether_groups_were_kept_apart(cloud):
    x, y = cloud
    splits = [(np.arange(60), np.arange(60, 120))]

    def protocol(groups):
        return evaluate_probe("knn", x, y, splits, labels=LABELS, groups=groups).protocol

    apart = protocol(np.arange(120) // 6)
    assert (apart["grouped"], apart["resampled"]) == (True, "groups")
    assert protocol(np.arange(120) % 60)["grouped"] is False
    splits = [(np.arange(60), np.arange(90, 120), np.arange(60, 90))]
    assert protocol(np.arange(120) // 6)["grouped"] is True
    assert protocol(np.arange(120) % 90)["grouped"] is False  # train and test
    assert protocol(np.r_[:90, 60:90])["grouped"] is False  # validation and test
    assert protocol(np.r_[:60, :30, 90:120])["grouped"] is False  # train and validation
    assert protocol(None)["resampled"] == "tracks"


def test_a_result_is_plain_json(cloud, folds):
    result = evaluate_probe("svm", *cloud, folds, labels=LABELS, groups=np.arange(120))
    text = json.loads(json.dumps(result.to_json()))
    assert "SVC" in text["protocol"]["settings"]
    assert text["report"]["labels"] == LABELS


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"name": "oracle"}, "No probe 'oracle'; choose from"),
        ({"n_seeds": 0}, "n_seeds"),
        ({"splits": []}, "at least one fold"),
        ({"splits": [([0, 1], [])]}, r"0 test row\(s\)"),
        ({"splits": [([0, 3], [1])]}, r"1 class\(es\) in fold 1"),
        ({"splits": [([0, 1, 2], [2, 3])]}, "two sides of a fold; got row 2 in fold 1"),
        ({"splits": [([0, 1], [2]), ([0, 1], [3], [4, 1])]}, "got row 1 in fold 2"),
        ({"splits": [([0, 1], [2, 3], [3])]}, "got row 3 in fold 1"),
        ({"splits": [([0, 1], [5]), ([0, 1], [5])]}, "row 5 twice"),
        ({"splits": [([True, True, False], [2])]}, "row numbers"),
        ({"groups": [1, 2]}, "one row a track"),
    ],
)
def test_nonsense_is_refused(changes, rule, cloud):
    x, y = cloud
    settings = {"name": "knn", "splits": [([0, 1], [2])], "labels": LABELS} | changes
    with pytest.raises(ValueError, match=rule):
        evaluate_probe(settings.pop("name"), x, y, settings.pop("splits"), **settings)


def test_embeddings_that_are_not_numbers_are_refused(cloud):
    x, y = cloud
    x = x.copy()
    x[7, 2] = np.nan
    with pytest.raises(ValueError, match=r"rows \[7\]"):
        evaluate_probe("knn", x, y, [([0, 1], [2])], labels=LABELS)


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        (ForestConfig(), {"n_estimators": 200, "max_depth": 20}),
        (ForestConfig(n_estimators=3, max_depth=None), {"n_estimators": 3, "max_depth": None}),
    ],
)
def test_a_recipe_s_forest_is_scikit_learns_with_its_settings_and_seed(config, settings):
    oracle = RandomForestClassifier(**settings, random_state=7)
    assert build_probe(config, 7).get_params() == oracle.get_params()


def test_the_forest_with_a_name_is_that_of_the_defaults():
    (named, default) = PROBES["forest"](5), build_probe(ForestConfig(), 5)
    assert repr(named) == repr(default)
    assert "max_depth=20, n_estimators=200, random_state=5" in repr(named)


def test_a_recipe_s_forest_is_averaged_over_seeds(cloud, folds):
    small = ForestConfig(n_estimators=3, max_depth=2)
    result = evaluate_probe(small, *cloud, folds[:1], labels=LABELS, n_seeds=2)
    assert (result.name, result.protocol["n_seeds"]) == ("random forest", 2)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_seed_decides_a_recipe_s_perceptron():
    rng = np.random.default_rng(0)
    rows, classes = rng.normal(size=(40, 5)), rng.integers(0, 2, 40)
    first, same, other = (
        build_probe(MLPConfig(max_iter=1), seed).fit(rows, classes).predict_proba(rows)
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, same)
    assert not np.allclose(first, other)
