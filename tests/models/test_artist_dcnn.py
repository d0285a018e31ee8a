"""The artist DCNN's size as published, and what it drops."""

import keras
import numpy as np
import pytest
from keras import layers

from kmusic.models.artist_dcnn import ArtistDCNNConfig, build_artist_dcnn


def on_features(n_bands=128, **settings):
    keras.utils.set_random_seed(0)
    features = keras.Input((129, n_bands))
    front_end = keras.Model(features, layers.Identity()(features))
    return build_artist_dcnn(ArtistDCNNConfig(**settings), front_end)


def noise(n_bands):
    return np.random.default_rng(0).normal(size=(4, 129, n_bands)).astype(np.float32)


@pytest.mark.parametrize(
    ("n_artists", "parameters"),
    [
        (500, 394_484),
        (1_000, 522_984),
        (2_000, 779_984),
        (5_000, 1_550_984),
        (10_000, 2_835_984),
    ],
)
def test_it_has_the_published_parameters(n_artists, parameters):
    assert on_features(n_classes=n_artists).count_params() == parameters


def test_tags_are_told_one_by_one_by_50_sigmoids():
    model = on_features(n_bands=5, n_classes=50, output="sigmoid")
    logits = keras.Model(model.input, model.layers[-1].input)(noise(5)).numpy()
    assert model.output.shape == (None, 50)
    np.testing.assert_allclose(model(noise(5)), 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_half_of_the_representation_is_dropped_while_training():
    model = on_features(n_bands=5)
    (dropout,) = [layer for layer in model.layers if isinstance(layer, layers.Dropout)]
    assert dropout.rate == 0.5
    assert dropout.input is model.get_layer("embedding").output
    heard = keras.Model(model.input, [dropout.input, dropout.output])
    vectors, kept = (part.numpy() for part in heard(noise(5), training=True))
    np.testing.assert_array_equal(kept[kept > 0], 2 * vectors[kept > 0])
    assert np.mean(kept[vectors > 0] > 0) == pytest.approx(0.5, abs=0.1)
    vectors, kept = (part.numpy() for part in heard(noise(5)))
    np.testing.assert_array_equal(kept, vectors)


def test_as_published_nothing_is_dropped():
    model = on_features(n_bands=5, dropout=0.0)
    assert not any(isinstance(layer, layers.Dropout) for layer in model.layers)


@pytest.mark.parametrize(("l2", "n_losses"), [(1e-5, 5), (0.0, 0)])
def test_kernels_of_the_convolutions_alone_are_penalised(l2, n_losses):
    assert len(on_features(n_bands=5, l2=l2).losses) == n_losses


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n_classes": 0}, "got n_classes=0"),
        ({"output": "relu"}, "got 'relu'"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\); got 1.0"),
        ({"l2": -1.0}, "l2 must not be negative; got -1.0"),
    ],
)
def test_nonsense_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        ArtistDCNNConfig(**settings)
