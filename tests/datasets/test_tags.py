import json

import numpy as np
import pandas as pd
import pytest

from kmusic.datasets.tags import (
    TagConfig,
    Vocabulary,
    fit_vocabulary,
    process_tags,
    read_tag_lists,
    read_vocabulary,
    write_vocabulary,
)
from kmusic.datasets.word_vectors import fit_word_vectors

PUBLISHED = TagConfig(singular="inflect", compounds="drop", keep="first")
ALL = TagConfig(min_tracks=1, max_share=1.0)


def fitted(lists, dim=None, **settings):
    return fit_vocabulary(
        lists, TagConfig(**{"min_tracks": 1, "max_share": 1.0} | settings), dim=dim, seed=0
    )


def test_the_published_tags_of_urbansound_are_met_as_sets(shared):
    """Of all 1,282 sounds, so none is left to be listed with a reason."""
    raw, processed = (
        json.loads((shared / f"reference/us8k_tags_{kind}.json").read_text())
        for kind in ("raw", "processed")
    )
    assert len(raw) == 1_282
    differ = [key for key in raw if {*process_tags(raw[key], PUBLISHED)} != {*processed[key]}]
    assert differ == []


def test_the_published_vocabulary_begins_as_these_tracks_bring_it():
    """Its first words, whose runs by the alphabet are its first tracks."""
    tracks = [
        ["opening", "open", "kitchen", "foley", "drawer", "closing", "close"],
        ["percussion", "hand", "foley", "cymbal", "chime", "bell", "finger"],
        ["bell"],
    ]
    assert fitted(tracks).words == (
        *("close", "closing", "drawer", "foley", "kitchen", "open", "opening"),
        *("bell", "chime", "cymbal", "finger", "hand", "percussion"),
    )


def test_words_come_as_they_first_appear_and_each_once():
    tags = ["Snare Drums", "the drum", "a cymbal", "snare"]
    assert process_tags(tags, ALL) == ["snare", "drum", "cymbal"]


def test_settings_say_how_tags_become_words():
    tags = ["police", "hip-hop"]
    assert process_tags(tags, ALL) == ["police", "hip", "hop"]
    assert process_tags(tags, PUBLISHED) == ["polouse"]


def test_each_track_has_the_words_of_its_cell_and_an_empty_one_none():
    tracks = pd.DataFrame({"tags": ["Loud; drums;;loud", np.nan, " ", 808, "Live"]})
    assert read_tag_lists(tracks, ALL) == [["loud", "drum"], [], [], [], ["live"]]


def test_a_table_without_tags_is_refused_with_its_columns():
    with pytest.raises(ValueError, match=r"column 'tags' to learn it; got \['path'\]"):
        read_tag_lists(pd.DataFrame({"path": ["a"]}), ALL)


def test_a_word_must_be_of_enough_tracks_and_not_of_too_many():
    lists = [["all", "most"], ["all", "most", "some"], ["all", "most", "some", "one"], ["all"]]
    vocabulary = fitted(lists, min_tracks=2, max_share=0.75)
    assert vocabulary.words == ("most", "some")
    assert vocabulary.counts == (3, 2)
    assert vocabulary.vectors is None


def test_a_track_counts_once_for_a_word_and_one_without_tags_counts_too():
    assert fitted([["a", "a"], ["b"], [], []], max_share=0.25).counts == (1, 1)


def test_a_share_that_is_met_exactly_is_not_too_many():
    """0.29 * 100 rounds to below 29."""
    assert fitted([["a"]] * 29 + [["b"]] * 71, max_share=0.29).words == ("a",)


def test_the_most_frequent_are_taken_and_of_as_frequent_ones_the_first():
    lists = [["d", "e"], ["b", "c"], ["a", "b"], ["c", "x"], ["x", "b"]]
    vocabulary = fitted(lists, n_words=4)  # b 3, c and x 2, then of a, d, e the first to come
    assert vocabulary.words == ("d", "b", "c", "x")
    assert vocabulary.counts == (1, 3, 2, 2)


def test_no_word_left_is_refused_with_what_there_was_and_what_to_set():
    lists = [["rock", "loud"], ["rock"], [], []]
    rule = (
        r"at least 3 of the 4 training tracks and at most 50% of them; got none among 2 words, the "
        r"most frequent, 'rock', being of 2 \(50\.0%\)\. Lower tags\.min_tracks or raise tags\.max"
    )
    with pytest.raises(ValueError, match=rule):
        fitted(lists, min_tracks=3, max_share=0.5)


@pytest.mark.parametrize("lists", [[], [[], []]])
def test_tracks_without_any_word_are_refused(lists):
    with pytest.raises(ValueError, match=f"must hold a word; got none in {len(lists)} tracks"):
        fitted(lists)


@pytest.mark.parametrize("changed", [{}, {"window": 1}, {"negative": 2}, {"epochs": 4}])
def test_vectors_are_fitted_with_the_settings_and_repeat(changed):
    lists = [["a", "b", "c", "d", "e"]] * 200
    settings = {"dim": 4, "window": 100, "negative": 5, "epochs": 5}
    expected = fit_word_vectors(lists, ("a", "b", "c", "d", "e"), **settings | changed, seed=0)
    assert expected.shape == (5, 4)
    np.testing.assert_array_equal(fitted(lists, **settings | changed).vectors, expected)
    assert np.array_equal(fitted(lists, dim=4).vectors, expected) == (not changed)


