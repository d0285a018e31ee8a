"""What COALA has beside sound: an autoencoder of tags, held to a slow cross-entropy."""

import numpy as np
import pytest
import tensorflow as tf

from kmusic.models.coala import COALAConfig
from tests import oracles
from tests.aligned_systems import (
    FEATURES,
    N_WORDS,
    NONE,
    SOME,
    TAGGED,
    TAGS,
    WHOLE,
    compiled,
    figures_of,
    parts_moved_by_a_step,
    system,
    untouched,
)
from tests.losses.test_reconstruction import cross_entropy

MARKED = np.array([[float(word + 1 in row) for word in range(N_WORDS)] for row in SOME])


def errors_of_tags(model):
    """Give the cross-entropy of each track, a mean over its words, as BCELoss of torch."""
    logits = (
        model.tag_decoder([model.tag_encoder(SOME)[0], tf.constant(TAGGED)])
        .numpy()
        .astype(np.float64)
    )
    return np.array(
        [
            np.mean([cross_entropy(*pair) for pair in zip(*rows, strict=True)])
            for rows in zip(MARKED, logits, strict=True)
        ]
    )


@pytest.mark.parametrize(
    "weights",
    [
        {},
        {"reconstruction_weight": 2.0, "contrastive_weight": 0.5, "tag_weight": 3.0},
    ],
)
def test_the_loss_adds_how_well_tags_are_restored(weights):
    model = system("coala", **weights)
    vectors = model.encoder(FEATURES)
    views = model.projection(vectors).numpy(), model.align_tags(SOME).numpy()
    expected = {
        "reconstruction": oracles.generalised_divergence(FEATURES, model.decoder(vectors).numpy()),
        "contrastive": oracles.nt_xent(*views, 0.1, TAGGED),
        "tag_reconstruction": errors_of_tags(model)[TAGGED].mean(),
    }
    of_each = zip(["reconstruction", "contrastive", "tag"], [5.0, 10.0, 5.0], strict=True)
    shares = [weights.get(f"{name}_weight", default) for name, default in of_each]
    loss = sum(share * error for share, error in zip(shares, expected.values(), strict=True))
    assert figures_of(model, FEATURES, SOME) == pytest.approx(expected | {"loss": loss}, rel=1e-5)


def test_tags_are_aligned_by_a_projection_of_their_embedding():
    model = untouched("coala")
    vectors = model.tag_encoder(TAGS)[0].numpy()
    expected = vectors @ model.tag_projection.get_weights()[0]
    np.testing.assert_allclose(model.align_tags(TAGS), expected, atol=1e-4)  # float32 sums


def test_tags_of_a_track_weigh_alike():
    alike = (SOME > 0) / np.maximum((SOME > 0).sum(axis=1, keepdims=True), 1)
    np.testing.assert_allclose(untouched("coala").weigh_tags(SOME), alike, rtol=1e-6)  # float32


def test_sound_and_tags_have_embeddings_of_one_length():
    model = untouched("coala")
    length = model.embedder.output_shape[-1]
    assert model.tag_encoder.output_shape[0] == (None, length)
    assert model.projection.output_shape == model.tag_projection.output_shape == (None, length)
    assert model.tag_decoder.output_shape == (None, N_WORDS)


@pytest.mark.parametrize(
    ("weight", "moving"),
    [
        ("contrastive_weight", ["encoder", "decoder", "tag_encoder", "tag_decoder"]),
        (
            "reconstruction_weight",
            ["encoder", "projection", "tag_encoder", "tag_projection", "tag_decoder"],
        ),
        ("tag_weight", ["encoder", "decoder", "projection", "tag_encoder", "tag_projection"]),
    ],
)
def test_what_a_loss_of_no_weight_alone_would_move_stays(weight, moving):
    assert parts_moved_by_a_step(compiled("coala", **{weight: 0.0}), TAGS) == moving


def test_while_training_tracks_without_tags_change_nothing_of_those_with_tags():
    model = system("coala", **WHOLE)
    alone = model.judge_tags(SOME[TAGGED], tf.constant(TAGGED[TAGGED]), training=True)
    among = model.judge_tags(SOME, tf.constant(TAGGED), training=True)
    np.testing.assert_allclose(
        among[0].numpy()[TAGGED], alone[0], rtol=1e-4, atol=1e-4
    )  # float32 sums
    np.testing.assert_allclose(among[1], alone[1], rtol=1e-4)


def test_a_batch_without_any_tags_is_finite_while_training():
    model = system("coala", **WHOLE)
    for values in model.judge_tags(NONE, tf.constant(NONE.any(axis=1)), training=True)[:2]:
        assert np.isfinite(values).all()
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"n_words": 0}, "n_words must be positive; got 0"),
        ({"tag_weight": float("inf")}, r"tag_weight must lie in \[0, inf\); got inf"),
        (
            {"reconstruction_weight": -1.0},
            r"reconstruction_weight must lie in \[0, inf\); got -1.0",
        ),
    ],
)
def test_what_cannot_be_learned_is_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        COALAConfig(**settings)
