from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from kmusic.datasets.reading import Problems
from kmusic.datasets.tags import Vocabulary
from kmusic.features.augment import SIX_COPIES, AugmentConfig, Copy
from kmusic.models.coala import COALAConfig
from kmusic.training.material import first_problems, gather_material

RATE = 8_000

# Classes


def test_classes_are_those_of_the_training_tracks(tiny, songs):
    material = gather_material(tiny, songs)
    assert material.labels == ("a", "b", "c", "d")
    assert material.validation["label"].tolist() == ["b"]  # "e" was not learned


@pytest.mark.parametrize(
    ("augment", "steps"), [(None, 2), (AugmentConfig(copies=SIX_COPIES), 12)], ids=["plain", "six"]
)
def test_an_epoch_counts_every_copy(tiny, songs, augment, steps):
    recipe = replace(tiny, augment=augment, batch_size=4, excerpts_per_track=2)
    assert gather_material(recipe, songs).steps_per_epoch == steps


def test_a_table_without_sides_is_refused(tiny, songs):
    with pytest.raises(ValueError, match="must have a column 'split'"):
        gather_material(tiny, songs.drop(columns="split"))


def test_a_table_without_training_rows_is_refused(tiny, songs):
    with pytest.raises(ValueError, match=r"must be a readable training track; got none\.$"):
        gather_material(tiny, songs[songs["split"] == "validation"])


def test_unreadable_training_tracks_are_told_when_there_are_no_others(tiny, songs, tmp_path):
    table = songs.assign(path=str(tmp_path / "lost.wav"))
    with pytest.raises(ValueError, match=r"got none. .*lost.wav: "):
        gather_material(tiny, table)


def test_of_many_problems_three_are_told():
    problems = Problems()
    for name in "dbac":
        problems.add(f"{name}.wav", "empty")
    assert first_problems(problems) == " a.wav: empty. b.wav: empty. c.wav: empty."


# Triplets


def test_an_epoch_of_triplets_counts_its_anchors(triplets, choir):
    material = gather_material(triplets, choir)
    assert material.steps_per_epoch == 2  # 4 anchors, heard twice, in batches of 4
    assert gather_material(replace(triplets, batch_size=3), choir).steps_per_epoch == 3


def test_tracks_without_a_class_are_left_out_of_triplets(triplets, choir):
    material = gather_material(triplets, choir)
    assert "".join(material.train["artist"]) == "XXYYZ"
    assert "".join(material.validation["artist"]) == "UVUVW"
    assert material.labels == ()


def test_a_table_without_the_column_of_triplets_is_refused(triplets, songs):
    with pytest.raises(ValueError, match="must have a column 'artist' to learn it; got"):
        gather_material(triplets, songs.drop(columns="artist", errors="ignore"))


# Tags


def test_words_are_those_of_the_training_tracks(aligning, worded):
    material = gather_material(aligning, worded)
    assert material.vocabulary.words == ("dark", "piano", "bright")  # "strange" was not learned
    assert material.vocabulary.counts == (1, 2, 1)
    assert material.vocabulary.vectors.shape == (3, 8)
    assert material.labels == ()


def test_a_model_is_as_large_as_there_are_classes_or_words(tiny, aligning, worded):
    assert gather_material(tiny, worded).n_named == 4
    assert gather_material(aligning, worded).n_named == 3
    assert gather_material(replace(tiny, target=None), worded).n_named is None


def test_tracks_without_tags_are_kept(aligning, worded):
    material = gather_material(aligning, worded)
    assert (len(material.train), len(material.validation)) == (4, 2)
    numbers = material.targets(material.train)
    np.testing.assert_array_equal(numbers, [[1, 2, 0], [0, 0, 0], [2, 3, 0], [0, 0, 0]])
    np.testing.assert_array_equal(material.targets(material.validation), [[1, 0, 0], [0, 0, 0]])


def test_a_vocabulary_that_is_given_is_taken(aligning, worded):
    given = Vocabulary(("strange", "piano"), (1, 1), None)
    material = gather_material(aligning, worded, vocabulary=given)
    assert material.vocabulary is given
    np.testing.assert_array_equal(material.targets(material.validation), [[1, 0, 0], [1, 0, 0]])


