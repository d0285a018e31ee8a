import keras
import numpy as np
import pytest
import tensorflow as tf

from kmusic.features.augment import AugmentConfig
from kmusic.features.masks import MaskSpectrum, apply_masks, draw_masks

MASKS = AugmentConfig(time_masks=2, time_mask_frames=10, frequency_masks=1, frequency_mask_bands=8)
SEED = tf.constant([1, 2], tf.int32)


@pytest.fixture
def spectrum():
    return np.random.default_rng(0).normal(-40.0, 10.0, (16, 60, 32)).astype(np.float32)


@pytest.fixture
def mixed_float16():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


def test_masks_hide_whole_frames_and_bands_of_the_asked_extent():
    masks = draw_masks(MASKS, (500, 60, 32), SEED).numpy()
    frames, bands = masks.all(axis=2), masks.all(axis=1)
    np.testing.assert_array_equal(masks, frames[:, :, None] | bands[:, None, :])
    assert frames.sum(axis=1).max() in range(15, 21)  # two masks of 0 to 10 frames
    assert set(bands.sum(axis=1)) == set(range(9))  # one of 0 to 8 bands
    assert (np.abs(np.diff(bands.astype(int), axis=1)).sum(axis=1) <= 2).all()  # in one piece
    assert frames.any(axis=0).all()
    assert bands.any(axis=0).all()


def test_a_mask_wider_than_the_spectrum_hides_it_whole():
    config = AugmentConfig(time_masks=1, time_mask_frames=1_000)
    assert draw_masks(config, (50, 4, 3), SEED).numpy().all(axis=(1, 2)).mean() > 0.9


def test_hidden_parts_hold_the_examples_mean(spectrum):
    masks = draw_masks(MASKS, spectrum.shape, SEED).numpy()
    masked = apply_masks(spectrum, masks).numpy()
    np.testing.assert_array_equal(masked[~masks], spectrum[~masks])
    expected = np.broadcast_to(spectrum.mean(axis=(1, 2), keepdims=True), spectrum.shape)
    np.testing.assert_allclose(masked[masks], expected[masks], rtol=1e-5)


def test_masks_differ_between_examples_and_calls(spectrum):
    layer = MaskSpectrum(MASKS, seed=0)
    first, second = layer(spectrum, training=True), layer(spectrum, training=True)
    hidden, other = (np.array(x) != spectrum for x in (first, second))
    assert np.any(hidden[0] != hidden[1])
    assert np.any(hidden != other)
    again = MaskSpectrum(MASKS, seed=0)(spectrum, training=True)
    np.testing.assert_array_equal(again, first)


def test_a_masking_model_keeps_its_shape_and_survives_a_file(spectrum, tmp_path):
    inputs = keras.Input((None, 32))
    model = keras.Model(inputs, MaskSpectrum(MASKS, seed=0)(inputs))
    assert model.output_shape == (None, None, 32)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = model(spectrum, training=True)
    np.testing.assert_array_equal(loaded(spectrum, training=True), expected)


def test_outside_training_nothing_is_hidden(spectrum):
    layer = MaskSpectrum(MASKS, seed=0)
    np.testing.assert_array_equal(layer(spectrum), spectrum)
    np.testing.assert_array_equal(layer.seed_generator.state, [0, 0])


def test_without_masks_nothing_is_drawn(spectrum):
    layer = MaskSpectrum(AugmentConfig(gain_db=6.0), seed=0)
    np.testing.assert_array_equal(layer(spectrum, training=True), spectrum)
    np.testing.assert_array_equal(layer.seed_generator.state, [0, 0])


@pytest.mark.usefixtures("mixed_float16")
def test_mixed_precision_leaves_the_masked_in_float32(spectrum):
    assert MaskSpectrum(MASKS, seed=0)(spectrum, training=True).dtype == tf.float32
