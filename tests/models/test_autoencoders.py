"""Autoencoders and their own training, held to nets in plain numpy and to other gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kmusic.models import embedder
from kmusic.models.autoencoders import (
    AEConfig,
    CAEConfig,
    VAEConfig,
    build_ae,
    build_cae,
    build_vae,
)
from tests.losses.test_reconstruction import cross_entropy

FRAMES, BANDS, LATENT = 3, 2, 4
SMALL = {"latent_dim": LATENT, "units": (6, 5)}
RATE = 0.1
AE = AEConfig(**SMALL)
CAE = CAEConfig(**SMALL, contraction=0.3)
ESTIMATED = CAEConfig(**SMALL, contraction=0.3, n_projections=2)
VAE = VAEConfig(**SMALL)
BERNOULLI = VAEConfig(**SMALL, likelihood="bernoulli", vector="mean_and_log_var")
ALL = [AE, CAE, ESTIMATED, VAE, BERNOULLI]
BUILD = {AEConfig: build_ae, CAEConfig: build_cae, VAEConfig: build_vae}
FEATURES = np.random.default_rng(0).uniform(0, 1, (5, FRAMES, BANDS)).astype(np.float32)


def named(config):
    return f"{type(config).__name__}{ALL.index(config)}" if config in ALL else None


def on_features(config, shape=(FRAMES, BANDS), layer=None):
    """Build a system whose front end changes nothing, or what a layer does."""
    keras.utils.set_random_seed(0)
    heard = keras.Input(shape)
    front_end = keras.Model(heard, (layer or layers.Identity(dtype="float32"))(heard))
    return BUILD[type(config)](config, front_end)


def system(config, layer=None):
    """Build a small system with biases that are not 0."""
    model, rng = on_features(config, layer=layer), np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.5, weight.shape) for weight in model.get_weights()])
    return model


def compiled(config, layer=None):
    model = system(config, layer)
    model.compile(keras.optimizers.SGD(RATE), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def dense(x, weights):
    """Pass rows through dense layers, all but the last with a ReLU; numpy or TensorFlow."""
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = x @ kernel + bias
        x = x * (x > 0) if isinstance(x, np.ndarray) else tf.nn.relu(x)
    return x @ weights[-2] + weights[-1]


def encoded(model, weights=None):
    """Give the code, or means and logarithms of variances, by hand."""
    weights = weights or model.encoder.get_weights()
    rows, n_codes = FEATURES.reshape(len(FEATURES), -1), (len(weights) - 4) // 2
    codes = [dense(rows, [*weights[:4], *weights[4 + 2 * i : 6 + 2 * i]]) for i in range(n_codes)]
    return codes[0] if n_codes == 1 else codes


def decoded(model, code):
    return dense(code, model.decoder.get_weights()).reshape(-1, FRAMES, BANDS)


def weights_of(model):
    return [weight.numpy().copy() for weight in model.weights]


def figures_of(model, training=False):
    figures = model.judge(tf.constant(FEATURES), None, training=training)
    return {name: float(value) for name, value in figures.items()}


# What there is


@pytest.mark.parametrize(
    ("config", "n_bands", "parameters"),
    [
        (AEConfig(), 12, 11_987_804),
        (CAEConfig(), 13, 12_870_923),
        (VAEConfig(), 12, 11_992_964),
    ],
)
def test_the_nets_have_the_published_parameters(config, n_bands, parameters):
    model = on_features(config, (431, n_bands))
    assert model.count_params() == parameters
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == parameters


@pytest.mark.parametrize("config", ALL, ids=named)
def test_the_embedder_is_offered_and_has_an_embedding(config):
    model = on_features(config)
    assert model.embedder is embedder(model)
    assert model.embedder.get_layer("embedding").output is model.embedder.output


@pytest.mark.parametrize("config", [AE, CAE], ids=named)
def test_the_code_represents_an_excerpt(config):
    model = system(config)
    np.testing.assert_allclose(model.embedder(FEATURES), encoded(model), atol=1e-5)  # float32


def test_the_mean_represents_an_excerpt_or_mean_and_variance_do():
    mean, both = (system(config) for config in (VAE, BERNOULLI))
    z_mean, z_log_var = encoded(mean)
    np.testing.assert_allclose(mean.embedder(FEATURES), z_mean, atol=1e-5)  # float32
    joined = np.concatenate([z_mean, z_log_var], axis=1)
    np.testing.assert_allclose(both.embedder(FEATURES), joined, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "end"),
    [
        (AE, np.asarray),
        (CAE, np.asarray),
        (AEConfig(**SMALL, output="tanh"), np.tanh),
        (CAEConfig(**SMALL, output="tanh"), np.tanh),
        (VAE, np.asarray),
        (BERNOULLI, lambda x: 1 / (1 + np.exp(-x))),
    ],
)
def test_features_are_restored_from_their_code(config, end):
    model = system(config)
    code = encoded(model)[0] if isinstance(config, VAEConfig) else encoded(model)
    expected = end(decoded(model, code))
    np.testing.assert_allclose(model.decode(code), expected, atol=1e-5)  # float32
    np.testing.assert_allclose(model.reconstruct(FEATURES), expected, atol=1e-5)
    np.testing.assert_allclose(model(FEATURES), expected, atol=1e-5)


def test_the_posterior_is_told_by_mean_and_variance():
    model = system(VAE)
    for told, expected in zip(model.posterior(FEATURES), encoded(model), strict=True):
        np.testing.assert_allclose(told, expected, atol=1e-5)  # float32


# What is judged


def test_the_reconstruction_is_judged_by_the_squared_error_of_a_value():
    model = system(AE)
    restored = decoded(model, encoded(model))
    expected = np.mean([(a - b) ** 2 for a, b in zip(FEATURES.flat, restored.flat, strict=True)])
    assert figures_of(model)["reconstruction"] == pytest.approx(expected, rel=1e-5)  # float32


def jacobians(weights):
    """Multiply the encoder's matrices where its ReLUs are open, `(batch, values, latent_dim)`."""
    x = FEATURES.reshape(len(FEATURES), 1, -1)
    product = tf.eye(x.shape[-1])[None]
    for kernel, bias in ((weights[0], weights[1]), (weights[2], weights[3])):
        x = x @ kernel + bias
        product = (product @ kernel) * tf.cast(x > 0, tf.float32)
        x = tf.nn.relu(x)
    return product @ weights[4]


