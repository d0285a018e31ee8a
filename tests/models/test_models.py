"""What every system promises, walked over `BUILDERS`."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models import BUILDERS, build, embedder
from kmusic.training.compose import compose
from kmusic.training.defaults import DEFAULTS
from kmusic.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
N_CLASSES = 5
SECONDS = 0.7


def recipe(name, seed=0):
    """Give a small recipe: the system's default config on a 33 x 32 log-mel front end."""
    config, _ = BUILDERS[name]
    frontend = LogMelConfig(sample_rate=8_000, n_fft=512, hop_length=175, n_mels=32)
    scaling = ScalingConfig()
    return Recipe(
        frontend=frontend, excerpt_seconds=SECONDS, model=config(), scaling=scaling, seed=seed
    )


@pytest.fixture(scope="module", params=sorted(BUILDERS))
def system(request):
    """Each system with its recipe, built once."""
    return request.param, compose(recipe(request.param), N_CLASSES)


@pytest.fixture(scope="module")
def sounds():
    """Two excerpts of noise and one of silence, float32, shape `(3, samples)`."""
    draw = np.random.default_rng(0).uniform(-0.5, 0.5, (2, round(SECONDS * 8_000)))
    return np.concatenate([draw, np.zeros_like(draw[:1])]).astype(np.float32)


def test_probabilities_have_a_column_a_class_and_add_up(system, sounds):
    _, composition = system
    probabilities = composition.model(sounds).numpy()
    assert probabilities.shape == (3, N_CLASSES)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)  # float32 softmax


def test_the_embedding_has_the_configs_size(system, sounds):
    name, composition = system
    assert embedder(composition.model)(sounds).shape == (3, recipe(name).model.embedding_dim)


def test_noise_and_silence_give_finite_numbers(system, sounds):
    _, composition = system
    assert np.isfinite(composition.model(sounds).numpy()).all()
    assert np.isfinite(embedder(composition.model)(sounds).numpy()).all()


def test_a_saved_model_answers_as_before(system, sounds, tmp_path):
    _, composition = system
    composition.model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(again(sounds), composition.model(sounds), atol=1e-6)


def test_every_trainable_weight_gets_a_gradient(system, sounds):
    _, composition = system
    target = tf.one_hot([0, 1, 2], N_CLASSES)
    with tf.GradientTape() as tape:
        # By the moving averages: where a batch is normalised by its own, a bias before it is idle
        # and its gradient nothing but rounding.
        loss = keras.losses.categorical_crossentropy(target, composition.model(sounds))
    weights = composition.model.trainable_weights
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    still = [
        weight.path
        for weight, gradient in zip(weights, gradients, strict=True)
        if gradient is None or not np.any(gradient.numpy())
    ]
    assert still == []


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_the_seed_alone_decides_the_weights(name):
    first, same, other = (
        compose(recipe(name, seed), N_CLASSES).model.get_weights() for seed in (0, 0, 1)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.slow
def test_the_loss_falls_on_one_batch(system, sounds):
    name, _ = system
    model = compose(recipe(name), N_CLASSES).model
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="categorical_crossentropy")
    target = tf.one_hot([0, 1, 2], N_CLASSES)
    losses = [float(model.train_on_batch(sounds, target)) for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_a_system_has_its_file_its_test_its_default_and_its_source(name):
    config, builder = BUILDERS[name]
    assert builder.__module__ == config.__module__ == f"kmusic.models.{name}"
    assert (ROOT / f"tests/models/test_{name}.py").is_file()
    assert "Source:" in builder.__doc__
    assert type(DEFAULTS[name].model) is config


def test_the_table_holds_every_file_of_the_room():
    files = {path.stem for path in (ROOT / "kmusic/models").glob("*.py")} - {"__init__"}
    assert files == set(BUILDERS)


def test_every_system_has_an_experiment():
    texts = [path.read_text() for path in (ROOT / "experiments").rglob("*.py")]
    for config, _ in BUILDERS.values():
        assert any(config.__name__ in text for text in texts)


def test_a_config_of_no_system_is_refused():
    with pytest.raises(TypeError, match=r"model must be one of .*ResidualCNNConfig.*; got int"):
        build(3, keras.Model())
