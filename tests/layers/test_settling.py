import keras
import numpy as np

from kmusic.layers.settling import settle


def test_averages_become_the_means_over_batches_and_weights_stay():
    x = keras.Input((3,))
    network = keras.Model(x, keras.layers.BatchNormalization(momentum=0.9)(x))
    layer = network.layers[-1]
    layer.moving_mean.assign([9.0, 9.0, 9.0])
    before = [weight.numpy() for weight in network.trainable_weights]
    batches = np.random.default_rng(0).normal(2.0, 3.0, (4, 8, 3)).astype(np.float32)
    settle(network, batches)
    np.testing.assert_allclose(layer.moving_mean, batches.mean(axis=(0, 1)), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, batches.var(axis=1).mean(axis=0), rtol=1e-5)
    for weight, then in zip(network.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight, then)
    assert layer.momentum == 0.9


def test_without_batches_nothing_changes():
    x = keras.Input((3,))
    network = keras.Model(x, keras.layers.BatchNormalization()(x))
    settle(network, [])
    np.testing.assert_array_equal(network.layers[-1].moving_mean, np.zeros(3))
