import pytest

from kmusic.training.probe import ForestConfig, KNNConfig, LogisticConfig, MLPConfig, SVMConfig


@pytest.mark.parametrize(
    ("config", "settings", "rule"),
    [
        (KNNConfig, {"n_neighbors": 0}, "n_neighbors must be positive; got 0"),
        (KNNConfig, {"weights": "even"}, "weights must be .*; got 'even'"),
        (KNNConfig, {"metric": "manhattan"}, "metric must be .*; got 'manhattan'"),
        (SVMConfig, {"penalty": 0.0}, "penalty must be above 0; got 0.0"),
        (SVMConfig, {"penalty": -1.0}, "penalty must be above 0; got -1.0"),
        (LogisticConfig, {"penalty": 0.0}, "penalty must be above 0; got 0.0"),
        (LogisticConfig, {"max_iter": 0}, "max_iter must be positive; got 0"),
        (MLPConfig, {"hidden_units": 0}, "hidden_units must be positive; got 0"),
        (MLPConfig, {"max_iter": 0}, "max_iter must be positive; got 0"),
        (ForestConfig, {"n_estimators": 0}, "n_estimators must be positive; got 0"),
        (ForestConfig, {"max_depth": 0}, "max_depth must be positive or None; got 0"),
    ],
)
def test_nonsense_is_refused_with_the_value(config, settings, rule):
    with pytest.raises(ValueError, match=rule):
        config(**settings)


@pytest.mark.parametrize(
    "settings",
    [{"n_neighbors": 1}, {"weights": "uniform"}, {"weights": "distance"}, {"metric": "cosine"}],
)
def test_every_choice_of_neighbours_is_allowed(settings):
    ((name, value),) = settings.items()
    assert getattr(KNNConfig(**settings), name) == value
