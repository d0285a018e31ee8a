import json

import numpy as np
import pytest
import scipy.stats

from kmusic.evaluation.bootstrap import interval
from kmusic.evaluation.latent import band_statistics, correlation, retrieval_of_sources

ORIGINALS = np.random.default_rng(0).normal(size=(40, 5, 4)).astype(np.float32)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def slow_ranks(originals, reconstructions):
    """Rank each original by distance to its reconstruction among all, loop by loop."""
    ranks = []
    for row, copy in enumerate(reconstructions.astype(float)):
        distances = [float(np.sqrt(((kept - copy) ** 2).sum())) for kept in originals.astype(float)]
        ranks.append(sorted(distances).index(distances[row]) + 1)
    return np.array(ranks)


@pytest.mark.parametrize("ties", [False, True])
def test_both_correlations_equal_scipys(ties, rng):
    first = rng.integers(0, 5, 60) if ties else rng.normal(size=60)
    second = first + rng.normal(size=60)
    result = correlation(first, second, n_resamples=10)
    assert result.value == pytest.approx(scipy.stats.pearsonr(first, second)[0], abs=1e-12)
    assert result.rank_value == pytest.approx(scipy.stats.spearmanr(first, second)[0], abs=1e-12)
    assert (result.n, result.n_groups) == (60, 60)


def test_intervals_are_scipys_correlations_of_resampled_groups(rng):
    first, groups = rng.normal(size=40), np.repeat(np.arange(10), 4)
    second = first**3 + rng.normal(size=40)
    result = correlation(first, second, groups, n_resamples=50, seed=3)
    words = {"groups": groups, "n_resamples": 50, "seed": 3}
    for found, oracle in (
        (result.interval, scipy.stats.pearsonr),
        (result.rank_interval, scipy.stats.spearmanr),
    ):
        expected = interval(lambda a, b, oracle=oracle: oracle(a, b)[0], first, second, **words)
        np.testing.assert_allclose(found, expected, atol=1e-12)
    assert result.n_groups == 10


def test_crops_of_one_recording_widen_the_interval(rng):
    loudness = np.repeat(rng.normal(size=20), 30)
    norms = loudness + np.repeat(rng.normal(size=20), 30)
    alone = np.ptp(correlation(norms, loudness, n_resamples=200).interval)
    together = correlation(norms, loudness, np.repeat(np.arange(20), 30), n_resamples=200)
    assert np.ptp(together.interval) > 3 * alone


@pytest.mark.parametrize("constant", [0.1, 0.0])
def test_a_constant_correlates_with_nothing(constant):
    result = correlation(np.full(9, constant), np.arange(9.0), n_resamples=10)
    assert np.isnan(
        [result.value, result.rank_value, *result.interval, *result.rank_interval]
    ).all()


def test_a_straight_line_correlates_fully_in_any_unit():
    first = np.arange(9.0)
    assert correlation(first, 1e-200 * first, n_resamples=10).value == pytest.approx(1.0)
    assert correlation(first, -1e200 * first, n_resamples=10).value == pytest.approx(-1.0)


def test_a_bent_line_keeps_the_order_alone():
    result = correlation(np.arange(20.0), np.exp(np.arange(20.0)), n_resamples=20)
    assert result.rank_value == pytest.approx(1.0)
    assert result.value < 0.8


def test_found_sources_and_ranks_equal_a_slow_search(rng):
    reconstructions = ORIGINALS + rng.normal(size=ORIGINALS.shape, scale=1.2).astype(np.float32)
    ranks = slow_ranks(ORIGINALS, reconstructions)
    result = retrieval_of_sources(ORIGINALS, reconstructions)
    assert 0 < (ranks == 1).mean() < 1
    assert result.value == pytest.approx((ranks == 1).mean())
    assert result.mean_rank == pytest.approx(ranks.mean())
    assert (result.n, result.n_among, result.chance) == (40, 40, 1 / 40)


def test_sources_have_the_intervals_of_whole_groups(rng):
    reconstructions = ORIGINALS + rng.normal(size=ORIGINALS.shape, scale=1.2).astype(np.float32)
    ranks, groups = slow_ranks(ORIGINALS, reconstructions), np.repeat(np.arange(8), 5)
    result = retrieval_of_sources(ORIGINALS, reconstructions, groups, seed=2)
    assert result.interval == interval(np.mean, ranks == 1, groups=groups, seed=2)
    assert result.mean_rank_interval == interval(np.mean, ranks, groups=groups, seed=2)


def test_among_fewer_drawn_others_a_source_ranks_higher_in_proportion(rng):
    reconstructions = ORIGINALS + rng.normal(size=ORIGINALS.shape, scale=2).astype(np.float32)
    ranks = slow_ranks(ORIGINALS, reconstructions)
    drawn = [
        retrieval_of_sources(ORIGINALS, reconstructions, n_among=10, seed=seed)
        for seed in range(30)
    ]
    # Of the others that are nearer, 9 of 39 are among the drawn ones; 30 x 40 draws leave 0.04.
    expected = 1 + (ranks - 1).mean() * 9 / 39
    assert np.mean([result.mean_rank for result in drawn]) == pytest.approx(expected, abs=0.12)
    # None of the nearer ones is drawn, without replacement; the draws leave 0.012.
    missed = scipy.stats.hypergeom(39, ranks - 1, 9).pmf(0).mean()
    assert np.mean([result.value for result in drawn]) == pytest.approx(missed, abs=0.04)
    assert {result.n_among for result in drawn} == {10}
    assert len({result.value for result in drawn}) > 1


