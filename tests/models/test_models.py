"""What every system promises, walked over `BUILDERS`."""

from dataclasses import fields, replace
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
SYSTEMS = sorted(BUILDERS)
CLASSIFIERS = [
    name for name in SYSTEMS if "n_classes" in {field.name for field in fields(BUILDERS[name][0])}
]
FITTED = ["pca"]
UNTRAINED = [*FITTED, "statistics"]
UNLIKE = ("ali", "ali_encoder", "composer_lstm", "seq2seq_audio", "seq2seq_mel", "wavenet")
"""Two players, whose losses need not fall together; nets that see other crops in each step, which
of noise have nothing in common; recurrences, whose bounded states reach far values slowly; and a
net that predicts samples, which those of noise cannot be."""

SIZES = {"seq2seq_mel": {"units": 32}, "wavenet": {"n_layers": 4, "upsampling": (11, 4)}}
"""What would take long, or must fit the front end."""

FAR = {"ali": 1e4}  # the first gradients through its normalised layers are 1e-5
OWN = [name for name in SYSTEMS if name not in [*CLASSIFIERS, *UNTRAINED]]
"""Systems with a training of their own, which sees batches as their default recipe makes them."""

ALIGNED = [name for name in OWN if DEFAULTS[name].tags]
TAGS = np.int32([[1, 2, 4], [2, 3, 5], [4, 0, 0]])
FROM_0_TO_1 = ScalingConfig(kind="fixed", offset=-100.0, spread=150.0)  # dB


def recipe(name, seed=0):
    """Give a small recipe: mostly the system's default config, on 128 x 32 log-mel features."""
    config, _ = BUILDERS[name]
    return Recipe(
        frontend=LogMelConfig(sample_rate=8_000, n_fft=512, hop_length=44, n_mels=32),
        excerpt_seconds=SECONDS,
        model=config(**SIZES.get(name, {})),
        target=DEFAULTS[name].target,
        triplets=DEFAULTS[name].triplets,
        tags=DEFAULTS[name].tags,
        scaling=FROM_0_TO_1 if name in ALIGNED else ScalingConfig(),
        seed=seed,
    )


def noises(count):
    """Give excerpts of noise, float32, shape `(count, samples)`."""
    draw = np.random.default_rng(0).uniform(-0.5, 0.5, (count, round(SECONDS * 8_000)))
    return draw.astype(np.float32)


def batch(name):
    """Give noise as a training batch of three examples brings it."""
    if recipe(name).triplets:
        together = 2 + recipe(name).triplets.n_negatives
        classes = np.maximum(np.arange(together) - 1, 0)
        return noises(3 * together).reshape(3, together, -1), np.tile(classes, (3, 1))
    if name in CLASSIFIERS:
        return noises(3), np.eye(N_CLASSES, dtype=np.float32)[:3]
    if name in ALIGNED:
        return noises(3), TAGS
    return noises(3)


def taught(name, optimizer, n_steps):
    """Train a system on one batch, and give it with the loss of each step, of all players."""
    model = compose(recipe(name), N_CLASSES).model
    loss = "categorical_crossentropy" if name in CLASSIFIERS else None
    model.compile(optimizer, loss, jit_compile=False)
    batches = tf.data.Dataset.from_tensors(batch(name))
    history = model.fit(batches, epochs=n_steps, shuffle=False, verbose=0).history
    return model, np.sum([history[each] for each in history if each.endswith("loss")], axis=0)


@pytest.fixture(scope="module")
def models():
    """Each system, built once; fitted to noise where it is fitted."""
    built = {name: compose(recipe(name), N_CLASSES).model for name in SYSTEMS}
    for name in FITTED:
        embedding = built[name].get_layer("embedding")
        vectors = keras.Model(built[name].input, embedding.input)
        embedding.adapt([vectors(noises(20)).numpy()])
    return built


@pytest.fixture(scope="module")
def sounds():
    """Two excerpts of noise and one of silence, float32, shape `(3, samples)`."""
    return np.concatenate([noises(2), np.zeros_like(noises(1))])


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_probabilities_have_a_column_a_class_and_add_up(name, models, sounds):
    probabilities = models[name](sounds).numpy()
    assert probabilities.shape == (3, N_CLASSES)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)  # float32 softmax


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_tags_are_told_one_by_one(name):
    model = compose(replace(recipe(name), target="tags"), N_CLASSES).model
    assert model.get_layer("probabilities").activation is keras.activations.sigmoid


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_embedding_is_one_vector_of_a_length_known_before(name, models, sounds):
    model = embedder(models[name])
    excerpts, length = model.output_shape
    assert excerpts is None
    assert model(sounds).shape == (3, length)


