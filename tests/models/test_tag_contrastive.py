"""Sound aligned with its tags, held to slow losses and to steps by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kmusic.models import embedder
from kmusic.models.tag_contrastive import TagContrastiveConfig
from tests import oracles
from tests.aligned_systems import (
    ALL,
    BANDS,
    DIM,
    FEATURES,
    N_WORDS,
    NONE,
    RATE,
    SOME,
    TAGGED,
    TAGS,
    WHOLE,
    WORDS,
    compiled,
    figures_of,
    parts_moved_by_a_step,
    system,
    untouched,
    values,
)

# What there is


@pytest.mark.parametrize("name", ALL)
def test_the_embedding_is_what_the_encoder_makes_of_the_features(name):
    model = untouched(name)
    assert model.embedder is embedder(model)
    assert model.embedder.get_layer("embedding").output is model.embedder.output
    np.testing.assert_array_equal(model.embedder(FEATURES), model.encoder(FEATURES))


@pytest.mark.parametrize("name", ALL)
def test_a_restoration_is_decoded_from_the_embedding(name):
    model = untouched(name)
    expected = model.decoder(model.embedder(FEATURES))
    np.testing.assert_array_equal(model.reconstruct(FEATURES), expected)
    np.testing.assert_array_equal(model(FEATURES), expected)


@pytest.mark.parametrize("name", ALL)
def test_sound_is_aligned_by_a_linear_map_so_that_a_mean_may_be(name):
    model = untouched(name)
    vectors = model.embedder(FEATURES).numpy()
    excerpts = model.align_sound(vectors).numpy()
    mean = model.align_sound(vectors.mean(axis=0, keepdims=True))
    np.testing.assert_allclose(mean[0], excerpts.mean(axis=0), atol=1e-5)  # float32
    np.testing.assert_allclose(model.align_sound(-3 * vectors), -3 * excerpts, atol=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_sound_and_tags_come_to_one_space_and_shares_to_one(name):
    model = untouched(name)
    sound = model.align_sound(model.embedder(FEATURES))
    tags, shares = model.align_tags(SOME), model.weigh_tags(SOME)
    assert sound.shape == tags.shape == (6, sound.shape[1])
    assert shares.shape == SOME.shape
    np.testing.assert_allclose(np.sum(shares, axis=1), TAGGED, atol=1e-6)  # float32
    np.testing.assert_array_equal(model.align_tags(SOME), tags)  # nothing is left out by chance
    unlike = np.ptp(tags, axis=0).max()
    assert unlike > 0.01
    assert np.isfinite(tags).all()


@pytest.mark.parametrize("name", ["2h", "mean"])
def test_the_vectors_of_words_are_those_that_were_set(name):
    model = system(name)
    before = model.align_tags(TAGS).numpy()
    model.set_words(WORDS[::-1])
    mirrored = np.where(TAGS, N_WORDS + 1 - TAGS, 0)
    np.testing.assert_allclose(model.align_tags(mirrored), before, atol=1e-5)  # float32
    assert not np.allclose(model.align_tags(TAGS), before, atol=0.01)


@pytest.mark.parametrize(("padding_asks", "same"), [(False, True), (True, False)])
def test_a_config_says_whether_padding_asks(padding_asks, same):
    model = system("1h", padding_asks=padding_asks)
    longer = model.align_tags(np.pad(TAGS, [[0, 0], [0, 8]]))
    assert np.allclose(longer, model.align_tags(TAGS), atol=1e-5) == same


# What is judged


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("1h", {}),
        ("2h", {"temperature": 0.5, "epsilon": 1e-3}),
        ("mean", {"reconstruction_weight": 0.25, "contrastive_weight": 2.0}),
    ],
)
def test_the_loss_is_that_of_restored_features_and_of_aligned_views(name, settings):
    model = system(name, **settings)
    vectors = model.encoder(FEATURES)
    reconstruction = oracles.generalised_divergence(FEATURES, model.decoder(vectors).numpy())
    contrastive = oracles.nt_xent(
        model.projection(vectors).numpy(),
        model.align_tags(SOME).numpy(),
        settings.get("temperature", 0.1),
        TAGGED,
        settings.get("epsilon", 0.0),
    )
    expected = {
        "reconstruction": reconstruction,
        "contrastive": contrastive,
        "loss": settings.get("reconstruction_weight", 5.0) * reconstruction
        + settings.get("contrastive_weight", 10.0) * contrastive,
    }
    assert figures_of(model, FEATURES, SOME) == pytest.approx(expected, rel=1e-5)  # float32


@pytest.mark.parametrize("name", ALL)
def test_what_has_no_tags_is_judged_by_its_restoration_alone(name):
    model = untouched(name)
    mixed = figures_of(model, FEATURES, SOME)
    alone = figures_of(model, FEATURES[TAGGED], SOME[TAGGED])
    without = figures_of(model, FEATURES[~TAGGED], SOME[~TAGGED])
    whole = (4 * alone["reconstruction"] + 2 * without["reconstruction"]) / 6
    assert mixed["reconstruction"] == pytest.approx(whole, rel=1e-5)  # float32
    for figure in set(mixed) - {"loss", "reconstruction"}:
        assert mixed[figure] == pytest.approx(alone[figure], rel=1e-5)
        assert without[figure] == 0.0
    assert without["loss"] == pytest.approx(5 * without["reconstruction"], rel=1e-6)


# Who learns


@pytest.mark.parametrize(("name", "numbers"), [("2h", SOME), ("mean", TAGS), ("coala", SOME)])
def test_everything_learns_from_tagged_sound(name, numbers):
    model = compiled(name)
    learning = [part for part in model.parts if part != "front_end"]
    assert parts_moved_by_a_step(model, numbers) == learning


@pytest.mark.parametrize(("name", "epsilon"), [("1h", 1e-5), ("mean", 0.0), ("coala", 0.0)])
def test_from_sound_without_any_tags_the_autoencoder_alone_learns(name, epsilon):
    model = compiled(name, epsilon=epsilon)
    assert parts_moved_by_a_step(model, NONE) == ["encoder", "decoder"]


def test_without_the_contrastive_loss_the_autoencoder_alone_learns():
    model = compiled("1h", contrastive_weight=0.0)
    assert parts_moved_by_a_step(model, TAGS) == ["encoder", "decoder"]


def test_without_the_reconstruction_the_decoder_alone_does_not_learn():
    model = compiled("1h", reconstruction_weight=0.0)
    assert parts_moved_by_a_step(model, TAGS) == ["encoder", "projection", "tag_encoder"]


@pytest.mark.parametrize("name", ["1h", "mean"])
def test_word_vectors_are_never_trained(name):
    model = compiled(name)
    model.train_step((FEATURES, TAGS))
    table = model.tag_encoder.get_layer("word_vectors").get_weights()[0]
    np.testing.assert_array_equal(table, np.concatenate([np.zeros((1, DIM)), WORDS]))


@pytest.mark.parametrize("name", ["2h", "mean"])
def test_a_step_is_that_of_the_losses_by_hand(name):
    settings = {**WHOLE, "tag_dropout": 0.0}  # chance leaves nothing out
    model, twin = compiled(name, **settings), system(name, **settings)
    weights = [weight.value for weight in twin.trainable_weights]
    with tf.GradientTape() as tape:
        vectors = twin.encoder(FEATURES, training=True)
        restored = twin.decoder(vectors, training=True)
        ratio = tf.math.log((FEATURES + 1e-5) / (restored + 1e-5))
        divergence = tf.reduce_sum(FEATURES * ratio + restored - FEATURES) / (6 * BANDS)
        views = [twin.projection(vectors), twin.tag_encoder(SOME)[0]]
        both = tf.concat([tf.boolean_mask(view, TAGGED) for view in views], axis=0)
        both = tf.math.l2_normalize(both, axis=1)
        logits = tf.linalg.set_diag(both @ tf.transpose(both) / 0.1, [-1e9] * 8)
        partners = [4, 5, 6, 7, 0, 1, 2, 3]
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(partners, logits)
        loss = 5 * divergence + 10 * tf.reduce_mean(losses)
    for weight, slope in zip(weights, tape.gradient(loss, weights), strict=True):
        weight.assign_sub(RATE * slope)
    told = model.train_step((FEATURES, SOME))
    assert float(told["loss"]) == pytest.approx(float(loss), rel=1e-5)  # float32
    for one, other in zip(values(model), values(twin), strict=True):
        # Gradients to 10, from float32 sums behind a batch normalisation of six examples.
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_keras_fits_and_judges_batches_of_any_size_in_a_graph():
    model = system("2h")
    model.compile(keras.optimizers.SGD(RATE), jit_compile=False)
    batches = tf.data.Dataset.from_tensor_slices((FEATURES, SOME)).batch(4)  # and then of 2
    judged = batches.map(lambda heard, numbers: (heard, numbers, tf.ones(tf.shape(heard)[0])))
    history = model.fit(batches, validation_data=judged, shuffle=False, verbose=0).history
    assert set(history) == {*model.figures, *(f"val_{figure}" for figure in model.figures)}
    assert np.isfinite([*history.values()]).all()


@pytest.mark.parametrize("name", ["mean", "coala"])
def test_a_test_step_changes_no_weight_and_gives_means_over_batches(name):
    model = compiled(name)
    before = model.get_weights()
    judged = [figures_of(model, FEATURES, numbers) for numbers in (TAGS, SOME)]
    model.test_step((FEATURES, TAGS))
    told = {key: float(value) for key, value in model.test_step((FEATURES, SOME)).items()}
    assert told == pytest.approx({k: (judged[0][k] + judged[1][k]) / 2 for k in told}, rel=1e-5)
    assert all(map(np.array_equal, before, model.get_weights()))


def test_the_front_end_changes_sound_while_training_alone():
    model = compiled("mean", layers.Dropout(0.5, seed=0), **WHOLE, tag_dropout=0.0)
    plain = compiled("mean", **WHOLE, tag_dropout=0.0)
    np.testing.assert_array_equal(model.originals(FEATURES), FEATURES)
    judged = [float(each.test_step((FEATURES, TAGS))["loss"]) for each in (model, plain)]
    assert judged[0] == judged[1]
    for each in (model, plain):
        each.reset_metrics()
    learned = [float(each.train_step((FEATURES, TAGS))["loss"]) for each in (model, plain)]
    assert learned[0] != pytest.approx(learned[1], rel=1e-3)


@pytest.mark.parametrize("name", ["2h", "coala"])
def test_mixed_precision_reaches_the_networks_and_not_the_loss(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = compiled(name)
    finally:
        keras.config.set_dtype_policy("float32")
    figures = model.judge(tf.constant(FEATURES), tf.constant(SOME), training=True)
    assert {value.dtype for value in figures.values()} == {tf.float32}
    given = [model.embedder(FEATURES), model(FEATURES), model.align_tags(SOME)]
    given += [model.align_sound(given[0]), model.weigh_tags(SOME)]
    assert {each.dtype for each in given} == {tf.float32}
    learning = [part for part in model.parts if part != "front_end"]
    assert parts_moved_by_a_step(model, SOME) == learning


# On disk


@pytest.mark.parametrize("name", ["2h", "coala"])
def test_settings_and_weights_travel_through_a_file(name, tmp_path):
    model = system(name, temperature=0.2, epsilon=1e-4, contrastive_weight=3.0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(again) is type(model)
    assert all(getattr(again, each) == getattr(model, each) for each in model.settings)
    judged = [figures_of(each, FEATURES, SOME) for each in (again, model)]
    assert judged[0] == pytest.approx(judged[1], rel=1e-6)
    np.testing.assert_allclose(again.align_tags(TAGS), model.align_tags(TAGS), atol=1e-6)
    assert len(again.trainable_weights) == len(model.trainable_weights)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"n_words": 0}, "n_words must be positive; got 0"),
        ({"word_dim": 0}, "word_dim must be positive; got 0"),
        ({"n_heads": 0}, "n_heads must be positive; got 0"),
        ({"temperature": 0.0}, "temperature must be positive; got 0.0"),
        ({"tag_dropout": 1.0}, r"tag_dropout must lie in \[0, 1\); got 1.0"),
        ({"epsilon": -1.0}, r"epsilon must lie in \[0, inf\); got -1.0"),
        (
            {"contrastive_weight": float("nan")},
            r"contrastive_weight must lie in \[0, inf\); got nan",
        ),
    ],
)
def test_what_cannot_be_learned_is_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        TagContrastiveConfig(**settings)
