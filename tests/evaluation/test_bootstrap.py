import numpy as np
import pytest
import scipy.stats

from kmusic.evaluation.bootstrap import interval


def test_the_interval_equals_scipys():
    scores = np.random.default_rng(3).normal(size=200)
    low, high = interval(np.mean, scores, n_resamples=5_000)
    expected = scipy.stats.bootstrap(
        (scores,), np.mean, method="percentile", n_resamples=5_000, rng=0
    ).confidence_interval
    # 5,000 resamples leave a Monte Carlo error of about 0.04 standard errors; three of them.
    np.testing.assert_allclose((low, high), expected, atol=0.12 * scores.std() / np.sqrt(200))


def test_many_resamples_at_once_give_the_same_as_one_by_one():
    pair = np.random.default_rng(0).integers(0, 3, (2, 50))
    one_by_one = interval(lambda a, b: np.mean(a == b), *pair)
    at_once = interval(lambda a, b: np.mean(a == b, axis=1), *pair, vectorized=True)
    assert one_by_one == at_once


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    held = 0
    for trial in range(200):
        low, high = interval(
            lambda x: x.mean(axis=1), rng.random(100) < 0.7, seed=trial, vectorized=True
        )
        held += low <= 0.7 <= high
    assert 180 <= held <= 200  # 0.95 +- 0.05, three binomial standard errors


def test_tracks_of_one_group_rise_and_fall_together():
    right = np.repeat(np.random.default_rng(2).random(20) < 0.5, 30).astype(float)
    alone = np.ptp(interval(np.mean, right))
    together = np.ptp(interval(np.mean, right, groups=np.repeat(np.arange(20), 30)))
    assert together / alone == pytest.approx(np.sqrt(30), rel=0.15)


def test_groups_of_one_track_are_tracks():
    scores = np.random.default_rng(4).normal(size=300)
    width = np.ptp(interval(np.mean, scores, n_resamples=4_000))
    grouped = np.ptp(interval(np.mean, scores, n_resamples=4_000, groups=np.arange(300)))
    assert grouped == pytest.approx(width, rel=0.05)


def test_resamples_without_a_value_are_left_out():
    scores = np.array([1.0, 2.0, 3.0, 4.0])
    low, high = interval(lambda x: x.mean() if 4 in x else np.nan, scores)
    assert 1.75 <= low <= high <= 4.0


def test_a_statistic_without_any_value_has_no_interval():
    assert np.isnan(interval(lambda _: np.nan, np.ones(3))).all()


def test_the_same_seed_gives_the_same_interval():
    scores = np.random.default_rng(5).normal(size=30)
    assert interval(np.mean, scores, seed=7) == interval(np.mean, scores, seed=7)
    assert interval(np.mean, scores, seed=7) != interval(np.mean, scores, seed=8)


@pytest.mark.parametrize(
    ("arrays", "settings", "rule"),
    [
        ([np.ones(0)], {}, "one row a track"),
        ([np.ones(3), np.ones(2)], {}, "one row a track"),
        ([np.ones(3)], {"groups": [1, 2]}, "one row a track"),
        ([np.ones(3)], {"n_resamples": 0}, "at least 1"),
        ([np.ones(3)], {"level": 1.0}, "level"),
    ],
)
def test_nonsense_is_refused(arrays, settings, rule):
    with pytest.raises(ValueError, match=rule):
        interval(np.mean, *arrays, **settings)
