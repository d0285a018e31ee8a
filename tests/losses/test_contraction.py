"""The norm of an encoder's Jacobian, held to closed forms, loops and differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kmusic.losses.contraction import squared_jacobian

FRAMES, BANDS, LATENT = 3, 2, 4
FEATURES = np.random.default_rng(0).normal(size=(5, FRAMES, BANDS)).astype(np.float32)


def encoder(*dense):
    """Build an encoder of dense layers, `(units, activation)`, with biases that are not 0."""
    keras.utils.set_random_seed(0)
    features = keras.Input((FRAMES, BANDS))
    x = layers.Flatten()(features)
    for units, activation in dense:
        x = layers.Dense(units, activation, bias_initializer=keras.initializers.RandomNormal())(x)
    return keras.Model(features, x)


SIGMOID = [(LATENT, "sigmoid")]
DEEP = [(6, "relu"), (5, "tanh"), (LATENT, None)]


def norms_by_hand(features, kernel, bias):
    """Give the norms of one sigmoid layer: Rifai et al. (2011), section 3."""
    h = 1 / (1 + np.exp(-(features.reshape(len(features), -1) @ kernel + bias)))
    return [
        sum((each * (1 - each)) ** 2 * sum(kernel[:, j] ** 2) for j, each in enumerate(example))
        for example in h
    ]


def test_one_sigmoid_layer_has_the_norm_of_the_closed_form():
    model = encoder(*SIGMOID)
    expected = norms_by_hand(FEATURES, *model.get_weights())
    np.testing.assert_allclose(squared_jacobian(model, FEATURES), expected, rtol=1e-5)  # float32


def test_a_deep_encoder_has_the_norm_of_each_code_of_each_example_by_itself():
    model = encoder(*DEEP)
    expected = np.zeros(len(FEATURES))
    for number, example in enumerate(FEATURES):
        for unit in range(LATENT):
            heard = tf.constant(example[None])
            with tf.GradientTape() as tape:
                tape.watch(heard)
                code = model(heard)[0, unit]
            expected[number] += np.sum(tape.gradient(code, heard).numpy().astype(np.float64) ** 2)
    np.testing.assert_allclose(squared_jacobian(model, FEATURES), expected, rtol=1e-5)  # float32


def test_a_deep_encoder_has_the_norm_of_finite_differences():
    model, step = encoder(*DEEP), 1e-5

    def code(features):
        x = features.reshape(1, -1)
        ends = [lambda x: np.maximum(x, 0), np.tanh, lambda x: x]
        weights = [weight.astype(np.float64) for weight in model.get_weights()]
        for kernel, bias, end in zip(weights[::2], weights[1::2], ends, strict=True):
            x = end(x @ kernel + bias)
        return x

    example, expected = FEATURES[0].astype(np.float64), 0.0
    for place in np.ndindex(FRAMES, BANDS):
        moved = np.zeros_like(example)
        moved[place] = step
        expected += np.sum(((code(example + moved) - code(example - moved)) / (2 * step)) ** 2)
    np.testing.assert_allclose(squared_jacobian(model, FEATURES[:1]), [expected], rtol=1e-5)


# What it teaches


@pytest.mark.parametrize("n_projections", [None, 1])
def test_the_norm_teaches_the_weights_by_the_gradient_of_finite_differences(n_projections):
    # With one code a direction of -1 or 1 estimates without error.
    model, seed = encoder((1, "sigmoid")), keras.random.SeedGenerator(0)
    weights = [weight.value for weight in model.trainable_weights]

    @tf.function  # as in training
    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(squared_jacobian(model, FEATURES, n_projections, seed))
        return tape.gradient(loss, weights)

    taught, step = gradients(), 1e-5
    before = [weight.astype(np.float64) for weight in model.get_weights()]
    for number, gradient in enumerate(taught):
        for place in np.ndindex(*gradient.shape):
            ends = []
            for way in (step, -step):
                moved = [weight.copy() for weight in before]
                moved[number][place] += way
                ends.append(np.mean(norms_by_hand(FEATURES.astype(np.float64), *moved)))
            expected = (ends[0] - ends[1]) / (2 * step)
            assert expected != 0
            np.testing.assert_allclose(gradient.numpy()[place], expected, rtol=1e-4, atol=1e-6)


# The estimate


def draws(model, count, n_projections=1, seed=0):
    """Estimate the norm at one example so many times."""
    features = np.repeat(FEATURES[:1], count, axis=0)
    seed = keras.random.SeedGenerator(seed)
    return squared_jacobian(model, features, n_projections, seed).numpy()


def test_the_mean_of_many_estimates_is_the_norm():
    model, count = encoder(*DEEP), 20_000
    estimates = draws(model, count)
    exact = float(squared_jacobian(model, FEATURES[:1])[0])
    error = estimates.std() / np.sqrt(count)
    assert 0 < error < 0.02 * exact
    assert abs(estimates.mean() - exact) < 4 * error


def test_more_directions_estimate_with_less_variance():
    model = encoder(*DEEP)
    ratio = draws(model, 10_000).var() / draws(model, 10_000, n_projections=4).var()
    assert ratio == pytest.approx(4, rel=0.15)  # of 10,000 draws each


def test_codes_that_change_with_unlike_features_are_estimated_without_error():
    model = encoder((LATENT, None))
    kernel = np.diag([1.0, 2.0, 3.0, 4.0, 0.0, 0.0])[:, :LATENT]
    model.set_weights([kernel, np.zeros(LATENT)])
    np.testing.assert_allclose(draws(model, 8), 30.0, rtol=1e-6)  # 1 + 4 + 9 + 16


def test_the_seed_alone_decides_the_estimates():
    model, seed = encoder(*DEEP), keras.random.SeedGenerator(0)
    first, second = (squared_jacobian(model, FEATURES, 1, seed).numpy() for _ in range(2))
    again = squared_jacobian(model, FEATURES, 1, keras.random.SeedGenerator(0))
    np.testing.assert_array_equal(again, first)
    assert not np.array_equal(first, second)
