from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from kmusic.audio.files import read_waveform
from kmusic.datasets.sampling import TripletConfig
from kmusic.features.augment import SIX_COPIES, AugmentConfig, Copy, apply_copies
from kmusic.features.front_ends import build_front_end
from kmusic.training.batches import (
    plain_batches,
    training_batches,
    training_reader,
    validation_batches,
)
from kmusic.training.material import gather_material

RATE = 8_000
SAMPLES = 4_000
READ = 4_400  # samples; 4,000 at tempo 1.1
SECONDS = 1.5
N_TRACKS = 4


@pytest.fixture(scope="module")
def six(tiny):
    """Six copies of excerpts of half a second from half way between the first and the last."""
    augment = AugmentConfig(copies=SIX_COPIES)
    settings = {"place": 0.5, "augment": augment, "batch_size": 8, "excerpts_per_track": 1}
    return replace(tiny, **settings)


def material_and_reader(recipe, tracks, folder):
    material = gather_material(recipe, tracks)
    return material, training_reader(material, folder)


def epochs(recipe, tracks, folder, n_epochs, first_epoch=0):
    """Give excerpts and targets of whole epochs, `(n_epochs, examples, ...)`."""
    material, reader = material_and_reader(recipe, tracks, folder)
    steps = material.steps_per_epoch
    batches = training_batches(reader, material, first_epoch).take(n_epochs * steps)
    excerpts, targets = (np.concatenate(part) for part in zip(*batches, strict=True))
    per_epoch = (n_epochs, steps * recipe.batch_size)
    return excerpts.reshape(*per_epoch, -1), targets.reshape(*per_epoch, -1)


def copies_by_hand(tracks):
    """Make every copy of every training track, and say of which track it is."""
    made = []
    for copy in SIX_COPIES:
        place = 0.5 if copy.place is None else copy.place
        for path in tracks["path"][:N_TRACKS]:
            start = min(place * (SECONDS - SAMPLES / RATE), SECONDS - READ / RATE)
            sound = read_waveform(path, RATE, start, READ / RATE)[None]
            changes = np.float32([copy.semitones]), np.float32([copy.stretch])
            made.append(apply_copies(sound, *changes, SAMPLES, RATE).numpy()[0])
    return np.stack(made), np.tile(np.arange(N_TRACKS), len(SIX_COPIES))


def row_of_each(excerpts, rows):
    """Find for each excerpt the row that it is, to 1e-4 of full scale, float32 phases."""
    distances = cdist(excerpts, rows, "chebyshev")
    assert distances.min(axis=1).max() < 1e-4
    return distances.argmin(axis=1)


def tracks_of(excerpts, songs):
    """Find the track that each excerpt is of, sample for sample."""
    whole = [read_waveform(path, RATE) for path in songs["path"]]

    def track_of(excerpt):
        for number, sound in enumerate(whole):
            for start in np.flatnonzero(sound == excerpt[0]):
                if np.array_equal(sound[start : start + len(excerpt)], excerpt):
                    return number
        raise AssertionError("an excerpt must be of a track")

    return np.apply_along_axis(track_of, -1, np.asarray(excerpts))


@pytest.fixture(scope="module")
def two_epochs(six, songs, tmp_path_factory):
    return epochs(six, songs, tmp_path_factory.mktemp("none"), 2)


# Copies


def test_an_epoch_hears_every_track_once_as_each_copy(two_epochs, songs):
    rows, _ = copies_by_hand(songs)
    for excerpts in two_epochs[0]:
        assert sorted(row_of_each(excerpts, rows)) == list(range(6 * N_TRACKS))


def test_targets_follow_the_rows_of_copies(two_epochs, songs):
    rows, tracks = copies_by_hand(songs)
    for excerpts, targets in zip(*two_epochs, strict=True):
        expected = np.eye(N_TRACKS)[tracks[row_of_each(excerpts, rows)]]
        np.testing.assert_array_equal(targets, expected)


def test_epochs_of_copies_differ_in_order(two_epochs, songs):
    rows, _ = copies_by_hand(songs)
    first, second = (row_of_each(excerpts, rows) for excerpts in two_epochs[0])
    assert not np.array_equal(first, second)


def test_a_copy_without_a_change_is_the_recorded_sound(two_epochs, songs):
    rows, _ = copies_by_hand(songs)
    excerpts = two_epochs[0][0]
    which = row_of_each(excerpts, rows)
    plain = which < 2 * N_TRACKS  # the first two copies
    np.testing.assert_array_equal(excerpts[plain], rows[which[plain]])


