import json
from dataclasses import asdict

import keras
import numpy as np
import pytest
import tensorflow as tf

from kmusic.audio.signals import clicks, tone
from kmusic.features.augment import (
    SIX_COPIES,
    AugmentConfig,
    AugmentWaveform,
    Copy,
    WaveformChanges,
    apply_copies,
    apply_waveform_changes,
    draw_waveform_changes,
)

SAMPLE_RATE = 22_050
SAMPLES = 8_000
EVERYTHING = AugmentConfig(semitones=2.0, stretch=(0.9, 1.1), gain_db=6.0, noise_db=-20.0)
COPIES = AugmentConfig(copies=SIX_COPIES)
SEED = tf.constant([1, 2], tf.int32)


@pytest.fixture
def batch(noise):
    """Three times the same 8,800 samples."""
    return np.stack([noise[:8_800]] * 3)


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


@pytest.mark.parametrize(
    "settings",
    [
        {"semitones": 12.5},
        {"semitones": float("nan")},
        {"stretch": 0.0},
        {"stretch": float("inf")},
        {"place": -0.1},
        {"place": 1.1},
    ],
)
def test_a_copy_that_cannot_be_is_refused_with_the_value(settings):
    ((name, value),) = settings.items()
    with pytest.raises(ValueError, match=f"{name} must .*; got {value}"):
        Copy(**settings)


@pytest.mark.parametrize("drawn", [{"semitones": 2.0}, {"stretch": (0.9, 1.1)}])
def test_copies_are_not_changed_by_chance_besides(drawn):
    with pytest.raises(ValueError, match=r"copies stand in place of .*; got 6 copies"):
        AugmentConfig(copies=SIX_COPIES, **drawn)


@pytest.mark.parametrize("config", [EVERYTHING, COPIES], ids=["drawn", "copies"])
def test_a_config_survives_json(config):
    assert AugmentConfig(**json.loads(json.dumps(asdict(config)))) == config


def test_an_excerpt_is_read_long_enough_for_the_fastest_tempo():
    assert AugmentConfig().reads(77_175) == 77_175
    assert EVERYTHING.reads(77_175) == 84_893  # 84,892.5 rounded up
    assert AugmentConfig(stretch=(0.5, 0.8)).reads(1_000) == 800
    assert COPIES.reads(77_175) == 84_893
    assert AugmentConfig(copies=(Copy(stretch=0.5),)).reads(1_000) == 1_000


