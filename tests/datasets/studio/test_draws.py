"""Named draws: the same for a row wherever it stands, and evenly spread."""

import numpy as np
from scipy import stats

from kmusic.datasets.studio.draws import Draws


def test_the_first_words_are_those_of_splitmix64():
    mask = 2**64 - 1
    state = 0x9E3779B97F4A7C15  # the mixer of Steele, Lea and Flood in Python's own integers
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & mask
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB & mask
    state ^= state >> 31
    assert Draws(0)._state.tolist() == [state] == [0xE220A8397B1DCDAF]


def test_a_row_draws_the_same_alone_and_in_a_column():
    column = Draws(7, np.arange(100), 3).uniform("tempo", 60, 90)
    alone = [Draws(7, row, 3).number("tempo", 60, 90) for row in range(100)]
    np.testing.assert_array_equal(column, alone)


def test_draws_are_uniform_and_those_of_unlike_names_are_independent():
    draws = Draws(0, np.arange(20_000))
    one, other = draws.uniform("one"), draws.uniform("other")
    assert stats.kstest(one, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03  # four standard errors
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.03


def test_picks_follow_their_weights():
    picks = Draws(0, np.arange(20_000)).pick("mode", (3.0, 0.0, 1.0))
    np.testing.assert_allclose(np.bincount(picks) / 20_000, [0.75, 0.0, 0.25], atol=0.015)


def test_the_order_of_the_numbers_matters():
    assert Draws(1, 2).words("x") != Draws(2, 1).words("x")
