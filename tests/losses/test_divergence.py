import numpy as np
import pytest

from kmusic.losses.divergence import divergence_by_dimension, gaussian_divergence


def by_hand(z_mean, z_log_var):
    """Give the divergence of one example: Kingma and Welling (2014), appendix B."""
    total = 0.0
    for mean, log_var in zip(z_mean.tolist(), z_log_var.tolist(), strict=True):
        total -= 0.5 * (1.0 + log_var - mean**2 - np.exp(log_var))
    return total


def test_divergences_are_those_of_the_equation():
    means, log_vars = np.random.default_rng(0).normal(0.0, 2.0, (2, 8, 5)).astype(np.float32)
    expected = [by_hand(*example) for example in zip(means, log_vars, strict=True)]
    np.testing.assert_allclose(gaussian_divergence(means, log_vars), expected, rtol=1e-5)  # float32


def test_each_dimension_adds_what_it_would_have_alone():
    means, log_vars = np.random.default_rng(1).normal(0.0, 2.0, (2, 6, 3)).astype(np.float32)
    expected = [
        [by_hand(mean[[d]], log_var[[d]]) for d in range(3)]
        for mean, log_var in zip(means, log_vars, strict=True)
    ]
    actual = divergence_by_dimension(means, log_vars)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)  # float32


@pytest.mark.parametrize(("mean", "log_var"), [(0.7, -0.4), (-1.5, 0.8)])
def test_the_divergence_is_the_integral_that_it_stands_for(mean, log_var):
    x = np.linspace(-15.0, 15.0, 20_001)
    log_q = -0.5 * ((x - mean) ** 2 / np.exp(log_var) + log_var + np.log(2 * np.pi))
    log_p = -0.5 * (x**2 + np.log(2 * np.pi))
    expected = np.sum(np.exp(log_q) * (log_q - log_p)) * (x[1] - x[0])
    actual = gaussian_divergence(np.float32([[mean]]), np.float32([[log_var]]))
    np.testing.assert_allclose(actual, [expected], rtol=1e-5)  # float32


def test_the_standard_normal_distribution_is_not_far_from_itself():
    nothing = np.zeros((3, 4), np.float32)
    np.testing.assert_array_equal(gaussian_divergence(nothing, nothing), [0, 0, 0])
