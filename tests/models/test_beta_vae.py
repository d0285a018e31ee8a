"""The step-based beta-VAE, held to loops over single frames."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kmusic.models import embedder
from kmusic.models.beta_vae import BetaVAEConfig, build_beta_vae
from kmusic.training.callbacks import Checkpoints
from tests.models.test_autoencoders import divergence_by_hand

FRAMES, BANDS, LATENT = 3, 8, 4
SMALL = {"latent_dim": LATENT, "filters": (3, 5), "units": 6}
BETA = BetaVAEConfig(**SMALL, beta=0.5)
CAPACITY = BetaVAEConfig(**SMALL, pressure="capacity", gamma=7.0, capacity=2.0, growth_steps=10)
FEATURES = np.random.default_rng(0).normal(0, 1, (5, FRAMES, BANDS)).astype(np.float32)


def on_features(config, shape=(FRAMES, BANDS)):
    """Build a system whose front end changes nothing."""
    keras.utils.set_random_seed(0)
    heard = keras.Input(shape)
    front_end = keras.Model(heard, layers.Identity(dtype="float32")(heard))
    return build_beta_vae(config, front_end)


def compiled(config, rate=0.01):
    model = on_features(config)
    model.compile(keras.optimizers.Adam(rate), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def trained(config, steps, features=FEATURES):
    """Train on one batch, and give the divergence that it ends with, in nats a frame."""
    model = compiled(config)
    batches = tf.data.Dataset.from_tensors(features).repeat(steps)
    model.fit(batches, shuffle=False, verbose=0)
    return float(model.judge(tf.constant(features), None, training=False)["divergence"])


def figures_of(model, training=False):
    figures = model.judge(tf.constant(FEATURES), None, training=training)
    return {name: np.asarray(value) for name, value in figures.items()}


# What there is


def weights(kernel, n_in, n_out):
    return kernel * n_in * n_out + n_out


def test_a_frame_of_128_bands_is_halved_four_times_and_back():
    model = on_features(BetaVAEConfig(), (2, 128))
    ends = [(4, 1, 32), (4, 32, 32), (4, 32, 64), (4, 64, 64), (8, 64, 256)]
    encoder = sum(weights(*end) for end in ends) + 2 * weights(1, 256, 100)
    mirrored = sum(weights(kernel, n_out, n_in) for kernel, n_in, n_out in ends)
    assert model.encoder.count_params() == encoder
    assert model.decoder.count_params() == mirrored + weights(1, 100, 256)
    assert model.count_params() == 397_641


def test_a_frame_is_a_convolution_over_its_bands():
    model = on_features(BETA)
    convolution = next(each for each in model.encoder.layers if isinstance(each, layers.Conv1D))
    kernel, bias = convolution.get_weights()
    frame = np.pad(FEATURES[1, 2], 1)  # "same": one zero on each side for 4 bands in steps of 2
    slides = [frame[start : start + 4] for start in range(0, BANDS, 2)]
    expected = [np.maximum(slide @ kernel[:, 0] + bias, 0) for slide in slides]
    first = keras.Model(model.encoder.input, convolution.output)
    actual = first(FEATURES)[1 * FRAMES + 2]
    np.testing.assert_allclose(actual, expected, atol=1e-5)  # float32


@pytest.mark.parametrize("n_bands", [6, 9])
def test_bands_that_cannot_be_halved_are_refused(n_bands):
    rule = rf"^bands must be a multiple of 4 for 2 filters; got {n_bands}\.$"
    with pytest.raises(ValueError, match=rule):
        on_features(BETA, (FRAMES, n_bands))


def test_a_change_in_one_frame_stays_in_that_frame():
    model = on_features(BETA)
    changed = FEATURES.copy()
    changed[1, 2] += 1.0
    differ = np.any(model.reconstruct(changed) != model.reconstruct(FEATURES), axis=2)
    assert np.argwhere(differ).tolist() == [[1, 2]]


def test_features_are_restored_from_the_means_of_their_frames():
    model = on_features(BETA)
    z_mean, z_log_var = model.posterior(FEATURES)
    assert z_mean.shape == z_log_var.shape == (5 * FRAMES, LATENT)
    frames = model.decode(z_mean)
    assert frames.shape == (5 * FRAMES, 1, BANDS)
    for number, frame in enumerate(model.reconstruct(FEATURES).numpy().reshape(-1, BANDS)):
        alone = model.decoder(z_mean[number : number + 1])[0, 0]
        np.testing.assert_allclose(frame, alone, atol=1e-6)  # float32
    np.testing.assert_array_equal(model(FEATURES), model.reconstruct(FEATURES))


# What represents an excerpt


def test_the_mean_over_the_frames_represents_an_excerpt_whatever_the_noise():
    model = on_features(BETA)
    assert model.embedder is embedder(model)
    assert model.embedder.get_layer("embedding").output is model.embedder.output
    means = model.posterior(FEATURES)[0].numpy().reshape(5, FRAMES, LATENT)
    vectors = model.embedder(FEATURES, training=True)
    np.testing.assert_allclose(vectors, means.mean(axis=1), atol=1e-6)  # float32
    np.testing.assert_array_equal(model.embedder(FEATURES, training=False), vectors)


def test_zeros_behind_a_short_track_do_not_count():
    model, padded = on_features(BETA, (6, BANDS)), np.full((2, 6, BANDS), -3.0, np.float32)
    padded[0, :3] = FEATURES[0]
    means = model.posterior(padded)[0].numpy().reshape(2, 6, LATENT)
    vectors = model.embedder(padded)
    np.testing.assert_allclose(vectors[0], means[0, :3].mean(axis=0), atol=1e-6)  # float32
    np.testing.assert_allclose(vectors[1], means[1, 0], atol=1e-6)  # all are silent: all count


def test_an_excerpt_may_be_one_frame():
    model = on_features(BETA, (1, BANDS))
    z_mean = model.posterior(FEATURES[:, :1])[0]
    np.testing.assert_array_equal(model.embedder(FEATURES[:, :1]), z_mean)


# What is judged


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("config", [BETA, CAPACITY], ids=["beta", "capacity"])
def test_a_frame_is_judged_by_what_it_restores_and_by_its_divergence_under_pressure(
    config, training
):
    model = compiled(config)
    model.optimizer.iterations.assign(5)  # half of the steps
    z_mean, z_log_var = (values.numpy() for values in model.posterior(FEATURES))
    seed = keras.random.SeedGenerator(0)
    seed.state.assign(model.sample.seed_generator.state)
    noise = keras.random.normal(z_mean.shape, seed=seed).numpy() * training
    output = model.decoder(z_mean + np.exp(z_log_var / 2) * noise).numpy()
    squares = [(a - b) ** 2 for a, b in zip(FEATURES.flat, output.flat, strict=True)]
    divergence = divergence_by_hand(z_mean, z_log_var)
    each = [divergence_by_hand(z_mean[:, [d]], z_log_var[:, [d]]) for d in range(LATENT)]
    price = 0.5 * divergence if config is BETA else 7.0 * abs(divergence - 1.0)
    expected = {
        "loss": 0.5 * sum(squares) / (5 * FRAMES) + price,
        "reconstruction": np.mean(squares),
        "divergence": divergence,
        "divergences": each,
    }
    figures = figures_of(model, training)
    assert set(figures) == {*expected, *(["capacity"] if config is CAPACITY else [])}
    for name, value in expected.items():
        np.testing.assert_allclose(figures[name], value, rtol=1e-4)  # float32


@pytest.mark.parametrize(("step", "nats"), [(0, 0.0), (1, 0.2), (5, 1.0), (10, 2.0), (99, 2.0)])
def test_the_target_grows_evenly_and_then_stays(step, nats):
    model = compiled(CAPACITY)
    model.optimizer.iterations.assign(step)
    assert float(figures_of(model)["capacity"]) == pytest.approx(nats, rel=1e-6)


def test_the_target_is_that_of_the_steps_taken_in_training_and_validation():
    model = compiled(CAPACITY)
    batches = tf.data.Dataset.from_tensors(FEATURES).repeat(4)
    history = model.fit(
        batches, validation_data=batches, epochs=2, shuffle=False, verbose=0
    ).history
    np.testing.assert_allclose(history["capacity"], [0.3, 1.1], rtol=1e-6)  # means of 4 steps
    np.testing.assert_allclose(history["val_capacity"], [0.8, 1.6], rtol=1e-6)
    for name in ("divergence", "val_divergence"):
        sums = np.sum(history[f"{name}s"], axis=1)
        np.testing.assert_allclose(sums, history[name], rtol=1e-5)  # float32


def test_a_beta_grows_as_a_target_does_and_is_whole_where_nothing_grows():
    grows, fixed = (on_features(replace(BETA, beta=4.0, growth_steps=n)) for n in (10, 0))
    for model in (grows, fixed):
        model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    for taken, beta in ((0, 0.0), (5, 2.0), (10, 4.0), (25, 4.0)):
        for model in (grows, fixed):
            model.optimizer.iterations.assign(taken)
        figures, whole = figures_of(grows), figures_of(fixed)
        misfit = whole["loss"] - 4.0 * whole["divergence"]
        assert figures["loss"] - beta * figures["divergence"] == pytest.approx(misfit, rel=1e-5)


def test_a_training_that_goes_on_finds_its_target(tmp_path):
    batches = tf.data.Dataset.from_tensors(FEATURES).repeat(6)
    compiled(CAPACITY).fit(
        batches, shuffle=False, verbose=0, callbacks=[Checkpoints(tmp_path, None)]
    )
    fresh = compiled(CAPACITY)
    Checkpoints(tmp_path, None).resume(fresh)
    assert float(fresh.grown(CAPACITY.capacity)) == pytest.approx(1.2, rel=1e-6)


# What training does


def test_without_pressure_the_divergence_stays_and_under_much_it_vanishes():
    first = float(figures_of(on_features(BETA))["divergence"])
    free, pressed = (trained(BetaVAEConfig(**SMALL, beta=beta), 100) for beta in (0.0, 100.0))
    assert free > first
    assert pressed < 0.1 * first


def test_the_divergence_follows_its_target():
    config = BetaVAEConfig(**SMALL, pressure="capacity", gamma=50.0, capacity=3.0, growth_steps=100)
    assert trained(config, 200) == pytest.approx(3.0, abs=0.2)  # nats


# On disk


@pytest.mark.parametrize("config", [BETA, CAPACITY], ids=["beta", "capacity"])
def test_settings_and_weights_travel_through_a_file(config, tmp_path):
    model = compiled(config)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert type(again) is type(model)
    assert all(getattr(again, name) == getattr(model, name) for name in model.settings)
    np.testing.assert_allclose(again(FEATURES), model(FEATURES), atol=1e-6)
    np.testing.assert_allclose(again.embedder(FEATURES), model.embedder(FEATURES), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"latent_dim": 0}, "latent_dim must be positive; got 0"),
        ({"units": 0}, "units must be positive; got 0"),
        ({"growth_steps": -1}, "growth_steps must not be negative; got -1"),
        ({"filters": ()}, r"filters must be one number or more, positive; got \(\)"),
        ({"filters": (3, 0)}, r"filters must be one number or more, positive; got \(3, 0\)"),
        ({"pressure": "gamma"}, r"pressure must be one of \('beta', 'capacity'\); got 'gamma'"),
        ({"beta": -1.0}, r"beta must lie in \[0, inf\); got -1.0"),
        ({"gamma": float("inf")}, r"gamma must lie in \[0, inf\); got inf"),
        ({"capacity": float("nan")}, r"capacity must lie in \[0, inf\); got nan"),
    ],
)
def test_nonsense_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        BetaVAEConfig(**settings)
