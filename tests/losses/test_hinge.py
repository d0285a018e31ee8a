import numpy as np
import pytest
import tensorflow as tf

from kmusic.losses.hinge import hinge
from tests import oracles

MARGIN = 0.4


def draw(seed, n_negatives=4):
    """Draw scores in `[-1, 1]`, float32, of 8 examples."""
    rng = np.random.default_rng(seed)
    sizes = (8, (8, n_negatives))
    return [rng.uniform(-1, 1, size).astype(np.float32) for size in sizes]


@pytest.mark.parametrize("n_negatives", [1, 4])
@pytest.mark.parametrize("seed", range(5))
def test_losses_are_those_of_the_equation(seed, n_negatives):
    positive, negatives = draw(seed, n_negatives)
    expected = [oracles.hinge(p, n, MARGIN) for p, n in zip(positive, negatives, strict=True)]
    np.testing.assert_allclose(hinge(positive, negatives, MARGIN), expected, atol=1e-6)  # float32


@pytest.mark.parametrize(
    ("positive", "negatives", "expected"),
    [
        (1.0, [0.0], 0.0),  # already farther apart than the margin
        (0.5, [0.5], 0.4),  # a tie costs exactly the margin
        (0.0, [1.0], 1.4),  # the wrong way round
        (0.5, [0.5, 0.5, 0.0], 0.8),  # negatives add up
    ],
)
def test_known_scores(positive, negatives, expected):
    loss = hinge(np.float32([positive]), np.float32([negatives]), MARGIN)
    np.testing.assert_allclose(loss, [expected], atol=1e-7)


def test_a_negative_counts_as_often_as_its_weight_says():
    positive, negatives = draw(0)
    weights = np.float32([0, 1, 2, 0])
    expected = [
        oracles.hinge(p, n.repeat([0, 1, 2, 0]), MARGIN)
        for p, n in zip(positive, negatives, strict=True)
    ]
    actual = hinge(positive, negatives, MARGIN, np.tile(weights, (8, 1)))
    np.testing.assert_allclose(actual, expected, atol=1e-6)  # float32


def test_only_negatives_within_the_margin_pull():
    positive, negatives = tf.constant([0.5]), tf.constant([[0.0, 0.3, 0.9]])
    with tf.GradientTape() as tape:
        tape.watch([positive, negatives])
        loss = hinge(positive, negatives, MARGIN)
    of_positive, of_negatives = tape.gradient(loss, [positive, negatives])
    np.testing.assert_array_equal(of_negatives, [[0, 1, 1]])
    np.testing.assert_array_equal(of_positive, [-2])