@pytest.fixture
def vectors_file(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("3 2\nc 5 6\nnever 0 1\na 1 2\n", encoding="utf-8")
    return str(path)


def test_words_without_a_vector_in_the_file_are_left_out_before_the_most_frequent(vectors_file):
    lists = [["a", "b", "c"], ["b", "c"]]
    vocabulary = fitted(lists, dim=2, vectors=vectors_file, n_words=2)
    assert vocabulary.words == ("a", "c")
    assert vocabulary.counts == (1, 2)
    np.testing.assert_array_equal(vocabulary.vectors, np.float32([[1, 2], [5, 6]]))
    assert fitted(lists, dim=2, vectors=vectors_file, n_words=1).words == ("c",)


def test_a_file_without_any_of_the_words_is_refused(vectors_file):
    with pytest.raises(ValueError, match=r"vectors\.txt; all 7 lack one: p, q, r, s, t \.\.\.\.$"):
        fitted([[*"pqrstuv"]], dim=2, vectors=vectors_file)


def test_a_vocabulary_without_vectors_does_not_read_the_file():
    assert fitted([["a"]], dim=None, vectors="nowhere.txt").vectors is None


VOCABULARY = Vocabulary(("a", "b", "c", "d"), (9, 2, 5, 2), None)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"max_tags": 5}, [[1, 2, 3, 4, 0], [1, 3, 0, 0, 0], [0] * 5]),
        ({"max_tags": 3}, [[2, 3, 4], [1, 3, 0], [0] * 3]),  # a is the most frequent
        ({"max_tags": 1}, [[2], [3], [0]]),  # b and d are as rare: the lower number
        ({"max_tags": 3, "keep": "first"}, [[1, 2, 3], [1, 3, 0], [0] * 3]),
        ({"max_tags": None}, [[1, 2, 3, 4], [1, 3, 0, 0], [0] * 4]),
    ],
)
def test_numbers_ascend_and_the_rarest_or_the_first_are_kept(settings, expected):
    lists = [["d", "a", "unknown", "c", "b"], ["c", "a", "c"], []]
    actual = VOCABULARY.numbers(lists, TagConfig(**settings))
    np.testing.assert_array_equal(actual, expected)
    assert actual.dtype == np.int32


@pytest.mark.parametrize("lists", [[], [[]], [[], ["unknown"]]])
@pytest.mark.parametrize(("max_tags", "n_slots"), [(None, 1), (10, 10)])
def test_there_is_a_slot_where_there_is_no_word(lists, max_tags, n_slots):
    actual = VOCABULARY.numbers(lists, TagConfig(max_tags=max_tags))
    np.testing.assert_array_equal(actual, np.zeros((len(lists), n_slots)))


@pytest.mark.parametrize("dim", [None, 3])
def test_a_vocabulary_is_read_as_it_was_written(tmp_path, dim):
    written = fitted([["bell", "音楽"], ["bell"]], dim=dim)
    write_vocabulary(tmp_path, fitted([["stale"]], dim=2))
    write_vocabulary(tmp_path, written)
    read = read_vocabulary(tmp_path)
    assert (read.words, read.counts) == (("bell", "音楽"), (2, 1))
    np.testing.assert_array_equal(read.vectors, written.vectors)
    assert "音楽" in (tmp_path / "vocabulary.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "[]",
        "{}",
        '{"words": ["a", "b"], "counts": [1], "dim": null}',
        '{"words": ["a", "a"], "counts": [1, 1], "dim": null}',
        '{"words": ["a"], "counts": ["1"], "dim": null}',
        '{"words": [1], "counts": [1], "dim": null}',
        '{"words": [], "counts": [], "dim": null}',
    ],
)
def test_a_broken_vocabulary_is_refused_with_its_file(tmp_path, broken):
    (tmp_path / "vocabulary.json").write_text(broken)
    with pytest.raises(ValueError, match=r"vocabulary\.json must hold a vocabulary"):
        read_vocabulary(tmp_path)


def write_npz(path, **arrays):
    with path.open("wb") as file:
        np.savez(file, **arrays)


def write_array(path, array):
    with path.open("wb") as file:
        np.save(file, array)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:80]),
        lambda path: write_npz(path, other=np.zeros((1, 3))),
        lambda path: write_npz(path, vectors=np.zeros((2, 3))),
        lambda path: write_npz(path, vectors=np.array([{}], object)),
        lambda path: write_array(path, np.zeros((1, 3))),
        lambda path: path.write_bytes(b"\x80\x04N."),  # a pickle
    ],
)
def test_broken_vectors_are_refused_with_their_file(tmp_path, spoil):
    write_vocabulary(tmp_path, fitted([["a"]], dim=3))
    spoil(tmp_path / "vocabulary.npz")
    with pytest.raises(ValueError, match=r"vocabulary\.npz must hold a vocabulary"):
        read_vocabulary(tmp_path)


@pytest.mark.parametrize("name", ["vocabulary.json", "vocabulary.npz"])
def test_a_vocabulary_that_is_not_there_is_named(tmp_path, name):
    write_vocabulary(tmp_path, fitted([["a"]], dim=3))
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        read_vocabulary(tmp_path)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"min_tracks": 0}, "tags.min_tracks must be at least 1; got 0"),
        ({"n_words": 0}, "tags.n_words must be at least 1"),
        ({"max_tags": 0}, "tags.max_tags must be at least 1"),
        ({"window": 0}, "tags.window must be at least 1"),
        ({"negative": 0}, "tags.negative must be at least 1"),
        ({"epochs": 0}, "tags.epochs must be at least 1"),
        ({"max_share": 0.0}, r"tags.max_share must lie in \(0, 1\]; got 0.0"),
        ({"max_share": 1.1}, "tags.max_share must lie"),
        ({"keep": "last"}, r"tags.keep must be one of \['rarest', 'first'\]; got 'last'"),
        ({"singular": "plural"}, "tags.singular must be one of"),
        ({"compounds": "join"}, "tags.compounds must be one of"),
    ],
)
def test_settings_that_no_vocabulary_can_have_are_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        TagConfig(**settings)
