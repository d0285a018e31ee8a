import math

import numpy as np
import pytest
import tensorflow as tf

from kmusic.losses.contrastive import nt_xent
from tests import oracles

COUNTS = [
    None,
    [True, False, True, True, False],
    [False, False, True, False, False],  # alone: the other view is all there is to find
]


def draw(seed, batch=5, dim=4):
    """Draw both views of some examples, float32."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(batch, dim)).astype(np.float32) for _ in range(2)]


def gradients(first, second, **settings):
    """Give the loss and its gradient by both views."""
    first, second = tf.constant(first), tf.constant(second)
    with tf.GradientTape() as tape:
        tape.watch([first, second])
        loss = nt_xent(first, second, **settings)
    return float(loss), [slope.numpy() for slope in tape.gradient(loss, [first, second])]


@pytest.mark.parametrize("epsilon", [0.0, 1e-5, 0.1])
@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("counts", COUNTS)
def test_the_loss_is_that_of_the_equation(counts, temperature, epsilon):
    for seed in range(3):
        first, second = draw(seed)
        expected = oracles.nt_xent(first, second, temperature, counts, epsilon)
        actual = nt_xent(first, second, temperature=temperature, counts=counts, epsilon=epsilon)
        # Cosines in float32, divided by the temperature.
        assert float(actual) == pytest.approx(expected, rel=1e-5, abs=2e-6)


@pytest.mark.parametrize(
    ("first", "second", "temperature", "expected"),
    [
        (np.eye(4)[:3], np.eye(4)[:3], 0.1, 0.00017156),
        (np.eye(4)[:3], np.eye(4)[:3], 1.0, 0.904808),
        (np.eye(2), [[1, 1], [1, -1]], 0.1, 6.068441),
        (np.eye(2), [[1, 1], [1, -1]], 1.0, 1.439661),
    ],
)
def test_known_pairs_give_what_the_public_code_gives(first, second, temperature, expected):
    loss = nt_xent(np.float32(first), np.float32(second), temperature=temperature, epsilon=1e-5)
    # Printed to six digits; the logarithm of a probability near 1 has float32 steps of 6e-8.
    assert float(loss) == pytest.approx(expected, rel=1e-7, abs=6e-7)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_vectors_all_alike_are_found_by_chance(temperature):
    alike = np.tile(np.float32([[0.6, 0.8]]), (7, 1))
    loss = nt_xent(alike, alike, temperature=temperature)
    assert float(loss) == pytest.approx(math.log(2 * 7 - 1), rel=1e-6)  # float32


def test_epsilon_bounds_the_loss_of_what_is_never_found():
    first, second = np.float32([[1, 0], [-1, 0]]), np.float32([[-1, 0], [1, 0]])
    free = float(nt_xent(first, second, temperature=0.01))
    bounded = float(nt_xent(first, second, temperature=0.01, epsilon=1e-5))
    assert free == pytest.approx(200.0, rel=1e-5)  # 2 / temperature
    assert bounded == pytest.approx(-math.log(1e-5), rel=1e-5)  # 11.51


def test_both_views_are_judged_alike():
    first, second = draw(0)
    one, other = nt_xent(first, second, temperature=0.1), nt_xent(second, first, temperature=0.1)
    assert float(one) == pytest.approx(float(other), rel=1e-6)  # float32 sums


@pytest.mark.parametrize("epsilon", [0.0, 1e-5])
@pytest.mark.parametrize("counts", COUNTS[1:])
def test_what_does_not_count_changes_nothing_and_learns_nothing(counts, epsilon):
    settings = {"temperature": 0.1, "counts": counts, "epsilon": epsilon}
    there = np.asarray(counts)[:, None]
    first, second = draw(0)
    loss, slopes = gradients(first, second, **settings)
    for others in (draw(1), [np.zeros_like(first)] * 2, [np.full_like(first, 1e6)] * 2):
        changed = [
            np.where(there, one, another)
            for one, another in zip((first, second), others, strict=True)
        ]
        again, same = gradients(*changed, **settings)
        assert again == loss
        for slope, one in zip(slopes, same, strict=True):
            np.testing.assert_array_equal(slope[there[:, 0]], one[there[:, 0]])
            assert not one[~there[:, 0]].any()


def test_what_counts_learns():
    counts = np.array(COUNTS[1])
    for slope in gradients(*draw(0), temperature=0.1, counts=counts)[1]:
        assert slope[counts].all()


@pytest.mark.parametrize("epsilon", [0.0, 1e-5])
def test_where_nothing_counts_there_is_no_loss_and_nothing_to_learn(epsilon):
    loss, slopes = gradients(*draw(0), temperature=0.1, counts=[False] * 5, epsilon=epsilon)
    assert loss == 0.0
    assert not np.any(slopes)


def test_a_vector_of_zeros_is_judged_and_gets_no_gradient():
    first, second = draw(0)
    first[0] = 0.0
    loss, slopes = gradients(first, second, temperature=0.1)
    assert loss == pytest.approx(oracles.nt_xent(first, second, 0.1), rel=1e-5)  # float32
    assert not slopes[0][0].any()


@pytest.mark.parametrize("counts", [None, [True] * 4 + [False], [False] * 5])
@pytest.mark.parametrize("dtypes", [("float16", "float16"), ("float16", "float32")])
def test_half_precision_is_judged_in_full(dtypes, counts):
    views = [100 * one for one in draw(0)]  # of which the squares are too large for float16
    loss, slopes = gradients(
        *(one.astype(dtype) for one, dtype in zip(views, dtypes, strict=True)),
        temperature=0.01,
        counts=counts,
    )
    rounded = [one.astype("float16") for one in views]
    expected = oracles.nt_xent(*rounded, 0.01, counts) if counts != [False] * 5 else 0.0
    assert loss == pytest.approx(expected, rel=2e-3)  # float16 has 11 bits
    assert all(np.isfinite(slope).all() for slope in slopes)
