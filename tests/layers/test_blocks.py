"""Convolution blocks, held to a slow numpy convolution and to arithmetic."""

import keras
import numpy as np
import pytest
from keras import layers

from kmusic.layers.blocks import ResidualStage, conv_bn, residual_stage, residual_tower


def on_maps(block, shape=(9, 10, 2)):
    maps = keras.Input(shape)
    return keras.Model(maps, block(maps))


def normalised(maps, weights, kernel_size, strides=1):
    """Convolve maps `(rows, columns, channels)` by loops, then batch-normalise them.

    Takes kernel, bias, gamma, beta, moving mean and variance off the front of the weights.
    """
    kernel, bias, gamma, beta, mean, variance = (weights.pop(0) for _ in range(6))
    sizes = [-(-size // strides) for size in maps.shape[:2]]
    edges = [
        max(0, (size - 1) * strides + kernel_size - whole)
        for size, whole in zip(sizes, maps.shape[:2], strict=True)
    ]
    padded = np.pad(maps, [*((edge // 2, -(-edge // 2)) for edge in edges), (0, 0)])
    result = np.zeros((*sizes, len(bias)))
    for row, column in np.ndindex(*sizes):
        top, left = row * strides, column * strides
        window = padded[top : top + kernel_size, left : left + kernel_size]
        result[row, column] = np.tensordot(window, kernel, 3) + bias
    return (result - mean) / np.sqrt(variance + 1e-3) * gamma + beta


def pooled(maps):
    """Take the maximum of every 2 x 2 square of maps with even sides."""
    rows, columns, channels = maps.shape
    return maps.reshape(rows // 2, 2, columns // 2, 2, channels).max(axis=(1, 3))


def randomised(model, maps):
    """Draw all weights of a model and some maps; list the weights as their layers were made."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.uniform(0.1, 1.0, weight.shape) * rng.choice([-1, 1], weight.shape))
        if "variance" in weight.path:
            weight.assign(abs(weight))
    made = sorted(model.layers, key=lambda layer: (len(layer.name), layer.name))  # by number
    pairs = zip(
        [layer for layer in made if isinstance(layer, layers.Conv2D)],
        [layer for layer in made if isinstance(layer, layers.BatchNormalization)],
        strict=True,
    )
    weights = [weight.numpy() for pair in pairs for layer in pair for weight in layer.weights]
    return weights, rng.normal(size=(1, *maps)).astype(np.float32)


@pytest.mark.parametrize(("kernel_size", "strides"), [(3, 1), (3, 2), (5, 2), (1, 1)])
def test_conv_bn_is_a_convolution_normalised_and_rectified(kernel_size, strides):
    model = on_maps(lambda x: conv_bn(x, 3, kernel_size, strides=strides), (5, 6, 2))
    weights, maps = randomised(model, (5, 6, 2))
    expected = np.maximum(normalised(maps[0], weights, kernel_size, strides), 0)
    np.testing.assert_allclose(model(maps)[0], expected, rtol=1e-5, atol=1e-5)  # float32 sums


def test_a_stage_chains_its_side_branches_as_figure_1_draws_them():
    stage = ResidualStage(filters=(4, 5), bottleneck=2)
    model = on_maps(lambda x: residual_stage(x, stage), (6, 8, 3))
    weights, maps = randomised(model, (6, 8, 3))
    main = normalised(maps[0], weights, 3, strides=2)
    side = normalised(np.maximum(normalised(pooled(maps[0]), weights, 1), 0), weights, 1)
    x = np.maximum(main + side, 0)
    main = normalised(x, weights, 3)
    side = normalised(np.maximum(normalised(side, weights, 1), 0), weights, 1)
    expected = np.maximum(main + side, 0)
    np.testing.assert_allclose(model(maps)[0], expected, rtol=1e-4, atol=1e-4)  # float32, six deep


def test_conv_bn_can_stay_unrectified():
    model = on_maps(lambda x: conv_bn(x, 4, 1, relu=False))
    assert model(np.random.default_rng(0).normal(size=(2, 9, 10, 2))).numpy().min() < 0


@pytest.mark.parametrize(("strides", "rows", "columns"), [(1, 9, 10), (2, 5, 5), (3, 3, 4)])
def test_strides_divide_rounding_up(strides, rows, columns):
    model = on_maps(lambda x: conv_bn(x, 4, 3, strides=strides))
    assert model.output.shape == (None, rows, columns, 4)


def test_a_stage_halves_the_map_and_ends_with_its_second_filters():
    model = on_maps(lambda x: residual_stage(x, ResidualStage(filters=(6, 7), bottleneck=3)))
    assert model.output.shape == (None, 5, 5, 7)


def test_the_towers_length_is_as_documented():
    stages = (ResidualStage(filters=(4, 8), bottleneck=2),) * 2
    features = keras.Input((50, 33))
    scale = 4 * 2 ** len(stages)
    length = -(-50 // scale) * -(-33 // scale) * 64
    assert residual_tower(features, stages).shape == (None, length)


@pytest.mark.parametrize(
    "settings", [{"filters": (4,), "bottleneck": 2}, {"filters": (4, 0), "bottleneck": 2}]
)
def test_a_stage_of_no_size_is_refused(settings):
    with pytest.raises(ValueError, match="filters"):
        ResidualStage(**settings)
