import math

import numpy as np
import pytest
import tensorflow as tf

from kmusic.losses.reconstruction import (
    bernoulli,
    generalised_divergence,
    mean_squared_error,
    squared_error,
)
from tests import oracles

RNG = np.random.default_rng(0)
TARGET = RNG.uniform(0, 1, (4, 3, 2)).astype(np.float32)
OUTPUT = RNG.normal(0, 3, (4, 3, 2)).astype(np.float32)


def summed(value):
    """Sum a function of target and output over the values of each example, one by one."""
    return [
        sum(value(t, o) for t, o in zip(target.ravel(), output.ravel(), strict=True))
        for target, output in zip(TARGET, OUTPUT, strict=True)
    ]


def cross_entropy(target, logit):
    p = 1 / (1 + math.exp(-logit))
    return -target * math.log(p) - (1 - target) * math.log(1 - p)


def test_squared_differences_add_up_example_by_example():
    expected = summed(lambda target, output: (target - output) ** 2)
    np.testing.assert_allclose(squared_error(TARGET, OUTPUT), expected, rtol=1e-6)  # float32


def test_the_mean_is_over_the_values_of_all_examples():
    expected = sum(summed(lambda target, output: (target - output) ** 2)) / 24
    assert float(mean_squared_error(TARGET, OUTPUT)) == pytest.approx(expected, rel=1e-6)


def test_cross_entropies_add_up_example_by_example():
    np.testing.assert_allclose(bernoulli(TARGET, OUTPUT), summed(cross_entropy), rtol=1e-5)


@pytest.mark.parametrize(
    ("target", "logit", "expected"),
    [
        (1.0, 0.0, math.log(2)),  # nothing is known
        (0.5, 0.0, math.log(2)),
        (1.0, 200.0, 0.0),  # sure and right
        (0.0, 200.0, 200.0),  # sure and wrong: where probabilities would give infinity
        (1.0, -200.0, 200.0),
    ],
)
def test_known_logits(target, logit, expected):
    loss = bernoulli(np.float32([[target]]), np.float32([[logit]]))
    np.testing.assert_allclose(loss, [expected], rtol=1e-6)


def test_a_logit_that_is_sure_of_the_wrong_side_is_still_pulled_back():
    target, logits = tf.constant([[0.0, 1.0]]), tf.constant([[200.0, -200.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = bernoulli(target, logits)
    np.testing.assert_allclose(tape.gradient(loss, logits), [[1, -1]])


@pytest.mark.parametrize("epsilon", [1e-5, 0.1])
def test_the_divergence_is_that_of_the_equation(epsilon):
    restored = np.abs(OUTPUT)
    expected = oracles.generalised_divergence(TARGET, restored, epsilon)
    actual = generalised_divergence(TARGET, restored, epsilon=epsilon)
    assert float(actual) == pytest.approx(expected, rel=1e-5)  # float32


def test_the_divergence_adds_up_over_frames_and_is_a_mean_over_bands_and_examples():
    target = np.full((1, 4, 1), 0.25, np.float32)
    known = pytest.approx(0.306873, abs=1e-6)  # of the public code, in six digits
    assert float(generalised_divergence(target, 2 * target)) == known
    wide = np.tile(target, (3, 1, 5))
    assert float(generalised_divergence(wide, 2 * wide)) == known
    long = np.tile(target, (1, 2, 1))
    assert float(generalised_divergence(long, 2 * long)) / 2 == known


def test_what_is_restored_as_it_was_does_not_diverge():
    assert float(generalised_divergence(TARGET, TARGET)) == 0.0
    assert float(generalised_divergence(TARGET, 1.1 * TARGET)) > 0.0


def test_silence_diverges_finitely_and_so_does_what_is_restored_as_silence():
    silence = np.zeros((1, 3, 2), np.float32)
    assert float(generalised_divergence(silence, silence)) == 0.0
    assert float(generalised_divergence(silence, silence + 0.5)) == pytest.approx(3 * 0.5)
    expected = 3 * (0.5 * math.log(0.5 / 1e-5) - 0.5)
    lost = generalised_divergence(silence + 0.5, silence)
    assert float(lost) == pytest.approx(expected, rel=1e-4)  # epsilon is a 50,000th of 0.5


def test_a_restoration_is_pulled_towards_what_it_should_be():
    target, restored = tf.constant([[[0.5]], [[0.5]]]), tf.constant([[[0.2]], [[0.9]]])
    with tf.GradientTape() as tape:
        tape.watch(restored)
        loss = generalised_divergence(target, restored)
    slopes = tape.gradient(loss, restored)
    expected = [(1 - 0.5 / x) / 2 for x in (0.2, 0.9)]
    np.testing.assert_allclose(np.ravel(slopes), expected, rtol=1e-4)  # epsilon
