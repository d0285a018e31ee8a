import json
import tracemalloc

import numpy as np
import pytest
import sklearn.metrics

from kmusic.evaluation.retrieval import nearest, retrieval_scores


def at(*degrees):
    """Embeddings in the plane, by angle."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


@pytest.fixture(scope="module")
def cloud():
    """Embeddings and classes of 60 tracks around four centres."""
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 4, 60)
    return rng.normal(size=(4, 8))[targets] + 1.5 * rng.normal(size=(60, 8)), targets


def test_four_tracks_ranked_by_hand():
    # Classes a b a a at 0, 10, 30 and 70 degrees. Lists, nearest first, hits marked:
    # 0 -> 10 b, 30 a*, 70 a*: AP (1/2 + 2/3) / 2 = 7/12
    # 30 -> 10 b, 0 a*, 70 a*: AP 7/12
    # 70 -> 30 a*, 10 b, 0 a*: AP (1 + 2/3) / 2 = 10/12
    report = retrieval_scores(at(0, 10, 30, 70), ["a", "b", "a", "a"], ks=(1, 2, 3))
    assert report.map == pytest.approx((7 + 7 + 10) / 36)
    assert report.precision_at == pytest.approx({1: 1 / 3, 2: 1 / 2, 3: 2 / 3})
    assert (report.n_queries, report.n_left_out) == (3, 1)
    expected = [7 / 12, np.nan, 7 / 12, 10 / 12]
    np.testing.assert_allclose(report.average_precisions, expected, rtol=1e-12)  # rounding


def test_average_precision_is_sklearns(cloud):
    embeddings, targets = cloud
    similarity = sklearn.metrics.pairwise.cosine_similarity(embeddings)
    expected = [
        sklearn.metrics.average_precision_score(
            np.delete(targets == targets[query], query), np.delete(similarity[query], query)
        )
        for query in range(60)
    ]
    assert retrieval_scores(*cloud).map == pytest.approx(np.mean(expected), rel=1e-6)


def test_precision_is_the_share_among_sklearns_neighbours(cloud):
    embeddings, targets = cloud
    neighbours = sklearn.neighbors.NearestNeighbors(n_neighbors=5, metric="cosine").fit(embeddings)
    found = neighbours.kneighbors(return_distance=False)
    expected = np.mean(targets[found] == targets[:, None])
    assert retrieval_scores(*cloud, ks=(5,)).precision_at[5] == pytest.approx(expected)


def test_the_size_of_a_block_changes_nothing(cloud):
    assert retrieval_scores(*cloud, block=7) == retrieval_scores(*cloud)


def test_clips_of_the_query_s_file_are_no_candidates():
    # Files 1 1 2 3, classes a a a b at 0, 10, 30 and 70 degrees. Lists of other files, hits marked:
    # 0 -> 30 a*, 70 b; 10 -> 30 a*, 70 b; 30 -> 10 a*, 0 a*, 70 b: all find their class first.
    report = retrieval_scores(at(0, 10, 30, 70), [*"aaab"], ks=(1, 2, 3), files=[1, 1, 2, 3])
    assert report.map == 1.0
    assert report.precision_at == pytest.approx({1: 1.0, 2: 2 / 3, 3: (1 / 2 + 1 / 2 + 2 / 3) / 3})


def test_precision_among_other_files_is_that_of_a_slow_loop(cloud):
    embeddings, targets = cloud
    files = np.arange(60) // 3
    similarity = sklearn.metrics.pairwise.cosine_similarity(embeddings)
    expected = {}
    for query in range(60):
        others = files != files[query]
        if (targets[others] == targets[query]).any():
            alike = targets[others] == targets[query]
            expected[query] = sklearn.metrics.average_precision_score(
                alike, similarity[query][others]
            )
    report = retrieval_scores(*cloud, files=[f"/{number}.wav" for number in files], block=7)
    assert report.n_queries == len(expected)
    precisions = report.average_precisions
    np.testing.assert_allclose(precisions[[*expected]], [*expected.values()], rtol=1e-6)  # float32


def test_a_class_of_one_file_alone_is_no_query():
    report = retrieval_scores(at(0, 10, 30, 70), [*"aabb"], files=[1, 1, 2, 3])
    assert (report.n_queries, report.n_left_out) == (2, 2)
    assert np.isnan(report.average_precisions).tolist() == [True, True, False, False]
    with pytest.raises(ValueError, match="two tracks, of two files; got 4 tracks"):
        retrieval_scores(at(0, 10, 30, 70), [*"aabb"], files=[1, 1, 2, 2])


def test_a_row_a_file_changes_nothing(cloud):
    assert retrieval_scores(*cloud, files=np.arange(60)) == retrieval_scores(*cloud)


def test_ties_are_broken_by_order():
    same = np.ones((3, 2))
    # Lists 1 2, 0 2, 0 1: the first track of class a finds b first, the last finds a first.
    assert retrieval_scores(same, ["a", "b", "a"]).map == pytest.approx((1 / 2 + 1) / 2)


def test_length_does_not_matter(cloud):
    embeddings, targets = cloud
    longer = embeddings * np.logspace(-25, 25, 60)[:, None]
    assert retrieval_scores(longer, targets).map == pytest.approx(retrieval_scores(*cloud).map)


def test_a_row_of_zeros_is_near_to_nothing():
    embeddings = np.array([[1.0, 0.0], [0.0, 0.0], [0.9, 0.1]])
    rows, similarities = nearest(embeddings, [1.0, 0.0], 3)
    assert rows.tolist() == [0, 2, 1]
    assert similarities[-1] == 0.0


def test_a_list_longer_than_the_tracks_is_cut(cloud):
    everything = retrieval_scores(*cloud, ks=(59, 1_000)).precision_at
    assert everything[59] == everything[1_000]


def test_the_interval_holds_the_mean(cloud):
    report = retrieval_scores(*cloud)
    low, high = report.map_interval
    assert low < report.map < high


def test_whole_groups_widen_the_interval(cloud):
    groups = cloud[1]  # the hardest case: all tracks of a class are one group
    grouped = retrieval_scores(*cloud, groups=groups).map_interval
    assert np.ptp(grouped) > 1.2 * np.ptp(retrieval_scores(*cloud).map_interval)


def test_memory_grows_with_the_block_alone():
    rng = np.random.default_rng(0)
    embeddings, targets = rng.normal(size=(4_000, 4)), rng.integers(0, 1_000, 4_000)
    tracemalloc.start()
    retrieval_scores(embeddings, targets, block=64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * 4 * 4_000**2  # bytes; half of what all similarities at once would take


def test_nearest_are_sklearns(cloud):
    embeddings, _ = cloud
    rows, similarities = nearest(embeddings, embeddings[3], 10)
    expected = sklearn.metrics.pairwise.cosine_similarity(embeddings[3:4], embeddings)[0]
    assert rows[0] == 3
    np.testing.assert_array_equal(rows, np.argsort(-expected)[:10])
    np.testing.assert_allclose(similarities, expected[rows], atol=1e-6)  # float32


def test_fewer_tracks_than_asked_are_all_given():
    rows, similarities = nearest(at(0, 10, 30), at(9)[0], 8)
    assert rows.tolist() == [1, 0, 2]
    np.testing.assert_allclose(similarities, np.cos(np.deg2rad([1, 9, 21])), atol=1e-6)


def test_a_report_is_plain_json(cloud):
    report = json.loads(json.dumps(retrieval_scores(*cloud).to_json()))
    assert set(report["precision_at"]) == {"1", "5", "10"}
    assert report["n_queries"] == 60


@pytest.mark.parametrize(
    ("embeddings", "targets", "settings", "rule"),
    [
        (np.ones(3), [0, 0, 0], {}, "one row a track"),
        (np.full((3, 2), np.nan), [0, 0, 0], {}, "6 not finite"),
        (np.ones((3, 2)), [0, 0], {}, "one class a track"),
        (np.ones((3, 2)), [0, 1, 2], {}, "two tracks"),
        (np.ones((3, 2)), [0, 0, 0], {"block": 0}, "at least 1"),
        (np.ones((3, 2)), [0, 0, 0], {"ks": (0,)}, "at least 1"),
        (np.ones((3, 2)), [0, 0, 0], {"files": [0, 1]}, "files must have one entry a track"),
    ],
)
def test_nonsense_is_refused(embeddings, targets, settings, rule):
    with pytest.raises(ValueError, match=rule):
        retrieval_scores(embeddings, targets, **settings)


@pytest.mark.parametrize(("query", "k"), [([1.0, 0.0, 0.0], 1), ([1.0, 0.0], 0)])
def test_queries_that_do_not_fit_are_refused(query, k):
    with pytest.raises(ValueError, match="query must have"):
        nearest(np.ones((3, 2)), query, k)
