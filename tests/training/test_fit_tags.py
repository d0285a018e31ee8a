"""Trainings of systems that align sound with tags."""

from dataclasses import replace
from types import SimpleNamespace

import librosa
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from tensorflow.python.framework.config import disable_op_determinism

from kmusic.audio.files import read_waveform
from kmusic.datasets.tags import read_vocabulary
from kmusic.features.scaling import Scaling
from kmusic.models import embedder
from kmusic.models.coala import COALAConfig
from kmusic.training import fit
from kmusic.training.batches import validation_batches
from kmusic.training.fit import train
from kmusic.training.material import gather_material
from kmusic.training.runs import load_run

RATE = 8_000
VECTORS = np.random.default_rng(0).normal(size=(4, 8)).round(3).astype(np.float32)
WORDS = ("low", "other", "deep", "high")


class KilledError(Exception):
    """Stands for what ends a process."""


def kill_behind_half(_, share):
    """Stand for a report, and for a process that ends in the middle of an epoch."""
    if share > 0.55:
        raise KilledError


def assert_equal_weights(model, other):
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def history_of(run):
    return pd.read_csv(run.folder / "history.csv").drop(columns="seconds")


def word_vectors(run):
    """Give the word vectors of the model as it was saved, behind a row of zeros."""
    return load_run(run.folder).model.tag_encoder.get_layer("word_vectors").get_weights()[0]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Word vectors in word2vec's text format."""
    path = tmp_path_factory.mktemp("vectors") / "words.txt"
    lines = [f"{word} {' '.join(map(str, row))}" for word, row in zip(WORDS, VECTORS, strict=True)]
    path.write_text("\n".join(["4 8", *lines, ""]))
    return path


@pytest.fixture(scope="module")
def recipe(aligning, file):
    """The loudest patches of the tones beside given word vectors."""
    tags = replace(aligning.tags, vectors=str(file))
    settings = {"place": "loudest", "crop": "frames", "epochs": 6, "deterministic": True}
    return replace(aligning, tags=tags, **settings)