def test_a_code_that_changes_with_the_features_costs_its_weight():
    model, plain = system(CAE), system(AE)
    expected = np.mean(np.sum(jacobians(model.encoder.get_weights()).numpy() ** 2, axis=(1, 2)))
    figures = figures_of(model)
    assert figures["contraction"] == pytest.approx(expected, rel=1e-5)  # float32
    loss = figures_of(plain)["loss"] + 0.3 * expected
    assert figures["loss"] == pytest.approx(loss, rel=1e-5)


def test_an_estimate_of_the_change_costs_the_same_on_average():
    model, exact = system(ESTIMATED), figures_of(system(CAE))["contraction"]
    estimates = [figures_of(model)["contraction"] for _ in range(36)]
    error = np.std(estimates) / 6
    assert 0 < error < 0.2 * exact
    assert abs(np.mean(estimates) - exact) < 4 * error


def divergence_by_hand(z_mean, z_log_var):
    return np.mean(np.sum((z_mean**2 + np.exp(z_log_var) - 1 - z_log_var) / 2, axis=1))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("config", [VAE, BERNOULLI], ids=named)
def test_a_posterior_is_judged_by_what_it_restores_and_how_far_it_is_from_the_prior(
    config, training
):
    model = system(config)
    z_mean, z_log_var = encoded(model)
    seed = keras.random.SeedGenerator(0)
    seed.state.assign(model.sample.seed_generator.state)
    noise = keras.random.normal(z_mean.shape, seed=seed).numpy() * training
    output = decoded(model, z_mean + np.exp(z_log_var / 2) * noise)
    if config is VAE:
        restored = output
        costs = [0.5 * (a - b) ** 2 for a, b in zip(FEATURES.flat, output.flat, strict=True)]
    else:
        restored = 1 / (1 + np.exp(-output))
        costs = [cross_entropy(a, b) for a, b in zip(FEATURES.flat, output.flat, strict=True)]
    divergence = divergence_by_hand(z_mean, z_log_var)
    expected = {
        "loss": np.sum(costs) / len(FEATURES) + divergence,
        "reconstruction": np.mean((restored - FEATURES) ** 2),
        "divergence": divergence,
    }
    assert figures_of(model, training) == pytest.approx(expected, rel=1e-4)  # float32


