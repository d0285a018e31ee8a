"""The adversarial game, held to its rules played by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kmusic.layers.crops import CropConfig
from kmusic.models import embedder
from kmusic.models.ali import ALIConfig, build_ali

LATENT, RATE = 4, 0.5
PAPER = {"dropout": 0.2, "discriminator_norm": False, "output_map": False, "waits_at": None}
FEATURES = np.random.default_rng(0).uniform(0, 1, (3, 70, 40)).astype(np.float32)
SQUARE = {"n_frames": 32, "n_bands": 32}


def on_features(compiled=True, **settings):
    """Build a game on features of 70 frames of 40 bands, the same each time."""
    keras.utils.set_random_seed(0)
    features = keras.Input(FEATURES.shape[1:])
    front_end = keras.Model(features, keras.layers.Identity()(features))
    model = build_ali(ALIConfig(latent_dim=LATENT, **PAPER | settings), front_end)
    if compiled:
        model.compile(keras.optimizers.SGD(RATE), run_eagerly=True)  # a step is not worth a graph
        model.optimizer.build(model.trainable_variables)
    return model


def values(model):
    return [weight.numpy() for weight in model.trainable_weights]


def moved(before, model):
    return any(not np.array_equal(a, b) for a, b in zip(before, values(model), strict=True))


@pytest.fixture(scope="module")
def model():
    """A game that no test changes."""
    return on_features(compiled=False)


@pytest.fixture(scope="module")
def crops(model):
    """The consecutive crops of the excerpts, shape `(6, 32, 32)`."""
    return model.originals(FEATURES)


def test_crops_are_the_lowest_bands_of_consecutive_frames(crops):
    expected = [excerpt[start : start + 32, :32] for excerpt in FEATURES for start in (0, 32)]
    np.testing.assert_array_equal(crops, expected)


def test_the_representation_is_the_posterior_mean_averaged_over_crops(model, crops):
    means = model.encoder(crops).numpy()[:, :LATENT]
    expected = means.reshape(3, 2, LATENT).mean(axis=1)
    np.testing.assert_allclose(embedder(model)(FEATURES), expected, atol=1e-6)
    np.testing.assert_allclose(model(FEATURES), expected, atol=1e-6)
    np.testing.assert_allclose(model.infer(crops), means, atol=1e-6)


def test_mean_and_log_sigma_may_be_joined(crops):
    joined = on_features(compiled=False, vector="mean_and_log_sigma")
    expected = joined.encoder(crops).numpy().reshape(3, 2, 2 * LATENT).mean(axis=1)
    np.testing.assert_allclose(embedder(joined)(FEATURES), expected, atol=1e-6)


def test_a_reconstruction_is_generated_from_the_posterior_mean(model, crops):
    expected = model.generator(model.encoder(crops)[:, :LATENT])
    np.testing.assert_allclose(model.reconstruct(crops), expected, atol=1e-6)


def test_generated_crops_follow_their_seed(model):
    first, same, other = (model.generate(5, seed=seed).numpy() for seed in (1, 1, 2))
    assert first.shape == (5, 32, 32)
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)


def test_a_line_of_latent_vectors_has_equal_coordinates(model):
    line = model.interpolate(3, start=0.0, end=2.0)
    z = np.array([[0.0], [1.0], [2.0]], np.float32) * np.ones((1, LATENT), np.float32)
    np.testing.assert_allclose(line, model.generator(z), atol=1e-6)


def test_one_step_moves_both_sides_by_their_own_loss_at_once():
    played, by_hand = on_features(), on_features()
    answer = played.train_step(tf.constant(FEATURES))
    x = by_hand.crops(FEATURES, training=True)
    with tf.GradientTape(persistent=True) as tape:
        code = by_hand.encoder(x, training=True)
        noise = keras.random.normal((3, LATENT), seed=by_hand.sample.seed_generator)
        inferred = code[:, :LATENT] + tf.exp(code[:, LATENT:]) * noise
        z = keras.random.normal((3, LATENT), seed=by_hand.seed_generator)
        generated = by_hand.generator(z, training=True)
        on_inferred = tf.sigmoid(by_hand.discriminator([x, inferred], training=True))
        on_generated = tf.sigmoid(by_hand.discriminator([generated, z], training=True))
        d_loss = -tf.reduce_mean(tf.math.log(on_inferred) + tf.math.log(1 - on_generated))
        g_loss = -tf.reduce_mean(tf.math.log(1 - on_inferred) + tf.math.log(on_generated))
    for part, loss in [("encoder", g_loss), ("generator", g_loss), ("discriminator", d_loss)]:
        weights = getattr(by_hand, part).trainable_weights
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.assign_sub(RATE * gradient)
        for a, b in zip(values(getattr(played, part)), weights, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)  # float32 sums of 5 million products
    np.testing.assert_allclose(answer["generator_loss"], g_loss, rtol=1e-5)
    np.testing.assert_allclose(answer["discriminator_loss"], d_loss, rtol=1e-5)


@pytest.mark.parametrize(("waits_at", "learns"), [(1e-3, False), (100.0, True)])
def test_the_discriminator_waits_while_the_generator_loses_too_much(waits_at, learns):
    model = on_features(waits_at=waits_at)
    judge, maker = values(model.discriminator), values(model.generator)
    model.train_on_batch(FEATURES)
    assert moved(judge, model.discriminator) == learns
    assert moved(maker, model.generator)


def test_noise_falls_to_nothing_in_its_steps():
    model = on_features(noise=0.5, noise_steps=4)
    still = tf.zeros((64, 32, 32))
    seen = []
    for step in (0, 1, 2, 4, 9):
        model.optimizer.iterations.assign(step)
        seen.append(float(tf.math.reduce_std(model._noisy(still))))
    np.testing.assert_allclose(seen, [0.5, 0.375, 0.25, 0.0, 0.0], rtol=0.02)  # 65,536 draws


def test_positions_begin_as_the_log_odds_of_the_first_crops_and_then_learn():
    model = on_features(output_map=True, crop=CropConfig(**SQUARE, first_frame=5, n_random=None))
    model.optimizer.learning_rate = 0.0
    model.train_on_batch(FEATURES)
    mean = FEATURES[:, 5:37, :32].mean(axis=0)
    bias = model.generator.get_layer("output_map").bias
    np.testing.assert_allclose(bias[..., 0], np.log(mean / (1 - mean)), atol=1e-4)
    model.optimizer.learning_rate = 1.0
    model.train_on_batch(FEATURES[:1])
    assert 0 < np.abs(bias[..., 0] - np.log(mean / (1 - mean))).max() < 1


def test_a_test_step_measures_reconstructions_of_what_sounds_and_moves_nothing(crops):
    model = on_features()
    before = values(model)
    tailed = FEATURES.copy()
    tailed[2, 32:] = 0.0  # its second crop is silent
    answer = model.test_on_batch(tailed, return_dict=True)
    error = np.mean(np.square(model.reconstruct(crops) - crops)[:5])
    assert answer["reconstruction"] == pytest.approx(error, rel=1e-5)
    assert set(answer) == {"generator_loss", "discriminator_loss", "reconstruction"}
    assert not moved(before, model)


def test_settled_averages_are_those_of_the_crops_and_of_the_prior():
    model = on_features(compiled=False, crop=CropConfig(**SQUARE, first_frame=5, n_random=None))
    model.settle([tf.constant(FEATURES)] * 2)
    first = model.encoder.layers[2]
    mapped = keras.Model(model.encoder.input, first.output)(FEATURES[:, 5:37, :32]).numpy()
    norm = model.encoder.layers[3]
    np.testing.assert_allclose(norm.moving_mean, mapped.mean(axis=(0, 1, 2)), atol=1e-5)
    settled = model.generator.layers[3].moving_mean.numpy()
    assert np.abs(settled).max() > 0  # began as zeros


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"latent_dim": 0}, "latent_dim must be positive; got 0"),
        ({"noise_steps": 0}, "noise_steps must be positive; got 0"),
        ({"vector": "z"}, "vector must be .*; got 'z'"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\); got 1.0"),
        ({"noise": -0.1}, "noise must not be negative; got -0.1"),
        ({"waits_at": 0.0}, "waits_at must be positive or None; got 0.0"),
        ({"crop": CropConfig()}, "crop must have 32 frames and 32 bands"),
    ],
)
def test_what_cannot_be_played_is_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        ALIConfig(**settings)
