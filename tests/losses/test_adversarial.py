"""The losses of the game, held to probabilities in slow numpy."""

import numpy as np
import pytest
from scipy.special import expit

from kmusic.losses.adversarial import discriminator_loss, generator_loss

LOGITS = np.random.default_rng(0).normal(0, 2, (2, 9, 1)).astype(np.float32)


def cross_entropy(probabilities, target):
    return np.mean([-np.log(p if target else 1 - p) for p in probabilities.ravel()])


def test_the_judge_loses_the_cross_entropies_of_its_answers():
    inferred, generated = expit(LOGITS.astype(np.float64))
    expected = cross_entropy(inferred, 1) + cross_entropy(generated, 0)
    np.testing.assert_allclose(discriminator_loss(*LOGITS), expected, rtol=1e-6)


def test_the_others_lose_the_same_with_the_answers_swapped():
    inferred, generated = expit(LOGITS.astype(np.float64))
    expected = cross_entropy(inferred, 0) + cross_entropy(generated, 1)
    np.testing.assert_allclose(generator_loss(*LOGITS), expected, rtol=1e-6)


@pytest.mark.parametrize("loss", [discriminator_loss, generator_loss])
def test_inferred_pairs_of_no_weight_do_not_count(loss):
    inferred, generated = LOGITS
    weights = np.array([1, 0, 1, 1, 0, 0, 1, 1, 1], np.float32)[:, None]
    told = inferred[weights > 0][:, None]
    np.testing.assert_allclose(loss(*LOGITS, weights), loss(told, generated), rtol=1e-6)
    assert np.isfinite(loss(inferred, generated, 0 * weights))


@pytest.mark.parametrize("loss", [discriminator_loss, generator_loss])
def test_who_tells_nothing_leaves_both_with_twice_the_logarithm_of_two(loss):
    nothing = np.zeros((4, 1), np.float32)
    assert float(loss(nothing, nothing)) == pytest.approx(2 * np.log(2), rel=1e-6)


def test_a_judge_that_is_sure_costs_the_others_as_much_as_it_is_sure_of():
    sure = np.full((4, 1), 200.0, np.float32)
    assert float(discriminator_loss(sure, -sure)) == 0.0
    assert float(generator_loss(sure, -sure)) == pytest.approx(400.0)
