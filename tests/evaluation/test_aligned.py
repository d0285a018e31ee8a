"""Vectors of sound and words, held to products of matrices and to means taken by hand."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from kmusic.evaluation.aligned import AlignedRun, aligns
from tests.aligned_runs import chart_run
from tests.recordings import RECIPE

WORDS = ("piano", "drum", "dark", "jazz")
PLACES = np.array([[3.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
PROJECTION = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


@pytest.fixture
def run(tmp_path):
    return chart_run(tmp_path, WORDS, PLACES, PROJECTION)


@pytest.fixture
def aligned(run):
    return AlignedRun(run)


def test_a_run_brings_its_words_and_how_tags_become_words(aligned, run):
    assert aligned.vocabulary.words == WORDS
    assert aligned.config == run.recipe.tags


@pytest.mark.parametrize("n_rows", [0, 1, 256, 600])
def test_sound_is_laid_into_the_space_whatever_there_is_of_it(aligned, n_rows):
    vectors = np.random.default_rng(1).normal(size=(n_rows, 5)).astype(np.float32)
    # float32 products of 5 numbers around 1.
    np.testing.assert_allclose(aligned.sound(vectors), vectors @ PROJECTION, atol=1e-5)


def test_no_more_rows_than_fit_are_aligned_at_once(run, monkeypatch):
    sizes = []
    whole = run.model.align_sound
    monkeypatch.setattr(run.model, "align_sound", lambda x: sizes.append(len(x)) or whole(x))
    AlignedRun(run).sound(np.ones((600, 5)))
    assert sizes == [256, 256, 88]


def test_tags_are_laid_into_the_space_by_their_numbers(aligned):
    vectors = aligned.tags([["dark"], ["drum", "piano"], ["piano", "drum", "unheard"]])
    mixed = (1 * PLACES[0] + 2 * PLACES[1]) / 3
    np.testing.assert_allclose(vectors, [PLACES[2], mixed, mixed], atol=1e-6)


def test_a_list_without_a_known_word_is_refused(aligned):
    with pytest.raises(ValueError, match=r"that the run has learned; got \['unheard'\]"):
        aligned.tags([["dark"], ["unheard"]])


def test_each_word_is_told_with_its_share_of_the_attention_the_heaviest_first(aligned):
    shares = aligned.weights(["piano", "dark", "drum"])
    assert [*shares] == ["dark", "drum", "piano"]
    assert [*shares.values()] == pytest.approx([3 / 6, 2 / 6, 1 / 6])


def test_a_query_points_to_what_is_wanted_and_away_from_what_is_not(aligned):
    np.testing.assert_allclose(aligned.query(["piano"]), [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(aligned.query([], ["drum"]), [0, -1, 0], atol=1e-6)
    # A long vector and a short one count the same; of what is not wanted, half is taken away.
    np.testing.assert_allclose(aligned.query(["piano"], ["dark"]), [1, 0, -0.5], atol=1e-6)
    both = (1 * PLACES[0] + 2 * PLACES[1]) / np.linalg.norm(PLACES[0] + 2 * PLACES[1])
    np.testing.assert_allclose(
        aligned.query(["piano", "drum"], ["dark"]), both - [0, 0, 0.5], atol=1e-6
    )


def test_a_query_of_more_words_than_the_run_hears_is_refused(tmp_path):
    aligned = AlignedRun(chart_run(tmp_path, WORDS, PLACES, max_tags=2))
    for sides in ((WORDS[:3], ()), ((), WORDS[:3])):
        with pytest.raises(ValueError, match=r"may hold 2 words a side; got piano, drum, dark\."):
            aligned.query(*sides)
    assert aligned.query(WORDS[:2], WORDS[2:]).shape == (3,)


def test_sound_is_described_by_the_words_nearest_to_it(aligned):
    vectors = np.random.default_rng(2).normal(size=(4, 5)).astype(np.float32)
    cosines = cosine_similarity(vectors @ PROJECTION, PLACES)
    for described, row in zip(aligned.describe(vectors, 3), cosines, strict=True):
        best = np.argsort(-row)[:3]
        assert [*described] == [WORDS[word] for word in best]
        assert [*described.values()] == pytest.approx(row[best].tolist(), abs=1e-5)


def test_a_run_that_does_not_align_is_one_clear_error(run):
    classifier = replace(run, recipe=RECIPE, model=object())
    assert aligns(run)
    assert not aligns(classifier)
    expected = "RUN must align sound with tags, as tag_contrastive does; got ResidualCNNConfig in "
    with pytest.raises(ValueError, match=expected):
        AlignedRun(classifier)