@pytest.mark.parametrize(
    ("config", "waveform", "spectrum"),
    [
        (AugmentConfig(), False, False),
        (AugmentConfig(semitones=1.0), True, False),
        (AugmentConfig(stretch=(1.0, 1.1)), True, False),
        (AugmentConfig(gain_db=1.0), True, False),
        (AugmentConfig(noise_db=-30.0), True, False),
        (AugmentConfig(copies=(Copy(),)), True, False),
        (AugmentConfig(time_masks=1, time_mask_frames=2), False, True),
        (AugmentConfig(frequency_masks=1, frequency_mask_bands=2), False, True),
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


def test_outside_training_nothing_changes(batch):
    layer = AugmentWaveform(EVERYTHING, SAMPLES, SAMPLE_RATE, seed=0)
    np.testing.assert_array_equal(layer(batch[:, :SAMPLES]), batch[:, :SAMPLES])
    np.testing.assert_array_equal(layer.seed_generator.state, [0, 0])


def test_outside_training_another_length_is_refused(batch):
    layer = AugmentWaveform(EVERYTHING, SAMPLES, SAMPLE_RATE, seed=0)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="8000"):
        layer(batch)


@pytest.mark.parametrize("config", [AugmentConfig(), COPIES], ids=["zeros", "copies"])
def test_what_draws_nothing_crops_and_does_nothing_else(batch, config):
    layer = AugmentWaveform(config, SAMPLES, SAMPLE_RATE, seed=0)
    np.testing.assert_array_equal(layer(batch, training=True), batch[:, :SAMPLES])


def test_gain_alone_runs_no_vocoder(batch):
    layer = AugmentWaveform(AugmentConfig(gain_db=6.0), SAMPLES, SAMPLE_RATE, seed=0)
    graph = tf.function(lambda waveform: layer(waveform, training=True)).get_concrete_function(
        tf.TensorSpec(batch.shape)
    )
    operations = {operation.type for operation in graph.graph.get_operations()}
    assert "Mul" in operations
    assert "RFFT" not in operations


@pytest.mark.parametrize("config", [EVERYTHING, COPIES], ids=["drawn", "copies"])
def test_a_model_of_any_length_gives_static_samples_and_survives_a_file(batch, tmp_path, config):
    model = in_model(AugmentWaveform(config, SAMPLES, SAMPLE_RATE, seed=0))
    assert model.output_shape == (None, SAMPLES)
    model(batch, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[1].get_config() == model.layers[1].get_config()
    assert loaded.layers[1].config == config
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
def test_mixed_precision_leaves_the_layer_in_float32(batch):
    changed = AugmentWaveform(EVERYTHING, SAMPLES, SAMPLE_RATE, seed=0)(batch, training=True)
    assert changed.dtype == tf.float32


def test_changes_drawn_in_a_pipeline_equal_those_drawn_outside(batch):
    def change(waveform):
        changes = draw_waveform_changes(EVERYTHING, 3, SEED)
        return apply_waveform_changes(waveform, changes, SAMPLES, SAMPLE_RATE)

    pipeline = tf.data.Dataset.from_tensors(batch).map(change)
    assert pipeline.element_spec.shape == (3, SAMPLES)
    np.testing.assert_allclose(next(iter(pipeline)), change(batch), atol=1e-4)


def copies(waveform, rows, samples):
    """Make a copy of the waveform for each pair of semitones and stretch."""
    semitones, stretch = np.array(rows, np.float32).T
    batch = np.stack([waveform] * len(rows))
    return apply_copies(batch, semitones, stretch, samples, SAMPLE_RATE).numpy()


def test_six_copies_are_those_of_the_paper():
    changes = [(copy.semitones, copy.stretch) for copy in SIX_COPIES]
    assert changes == [(0, 1), (0, 1), (2, 1), (-2, 1), (0, 1.1), (0, 0.9)]
    assert [copy.place for copy in SIX_COPIES] == [None, 0.811, None, None, None, None]


def test_a_copy_without_a_change_is_the_waveform_itself(noise):
    plain, _, again = copies(noise, [(0.0, 1.0), (2.0, 1.1), (0.0, 1.0)], SAMPLES)
    np.testing.assert_array_equal(plain, noise[:SAMPLES])
    np.testing.assert_array_equal(again, noise[:SAMPLES])


@pytest.mark.parametrize(
    ("semitones", "stretch", "hertz"),
    [(2.0, 1.0, 493.883), (-2.0, 1.0, 391.995), (0.0, 1.1, 440.0), (0.0, 0.9, 440.0)],
)
def test_a_tone_of_a_copy_lands_where_its_pitch_says(semitones, stretch, hertz):
    sound = tone(440.0, 2.2, SAMPLE_RATE)
    changed = copies(sound, [(0.0, 1.0), (semitones, stretch)], 2 * SAMPLE_RATE)[1]
    spectrum = np.abs(np.fft.rfft(changed * np.hanning(len(changed))))
    assert abs(np.argmax(spectrum) / 2.0 - hertz) <= 0.5  # Hz, one bin


def test_clicks_of_a_faster_copy_follow_each_other_sooner():
    distance = 8_000
    sound = clicks(distance / SAMPLE_RATE, 11 * distance / SAMPLE_RATE, SAMPLE_RATE)
    faster = copies(sound, [(0.0, 1.1)], 10 * distance)[0]
    expected = distance / 1.1 * np.arange(1, 11)  # of the first click, half is missing
    around = np.arange(-2_000, 2_000)
    energy = np.stack([np.square(faster[round(place) + around]) for place in expected])
    found = expected + (energy * around).sum(axis=1) / energy.sum(axis=1)
    np.testing.assert_allclose(np.diff(found).mean(), distance / 1.1, rtol=0.01)
    assert energy.sum() > 0.9 * np.square(faster[2_000:]).sum()  # and nowhere else


def test_rows_of_copies_do_not_touch_each_other(noise, chirp):
    semitones, stretch = np.array([2.0, 0.0, 0.0], np.float32), np.array([1.0, 0.9, 1.0], "f4")
    batch = np.stack([noise, chirp, chirp])[:, :30_000]
    together = apply_copies(batch, semitones, stretch, 27_000, SAMPLE_RATE).numpy()
    for row in range(3):
        own = slice(row, row + 1)
        alone = apply_copies(batch[own], semitones[own], stretch[own], 27_000, SAMPLE_RATE)
        np.testing.assert_allclose(together[own], alone, atol=1e-4)  # float32 phases; peak 0.5