def test_the_same_seed_gives_the_same_batches_of_copies(six, songs, two_epochs, tmp_path):
    again = epochs(six, songs, tmp_path, 2)
    late = epochs(six, songs, tmp_path, 1, first_epoch=1)
    for whole, same, part in zip(two_epochs, again, late, strict=True):
        np.testing.assert_array_equal(same, whole)
        np.testing.assert_array_equal(part[0], whole[1])


def test_another_seed_gives_another_order_of_copies(six, songs, two_epochs, tmp_path):
    other = epochs(replace(six, seed=1), songs, tmp_path, 1)
    assert not np.array_equal(other[1][0], two_epochs[1][0])


def test_without_a_place_each_epoch_hears_another_excerpt_of_a_copy(six, songs, tmp_path):
    copies = (Copy(), Copy(place=0.811))
    recipe = replace(six, place=None, augment=AugmentConfig(copies=copies))
    first, second = epochs(recipe, songs, tmp_path, 2)[0]
    heard_again = cdist(first, second, "chebyshev").min(axis=1) == 0.0
    assert heard_again.sum() == N_TRACKS  # the copies with a place of their own


def test_statistics_are_of_the_recorded_sounds(six, songs, tmp_path):
    material, reader = material_and_reader(six, songs, tmp_path)
    excerpts = np.concatenate(list(plain_batches(reader, material, 1_000)))[:, :SAMPLES]
    plain = copies_by_hand(songs)[0][: 2 * N_TRACKS]  # at the place of all, and at the other
    found = row_of_each(excerpts, plain)
    np.testing.assert_array_equal(np.bincount(found), [5] * N_TRACKS + [1] * N_TRACKS)


# Places


def test_with_a_place_training_hears_the_same_excerpts_in_each_epoch(six, songs, tmp_path):
    recipe = replace(six, augment=None, batch_size=N_TRACKS)
    excerpts, targets = epochs(recipe, songs, tmp_path, 3)
    expected = np.stack([read_waveform(path, RATE, 0.5, 0.5) for path in songs["path"][:N_TRACKS]])
    for heard, target in zip(excerpts, targets, strict=True):
        np.testing.assert_array_equal(heard, expected[target.argmax(axis=1)])


def test_with_a_place_validation_hears_that_excerpt_alone(six, songs):
    ((excerpts, targets, weights),) = validation_batches(gather_material(six, songs))
    expected = read_waveform(songs["path"][N_TRACKS], RATE, 0.5, 0.5)
    np.testing.assert_array_equal(excerpts, expected[None])
    np.testing.assert_array_equal(targets, np.eye(N_TRACKS)[[1]])  # "b"
    np.testing.assert_array_equal(weights, [1.0])


def test_without_a_place_validation_hears_the_whole_track(tiny, songs):
    ((excerpts, _, _),) = validation_batches(gather_material(tiny, songs))
    np.testing.assert_array_equal(np.ravel(excerpts), read_waveform(songs["path"][N_TRACKS], RATE))


@pytest.mark.parametrize("crop", ["waveform", "frames"])
def test_where_it_is_loudest_training_and_validation_hear_that_excerpt_alone(
    tiny, bursts, tmp_path, crop
):
    recipe = replace(tiny, crop=crop, place="loudest", batch_size=2)
    material = gather_material(recipe, bursts)
    layer = build_front_end(recipe.frontend)

    def excerpts(rows):
        sounds = [read_waveform(row.path, RATE, row.start, 0.5) for row in rows.itertuples()]
        assert min(np.abs(sound).max() for sound in sounds) > 0.4  # the burst is in each
        return np.stack([layer.spectrum(x[None])[0] if crop == "frames" else x for x in sounds])

    expected, own = excerpts(material.train), excerpts(material.validation)
    for heard, targets in zip(*epochs(recipe, bursts, tmp_path, 2), strict=True):
        rows = targets.argmax(axis=1)
        assert sorted(rows) == [0, 0, 1, 1, 2, 2, 3, 3]  # each track twice
        np.testing.assert_allclose(heard, expected.reshape(4, -1)[rows], atol=1e-5 * expected.max())
    ((heard, targets, weights),) = validation_batches(material)
    np.testing.assert_allclose(heard, own, atol=1e-5 * own.max())
    np.testing.assert_array_equal(targets, np.eye(4)[[0, 1]])
    np.testing.assert_array_equal(weights, [1.0, 1.0])


# Tags


def test_targets_of_tags_are_the_numbers_of_each_tracks_words(aligning, worded, tmp_path):
    recipe = replace(aligning, place=0.5)
    material, reader = material_and_reader(recipe, worded, tmp_path)
    assert material.vocabulary.words == ("dark", "piano", "bright")
    expected = [[1, 2, 0], [0, 0, 0], [2, 3, 0], [0, 0, 0]]
    sounds = np.stack([reader.read(track, 0.0) for track in range(N_TRACKS)])
    heard = []
    for excerpts, numbers in training_batches(reader, material, 0).take(2):
        tracks = row_of_each(excerpts, sounds)
        np.testing.assert_array_equal(numbers, np.array(expected)[tracks])
        heard += [*tracks]
    assert sorted(heard) == [0, 0, 1, 1, 2, 2, 3, 3]  # those without tags too