def test_a_model_that_marks_words_needs_no_vectors(aligning, worded):
    tags = replace(aligning.tags, vectors="never read.txt")
    material = gather_material(replace(aligning, model=COALAConfig(), tags=tags), worded)
    assert material.vocabulary.vectors is None
    assert material.n_named == 3


def test_without_tags_there_are_no_words(tiny, worded):
    assert gather_material(tiny, worded).vocabulary is None


def test_a_table_without_tags_is_refused(aligning, songs):
    with pytest.raises(ValueError, match=r"^the track table must have a column 'tags' to learn it"):
        gather_material(aligning, songs)


@pytest.mark.parametrize("cell", [None, "", "the; and"])
def test_training_tracks_of_which_none_has_a_tag_are_refused(aligning, worded, cell):
    bare = worded.assign(tags=worded["tags"].where(worded["split"] != "train", cell))
    rule = "^the tags of the training tracks must hold a word; got none in 4 tracks"
    with pytest.raises(ValueError, match=rule):
        gather_material(aligning, bare)


# The loudest excerpts


def test_all_tracks_are_cut_to_their_loudest_excerpts(tiny, bursts):
    told = []
    material = gather_material(
        replace(tiny, place="loudest"), bursts, report=lambda *line: told.append(line)
    )
    rows = pd.concat([material.train, material.validation], ignore_index=True)
    at = np.array([0.0, 0.6, 1.1, 1.3, 0.3, 0.9])
    assert np.all(rows["start"] <= at)
    assert np.all(at + 0.1 <= rows["start"] + rows["seconds"])
    assert rows["seconds"].tolist() == [0.5] * 6
    lines, shares = zip(*told, strict=True)
    expected = [f"looking for the loudest excerpts, track {n} of 6" for n in range(1, 7)]
    assert sorted(lines) == expected
    assert {*shares} == {0.0}


def test_the_side_of_tests_is_not_heard(tiny, bursts):
    lost = bursts.assign(split=["train", "train", *["test"] * 3, "validation"])
    lost.loc[2:4, "path"] = "never there.wav"
    material = gather_material(replace(tiny, place="loudest"), lost)
    assert not material.problems.as_dict()


def test_training_reads_more_than_validation_where_sound_is_played_faster(tiny, bursts):
    recipe = replace(tiny, place="loudest", augment=AugmentConfig(stretch=(0.9, 1.1)))
    material = gather_material(recipe, bursts)
    assert material.train["seconds"].tolist() == [0.55] * 4
    assert material.validation["seconds"].tolist() == [0.5] * 2


def test_copies_are_of_the_loudest_excerpt(tiny, bursts):
    augment = AugmentConfig(copies=(Copy(), Copy(semitones=2.0)))
    copied = gather_material(replace(tiny, place="loudest", augment=augment), bursts).train
    plain = gather_material(replace(tiny, place="loudest"), bursts).train
    assert copied["start"].tolist() == 2 * plain["start"].tolist()
    assert copied["semitones"].tolist() == [0.0] * 4 + [2.0] * 4


def test_training_tracks_of_which_none_can_be_heard_are_refused(tiny, bursts, tmp_path):
    sf.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    silent = bursts.assign(path=str(tmp_path / "silent.wav"))
    rule = r"^there must be a readable training track; got none\..*silent\.wav@0: silent"
    with pytest.raises(ValueError, match=rule):
        gather_material(replace(tiny, place="loudest"), silent)


def test_tracks_that_cannot_be_heard_are_left_out(tiny, bursts, tmp_path):
    table = bursts.copy()
    for row in (1, 4):
        table.loc[row, "path"] = str(tmp_path / f"silent{row}.wav")
        sf.write(table["path"][row], np.zeros(RATE), RATE)
    material = gather_material(replace(tiny, place="loudest"), table)
    assert material.train["path"].tolist() == table["path"][[0, 2, 3]].tolist()
    assert material.validation["path"].tolist() == [table["path"][5]]
    assert list(material.problems.as_dict()) == table["path"][[1, 4]].tolist()
    assert material.steps_per_epoch == 2  # 3 tracks, heard twice, in batches of 4
