"""Ranks of tags and tracks, held to slow loops and to what chance gives."""

import json
from functools import partial

import numpy as np
import pytest

from kmusic.evaluation.bootstrap import interval
from kmusic.evaluation.cross_modal import cross_modal_report

DIM = 16


def pair(n_tracks, noise=1.0, seed=0):
    """Vectors of sound and of tags, as near as noise lets them be, and the tags' numbers."""
    rng = np.random.default_rng(seed)
    sound = rng.normal(size=(n_tracks, DIM))
    tags = sound + noise * rng.normal(size=(n_tracks, DIM))
    return sound * rng.uniform(0.1, 10, (n_tracks, 1)), tags, np.arange(1, n_tracks + 1)[:, None]


def slow_ranks(queries, answers):
    """Rank each answer by its cosine with its query among all, one by one."""
    ranks = []
    for row, query in enumerate(queries):
        angles = [a @ query / np.linalg.norm(a) / np.linalg.norm(query) for a in answers]
        others = [other for other in range(len(answers)) if other != row]
        ranks.append(1 + sum(angles[other] >= angles[row] for other in others))
    return ranks


def test_ranks_are_those_of_slow_loops_both_ways():
    sound, tags, numbers = pair(60)
    report = cross_modal_report(sound, tags, numbers)
    for found, ranks in (
        (report.to_tracks, slow_ranks(tags, sound)),
        (report.to_tags, slow_ranks(sound, tags)),
    ):
        assert found.ranks.tolist() == ranks
        assert found.recall == {k: np.mean([r <= k for r in ranks]) for k in (1, 5, 10)}
        assert found.mean_rank == pytest.approx(np.mean(ranks))
        assert found.median_rank == np.median(ranks)
    assert report.to_tracks.ranks.tolist() != report.to_tags.ranks.tolist()


def test_vectors_that_agree_are_all_found():
    sound, _, numbers = pair(50)
    report = cross_modal_report(sound, 3 * sound, numbers)
    for found in (report.to_tracks, report.to_tags):
        assert found.recall == {1: 1.0, 5: 1.0, 10: 1.0}
        assert found.mean_rank == found.median_rank == 1.0
        assert found.recall_interval[1] == (1.0, 1.0)


def test_vectors_without_relation_are_found_by_chance():
    (sound, _, numbers), (_, tags, _) = pair(1_000), pair(1_000, seed=1)
    report = cross_modal_report(sound, tags, numbers)
    assert report.chance == {1: 1 / 200, 5: 5 / 200, 10: 10 / 200}
    for found in (report.to_tracks, report.to_tags):
        # Four standard errors of a share of 1,000.
        assert found.recall[10] == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 1_000))
        assert found.mean_rank == pytest.approx(100.5, abs=4 * 57.7 / np.sqrt(1_000))


@pytest.mark.parametrize("constant", ["sound", "tags", "both", "zeros"])
def test_vectors_that_are_all_alike_find_nothing(constant):
    sound, tags, numbers = pair(40)
    # Rounding does not tell them apart either.
    alike = 1.0 + 1e-8 * np.random.default_rng(0).normal(size=(40, DIM))
    sound = 0 * alike if constant == "zeros" else alike if constant != "tags" else sound
    tags = alike if constant in ("tags", "both") else tags
    report = cross_modal_report(sound, tags, numbers)
    if constant in ("both", "zeros"):
        assert set(report.to_tags.ranks) == set(report.to_tracks.ranks) == {40}
    found = report.to_tags if constant == "tags" else report.to_tracks
    assert found.recall == {1: 0.0, 5: 0.0, 10: 0.0}
    assert found.median_rank == 40.0


def test_tracks_of_the_same_tags_stand_in_each_other_s_way():
    sound, _, numbers = pair(30)
    sound[1], numbers[1] = sound[0], numbers[0]
    report = cross_modal_report(sound, sound, numbers)
    assert report.to_tags.ranks.tolist() == [2, 2] + [1] * 28
    assert (report.n_tracks, report.n_tag_sets) == (30, 29)


def test_more_tracks_than_a_pool_holds_are_shuffled_into_pools_and_the_rest_is_left_out():
    sound, tags, numbers = pair(450)
    report = cross_modal_report(sound, tags, numbers, n_untagged=7, seed=3)
    assert (report.n_pools, report.pool_size, report.n_tracks) == (2, 200, 400)
    assert (report.n_left_out, report.n_untagged, report.n_tag_sets) == (50, 7, 400)
    rows = np.random.default_rng(3).permutation(450)
    expected = []
    for pool in (np.sort(rows[:200]), np.sort(rows[200:400])):
        expected += slow_ranks(tags[pool], sound[pool])
    assert report.to_tracks.ranks.tolist() == expected
    assert cross_modal_report(sound, tags, numbers, seed=3) == report.__class__(
        **{**report.__dict__, "n_untagged": 0}
    )
    assert cross_modal_report(sound, tags, numbers, seed=4).to_tags != report.to_tags


def test_two_hundred_tracks_are_one_pool():
    report = cross_modal_report(*pair(200))
    assert (report.n_pools, report.pool_size, report.n_left_out) == (1, 200, 0)
    assert cross_modal_report(*pair(201)).n_left_out == 1


def test_intervals_come_from_whole_groups_of_the_tracks_in_the_pools():
    sound, tags, numbers = pair(250, noise=2.0)
    groups = np.arange(250) // 10
    report = cross_modal_report(sound, tags, numbers, groups=groups, seed=2)
    pool = np.sort(np.random.default_rng(2).permutation(250)[:200])
    ranks = np.array(slow_ranks(sound[pool], tags[pool]))
    for k, ends in report.to_tags.recall_interval.items():
        assert ends == pytest.approx(interval(np.mean, ranks <= k, groups=groups[pool], seed=2))
    spread = partial(interval, groups=groups[pool], seed=2)
    assert report.to_tags.mean_rank_interval == pytest.approx(spread(np.mean, ranks))
    assert report.to_tags.median_rank_interval == pytest.approx(spread(np.median, ranks))


def test_few_tracks_are_found_by_chance_that_is_no_more_than_one():
    assert cross_modal_report(*pair(4)).chance == {1: 0.25, 5: 1.0, 10: 1.0}


def test_a_report_is_plain_values():
    answer = json.loads(json.dumps(cross_modal_report(*pair(20)).to_json()))
    assert set(answer) == {
        *("tags_to_tracks", "tracks_to_tags", "chance", "n_tracks", "n_tag_sets"),
        *("pool_size", "n_pools", "n_untagged", "n_left_out"),
    }
    assert set(answer["tags_to_tracks"]["recall"]) == {"1", "5", "10"}


@pytest.mark.parametrize(
    ("n_sound", "n_tags", "n_numbers"), [(3, 4, 3), (3, 3, 4), (1, 1, 1), (0, 0, 0)]
)
def test_rows_that_do_not_belong_together_are_refused(n_sound, n_tags, n_numbers):
    sound, tags, numbers = pair(4)
    with pytest.raises(ValueError, match="must be of the same two tracks or more"):
        cross_modal_report(sound[:n_sound], tags[:n_tags], numbers[:n_numbers])
