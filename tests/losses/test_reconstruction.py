import math

import numpy as np
import pytest
import tensorflow as tf

from kmusic.losses.reconstruction import bernoulli, mean_squared_error, squared_error

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
