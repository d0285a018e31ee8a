"""Crops, held to slices."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kmusic.layers.crops import CropConfig, Crops, MeanOverCrops, is_sounding

FRAMES, BANDS = 11, 5


@pytest.fixture(scope="module")
def features():
    """Three excerpts whose every value is another, shape `(3, 11 frames, 5 bands)`."""
    return np.arange(3 * FRAMES * BANDS, dtype=np.float32).reshape(3, FRAMES, BANDS)


def test_all_consecutive_crops_are_taken_in_order_and_the_rest_left(features):
    crops = Crops(CropConfig(n_frames=4))(features).numpy()
    expected = [excerpt[start : start + 4] for excerpt in features for start in (0, 4)]
    np.testing.assert_array_equal(crops, expected)


def test_the_only_crop_lies_where_it_is_asked_for(features):
    config = CropConfig(n_frames=4, n_bands=2, first_band=1, first_frame=6)
    np.testing.assert_array_equal(Crops(config)(features), features[:, 6:10, 1:3])


def test_bands_reach_to_the_last_unless_counted(features):
    crops = Crops(CropConfig(n_frames=FRAMES, first_band=3))(features)
    np.testing.assert_array_equal(crops, features[:, :, 3:])


@pytest.mark.parametrize("n_random", [1, 3])
def test_drawn_crops_are_slices_of_their_own_excerpt(features, n_random):
    layer = Crops(CropConfig(n_frames=4, n_bands=2, n_random=n_random), seed=0)
    for _ in range(5):
        crops = layer(features, training=True).numpy().reshape(3, n_random, 4, 2)
        for excerpt, drawn in zip(features, crops, strict=True):
            for crop in drawn:
                start = int(crop[0, 0] - excerpt[0, 0]) // BANDS
                np.testing.assert_array_equal(crop, excerpt[start : start + 4, :2])


def test_every_position_is_drawn_alike_often(features):
    layer = Crops(CropConfig(n_frames=4, n_random=1_000), seed=0)
    crops = layer(features, training=True).numpy()
    starts = (crops[:, 0, 0] % (FRAMES * BANDS)).astype(int) // BANDS
    counts = np.bincount(starts, minlength=8)
    assert len(counts) == 8  # 11 frames hold a crop of 4 in 8 positions
    np.testing.assert_allclose(counts, 375, atol=90)  # five deviations of a binomial


def test_a_seed_repeats_the_draws_and_each_draw_is_another(features):
    first, again = (Crops(CropConfig(n_frames=4, n_random=20), seed=3) for _ in range(2))
    a, b = (first(features, training=True).numpy() for _ in range(2))
    np.testing.assert_array_equal(again(features, training=True), a)
    assert not np.array_equal(a, b)


def test_without_draws_training_takes_the_crops_of_later(features):
    layer = Crops(CropConfig(n_frames=4, first_frame=2, n_random=None))
    np.testing.assert_array_equal(layer(features, training=True), features[:, 2:6])


@pytest.mark.parametrize(
    ("config", "n_crops"), [(CropConfig(n_frames=4), 2), (CropConfig(n_frames=4, n_random=3), 3)]
)
def test_values_of_crops_are_averaged_over_those_of_their_excerpt(features, config, n_crops):
    crops = Crops(config)(features, training=n_crops == 3)
    values = np.random.default_rng(0).normal(size=(len(crops), 7)).astype(np.float32)
    expected = [values[row * n_crops :][:n_crops].mean(axis=0) for row in range(3)]
    np.testing.assert_allclose(MeanOverCrops()([values, crops, features]), expected, atol=1e-6)


def test_silent_crops_do_not_count_unless_all_are_silent(features):
    silent = features.copy()
    silent[0, 4:], silent[1] = -80.0, -80.0
    crops = Crops(CropConfig(n_frames=4))(silent).numpy()
    values = np.arange(6, dtype=np.float32)[:, None]
    values[1] = np.inf  # what a network says of silence may be anything
    means = MeanOverCrops()([values, crops, silent]).numpy()[:, 0]
    np.testing.assert_allclose(means, [0.0, 2.5, 4.5])


def test_frames_that_are_all_alike_do_not_sound_whatever_their_bands_are():
    alike = np.tile(np.linspace(-3, 2, BANDS, dtype=np.float32), (3, 4, 1))
    alike[1, 2, 3] += 1e-6  # rounding
    alike[2, 2, 3] += 1e-3
    np.testing.assert_array_equal(is_sounding(alike), [False, False, True])


def test_a_graph_hears_other_numbers_of_crops_in_training_and_survives_a_file(features, tmp_path):
    heard = keras.Input((FRAMES, BANDS))
    crops = Crops(CropConfig(n_frames=4))(heard)
    x = keras.layers.Flatten()(crops)
    model = keras.Model(heard, MeanOverCrops()([x, crops, heard]))
    assert model.output_shape == (None, 4 * BANDS)
    compute = tf.function(lambda x, training: model(x, training=training))
    assert compute(features, True).shape == compute(features, False).shape == (3, 4 * BANDS)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(again(features), model(features))


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"n_frames": 0}, "n_frames must be positive; got 0"),
        ({"n_bands": 0}, "n_bands must be positive; got 0"),
        ({"n_random": 0}, "n_random must be positive; got 0"),
        ({"first_band": -1}, "first_band must not be negative; got -1"),
        ({"first_frame": -1}, "first_frame must not be negative; got -1"),
    ],
)
def test_what_no_crop_can_be_is_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        CropConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"n_frames": 12}, "crops must lie within 11 frames"),
        ({"n_frames": 4, "first_frame": 8}, "crops must lie within 11 frames"),
        ({"n_frames": 4, "n_bands": 6}, "crops must lie within 5 bands"),
        ({"n_frames": 4, "n_bands": 2, "first_band": 4}, "crops must lie within 5 bands"),
        ({"n_frames": 4, "first_band": 5}, "crops must lie within 5 bands"),
    ],
)
def test_features_that_hold_no_crop_are_refused(features, settings, rule):
    with pytest.raises(ValueError, match=rule):
        Crops(CropConfig(**settings))(features)


def test_features_of_unknown_length_are_refused():
    with pytest.raises(ValueError, match=r"crops need a known length; got shape \(None, None, 5\)"):
        Crops(CropConfig(n_frames=4))(keras.Input((None, 5)))