@pytest.mark.parametrize("crop", ["waveform", "frames"])
def test_tags_are_validated_by_one_excerpt_of_each_track_with_and_without(
    aligning, worded, songs, crop
):
    recipe = replace(aligning, crop=crop)
    batches = validation_batches(gather_material(recipe, worded))
    assert int(batches.cardinality()) == 1
    ((heard, numbers),) = batches
    ((sounds, _),) = validation_batches(gather_material(aligning, worded))
    tracks = tracks_of(sounds, songs)
    assert sorted(tracks) == [4, 5]
    # Of the first one's words the training tracks bear "dark", of the other's none.
    np.testing.assert_array_equal(numbers, [[1 if track == 4 else 0, 0, 0] for track in tracks])
    layer = build_front_end(recipe.frontend)
    expected = layer.spectrum(sounds) if crop == "frames" else sounds
    np.testing.assert_allclose(heard, expected, rtol=1e-4, atol=1e-6)  # float32


def test_tags_are_validated_by_the_same_excerpts_every_time(aligning, worded):
    material = gather_material(aligning, worded)
    batches = validation_batches(material)
    (first,), (second,), (third,) = batches, batches, validation_batches(material)
    for again in (second, third):
        for one, other in zip(first, again, strict=True):
            np.testing.assert_array_equal(one, other)


def test_where_it_is_loudest_tags_are_validated_by_that_excerpt(aligning, bursts):
    recipe = replace(aligning, place="loudest")
    material = gather_material(recipe, bursts.assign(tags="noise"))
    ((heard, _),) = validation_batches(material)
    rows = material.validation.itertuples()
    expected = np.stack([read_waveform(row.path, RATE, row.start, 0.48) for row in rows])
    assert sorted(cdist(heard, expected).argmin(axis=1)) == [0, 1]
    assert cdist(heard, expected).min(axis=1).max() == 0.0


@pytest.mark.parametrize(("batch_size", "sizes"), [(8, [5]), (4, [4, 4]), (1, [1] * 5)])
def test_no_track_is_twice_in_a_batch_that_tags_are_validated_by(
    aligning, worded, songs, batch_size, sizes
):
    sides = worded.assign(split=["train", *["validation"] * 5])
    recipe = replace(aligning, batch_size=batch_size)
    batches = validation_batches(gather_material(recipe, sides))
    tracks = [{*tracks_of(sounds, songs)} for sounds, _ in batches]
    assert [len(each) for each in tracks] == sizes
    assert set.union(*tracks) == {1, 2, 3, 4, 5}


def test_targets_of_tags_follow_the_rows_of_copies(aligning, worded, tmp_path):
    recipe = replace(aligning, augment=AugmentConfig(copies=(Copy(), Copy(semitones=2.0))))
    material, reader = material_and_reader(recipe, worded, tmp_path)
    once = material.targets(material.train[:N_TRACKS])
    np.testing.assert_array_equal(material.targets(material.train), np.tile(once, (2, 1)))
    excerpt, numbers = training_batches(reader, material, 0).element_spec
    assert (excerpt.shape, numbers.shape, numbers.dtype) == ((4, 3_840), (4, 3), "int32")


# Triplets


def test_triplets_are_told_with_the_class_of_each_excerpt(triplets, choir, songs, tmp_path):
    material, reader = material_and_reader(triplets, choir, tmp_path)
    batches = training_batches(reader, material, 0)
    assert [spec.shape for spec in batches.element_spec] == [(4, 4, SAMPLES), (4, 4)]
    for excerpts, classes in batches.take(2):
        tracks = tracks_of(excerpts, songs)
        np.testing.assert_array_equal(classes, np.array([0, 0, 1, 1, 2])[tracks])
        anchor, positive, *negatives = classes.numpy().T
        np.testing.assert_array_equal(anchor, positive)
        assert np.all(tracks[:, 0] != tracks[:, 1])
        assert all(np.all(negative != anchor) for negative in negatives)


@pytest.mark.parametrize("n_negatives", [0, 1])
def test_triplets_of_cached_frames_are_of_frames(triplets, choir, tmp_path, n_negatives):
    drawn = TripletConfig(n_negatives=n_negatives)
    recipe = replace(triplets, crop="frames", triplets=drawn)
    material, reader = material_and_reader(recipe, choir, tmp_path)
    frames = (recipe.frontend.n_frames(SAMPLES), recipe.frontend.n_raw_bands)
    for excerpts, classes in training_batches(reader, material, 0).take(1):
        assert excerpts.shape == (4, 2 + n_negatives, *frames)
        assert classes.shape == (4, 2 + n_negatives)
        assert excerpts.numpy().any(axis=(2, 3)).all()