@pytest.fixture(scope="module")
def undisturbed(recipe, tagged, tmp_path_factory):
    """A finished run, for which 512 excerpts of some collection would be one of eight here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "EXCERPTS_FOR_STATISTICS", 1)
        run, problems = train(recipe, tagged, tmp_path_factory.mktemp("undisturbed"))
    assert not problems.as_dict()
    yield run
    disable_op_determinism()


@pytest.fixture(scope="module")
def resumed(recipe, tagged, undisturbed, file, tmp_path_factory):  # noqa: ARG001, sets it free
    """A run that was killed, and went on when the word vectors were gone and the table another."""
    folder = tmp_path_factory.mktemp("killed")
    with pytest.raises(KilledError):
        train(recipe, tagged, folder, report=kill_behind_half)
    assert len(pd.read_csv(folder / "history.csv")) == 3
    kept = file.read_text()
    file.unlink()
    run, _ = train(recipe, tagged.assign(tags="secret"), folder, resume=True)
    file.write_text(kept)
    return run


# What a training gives


def test_a_run_holds_its_vocabulary(undisturbed):
    held = {path.name for path in undisturbed.folder.glob("vocabulary*")}
    assert held == {"vocabulary.json", "vocabulary.npz"}
    vocabulary = read_vocabulary(undisturbed.folder)
    assert vocabulary.words == ("deep", "low", "high")
    assert vocabulary.counts == (3, 3, 3)
    assert undisturbed.labels == ()


def test_the_word_vectors_of_the_model_are_those_of_the_vocabulary_and_of_the_file(undisturbed):
    own = word_vectors(undisturbed)
    np.testing.assert_array_equal(own[1:], read_vocabulary(undisturbed.folder).vectors)
    np.testing.assert_array_equal(own[1:], VECTORS[[2, 0, 3]])
    assert not own[0].any()


def test_the_parts_of_the_loss_are_in_the_history(undisturbed):
    history = history_of(undisturbed)
    parts = ["loss", "reconstruction", "contrastive"]
    assert {*history} == {"epoch", *parts, *(f"val_{part}" for part in parts)}
    sums = 5.0 * history["reconstruction"] + 10.0 * history["contrastive"]
    np.testing.assert_allclose(history["loss"], sums, rtol=1e-4)  # float32


def test_sound_and_tags_come_nearer(undisturbed):
    contrastive = history_of(undisturbed)["contrastive"]
    assert contrastive.iloc[-1] < 0.7 * contrastive.iloc[0]


def test_tones_that_were_not_heard_point_the_way_of_their_words(undisturbed, tagged):
    model, numbers = load_run(undisturbed.folder).model, np.array([[1, 2], [3, 0]])  # low, high
    sounds = [read_waveform(path, RATE, 0.3, 0.48) for path in tagged["path"][8:]]
    aligned = np.asarray(model.align_sound(embedder(model)(np.stack(sounds))))
    cosines = 1.0 - cdist(aligned, np.asarray(model.align_tags(numbers)), "cosine")
    assert cosines.argmax(axis=1).tolist() == [0, 1, 0, 1]


def test_the_saved_model_is_the_one_that_was_judged(undisturbed, recipe, tagged):
    material = gather_material(replace(recipe, crop="waveform"), tagged)
    model = load_run(undisturbed.folder).model
    ((sounds, numbers),) = validation_batches(material)
    loss = model.judge(model.originals(sounds), numbers, training=False)["loss"]
    # float32, and frames from a file against frames of the model.
    np.testing.assert_allclose(loss, history_of(undisturbed)["val_loss"].min(), rtol=1e-3)


def test_a_range_is_fitted_on_all_training_tracks(undisturbed, recipe, tagged):
    c, patches = recipe.frontend, []
    for row in gather_material(recipe, tagged).train.itertuples():
        sound = read_waveform(row.path, RATE, row.start, row.seconds)
        settings = {"n_fft": c.n_fft, "hop_length": c.hop_length, "n_mels": c.n_mels}
        power = librosa.feature.melspectrogram(y=sound, sr=RATE, **settings)
        patches.append(librosa.power_to_db(power, top_db=None).T)
    least, most = np.min(patches, axis=(0, 1)), np.max(patches, axis=(0, 1))
    front_end = load_run(undisturbed.folder).model.front_end
    (scaling,) = [layer for layer in front_end.layers if isinstance(layer, Scaling)]
    np.testing.assert_allclose(scaling.offset.numpy().ravel(), least, atol=0.01)  # dB
    np.testing.assert_allclose(scaling.scale.numpy().ravel(), most - least, atol=0.02)  # dB


# Again, and on from where it stopped


@pytest.mark.slow  # and the next test says as much
def test_the_same_training_gives_the_same_weights(undisturbed, recipe, tagged, tmp_path):
    again, _ = train(recipe, tagged, tmp_path / "again")
    assert_equal_weights(again.model, undisturbed.model)


def test_a_killed_training_ends_with_the_weights_it_would_have_had(resumed, undisturbed):
    assert_equal_weights(resumed.model, undisturbed.model)
    pd.testing.assert_frame_equal(history_of(resumed), history_of(undisturbed))


def test_a_training_goes_on_with_the_words_it_began_with(resumed, undisturbed):
    assert read_vocabulary(resumed.folder).words == read_vocabulary(undisturbed.folder).words
    np.testing.assert_array_equal(word_vectors(resumed), word_vectors(undisturbed))


# Other systems and precisions


@pytest.fixture(
    scope="module",
    params=[
        "marked",
        pytest.param("mixed_float16", marks=pytest.mark.slow),
        pytest.param("mean", marks=pytest.mark.slow),
        pytest.param("mixed_bfloat16", marks=pytest.mark.slow),
        pytest.param("marked mixed_float16", marks=pytest.mark.slow),
    ],
)
def other(request, aligning, tagged, tmp_path_factory):
    """A run of COALA, of the mean of word vectors, or of a mixed precision."""
    name, _, precision = request.param.rpartition(" ")
    config = {
        "marked": COALAConfig(patch=aligning.model.patch),
        "mean": replace(aligning.model, n_heads=None),
    }.get(name or precision, aligning.model)
    settings = {"precision": precision} if "mixed" in precision else {}
    changed = replace(aligning, model=config, epochs=6, **settings)
    run, problems = train(changed, tagged, tmp_path_factory.mktemp("other"))
    assert not problems.as_dict()
    return SimpleNamespace(run=run, marks=isinstance(config, COALAConfig))


def test_every_system_and_precision_learns_and_stays_finite(other):
    history = history_of(other.run)
    assert np.isfinite(history.to_numpy()).all()
    assert ("tag_reconstruction" in history) == other.marks
    assert (
        history["loss"].iloc[-1] < 0.7 * history["loss"][0]
    )  # in float16 the first steps fall out
    loaded = load_run(other.run.folder).model
    assert_equal_weights(loaded, other.run.model)
    assert all(np.isfinite(weights).all() for weights in loaded.get_weights())


def test_words_are_fitted_where_a_system_needs_vectors(other):
    vocabulary = read_vocabulary(other.run.folder)
    assert vocabulary.words == ("deep", "low", "high")
    if other.marks:
        assert vocabulary.vectors is None
    else:
        np.testing.assert_array_equal(word_vectors(other.run)[1:], vocabulary.vectors)


# What cannot be trained


@pytest.mark.parametrize(
    ("tags", "rule"),
    [
        (None, r"^the tags of the training tracks must hold a word; got none in 8 tracks\.$"),
        ("absent", r"^the track table must have a column 'tags' to learn it; got "),
    ],
)
def test_a_table_without_tags_is_refused_and_nothing_is_left(
    aligning, tracks, tmp_path, tags, rule
):
    table = tracks if tags else tracks.assign(tags=tags)
    with pytest.raises(ValueError, match=rule):
        train(aligning, table, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("1 3\nlow 1 2 3\n", "word vectors must have the 8 numbers that the model takes; got 3"),
        ("1 8\nother 1 2 3 4 5 6 7 8\n", "must have a vector in tags.vectors=.*; all 3 lack one"),
        (None, "the file of word vectors must exist; got "),
    ],
)
def test_word_vectors_that_do_not_fit_are_refused(aligning, tagged, tmp_path, text, rule):
    path = tmp_path / "words.txt"
    if text:
        path.write_text(text)
    recipe = replace(aligning, tags=replace(aligning.tags, vectors=str(path)))
    with pytest.raises((ValueError, FileNotFoundError), match=rule):
        train(recipe, tagged, tmp_path / "run")
    assert not (tmp_path / "run").exists()