def test_a_copy_is_found_and_a_mean_is_found_by_chance():
    exact = retrieval_of_sources(ORIGINALS, ORIGINALS)
    assert (exact.value, exact.mean_rank, exact.interval) == (1.0, 1.0, (1.0, 1.0))
    mean = retrieval_of_sources(ORIGINALS, np.broadcast_to(ORIGINALS.mean(axis=0), (40, 5, 4)))
    assert mean.value == pytest.approx(mean.chance)  # one original is nearest to all
    assert mean.mean_rank == pytest.approx(20.5)


def test_equal_originals_share_the_find_and_the_rank():
    originals = np.array([[0.0], [0.0], [0.0], [5.0]])
    result = retrieval_of_sources(originals, originals)
    assert result.value == pytest.approx((3 * 1 / 3 + 1) / 4)
    assert result.mean_rank == pytest.approx((3 * 2 + 1) / 4)


def test_the_same_seed_draws_the_same_others(rng):
    reconstructions = ORIGINALS + rng.normal(size=ORIGINALS.shape, scale=2).astype(np.float32)
    first, again = (retrieval_of_sources(ORIGINALS, reconstructions, n_among=5) for _ in range(2))
    assert first == again


def test_bands_have_the_statistics_of_all_their_values(rng):
    real, generated = rng.normal(size=(6, 7, 3)), rng.normal(1.0, 3.0, size=(4, 9, 3))
    result = band_statistics(real, generated)
    for name, values in (("real", real), ("generated", generated)):
        for band in range(3):
            flat = values[:, :, band].ravel()
            assert result.table.loc[band, f"{name}_mean"] == pytest.approx(np.mean(flat))
            assert result.table.loc[band, f"{name}_variance"] == pytest.approx(np.var(flat))
    assert (len(result.table), result.table.index.name) == (3, "band")


def test_a_shift_and_a_gain_are_measured_in_their_units(rng):
    real = rng.normal(size=(5, 8, 4)).astype(np.float32)
    shift = np.array([1.0, -1.0, 3.0, -3.0])  # dB
    result = band_statistics(real, real + shift)
    assert result.mean_difference == pytest.approx(2.0, abs=1e-6)
    assert result.log2_variance_ratio == pytest.approx(0.0, abs=1e-6)
    gain = np.array([2.0, 0.5, 1.0, 1.0])  # four times and a quarter of the variance
    assert band_statistics(real, real * gain).log2_variance_ratio == pytest.approx(1.0, abs=1e-5)


def test_constant_bands_have_no_ratio(rng):
    real = rng.normal(size=(5, 8, 3)).astype(np.float32)
    collapsed = real * 2
    collapsed[..., 1] = 0.1
    result = band_statistics(real, collapsed)
    assert result.n_constant == 1
    assert result.log2_variance_ratio == pytest.approx(2.0, abs=1e-5)
    nothing = band_statistics(real, np.full((2, 8, 3), 0.1, np.float32))
    assert np.isnan(nothing.log2_variance_ratio)
    assert (nothing.n_constant, nothing.table["generated_variance"].tolist()) == (3, [0.0] * 3)


def test_figures_can_be_written_as_json():
    figures = [
        correlation(np.arange(5), [1, 3, 2, 5, 4], n_resamples=10),
        retrieval_of_sources(ORIGINALS, ORIGINALS + 1),
        band_statistics(ORIGINALS, ORIGINALS + 1),
    ]
    answers = json.loads(json.dumps([figure.to_json() for figure in figures]))
    assert answers[0]["value"] == pytest.approx(0.8)
    assert answers[1]["n_among"] == 40
    assert len(answers[2]["bands"]["real_mean"]) == 4


@pytest.mark.parametrize(
    ("measure", "rule"),
    [
        (lambda: correlation([1, 2], [1, 2]), r"at least 3 crops; got shapes \[\(2,\)"),
        (lambda: correlation([1, 2, 3], [1, 2]), "one entry for each"),
        (lambda: correlation([1, 2, 3], [1, 2, 3], ["a"]), "one entry for each"),
        (lambda: correlation([1, 2, np.nan], [1, 2, 3]), "finite"),
        (lambda: retrieval_of_sources(ORIGINALS, ORIGINALS[:, :4]), "one shape"),
        (lambda: retrieval_of_sources(ORIGINALS[:1], ORIGINALS[:1]), "2 crops or more"),
        (lambda: retrieval_of_sources([1.0, 2.0], [1.0, 2.0]), "one shape"),
        (lambda: retrieval_of_sources(ORIGINALS, ORIGINALS, n_among=1), "n_among=1"),
        (lambda: retrieval_of_sources(ORIGINALS, ORIGINALS * np.nan), "finite"),
        (lambda: band_statistics(ORIGINALS, ORIGINALS[0]), "n_frames, n_bands"),
        (lambda: band_statistics(ORIGINALS, ORIGINALS[:0]), "with values"),
        (lambda: band_statistics(ORIGINALS, ORIGINALS[..., :3]), "the same bands"),
        (lambda: band_statistics(ORIGINALS, ORIGINALS * np.inf), "finite"),
    ],
)
def test_nonsense_is_refused(measure, rule):
    with pytest.raises(ValueError, match=rule):
        measure()