def test_features_of_triplets_are_scaled_by_single_excerpts(triplets, choir, songs, tmp_path):
    material, reader = material_and_reader(triplets, choir, tmp_path)
    excerpts = np.stack(list(plain_batches(reader, material, 1_000)))
    assert excerpts.shape == (2, 4, SAMPLES)
    assert set(tracks_of(excerpts, songs).ravel()) == {0, 1, 2, 3, 4}


def drawn_to_validate(recipe, tracks):
    """Give all excerpts and classes that a recipe is validated by."""
    batches = validation_batches(gather_material(recipe, tracks))
    return [np.concatenate(part) for part in zip(*batches, strict=True)]


@pytest.fixture(scope="module")
def validated(triplets, choir):
    return drawn_to_validate(triplets, choir)


def test_each_validation_track_with_another_is_the_anchor_once(validated, songs):
    excerpts, classes = validated
    tracks = tracks_of(excerpts, songs)
    assert sorted(tracks[:, 0]) == [0, 1, 2, 3]
    np.testing.assert_array_equal(classes, np.array([0, 1, 0, 1, 2])[tracks])


def test_validation_hears_the_same_draw_every_time(triplets, choir, validated):
    material = gather_material(triplets, choir)
    batches = validation_batches(material)
    for _ in range(2):
        again = [np.concatenate(part) for part in zip(*batches, strict=True)]
        for one, other in zip(again, validated, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("batch_size", [3, 4])
def test_the_length_of_a_draw_is_known(triplets, choir, batch_size):
    material = gather_material(replace(triplets, batch_size=batch_size), choir)
    batches = validation_batches(material)
    assert int(batches.cardinality()) == len(list(batches)) == -(-4 // batch_size)


def test_another_seed_validates_by_another_draw(triplets, choir, validated):
    other, _ = drawn_to_validate(replace(triplets, seed=1), choir)
    assert not np.any(np.all(other == validated[0], axis=-1))


def test_cached_frames_are_validated_by_the_frames_of_the_same_draw(triplets, choir, validated):
    recipe = replace(triplets, crop="frames")
    frames, classes = drawn_to_validate(recipe, choir)
    layer = build_front_end(recipe.frontend)
    expected = [layer.spectrum(example).numpy() for example in validated[0]]
    np.testing.assert_allclose(frames, expected, rtol=1e-4, atol=1e-6)  # float32
    np.testing.assert_array_equal(classes, validated[1])


def test_validation_tracks_without_a_pair_are_refused(triplets, choir):
    alone = choir.drop(index=[8, 9])  # one of U, V and W each
    with pytest.raises(ValueError, match=r"^of the validation tracks: some artist must have two"):
        validation_batches(gather_material(triplets, alone))


def test_where_validation_tracks_are_alone_training_tracks_are_their_positives(
    triplets, choir, songs
):
    single = choir.drop(index=[8, 9]).assign(artist=[*"XXYYZ", None, *"XYZ", None])
    excerpts, _ = drawn_to_validate(triplets, single)
    tracks = tracks_of(excerpts, songs)
    assert {*tracks[:, 0]} == {0, 1, 4}
    positives = {0: {0, 1}, 1: {2, 3}, 4: {4}}
    assert all(row[1] in positives[row[0]] for row in tracks)


# What is read, and of which tracks


@pytest.mark.parametrize(
    ("augment", "samples"),
    [
        (None, SAMPLES),
        (AugmentConfig(stretch=(0.9, 1.1)), READ),  # the model takes what it needs
        (AugmentConfig(copies=SIX_COPIES), SAMPLES),
    ],
    ids=["plain", "drawn", "copies"],
)
def test_batches_have_the_shape_that_the_learner_hears(tiny, songs, tmp_path, augment, samples):
    material, reader = material_and_reader(replace(tiny, augment=augment), songs, tmp_path)
    excerpt, target = training_batches(reader, material, 0).element_spec
    assert (excerpt.shape, target.shape) == ((4, samples), (4, N_TRACKS))


def test_without_a_target_the_excerpts_come_alone(six, songs, tmp_path):
    material, reader = material_and_reader(replace(six, target=None), songs, tmp_path)
    (batch,) = islice(training_batches(reader, material, 0), 1)
    assert batch.shape == (8, SAMPLES)
    assert material.labels == ()


def test_without_validation_tracks_there_are_no_batches(tiny, songs):
    assert validation_batches(gather_material(tiny, songs[:N_TRACKS])) is None
