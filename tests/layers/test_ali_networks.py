"""The networks of adversarial inference, held to the tables' sizes and parameters."""

import keras
import numpy as np
import pytest
from keras import layers

from kmusic.layers.ali_networks import (
    SIDE,
    PositionBias,
    ali_discriminator,
    ali_encoder,
    ali_generator,
    require_square,
)
from kmusic.layers.crops import CropConfig

CONVOLUTIONS = (layers.Conv2D, layers.Conv2DTranspose)


def crop_input():
    return keras.Input((SIDE, SIDE))


def encoder(latent_dim):
    crop = crop_input()
    return keras.Model(crop, ali_encoder(crop, 2 * latent_dim))


def generator(latent_dim, output_map=True):
    z = keras.Input((latent_dim,))
    return keras.Model(z, ali_generator(z, output_map=output_map))


def discriminator(latent_dim, normalised=True):
    crop, z = crop_input(), keras.Input((latent_dim,))
    judged = ali_discriminator(crop, z, dropout=0.2, normalised=normalised)
    return keras.Model([crop, z], judged)


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def sides(model):
    """Give the sides of the maps behind each convolution."""
    found = [each.output.shape[1:3] for each in model.layers if isinstance(each, CONVOLUTIONS)]
    assert all(rows == columns for rows, columns in found)
    return [rows for rows, _ in found]


@pytest.mark.parametrize(
    ("latent_dim", "expected"),
    [
        (256, (3_313_888, 1_765_472, 5_281_473)),
        (128, (3_182_560, 1_241_184, 5_215_937)),
        (40, (3_092_272, 880_736, 5_170_881)),
    ],
)
def test_the_networks_of_the_public_code_have_its_parameters(latent_dim, expected):
    made = encoder(latent_dim), generator(latent_dim), discriminator(latent_dim)
    assert tuple(map(trainable, made)) == expected


def test_without_the_public_codes_options_biases_stand_where_nothing_is_normalised():
    one_bias = 1_241_184 - 32 * 32 + 1
    assert trainable(generator(128, output_map=False)) == one_bias
    filters = 64 + 128 + 256 + 512
    biases = 5_215_937 - 2 * filters + filters + 2 * 512
    assert trainable(discriminator(128, normalised=False)) == biases


def test_unpadded_convolutions_end_at_one_and_begin_there():
    assert sides(encoder(4)) == [28, 13, 10, 4, 1, 1, 1]
    assert sides(generator(4)) == [4, 10, 13, 28, 32, 32, 32]
    assert sides(discriminator(4)) == [28, 13, 10, 4, 1, *[1] * 5]


@pytest.mark.parametrize("normalised", [True, False])
def test_the_discriminator_is_normalised_from_the_second_convolution_over_crops_or_not(normalised):
    model = discriminator(4, normalised)
    kinds = [type(each) for each in model.layers]
    assert kinds.count(layers.BatchNormalization) == (4 if normalised else 0)
    assert kinds.count(layers.SpatialDropout2D) == kinds.count(layers.LeakyReLU) == 9


def test_weights_begin_as_published():
    weights = {weight.path: weight.numpy() for weight in encoder(4).trainable_weights}
    kernels = np.concatenate([value.ravel() for path, value in weights.items() if "kernel" in path])
    gammas = np.concatenate([value for path, value in weights.items() if "gamma" in path])
    assert kernels.std() == pytest.approx(0.02, rel=0.01)
    assert gammas.mean() == pytest.approx(1.0, abs=0.003)  # five deviations of 0.02 / sqrt(1504)
    assert gammas.std() == pytest.approx(0.02, rel=0.1)


def test_a_generated_crop_lies_between_0_and_1():
    crops = generator(4)(np.random.default_rng(0).normal(0, 100, (5, 4))).numpy()
    assert crops.shape == (5, SIDE, SIDE)
    assert (crops >= 0).all()
    assert (crops <= 1).all()


def test_every_position_has_a_bias_of_its_own():
    layer = PositionBias()
    layer.build((None, 2, 3, 1))
    layer.bias.assign(np.arange(6).reshape(2, 3, 1))
    np.testing.assert_array_equal(layer(np.ones((1, 2, 3, 1)))[0, ..., 0], [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize("crop", [CropConfig(), CropConfig(n_frames=31, n_bands=32)])
def test_crops_of_another_size_are_refused(crop):
    with pytest.raises(ValueError, match="crop must have 32 frames and 32 bands; got CropConfig"):
        require_square(crop)