def test_codes_are_drawn_while_training_alone():
    model = system(VAE)
    first, second = (figures_of(model, training=True) for _ in range(2))
    assert first["loss"] != second["loss"]
    assert first["divergence"] == second["divergence"]
    assert figures_of(model) == figures_of(model)


# Steps


def test_a_step_of_the_plain_autoencoder_is_that_of_gradients_by_hand():
    model, before = compiled(AE), weights_of(system(AE))
    rows = FEATURES.reshape(len(FEATURES), -1)
    ends = [rows]
    for number, (kernel, bias) in enumerate(zip(before[::2], before[1::2], strict=True)):
        x = ends[-1] @ kernel + bias
        ends.append(x if number in (2, 5) else np.maximum(x, 0))  # code and output are linear
    slope = 2 * (ends[-1] - rows) / rows.size
    expected = []
    for number in reversed(range(6)):
        if number not in (2, 5):
            slope = slope * (ends[number + 1] > 0)
        kernel, bias = before[2 * number : 2 * number + 2]
        expected = [kernel - RATE * ends[number].T @ slope, bias - RATE * slope.sum(0), *expected]
        slope = slope @ kernel.T
    told = model.train_step(FEATURES)
    assert float(told["loss"]) == pytest.approx(np.mean((ends[-1] - rows) ** 2), rel=1e-5)
    for one, other in zip(weights_of(model), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)  # float32


def test_a_step_of_the_contractive_autoencoder_follows_the_penalty_too():
    model, plain, twin = compiled(CAE), compiled(AE), system(CAE)
    values = [weight.value for weight in twin.trainable_weights]
    with tf.GradientTape() as tape:
        restored = dense(encoded(twin, values[:6]), values[6:])
        error = tf.reduce_mean(tf.square(restored - FEATURES.reshape(len(FEATURES), -1)))
        norms = tf.reduce_sum(tf.square(jacobians(values)), axis=(1, 2))
        loss = error + 0.3 * tf.reduce_mean(norms)
    for weight, slope in zip(values, tape.gradient(loss, values), strict=True):
        weight.assign_sub(RATE * slope)
    told = model.train_step(FEATURES)
    plain.train_step(FEATURES)
    assert float(told["loss"]) == pytest.approx(float(loss), rel=1e-5)
    for one, other in zip(weights_of(model), weights_of(twin), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)  # float32
    moved = [np.abs(a - b).max() for a, b in zip(weights_of(model), weights_of(plain), strict=True)]
    assert min(moved[0], moved[2], moved[4]) > 1e-3  # the kernels of the encoder


@pytest.mark.parametrize("config", [CAE, ESTIMATED, VAE], ids=named)
def test_keras_fits_and_judges_in_a_graph(config):
    model = compiled(config)
    batches, before = tf.data.Dataset.from_tensors(FEATURES), weights_of(model)
    judged = tf.data.Dataset.from_tensors((FEATURES,))  # as validation batches come
    history = model.fit(batches, validation_data=judged, shuffle=False, verbose=0).history
    names = ["loss", "reconstruction", "divergence" if config is VAE else "contraction"]
    assert set(history) == {*names, *(f"val_{name}" for name in names)}
    assert np.isfinite([*history.values()]).all()
    still = [
        weight.path
        for weight, old in zip(model.trainable_weights, before, strict=True)
        if np.array_equal(weight, old)
    ]
    assert still == []


