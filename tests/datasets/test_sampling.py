from collections import Counter
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import chisquare, kstest

from kmusic.datasets.sampling import ANCHORS_AT_ONCE, TripletConfig, Triplets, draw_distinct

FOUR = TripletConfig()
ANY_FOUR = TripletConfig(distinct=False)
IN_BATCH = TripletConfig(n_negatives=0)
SKEWED = np.random.default_rng(0).permutation(np.repeat(range(12), [40, 9, 5, 3, 2, 2] + [1] * 6))
SEEDS = 50
CHANCE = 1e-3  # below it, a fair draw would be refused; seeds are fixed


def laps(classes, config, n_laps=SEEDS, key=lambda number: (number, 0, 0)):
    """Draw laps; `key` gives seed, epoch and number of each lap.

    Returns rows `(n_laps, n_anchors, 2 + n_negatives)`, and places of the same shape.
    """
    triplets = Triplets(classes, config)

    def lap(number):
        seed, epoch, of_epoch = (tf.cast(part, tf.int64) for part in key(number))
        return triplets.lap(tf.stack([seed, epoch]), of_epoch)

    examples = tf.data.Dataset.range(n_laps).flat_map(lap).batch(triplets.n_examples)
    return (np.stack(part) for part in zip(*examples.as_numpy_iterator(), strict=True))


def columns(classes, config):
    """Give rows of many laps as anchors, positives, `(n,)`, and negatives, `(n, n_negatives)`."""
    rows, _ = laps(classes, config)
    rows = rows.reshape(-1, rows.shape[-1])
    return rows[:, 0], rows[:, 1], rows[:, 2:]


TABLES = {
    "four": (SKEWED, FOUR),
    "any four": (SKEWED, ANY_FOUR),
    "in batch": (SKEWED, IN_BATCH),
    "all other classes": (SKEWED, TripletConfig(n_negatives=11)),
    "least for four": ([4, 2, 0, 2, 1, 3], FOUR),
    "least for any four": ([1, 0, 0, 1, 2, 2], ANY_FOUR),
    "least in batch": ([1, 0, 0], IN_BATCH),
    "any numbers": (np.array([70, -3, 900])[SKEWED % 3], TripletConfig(n_negatives=2)),
}


@pytest.fixture(scope="module", params=TABLES)
def drawn(request):
    """Triples of a table by many seeds: rows, and classes of rows, `(n_seeds, n_anchors, ...)`."""
    classes, config = TABLES[request.param]
    rows, _ = laps(classes, config)
    return SimpleNamespace(
        table=list(classes), config=config, rows=rows, classes=np.asarray(classes)[rows]
    )


def test_each_track_with_another_of_its_class_is_the_anchor_once_a_lap(drawn):
    often = Counter(drawn.table)
    can_be = [row for row, each in enumerate(drawn.table) if often[each] > 1]
    assert Triplets(drawn.table, drawn.config).n_examples == len(can_be)
    for lap in drawn.rows:
        assert sorted(lap[:, 0]) == can_be


def test_a_positive_is_another_track_of_the_class(drawn):
    np.testing.assert_array_equal(drawn.classes[..., 0], drawn.classes[..., 1])
    assert np.all(drawn.rows[..., 0] != drawn.rows[..., 1])


def test_negatives_are_different_tracks_of_other_classes(drawn):
    rows, classes = drawn.rows[..., 2:], drawn.classes[..., 2:]
    assert rows.shape[-1] == drawn.config.n_negatives
    assert np.all(classes != drawn.classes[..., :1])
    held = np.sort(classes if drawn.config.distinct else rows, axis=-1)
    assert np.all(np.diff(held, axis=-1) > 0)


@pytest.mark.parametrize("classes", [SKEWED, np.repeat([2, 0, 1, 3, 4], 4)], ids=["skewed", "even"])
def test_every_other_track_of_the_class_is_the_positive_as_often(classes):
    anchor, positive, _ = columns(classes, IN_BATCH)
    for row in set(anchor):
        others = np.setdiff1d(np.flatnonzero(classes == classes[row]), [row])
        seen = Counter(positive[anchor == row].tolist())
        assert sum(seen[other] for other in others) == SEEDS
        if len(others) > 1:
            assert chisquare([seen[other] for other in others]).pvalue > CHANCE


@pytest.mark.parametrize("config", [FOUR, ANY_FOUR], ids=["distinct", "any"])
def test_negatives_are_as_likely_as_the_config_says(config):
    classes = np.sort(SKEWED)[30:]
    anchor, _, negatives = columns(classes, config)
    for own in set(classes[anchor]):
        others = np.flatnonzero(classes != own)
        sizes = np.bincount(classes)[classes[others]]
        likely = 1 / sizes if config.distinct else np.ones(len(others))
        for place in negatives[classes[anchor] == own].T:  # first to fourth
            seen = Counter(place.tolist())
            expected = likely / likely.sum() * len(place)
            assert chisquare([seen[other] for other in others], expected).pvalue > CHANCE / 10


@pytest.mark.parametrize(
    "key",
    [lambda n: (5, 2 * n, 0), lambda n: (n, 2, 0), lambda n: (5, 2, n)],
    ids=["epoch", "seed", "lap"],
)
def test_seed_epoch_and_lap_each_change_the_triples(key):
    rows, places = laps(SKEWED, FOUR, 5, key)
    for one, other in permutations(range(5), 2):
        assert np.mean(rows[one] == rows[other]) < 0.5  # all anchors of an epoch's laps are equal
        assert not np.any(places[one] == places[other])


