"""The trunk's size as published, and its path, held to a slow numpy convolution."""

import keras
import numpy as np
import pytest
from keras import layers

from kmusic.layers.artist_trunk import artist_trunk, require_trunk

POOLS = (4, 4, 4, 2, 1)


def on_features(n_frames=129, n_bands=128, **settings):
    keras.utils.set_random_seed(0)
    features = keras.Input((n_frames, n_bands))
    return keras.Model(features, artist_trunk(features, **settings))


@pytest.fixture(scope="module")
def trunk():
    return on_features()


def lengths(model, kind):
    return [layer.output.shape[1] for layer in model.layers if isinstance(layer, kind)]


def convolved(frames, kernel, bias):
    """Convolve frames `(time, bands)`; an even kernel sees one frame more to the right."""
    left = (len(kernel) - 1) // 2
    padded = np.pad(frames, [(left, len(kernel) - 1 - left), (0, 0)])
    return np.array(
        [
            sum(padded[time + step] @ kernel[step] for step in range(len(kernel))) + bias
            for time in range(len(frames))
        ]
    )


def by_hand(frames, weights):
    """Give the representation of one example `(frames, bands)`."""
    weights = list(weights)
    for pool in POOLS:
        kernel, bias, gamma, beta, mean, variance = (weights.pop(0) for _ in range(6))
        frames = convolved(frames, kernel, bias)
        frames = np.maximum((frames - mean) / np.sqrt(variance + 1e-3) * gamma + beta, 0)
        whole = len(frames) // pool * pool
        frames = frames[:whole].reshape(-1, pool, frames.shape[1]).max(axis=1)
    return frames.mean(axis=0)


def test_it_has_the_published_parameters(trunk):
    assert trunk.count_params() == 265_984
    assert sum(weight.value.shape.num_elements() for weight in trunk.trainable_weights) == 264_448


def test_129_frames_become_one_of_256_numbers(trunk):
    assert lengths(trunk, layers.Conv1D) == [129, 32, 8, 2, 1]
    assert lengths(trunk, layers.MaxPooling1D) == [32, 8, 2, 1]
    assert trunk.get_layer("embedding").output.shape == (None, 256)


@pytest.mark.parametrize("n_frames", [129, 300])
def test_vectors_are_those_of_a_slow_network(n_frames):
    model, rng = on_features(n_frames, 3), np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(0, 0.2, weight.shape))
        if "variance" in weight.path or "gamma" in weight.path:
            weight.assign(rng.uniform(0.5, 2, weight.shape))
    features = rng.normal(size=(2, n_frames, 3)).astype(np.float32)
    weights = [weight.numpy().astype(np.float64) for weight in model.weights]
    expected = [by_hand(example, weights) for example in features]
    assert np.mean(np.equal(expected, 0)) < 0.9
    np.testing.assert_allclose(model(features), expected, rtol=1e-4, atol=1e-4)  # float32 sums


@pytest.mark.parametrize(("length", "seen"), [(4, [1, 2, 3, 4]), (2, [2, 3])])
def test_the_slow_convolution_pads_as_keras_does_one_left_and_two_right(length, seen):
    kernel = np.eye(length)[:, None, :]  # each filter picks one frame of its window
    frames = np.arange(1.0, 9.0)[:, None]
    layer = layers.Conv1D(length, length, padding="same")
    layer.build((None, 8, 1))
    layer.set_weights([kernel, np.zeros(length)])
    expected = convolved(frames, kernel, 0.0)
    assert expected[1].tolist() == seen
    np.testing.assert_array_equal(layer(frames[None])[0], expected)


def test_kernels_are_drawn_as_he_says(trunk):
    convolutions = [layer for layer in trunk.layers if isinstance(layer, layers.Conv1D)]
    assert {type(each.kernel_initializer).__name__ for each in convolutions} == {"HeUniform"}
    limit = np.sqrt(6 / (4 * 128))
    assert np.abs(convolutions[0].kernel).max() == pytest.approx(limit, rel=1e-3)


def test_squared_kernels_count_in_the_loss():
    model = on_features(n_bands=5, l2=0.01)
    kernels = [each.kernel for each in model.layers if isinstance(each, layers.Conv1D)]
    expected = 0.01 * sum(np.sum(np.square(kernel.numpy(), dtype=float)) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)  # float32


def test_without_a_weight_kernels_cost_nothing():
    assert on_features(n_bands=5, l2=0.0).losses == []


def test_vectors_are_float32_whatever_the_network_computes_in():
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = on_features(n_bands=5)
    finally:
        keras.config.set_dtype_policy(previous)
    assert {layer.compute_dtype for layer in model.layers[1:-1]} == {"bfloat16"}
    assert model.output.dtype == "float32"


def test_too_short_excerpts_are_refused():
    on_features(128, 5)
    with pytest.raises(ValueError, match=r"^excerpts must have at least 128 frames; got 127\.$"):
        on_features(127, 5)


@pytest.mark.parametrize(
    ("dropout", "l2", "said"),
    [
        (1.0, 0.0, r"dropout must lie in \[0, 1\); got 1.0"),
        (-0.1, 0.0, r"dropout must lie in \[0, 1\); got -0.1"),
        (0.0, -1e-5, "l2 must not be negative; got -1e-05"),
    ],
)
def test_nonsense_is_refused(dropout, l2, said):
    with pytest.raises(ValueError, match=said):
        require_trunk(dropout, l2)


def test_nothing_dropped_and_nothing_penalised_is_no_nonsense():
    require_trunk(0.0, 0.0)