@pytest.mark.parametrize("config", [AE, ESTIMATED, VAE], ids=named)
def test_a_test_step_changes_no_weight_and_averages_over_batches(config):
    model = compiled(config)
    before = weights_of(model)
    first, second = (float(model.test_step(FEATURES[part])["loss"]) for part in ([0], [1, 2]))
    model.reset_metrics()
    alone = float(model.test_step(FEATURES[[1, 2]])["loss"])
    if config is not ESTIMATED:
        assert second == pytest.approx((first + alone) / 2, rel=1e-5)
    for one, other in zip(weights_of(model), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_front_end_changes_sound_while_training_alone():
    model = compiled(AE, layers.Dropout(0.5, seed=0))
    plain = float(compiled(AE).test_step(FEATURES)["loss"])
    np.testing.assert_array_equal(model.originals(FEATURES), FEATURES)
    assert float(model.test_step(FEATURES)["loss"]) == pytest.approx(plain, rel=1e-6)
    model.reset_metrics()
    assert float(model.train_step(FEATURES)["loss"]) != pytest.approx(plain, rel=1e-3)


@pytest.mark.parametrize("config", [CAE, BERNOULLI], ids=named)
def test_mixed_precision_reaches_the_networks_and_not_the_loss(config):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = compiled(config)
    finally:
        keras.config.set_dtype_policy("float32")
    before = weights_of(model)
    figures = model.judge(tf.constant(FEATURES), None, training=True)
    assert {value.dtype for value in figures.values()} == {tf.float32}
    assert model.embedder(FEATURES).dtype == model(FEATURES).dtype == tf.float32
    model.train_step(FEATURES)
    assert not any(map(np.array_equal, weights_of(model), before))


def test_mixed_precision_does_not_round_the_sound():
    heard = 1.0 + 1e-3 * FEATURES  # bfloat16 has steps of 0.008 there
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = system(AE, layers.Rescaling(1e3, -1e3, dtype="float32"))
    finally:
        keras.config.set_dtype_policy("float32")
    expected = model.reconstruct(model.front_end(heard))
    np.testing.assert_array_equal(model(heard), expected)


# On disk


@pytest.mark.parametrize("config", [AE, ESTIMATED, VAE, BERNOULLI], ids=named)
def test_settings_and_weights_travel_through_a_file(config, tmp_path):
    model = compiled(config)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert type(again) is type(model)
    assert all(getattr(again, name) == getattr(model, name) for name in model.settings)
    np.testing.assert_allclose(again(FEATURES), model(FEATURES), atol=1e-6)
    np.testing.assert_allclose(again.embedder(FEATURES), model.embedder(FEATURES), atol=1e-6)
    assert len(again.weights) == len(model.weights)


@pytest.mark.parametrize(
    ("config", "settings", "said"),
    [
        (AEConfig, {"latent_dim": 0}, "latent_dim must be positive; got 0"),
        (VAEConfig, {"units": ()}, "units must be one size or more"),
        (AEConfig, {"output": "relu"}, 'output must be "linear" or "tanh"; got \'relu\''),
        (CAEConfig, {"output": "relu"}, 'output must be "linear" or "tanh"; got \'relu\''),
        (CAEConfig, {"contraction": -1.0}, r"contraction must lie in \[0, inf\); got -1.0"),
        (CAEConfig, {"n_projections": 0}, "n_projections must be positive or None; got 0"),
        (VAEConfig, {"likelihood": "poisson"}, r"likelihood must be one of .*; got 'poisson'"),
        (VAEConfig, {"vector": "sigma"}, r"vector must be one of .*; got 'sigma'"),
    ],
)
def test_nonsense_is_refused(config, settings, said):
    with pytest.raises(ValueError, match=said):
        config(**settings)