def test_the_same_seed_gives_the_same_triples():
    for one, same in zip(laps(SKEWED, FOUR, 3), laps(SKEWED, FOUR, 3), strict=True):
        np.testing.assert_array_equal(one, same)


def test_the_laps_of_an_epoch_have_one_order():
    (anchors, *others) = next(laps(SKEWED, FOUR, 4, lambda n: (5, 2, n)))[..., 0]
    for other in others:
        np.testing.assert_array_equal(other, anchors)


def test_places_are_even_and_each_excerpt_has_its_own():
    _, places = laps(SKEWED, FOUR)
    assert places.dtype == np.float32
    assert len(np.unique(places)) > 0.99 * places.size  # of 2 ** 23 numbers some come twice
    for column in places.reshape(-1, 6).T:
        assert kstest(column, "uniform").pvalue > CHANCE


def test_each_block_of_anchors_is_drawn_anew():
    n_tracks = 2 * ANCHORS_AT_ONCE
    rows, places = laps(np.repeat([0, 1], n_tracks // 2), IN_BATCH, 1)
    anchor, positive = rows[0].T
    step = ((positive - anchor) % (n_tracks // 2)).reshape(2, -1)
    assert sorted(anchor) == list(range(n_tracks))
    assert np.mean(step[0] == step[1]) < 0.01
    assert not np.any(places[0, :ANCHORS_AT_ONCE] == places[0, ANCHORS_AT_ONCE:])


def test_of_many_tracks_the_first_come_before_the_others_and_no_track_costs_python():
    classes = np.arange(200_000) % 10_000
    triplets = Triplets(classes, FOUR)
    graphs = []
    draw = triplets.draw
    triplets.draw = lambda *given: graphs.append(given) or draw(*given)
    stream = triplets.lap(tf.constant([0, 0], tf.int64), 0)
    assert stream.element_spec[0] == tf.TensorSpec((6,), tf.int64)
    next(iter(stream))
    assert sum(1 for _ in stream.batch(1_000).take(10)) == 10
    assert len(graphs) == 1


# Drawing without putting back


@pytest.mark.parametrize(("limit", "n_drawn"), [(5, 1), (5, 2), (4, 3), (4, 4), (1, 1), (7, 2)])
def test_every_ordered_choice_is_as_likely(limit, n_drawn):
    choices = [*permutations(range(limit), n_drawn)]
    numbers = draw_distinct(np.full(20_000, limit), n_drawn, tf.constant([0, 1], tf.int64))
    seen = Counter(map(tuple, numbers.numpy().tolist()))
    assert set(seen) <= set(choices)
    if len(choices) > 1:
        assert chisquare([seen[choice] for choice in choices]).pvalue > CHANCE


def test_each_limit_is_kept():
    limits = np.array([4, 9, 1_000_000, 2**40])
    numbers = draw_distinct(np.tile(limits, 5_000), 4, tf.constant([0, 0], tf.int64)).numpy()
    highest = numbers.reshape(-1, 4, 4).max(axis=(0, 2))
    assert np.all(highest < limits)
    assert np.all(highest > 0.99 * (limits - 2))
    assert np.all(np.diff(np.sort(numbers, axis=1), axis=1) > 0)


# What cannot be drawn


@pytest.mark.parametrize("config", [FOUR, ANY_FOUR, IN_BATCH])
@pytest.mark.parametrize("classes", [[], [0], [0, 1, 2, 3, 4, 5]])
def test_without_two_tracks_of_a_class_there_are_no_triplets(classes, config):
    with pytest.raises(ValueError, match=r"^some artist must have two tracks for triplets; got n"):
        Triplets(classes, config)


@pytest.mark.parametrize(
    ("classes", "config", "said"),
    [
        ([0, 0, 1, 2, 3], FOUR, "n_negatives=4 of artist, .* got 4 with 5 tracks"),
        ([0, 0, 0, 1, 1, 2], ANY_FOUR, "n_negatives=4 of artist, .* got 3 with 6 tracks"),
        ([0, 0, 1], TripletConfig(column="label", n_negatives=2), "of label, .* got 2 with 3"),
        ([0, 0], IN_BATCH, "n_negatives=0 of artist, .* got 1 with 2 tracks"),
    ],
)
def test_too_few_others_are_refused(classes, config, said):
    with pytest.raises(ValueError, match=f"^triplets need more than .*{said}"):
        Triplets(classes, config)


def test_a_negative_number_of_negatives_is_refused():
    with pytest.raises(ValueError, match="n_negatives must not be negative; got -1"):
        TripletConfig(n_negatives=-1)


def test_rows_that_may_be_anchors_are_anchors_alone():
    classes = [0, 0, 1, 1, 2, 2, 3]
    draw = Triplets(classes, TripletConfig(n_negatives=1), anchors=[3, 4, 6])
    tracks = np.concatenate([rows[None] for rows, _ in draw.lap(tf.constant([0, 0], tf.int64), 0)])
    assert draw.n_examples == 2  # 6 is alone in its class
    assert sorted(tracks[:, 0]) == [3, 4]
    assert sorted(tracks[:, 1]) == [2, 5]
