import json
from dataclasses import asdict

import keras
import numpy as np
import pytest
import tensorflow as tf

from kmusic.features.augment import (
    AugmentConfig,
    AugmentWaveform,
    MaskSpectrum,
    WaveformChanges,
    apply_masks,
    apply_waveform_changes,
    draw_masks,
    draw_waveform_changes,
)

SAMPLE_RATE = 22_050
SAMPLES = 8_000
EVERYTHING = AugmentConfig(semitones=2.0, stretch=(0.9, 1.1), gain_db=6.0, noise_db=-20.0)
MASKS = AugmentConfig(time_masks=2, time_mask_frames=10, frequency_masks=1, frequency_mask_bands=8)
SEED = tf.constant([1, 2], tf.int32)


@pytest.fixture
def batch(noise):
    """Three times the same 8,800 samples."""
    return np.stack([noise[:8_800]] * 3)


@pytest.fixture
def spectrum():
    return np.random.default_rng(0).normal(-40.0, 10.0, (16, 60, 32)).astype(np.float32)


@pytest.fixture
def mixed_float16():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


def in_model(layer):
    waveform = keras.Input((None,))
    return keras.Model(waveform, layer(waveform))


@pytest.mark.parametrize(
    "settings",
    [
        {"semitones": -1.0},
        {"semitones": float("nan")},
        {"stretch": (1.1, 0.9)},
        {"stretch": (0.0, 1.0)},
        {"stretch": (1.0,)},
        {"gain_db": -3.0},
        {"noise_db": float("inf")},
        {"time_masks": 2},
        {"frequency_mask_bands": 2},
        {"time_masks": -1, "time_mask_frames": -1},
    ],
)
def test_nonsense_is_refused_with_the_value(settings):
    with pytest.raises(ValueError, match=r"must .*; got "):
        AugmentConfig(**settings)


def test_a_config_survives_json():
    assert AugmentConfig(**json.loads(json.dumps(asdict(EVERYTHING)))) == EVERYTHING


def test_an_excerpt_is_read_long_enough_for_the_fastest_tempo():
    assert AugmentConfig().reads(77_175) == 77_175
    assert EVERYTHING.reads(77_175) == 84_893  # 84,892.5 rounded up
    assert AugmentConfig(stretch=(0.5, 0.8)).reads(1_000) == 800


@pytest.mark.parametrize(
    ("config", "waveform", "spectrum"),
    [
        (AugmentConfig(), False, False),
        (AugmentConfig(semitones=1.0), True, False),
        (AugmentConfig(stretch=(1.0, 1.1)), True, False),
        (AugmentConfig(gain_db=1.0), True, False),
        (AugmentConfig(noise_db=-30.0), True, False),
        (MASKS, False, True),
    ],
)
def test_a_config_says_what_it_alters(config, waveform, spectrum):
    assert (config.alters_waveform, config.alters_spectrum) == (waveform, spectrum)


def test_draws_fill_their_ranges_evenly():
    rate, semitones, gain_db, noise_db, _ = draw_waveform_changes(EVERYTHING, 4_000, SEED)
    for drawn, low, high in (
        (rate, 0.9, 1.1),
        (semitones, -2.0, 2.0),
        (gain_db, -6.0, 6.0),
        (noise_db, -40.0, -20.0),
    ):
        quarters = np.histogram(drawn, bins=4, range=(low, high))[0]
        assert quarters.sum() == 4_000
        assert np.all(np.abs(quarters - 1_000) < 137)  # five standard deviations


def test_the_same_seed_draws_the_same_and_another_does_not():
    first = draw_waveform_changes(EVERYTHING, 8, SEED)
    again = draw_waveform_changes(EVERYTHING, 8, SEED)
    other = draw_waveform_changes(EVERYTHING, 8, SEED + 1)
    for drawn, same, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(drawn, same)
        assert not np.any(drawn == different)


def test_one_kind_of_change_draws_the_same_beside_any_other():
    alone = draw_waveform_changes(AugmentConfig(gain_db=6.0), 8, SEED)
    together = draw_waveform_changes(EVERYTHING, 8, SEED)
    np.testing.assert_array_equal(alone.gain_db, together.gain_db)
    assert alone.rate is alone.semitones is alone.noise_db is alone.noise_seed is None


def test_gain_and_noise_have_the_asked_level(noise):
    waveform = noise[None, :SAMPLES]
    gain = WaveformChanges(gain_db=tf.constant([-6.0]))
    louder = apply_waveform_changes(waveform, gain, SAMPLES, SAMPLE_RATE)
    np.testing.assert_allclose(louder, 0.501187 * waveform, rtol=1e-5)  # 10 ** (-6 / 20)

    added = WaveformChanges(noise_db=tf.constant([-20.0]), noise_seed=SEED)
    difference = apply_waveform_changes(waveform, added, SAMPLES, SAMPLE_RATE) - waveform
    level = 20 * np.log10(np.std(difference) / np.std(waveform))
    assert abs(level + 20.0) < 0.2  # dB; 8,000 draws
    silence = apply_waveform_changes(0.0 * waveform, added, SAMPLES, SAMPLE_RATE)
    np.testing.assert_array_equal(silence, 0.0 * waveform)


