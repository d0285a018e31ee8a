import keras
import numpy as np
import pytest

from kmusic.layers.attention import attention_pooling

STEPS, FEATURES, UNITS = 6, 4, 3
SEQUENCES = np.random.default_rng(0).normal(size=(5, STEPS, FEATURES)).astype(np.float32)


@pytest.fixture(scope="module")
def pooling():
    """Pooling over any number of steps, all of its weights drawn."""
    sequence = keras.Input((None, FEATURES))
    model = keras.Model(sequence, attention_pooling(sequence, UNITS))
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    return model


def by_hand(sequence, kernel, bias, score):
    """Average one sequence `(steps, features)`, step by step from the equations."""
    shares = [np.exp(np.tanh(step @ kernel + bias) @ score).item() for step in sequence]
    return sum(share * step for share, step in zip(shares, sequence, strict=True)) / sum(shares)


def test_it_is_the_average_by_softmax_scores(pooling):
    weights = [weight.numpy().astype(np.float64) for weight in pooling.weights]
    expected = [by_hand(sequence, *weights) for sequence in SEQUENCES.astype(np.float64)]
    np.testing.assert_allclose(pooling(SEQUENCES), expected, atol=1e-6)  # float32 sums


def test_a_hidden_layer_scores_each_step_by_one_number(pooling):
    assert [weight.shape for weight in pooling.weights] == [(FEATURES, UNITS), (UNITS,), (UNITS, 1)]


def test_the_order_of_the_steps_does_not_matter(pooling):
    turned = SEQUENCES[:, np.random.default_rng(2).permutation(STEPS)]
    np.testing.assert_allclose(pooling(turned), pooling(SEQUENCES), atol=1e-6)  # float32 sums


def test_a_step_that_repeats_is_its_own_average(pooling):
    repeated = np.repeat(SEQUENCES[:, :1], STEPS, axis=1)
    np.testing.assert_allclose(pooling(repeated), SEQUENCES[:, 0], atol=1e-6)  # float32 sums


def test_the_length_of_the_sequence_may_be_static():
    sequence = keras.Input((STEPS, FEATURES))
    assert attention_pooling(sequence, UNITS).shape == (None, FEATURES)
