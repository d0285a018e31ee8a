import numpy as np
import pytest
import tensorflow as tf

from kmusic.losses.cosine import cosine
from tests import oracles


def draw(*shape, seed=0):
    """Draw vectors of lengths from 0.01 to 100, float32."""
    rng = np.random.default_rng(seed)
    lengths = 10 ** rng.uniform(-2, 2, (*shape[:-1], 1))
    return (lengths * rng.normal(size=shape)).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_vectors_of_each_example_are_held_against_its_anchor(seed):
    anchors, others = draw(4, 7, seed=seed), draw(4, 3, 7, seed=100 + seed)
    expected = [[oracles.cosine(a, o) for o in own] for a, own in zip(anchors, others, strict=True)]
    np.testing.assert_allclose(cosine(anchors, others), expected, atol=1e-6)  # float32


@pytest.mark.parametrize("seed", range(5))
def test_the_same_vectors_are_held_against_every_anchor(seed):
    anchors, others = draw(4, 7, seed=seed), draw(4, 7, seed=100 + seed)
    expected = [[oracles.cosine(a, o) for o in others] for a in anchors]
    np.testing.assert_allclose(cosine(anchors, others), expected, atol=1e-6)  # float32


def test_known_angles():
    others = np.float32([[5, 0], [0, 2], [-3, 0], [1, 1], [0, 0]])
    expected = [[1, 0, -1, np.sqrt(0.5), 0]]
    np.testing.assert_allclose(cosine(np.float32([[2, 0]]), others), expected, atol=1e-6)


def gradients(anchors, others):
    anchors, others = tf.constant(anchors), tf.constant(others)
    with tf.GradientTape() as tape:
        tape.watch([anchors, others])
        cosines = cosine(anchors, others)
    return [gradient.numpy() for gradient in tape.gradient(cosines, [anchors, others])]


def test_a_vector_of_zeros_gets_no_gradient():
    others = draw(2, 4, 7)
    others[:, 1] = 0
    of_anchors, of_others = gradients(np.zeros((2, 7), np.float32), others)
    assert not of_anchors.any()
    assert not of_others[:, 1].any()
    _, of_others = gradients(draw(2, 7), others)
    assert not of_others[:, 1].any()
    assert np.abs(of_others[:, [0, 2, 3]]).min() > 0


def test_a_gradient_turns_a_vector_and_does_not_lengthen_it():
    anchors, others = draw(3, 7), draw(3, 2, 7, seed=1)
    of_anchors, of_others = gradients(anchors, others)
    # Of unit vectors: rounding in float32.
    relative = np.linalg.norm(of_anchors, axis=-1) * np.linalg.norm(anchors, axis=-1)
    assert np.abs(np.sum(of_anchors * anchors, axis=-1) / relative).max() < 1e-5
    relative = np.linalg.norm(of_others, axis=-1) * np.linalg.norm(others, axis=-1)
    assert np.abs(np.sum(of_others * others, axis=-1) / relative).max() < 1e-5