@pytest.mark.parametrize("name", SYSTEMS)
def test_embeddings_of_unlike_sounds_differ(name, models, sounds):
    first, second, silence = embedder(models[name])(sounds).numpy()
    assert not np.allclose(first, second)
    assert not np.allclose(first, silence)


@pytest.mark.parametrize("name", SYSTEMS)
def test_noise_and_silence_give_finite_numbers(name, models, sounds):
    assert np.isfinite(models[name](sounds).numpy()).all()
    assert np.isfinite(embedder(models[name])(sounds).numpy()).all()


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_saved_model_answers_as_before(name, models, sounds, tmp_path):
    models[name].save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(again(sounds), models[name](sounds), atol=1e-6)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_trainable_weight_gets_a_gradient(name, models, sounds):
    target = tf.one_hot([0, 1, 2], N_CLASSES)
    with tf.GradientTape() as tape:
        # By the moving averages: where a batch is normalised by its own, a bias before it is idle
        # and its gradient nothing but rounding.
        loss = keras.losses.categorical_crossentropy(target, models[name](sounds))
    weights = models[name].trainable_weights
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    still = [
        weight.path
        for weight, gradient in zip(weights, gradients, strict=True)
        if gradient is None or not np.any(gradient.numpy())
    ]
    assert weights
    assert still == []


@pytest.mark.parametrize("name", OWN)
def test_a_step_of_its_own_training_moves_every_trainable_weight(name, models):
    # Far enough that a penalty, which moves a weight by 1e-4 of itself, is not what is seen.
    model, losses = taught(name, keras.optimizers.SGD(FAR.get(name, 10.0)), 1)
    pairs = zip(models[name].trainable_weights, model.trainable_weights, strict=True)
    still = [
        after.path
        for before, after in pairs
        if np.allclose(before.numpy(), after.numpy(), rtol=1e-3, atol=0)
    ]
    assert np.isfinite(losses).all()
    assert model.trainable_weights
    assert still == []


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_is_fitted_or_counted_has_nothing_to_train_and_all_others_have(name, models):
    assert (models[name].trainable_weights == []) == (name in UNTRAINED)


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_has_a_training_of_its_own_offers_its_embedder(name, models):
    own = type(models[name]).train_step is not keras.Model.train_step
    assert own == (name in OWN) == hasattr(models[name], "embedder")


@pytest.mark.parametrize("name", CLASSIFIERS + OWN)
def test_the_seed_alone_decides_the_weights(name):
    first, same, other = (
        compose(recipe(name, seed), N_CLASSES).model.get_weights() for seed in (0, 0, 1)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CLASSIFIERS + OWN if name not in UNLIKE])
def test_the_loss_falls_on_one_batch(name):
    _, losses = taught(name, keras.optimizers.Adam(1e-3), 20)
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_has_its_file_its_test_its_default_and_its_source(name):
    config, builder = BUILDERS[name]
    *room, file = builder.__module__.split(".")
    assert room == ["kmusic", "models"]
    assert config.__module__ == builder.__module__
    assert (ROOT / f"tests/models/test_{file}.py").is_file()
    assert "Source:" in builder.__doc__
    assert type(DEFAULTS[name].model) is config


def test_the_table_holds_every_file_of_the_room():
    files = {path.stem for path in (ROOT / "kmusic/models").glob("*.py")} - {"__init__"}
    assert files == {builder.__module__.split(".")[-1] for _, builder in BUILDERS.values()}


def test_every_system_has_an_experiment():
    texts = [path.read_text() for path in (ROOT / "experiments").rglob("*.py")]
    for config, _ in BUILDERS.values():
        assert any(config.__name__ in text for text in texts)


def test_a_config_of_no_system_is_refused():
    with pytest.raises(TypeError, match=r"model must be one of .*ResidualCNNConfig.*; got int"):
        build(3, keras.Model())
