import gzip
import hashlib
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from gensim.models import KeyedVectors

from kmusic.datasets.word_vectors import fit_word_vectors, read_word_vectors

FIT = {"dim": 8, "window": 100, "negative": 5, "epochs": 5, "seed": 3}
LISTS = [["ann", "bob"], ["bob", "cy", "rare"], ["ann", "cy"], ["alone"]] * 4
WORDS = ("ann", "bob", "cy", "alone")

TEXT = "3 2\nann 1 2\nbob -0.5 0\n音楽 0.25 3e-1\n"


def digest():
    return hashlib.sha256(fit_word_vectors(LISTS, WORDS, **FIT).tobytes()).hexdigest()


def test_each_word_has_a_vector_and_one_that_stands_alone_too():
    vectors = fit_word_vectors(LISTS, WORDS, **FIT)
    assert vectors.shape == (4, 8)
    assert vectors.dtype == np.float32
    assert (np.abs(vectors).max(axis=1) > 0).all()


def test_a_word_alone_in_the_world_has_a_vector():
    assert np.isfinite(fit_word_vectors([["alone"]], ("alone",), **FIT)).all()


def test_vectors_repeat_to_the_last_bit_in_another_process():
    program = (
        "import runpy, sys; sys.path[:] = sys.argv[2:];"
        "print(runpy.run_path(sys.argv[1])['digest']())"
    )
    other = subprocess.run(
        [sys.executable, "-c", program, __file__, *sys.path],
        env=os.environ | {"PYTHONHASHSEED": "12"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == digest()


def test_another_seed_gives_other_vectors():
    one, other = (fit_word_vectors(LISTS, WORDS, **FIT | {"seed": seed}) for seed in (3, 4))
    assert np.abs(one - other).max() > 0


def test_words_out_of_the_vocabulary_do_not_matter():
    without = [[word for word in track if word != "rare"] for track in LISTS]
    np.testing.assert_array_equal(
        fit_word_vectors(LISTS, WORDS, **FIT), fit_word_vectors(without, WORDS, **FIT)
    )


def test_vectors_come_in_the_order_of_the_words():
    forward, backward = (fit_word_vectors(LISTS, WORDS[::step], **FIT) for step in (1, -1))
    np.testing.assert_array_equal(forward, backward[::-1])


def test_words_that_stand_together_come_nearer_than_others():
    """Two groups of four; each track bears three of one of them."""
    rng = np.random.default_rng(0)
    groups = np.array([["a", "b", "c", "d"], ["w", "x", "y", "z"]])
    lists = [rng.choice(groups[n % 2], 3, replace=False).tolist() for n in range(200)]
    settings = FIT | {"dim": 4, "epochs": 200}  # gensim passes over 7 of 8 such words
    vectors = fit_word_vectors(lists, groups.ravel().tolist(), **settings)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    same = np.equal.outer(np.arange(8) // 4, np.arange(8) // 4)
    assert cosines[same].min() > cosines[~same].max()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_vectors_are_read_for_the_words_that_are_there(tmp_path, pack):
    path = tmp_path / ("vectors.txt" if pack is bytes else "vectors.txt.gz")
    path.write_bytes(pack(TEXT.encode()))
    vectors = read_word_vectors(path, ["音楽", "never", "ann"], dim=2)
    assert [*vectors] == ["音楽", "ann"]
    np.testing.assert_array_equal(vectors["音楽"], np.float32([0.25, 0.3]))
    np.testing.assert_array_equal(vectors["ann"], [1, 2])
    assert vectors["ann"].dtype == np.float32


@pytest.mark.parametrize(
    ("broken", "where"),
    [
        (b"", "line 1: not enough values"),
        (b"1 2 3\n", "line 1: too many values"),
        (b"ann 1 2\nbob 3 4\n", "line 1: invalid literal"),  # as GloVe has it
        (b"3 2\nann 1 2\n", "line 2: the first line says 3 words"),
        (b"0 2\nann 1 2\n", "line 2: the first line says 0 words"),
        (b"1 2\nann 1\n", "line 2: 1 numbers, not 2"),
        (b"2 2\nbob 1 2\nann 1 2 3\n", "line 3: 3 numbers, not 2"),
        (b"1 2\nann one 2\n", "line 2: could not convert string to float: 'one'"),
        (b"1 2\nann nan 2\n", "line 2: a number that is not finite"),
        (b"1 2\n\xff\xfe 1 2\n", "line 1: 'utf-8' codec can't decode"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path, broken, where):
    path = tmp_path / "vectors.txt"
    path.write_bytes(broken)
    rule = f"word vectors must be in word2vec's text format; got {path}, {where}"
    with pytest.raises(ValueError, match=re.escape(rule)) as caught:
        read_word_vectors(path, ["ann"], dim=2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "archive", [gzip.compress(TEXT.encode())[:-12], TEXT.encode()], ids=["cut", "plain"]
)
def test_a_broken_archive_is_refused(tmp_path, archive):
    path = tmp_path / "vectors.txt.gz"
    path.write_bytes(archive)
    with pytest.raises(ValueError, match="word2vec's text format"):
        read_word_vectors(path, ["ann"], dim=2)


def test_vectors_of_another_size_are_refused_with_both_sizes(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text(TEXT, encoding="utf-8")
    with pytest.raises(ValueError, match=r"must have the 128 numbers .* got 2 in .*vectors\.txt"):
        read_word_vectors(path, ["ann"], dim=128)


def test_the_first_vector_of_a_word_counts_and_other_words_are_not_looked_at(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("3 2\nann 1 2\nbob nan 1 7\nann 3 4\n", encoding="utf-8")
    np.testing.assert_array_equal(read_word_vectors(path, ["ann"], dim=2)["ann"], [1, 2])


def test_what_gensim_writes_is_read(tmp_path):
    vectors = np.random.default_rng(0).standard_normal((2, 5)).astype(np.float32)
    kept = KeyedVectors(5)
    kept.add_vectors(["a\u00a0b", "c"], vectors)  # a blank that parts no numbers
    kept.save_word2vec_format(str(tmp_path / "vectors.txt"))
    read = read_word_vectors(tmp_path / "vectors.txt", ["a\u00a0b", "c"], dim=5)
    np.testing.assert_array_equal([*read.values()], vectors)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"file of word vectors must exist; got .*none"):
        read_word_vectors(tmp_path / "none", ["ann"], dim=2)
