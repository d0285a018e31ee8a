"""The principal components of features, held to scikit-learn."""

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kmusic.models.pca import PCAConfig, build_pca

FRAMES, BANDS = 5, 4
EXCERPTS = np.random.default_rng(0).normal(size=(40, FRAMES, BANDS)).astype(np.float32)


def fitted(config):
    features = keras.Input((FRAMES, BANDS))
    model = build_pca(config, keras.Model(features, layers.Identity()(features)))
    model.get_layer("embedding").adapt([EXCERPTS.reshape(40, -1)])
    return model


@pytest.mark.parametrize(
    ("settings", "oracle"),
    [
        ({}, make_pipeline(StandardScaler(), PCA(15, svd_solver="full"))),
        ({"n_components": 3, "standardize": False}, PCA(3, svd_solver="full")),
        (
            {"n_components": 3, "whiten": True},
            make_pipeline(StandardScaler(), PCA(3, svd_solver="full", whiten=True)),
        ),
    ],
)
def test_an_excerpt_becomes_the_components_of_all_its_features(settings, oracle):
    actual = fitted(PCAConfig(**settings))(EXCERPTS)
    expected = oracle.fit_transform(EXCERPTS.reshape(40, -1).astype(np.float64))
    signs = np.sign(np.sum(actual * expected, axis=0))  # nothing decides them
    np.testing.assert_allclose(actual * signs, expected, atol=1e-4)  # float32 fit


def test_there_is_nothing_to_train():
    assert fitted(PCAConfig()).trainable_weights == []


def test_the_components_are_the_output():
    model = fitted(PCAConfig())
    assert model.output is model.get_layer("embedding").output


def test_no_component_is_refused():
    with pytest.raises(ValueError, match="n_components must be positive; got 0"):
        PCAConfig(n_components=0)


def test_more_components_than_features_are_refused():
    with pytest.raises(ValueError, match="got 20 for n_components=21"):
        fitted(PCAConfig(n_components=21))