def test_a_stretched_excerpt_is_full_to_its_last_sample(batch):
    layer = AugmentWaveform(AugmentConfig(stretch=(1.1, 1.1)), SAMPLES, SAMPLE_RATE, seed=0)
    changed = layer(batch, training=True).numpy()
    assert changed.shape == (3, SAMPLES)
    # White noise comes out a little softer, and softer still in the last half window.
    assert np.std(changed[:, -200:]) > 0.5 * np.std(batch)


def test_each_example_and_each_call_changes_otherwise(batch):
    layer = AugmentWaveform(EVERYTHING, SAMPLES, SAMPLE_RATE, seed=0)
    first, second = layer(batch, training=True).numpy(), layer(batch, training=True).numpy()
    assert np.abs(first[0] - first[1]).max() > 0.05
    assert np.abs(first - second).max() > 0.05
    again = AugmentWaveform(EVERYTHING, SAMPLES, SAMPLE_RATE, seed=0)
    np.testing.assert_array_equal(again(batch, training=True), first)


def test_outside_training_nothing_changes(batch, spectrum):
    layer = AugmentWaveform(EVERYTHING, SAMPLES, SAMPLE_RATE, seed=0)
    np.testing.assert_array_equal(layer(batch[:, :SAMPLES]), batch[:, :SAMPLES])
    np.testing.assert_array_equal(MaskSpectrum(MASKS, seed=0)(spectrum), spectrum)
    np.testing.assert_array_equal(layer.seed_generator.state, [0, 0])


def test_outside_training_another_length_is_refused(batch):
    layer = AugmentWaveform(EVERYTHING, SAMPLES, SAMPLE_RATE, seed=0)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="8000"):
        layer(batch)


def test_a_config_of_zeros_crops_and_does_nothing_else(batch, spectrum):
    layer = AugmentWaveform(AugmentConfig(), SAMPLES, SAMPLE_RATE, seed=0)
    np.testing.assert_array_equal(layer(batch, training=True), batch[:, :SAMPLES])
    mask = MaskSpectrum(AugmentConfig(), seed=0)
    np.testing.assert_array_equal(mask(spectrum, training=True), spectrum)


def test_gain_alone_runs_no_vocoder(batch):
    layer = AugmentWaveform(AugmentConfig(gain_db=6.0), SAMPLES, SAMPLE_RATE, seed=0)
    graph = tf.function(lambda waveform: layer(waveform, training=True)).get_concrete_function(
        tf.TensorSpec(batch.shape)
    )
    operations = {operation.type for operation in graph.graph.get_operations()}
    assert "Mul" in operations
    assert "RFFT" not in operations


def test_a_model_of_any_length_gives_static_samples_and_survives_a_file(batch, tmp_path):
    model = in_model(AugmentWaveform(EVERYTHING, SAMPLES, SAMPLE_RATE, seed=0))
    assert model.output_shape == (None, SAMPLES)
    model(batch, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[1].get_config() == model.layers[1].get_config()
    assert loaded.layers[1].config == EVERYTHING
    # The stream of random numbers goes on where it stood.
    np.testing.assert_array_equal(loaded(batch, training=True), model(batch, training=True))


def test_the_random_state_is_one_of_the_models_variables():
    model = in_model(AugmentWaveform(EVERYTHING, SAMPLES, SAMPLE_RATE, seed=7))
    np.testing.assert_array_equal(model.variables[0], [7, 0])


def test_training_goes_through_fit(batch):
    model = in_model(AugmentWaveform(EVERYTHING, SAMPLES, SAMPLE_RATE, seed=0))
    head = keras.Sequential([model, keras.layers.Dense(1)])
    head.compile("sgd", "mse", jit_compile=False)
    head.fit(batch, np.zeros((3, 1)), batch_size=2, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.layers[1].seed_generator.state, [0, 4])  # one a batch


@pytest.mark.usefixtures("mixed_float16")
def test_mixed_precision_leaves_the_layers_in_float32(batch, spectrum):
    changed = AugmentWaveform(EVERYTHING, SAMPLES, SAMPLE_RATE, seed=0)(batch, training=True)
    masked = MaskSpectrum(MASKS, seed=0)(spectrum, training=True)
    assert changed.dtype == masked.dtype == tf.float32


def test_changes_drawn_in_a_pipeline_equal_those_drawn_outside(batch):
    def change(waveform):
        changes = draw_waveform_changes(EVERYTHING, 3, SEED)
        return apply_waveform_changes(waveform, changes, SAMPLES, SAMPLE_RATE)

    pipeline = tf.data.Dataset.from_tensors(batch).map(change)
    assert pipeline.element_spec.shape == (3, SAMPLES)
    np.testing.assert_allclose(next(iter(pipeline)), change(batch), atol=1e-4)


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
