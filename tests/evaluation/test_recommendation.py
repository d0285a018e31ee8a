import tracemalloc

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from kmusic.evaluation.recommendation import recommend_tracks


def at(*degrees):
    """Embeddings in the plane, by angle."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def listed(embeddings, liked, artists=None, **settings):
    """Rows of the list; every track is by an artist of its own if none is told."""
    artists = [None] * len(embeddings) if artists is None else artists
    return recommend_tracks(embeddings, liked, artists, **settings)[0].tolist()


@pytest.fixture(scope="module")
def cloud():
    """Embeddings and artists of 200 tracks; every tenth artist is missing."""
    rng = np.random.default_rng(0)
    artists = [f"artist {n}" if n else None for n in rng.integers(0, 10, 200)]
    return rng.normal(size=(200, 4)), artists


def slow_list(embeddings, liked, artists, k, per_artist, new_artists):
    """Say the rule in loops: who gave least gives the nearest track of their own."""
    cosines = cosine_similarity(embeddings)
    artists = [artist or f"unknown {row}" for row, artist in enumerate(artists)]
    barred = {artists[row] for row in liked} if new_artists else set()
    given = dict.fromkeys(liked, 0)
    chosen = []
    while len(chosen) < k:
        offers = []
        for row, artist in enumerate(artists):
            owner = max(liked, key=lambda named, row=row: cosines[named, row])
            count = sum(artists[other] == artist for other in chosen)
            if not (row in chosen or row in liked or artist in barred or count >= per_artist):
                offers.append((given[owner], -cosines[owner, row], row, owner))
        if not offers:
            break
        _, _, row, owner = min(offers)
        given[owner] += 1
        chosen.append(row)
    return chosen


@pytest.mark.parametrize("liked", [[3], [7, 50, 8], list(range(0, 200, 2))], ids=len)
@pytest.mark.parametrize(
    ("k", "per_artist", "new_artists"),
    [(1, 1, False), (12, 1, False), (12, 2, False), (12, 1, True), (60, 5, False)],
)
def test_the_list_is_that_of_slow_loops(cloud, liked, k, per_artist, new_artists):
    embeddings, artists = cloud
    settings = {"k": k, "per_artist": per_artist, "new_artists": new_artists}
    expected = slow_list(embeddings, liked, artists, **settings)
    assert listed(embeddings, liked, artists, **settings) == expected


def test_cosines_and_reasons_are_those_of_the_nearest_named_track(cloud):
    embeddings, artists = cloud
    liked = np.arange(150)[::-1]  # more than are compared at a time
    rows, cosines, because = recommend_tracks(embeddings, liked, artists, k=30, per_artist=9)
    expected = cosine_similarity(embeddings[rows], embeddings[liked])
    np.testing.assert_array_equal(because, liked[expected.argmax(axis=1)])
    np.testing.assert_allclose(cosines, expected.max(axis=1), atol=1e-6)  # float32


def test_two_tastes_share_the_list_and_nothing_lies_between():
    # Named: 0 and 90 degrees. Around 0 tracks lie closer than around 90; one is in the middle.
    tracks = at(0, 90, 1, 2, 3, 4, 70, 110, 45)
    assert listed(tracks, [0, 1], k=4) == [2, 6, 3, 7]


def test_a_taste_gets_tracks_by_the_number_named_of_it():
    tracks = at(0, 10, 90, 1, 2, 8, 7, 80, 70)
    # Round one: 1 for 0 degrees, 8 for 10, 80 for 90. Round two: 2, 7 and 70.
    assert listed(tracks, [0, 1, 2], k=6) == [3, 5, 7, 4, 6, 8]


@pytest.mark.parametrize("liked", [[0, 1], [1, 0]])
def test_a_short_list_has_the_nearest_whoever_was_named_first(liked):
    assert listed(at(0, 90, 20, 85), liked, k=1) == [3]


def test_an_artist_is_listed_so_often_and_no_more():
    artists = ["x", "a", "a", "a", "b"]
    tracks = at(0, 1, 2, 3, 4)
    assert listed(tracks, [0], artists, per_artist=1) == [1, 4]
    assert listed(tracks, [0], artists, per_artist=2) == [1, 2, 4]


def test_who_cannot_give_the_nearest_gives_the_next_in_the_same_round():
    # 85 degrees is by the artist of 1 degree; 90 gives 80 in its place, before 0 gives again.
    tracks = at(0, 90, 1, 2, 85, 80)
    assert listed(tracks, [0, 1], ["x", "y", "a", "b", "a", "c"], k=3) == [2, 5, 3]


@pytest.mark.parametrize("missing", [None, np.nan])
def test_tracks_without_an_artist_are_by_different_ones(missing):
    assert listed(at(0, 1, 2, 3), [0], ["x", missing, missing, "x"]) == [1, 2, 3]


def test_artists_of_named_tracks_are_left_out_on_request():
    artists = ["x", "x", "y", None, None]
    tracks = at(0, 1, 2, 5, 6)
    assert listed(tracks, [0, 3], artists, new_artists=True) == [4, 2]


def test_a_copy_of_a_named_track_is_not_news():
    tracks = np.array([[3.0, 4.0], [3.0, 4.00002], [1.0, 2.0]])  # one sound, but for rounding
    assert listed(tracks, [0]) == [2]


def test_the_same_direction_at_another_length_is_no_copy():
    assert listed(np.array([[3.0, 4.0], [3.003, 4.004]]), [0]) == [1]


def test_ties_are_broken_by_order():
    rows, _, because = recommend_tracks(np.eye(4), [1, 0], [None] * 4)
    assert (rows.tolist(), because.tolist()) == ([2, 3], [1, 1])


def test_the_order_of_the_file_does_not_matter(cloud):
    embeddings, artists = cloud
    order = np.random.default_rng(1).permutation(200)
    places = np.argsort(order)  # where each row went
    moved = listed(embeddings[order], places[[7, 50]], [artists[row] for row in order])
    assert order[moved].tolist() == listed(embeddings, [7, 50], artists)


def test_a_track_named_often_has_one_turn(cloud):
    embeddings, _ = cloud
    often = [3, 50] + 63 * [3]  # the last is compared alone, where rounding is another
    assert listed(embeddings, often, k=200) == listed(embeddings, [3, 50], k=200)


def test_a_named_track_is_not_listed_even_if_it_is_near_to_nothing():
    assert listed(np.array([[0.0, 0.0], [1.0, 0.0]]), [0]) == [1]


def test_cosines_stay_within_one(cloud):
    embeddings = np.concatenate([cloud[0], 3 * cloud[0]])  # rounding alone leads beyond 1
    assert recommend_tracks(embeddings, range(200), [None] * 400, k=200)[1].max() <= 1.0


def test_nothing_is_left_when_all_are_named():
    assert listed(at(0, 90), [0, 1]) == []


def test_memory_does_not_grow_with_pairs():
    embeddings = np.random.default_rng(0).normal(size=(4_000, 4))
    tracemalloc.start()
    listed(embeddings, range(0, 4_000, 2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.25 * 4 * 2_000 * 4_000  # bytes; a quarter of all similarities at once


@pytest.mark.parametrize(
    ("embeddings", "liked", "settings", "rule"),
    [
        (np.ones((0, 2)), [0], {}, "must hold a track"),
        (np.ones((3, 2)), [0], {"artists": ["x"]}, "3 embeddings and 1 artists"),
        (np.full((3, 2), np.inf), [0], {}, "6 not finite"),
        (np.ones((3, 2)), [], {}, r"rows of 3 tracks; got \[\]"),
        (np.ones((3, 2)), [0, 3], {}, r"rows of 3 tracks; got \[0, 3\]"),
        (np.ones((3, 2)), [-1], {}, r"rows of 3 tracks; got \[-1\]"),
        (np.ones((3, 2)), [0], {"k": 0}, "at least 1; got k=0"),
        (np.ones((3, 2)), [0], {"per_artist": 0}, "at least 1; got k=10, per_artist=0"),
    ],
)
def test_nonsense_is_refused(embeddings, liked, settings, rule):
    with pytest.raises(ValueError, match=rule):
        listed(embeddings, liked, **settings)


def test_other_parts_of_a_named_file_are_left_out():
    vectors = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.0, 1.0]])
    files = ["one.flac", "one.flac", "two.flac", "two.flac"]
    rows, _, _ = recommend_tracks(vectors, [0], [None] * 4, files=files)
    assert rows.tolist() == [2, 3]
    assert recommend_tracks(vectors, [0], [None] * 4)[0].tolist() == [1, 2, 3]
