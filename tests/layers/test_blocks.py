"""Convolution blocks, held to a slow numpy convolution and to arithmetic."""

import keras
import numpy as np
import pytest

from kmusic.layers.blocks import ResidualStage, conv_bn, residual_stage, residual_tower


def on_maps(block, shape=(9, 10, 2)):
    maps = keras.Input(shape)
    return keras.Model(maps, block(maps))


def test_conv_bn_is_a_convolution_scaled_and_rectified():
    keras.utils.set_random_seed(0)
    model = on_maps(lambda x: conv_bn(x, 3, 3), (5, 6, 2))
    kernel, bias = (w.numpy() for w in model.layers[1].weights)
    maps = np.random.default_rng(0).normal(size=(1, 5, 6, 2)).astype(np.float32)
    padded = np.pad(maps, [(0, 0), (1, 1), (1, 1), (0, 0)])
    expected = np.zeros((1, 5, 6, 3))
    for row in range(5):
        for column in range(6):
            window = padded[0, row : row + 3, column : column + 3]
            expected[0, row, column] = np.tensordot(window, kernel, 3) + bias
    expected = np.maximum(expected / np.sqrt(1 + 1e-3), 0)  # fresh moving averages are 0 and 1
    np.testing.assert_allclose(model(maps), expected, atol=1e-5)  # float32 sums of 18


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
