"""Latent draws, held to the moments that were told."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kmusic.layers.gaussian import SampleGaussian

MEAN, LOG_VAR = 3.0, np.log(4.0)


@pytest.fixture(scope="module")
def told():
    """Means and logarithms of variances of 50,000 vectors of two numbers."""
    ones = np.ones((50_000, 2), np.float32)
    return [MEAN * ones, LOG_VAR.astype(np.float32) * ones]


def test_draws_have_the_mean_and_the_variance_that_were_told(told):
    drawn = SampleGaussian(seed=0)(told, training=True).numpy()
    np.testing.assert_allclose(drawn.mean(axis=0), MEAN, atol=0.05)  # 5 deviations: 5 * 2 / 224
    np.testing.assert_allclose(drawn.var(axis=0), 4.0, atol=0.13)  # 5 * 4 * sqrt(2) / 224
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.025


def test_nothing_is_drawn_when_nothing_is_trained(told):
    np.testing.assert_array_equal(SampleGaussian(seed=0)(told), told[0])


def test_a_seed_repeats_the_draws_and_each_draw_is_another(told):
    first, again = (SampleGaussian(seed=1) for _ in range(2))
    a, b = (first(told, training=True).numpy() for _ in range(2))
    np.testing.assert_array_equal(again(told, training=True), a)
    assert not np.array_equal(a, b)


def test_the_gradient_passes_through_the_draw():
    z_mean, z_log_var = tf.zeros((4, 3)), tf.zeros((4, 3))
    layer = SampleGaussian(seed=0)
    with tf.GradientTape() as tape:
        tape.watch([z_mean, z_log_var])
        drawn = layer([z_mean, z_log_var], training=True)
    to_mean, to_log_var = tape.gradient(drawn, [z_mean, z_log_var])
    np.testing.assert_array_equal(to_mean, np.ones((4, 3)))
    np.testing.assert_allclose(to_log_var, drawn / 2, rtol=1e-6)  # d exp(v / 2) e = z / 2 at 0


def test_the_layer_survives_its_config():
    again = SampleGaussian.from_config(SampleGaussian(seed=5).get_config())
    assert again.seed == 5
    assert keras.saving.get_registered_name(SampleGaussian) == "kmusic>SampleGaussian"
