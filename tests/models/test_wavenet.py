from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from kmusic.features.augment import AugmentConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.layers.mu_law import mu_law_decode, mu_law_encode
from kmusic.models.wavenet import PUBLISHED, SILENCE, WaveNetConfig
from kmusic.training.compose import compose
from kmusic.training.recipe import Recipe

TINY = WaveNetConfig(
    n_layers=4,
    n_stacks=2,
    residual_channels=4,
    gate_channels=8,
    skip_channels=6,
    upsampling=(4, 2),
)
SMALL_MEL = LogMelConfig(sample_rate=4_000, n_fft=64, hop_length=8, n_mels=6)
RECIPE = Recipe(
    frontend=SMALL_MEL,
    excerpt_seconds=0.02,  # 80 samples, 11 frames
    model=TINY,
    target=None,
    scaling=ScalingConfig(),
    early_stopping=None,
)
RNG = np.random.default_rng(0)
SOUNDS = RNG.uniform(-1, 1, (3, 80)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    """A tiny WaveNet that says something else in each code."""
    built = compose(RECIPE).model
    built.stack.predicted.direction.assign(
        3.0 * RNG.normal(size=built.stack.predicted.direction.shape)
    )
    return built


@pytest.mark.parametrize(
    ("weight_norm", "expected"),
    [(False, 5_563_168), (True, 5_591_332)],
    ids=["plain", "weight norm"],
)
def test_the_published_sizes_have_the_papers_parameters(weight_norm, expected):
    mel = LogMelConfig(sample_rate=8_000, n_fft=512, hop_length=128, n_mels=80)
    sizes = replace(PUBLISHED, weight_norm=weight_norm)
    recipe = replace(RECIPE, frontend=mel, excerpt_seconds=0.752, model=sizes)
    assert compose(recipe).network_parameters[0] == expected
    assert sizes.receptive_field == 4_089


def test_the_loss_is_the_mean_cross_entropy_of_the_sample_behind(model):
    codes, features = model.hear(tf.constant(SOUNDS), training=False)
    logits = model(SOUNDS).numpy()[:, :-1]
    behind = mu_law_encode(SOUNDS).numpy()[:, 1:]
    chances = np.take_along_axis(softmax(logits, axis=-1), behind[..., None], axis=-1)
    figures = model.judge((codes, features), None, training=True)
    assert float(figures["loss"]) == pytest.approx(-np.log(chances).mean(), rel=1e-5)
    assert float(figures["accuracy"]) == pytest.approx((logits.argmax(-1) == behind).mean())


def test_who_knows_nothing_loses_the_logarithm_of_256():
    built = compose(RECIPE).model
    built.stack.predicted.direction.assign(tf.zeros_like(built.stack.predicted.direction))
    loss = built.judge(built.hear(tf.constant(SOUNDS), training=False), None, training=True)["loss"]
    assert float(loss) == pytest.approx(np.log(256), rel=1e-6)


def test_the_embedding_is_the_mean_over_time_of_the_last_activations(model):
    features = model.originals(SOUNDS)
    condition = model.upsampling(features)[:, :80]
    _, activations = model.stack(mu_law_encode(SOUNDS), condition)
    expected = activations.numpy().mean(axis=1)
    np.testing.assert_allclose(model.embedder(SOUNDS), expected, atol=1e-6)
    assert model.embedder.layers[-1].name == "embedding"


def test_a_sound_that_changes_late_is_predicted_alike_until_then(model):
    """The features too know of a frame's middle half a window ahead: 32 samples and a filter."""
    other = SOUNDS.copy()
    other[:, 70:] *= -1
    before, after = model(SOUNDS).numpy(), model(other).numpy()
    np.testing.assert_array_equal(after[:, :20], before[:, :20])
    assert (after[:, 70:] != before[:, 70:]).any()


def beside(model, features):
    """Give the features beside the sample before each, those of the first twice."""
    condition = model.upsampling(features).numpy()
    return np.concatenate([condition[:, :1], condition[:, :-1]], axis=1)


def test_a_played_sample_is_drawn_from_the_prediction_that_training_judges(model):
    """Of a sound that was played, the next sample is as likely in playing as in training."""
    features, n_samples = model.originals(SOUNDS), 30
    codes = mu_law_encode(model.vocode(features, n_samples, temperature=1e-4))
    behind = np.concatenate([np.full((3, 1), SILENCE), codes], axis=1).astype(np.int32)
    condition = model.upsampling(features)
    # As `judge` lays them: code t and features t say what code t + 1 is.
    logits, _ = model.stack(behind[:, 1:-1], condition[:, : n_samples - 1])
    logits = logits.numpy()[:, 16:]  # where the first sample, of no sound, is out of sight
    chosen = np.take_along_axis(logits, codes.numpy()[:, 17:, None], axis=-1)[..., 0]
    np.testing.assert_allclose(chosen, logits.max(axis=-1), atol=1e-2)  # ties are drawn


def test_playing_by_queues_is_playing_by_whole_convolutions(model):
    features, n_samples = model.originals(SOUNDS), 60
    chances = keras.random.uniform((1_000, 3), seed=5).numpy()
    condition = beside(model, features)
    codes = np.full((3, 1), SILENCE, np.int32)
    for number in range(n_samples):
        logits, _ = model.stack(codes, condition[:, : number + 1])
        shares = np.cumsum(softmax(logits.numpy()[:, -1] / 0.7, axis=-1), axis=-1)
        drawn = (shares < chances[number][:, None]).sum(axis=-1).clip(max=255)
        codes = np.concatenate([codes, drawn[:, None].astype(np.int32)], axis=1)
    played = model.vocode(features, n_samples, seed=5, temperature=0.7)
    np.testing.assert_array_equal(played, mu_law_decode(codes[:, 1:]))


def test_what_is_played_repeats_and_does_not_depend_on_its_length(model):
    features = model.originals(SOUNDS)
    first, again, other = (model.vocode(features, 50, seed=seed).numpy() for seed in (1, 1, 2))
    np.testing.assert_array_equal(again, first)
    assert (other != first).any()
    np.testing.assert_array_equal(model.vocode(features, 20, seed=1), first[:, :20])


def test_a_long_sound_is_played_in_blocks_without_a_seam(model, monkeypatch):
    features, told = model.originals(SOUNDS), []
    monkeypatch.setattr("kmusic.models.wavenet.SAMPLES_AT_ONCE", 20)
    first = model.vocode(features, 50, temperature=1e-4, advance=told.append)
    assert told == pytest.approx([0.4, 0.4, 0.2])
    codes = np.concatenate([np.full((3, 1), SILENCE), mu_law_encode(first)[:, :-1]], axis=1)
    logits, _ = model.stack(codes, beside(model, features)[:, :50])
    chosen = np.take_along_axis(logits.numpy(), mu_law_encode(first).numpy()[..., None], axis=-1)
    np.testing.assert_allclose(chosen[..., 0], logits.numpy().max(axis=-1), atol=1e-2)


def test_a_low_temperature_plays_the_likeliest_code(model):
    features = model.originals(SOUNDS)
    played = mu_law_encode(model.vocode(features, 30, temperature=1e-4)).numpy()
    codes = np.concatenate([np.full((3, 1), SILENCE), played[:, :-1]], axis=1)
    logits, _ = model.stack(codes, beside(model, features)[:, :30])
    chosen = np.take_along_axis(logits.numpy(), played[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(chosen, logits.numpy().max(axis=-1), atol=1e-2)  # ties are drawn


def test_a_reconstruction_is_features_of_what_is_played(model):
    features = model.originals(SOUNDS)
    expected = model.originals(model.vocode(features, 80))
    assert model.reconstruct(features).shape == features.shape
    np.testing.assert_array_equal(model.reconstruct(features), expected)


def test_codes_are_of_the_sound_that_the_features_are_of():
    augment = AugmentConfig(gain_db=12.0)
    built = compose(replace(RECIPE, augment=augment)).model
    codes, _ = built.hear(tf.constant(0.1 * SOUNDS), training=True)
    plain, _ = built.hear(tf.constant(0.1 * SOUNDS), training=False)
    np.testing.assert_array_equal(plain, mu_law_encode(0.1 * SOUNDS))
    assert (codes.numpy() != plain.numpy()).any()


def test_a_tone_is_learned():
    recipe = replace(RECIPE, model=replace(TINY, skip_channels=16))
    built = compose(recipe).model
    tones = np.sin(np.arange(80) * np.array([[0.2], [0.4], [0.8]])).astype(np.float32)
    built.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    batches = tf.data.Dataset.from_tensors(tones)
    losses = built.fit(batches, epochs=60, shuffle=False, verbose=0).history["loss"]
    assert losses[0] > 5.0
    assert losses[-1] < 4.0


@pytest.mark.parametrize(
    ("n_samples", "temperature", "rule"),
    [(0, 1.0, r"n_samples must lie in \[1, 88\]"), (89, 1.0, "got 89"), (5, 0.0, "temperature")],
)
def test_what_cannot_be_played_is_refused(model, n_samples, temperature, rule):
    with pytest.raises(ValueError, match=rule):
        model.vocode(model.originals(SOUNDS), n_samples, temperature=temperature)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"n_layers": 0}, "n_layers must be positive"),
        ({"n_layers": 5}, "multiple of n_stacks; got n_layers=5, n_stacks=2"),
        ({"gate_channels": 7}, "gate_channels must be even; got 7"),
        ({"kernel_size": 1}, "kernel_size must be at least 2; got 1"),
        ({"upsampling": ()}, "upsampling must be positive scales"),
        ({"upsampling": (4, 0)}, "upsampling must be positive scales"),
    ],
)
def test_a_config_refuses_what_no_network_can_be(changes, rule):
    with pytest.raises(ValueError, match=rule):
        replace(TINY, **changes)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"model": replace(TINY, upsampling=(4, 4))}, "multiply to the front end's hop_length"),
        ({"crop": "frames"}, 'crop must be "waveform"'),
    ],
)
def test_a_front_end_that_does_not_fit_is_refused(changes, rule):
    with pytest.raises(ValueError, match=rule):
        compose(replace(RECIPE, **changes))
