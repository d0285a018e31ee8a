import json
from dataclasses import replace
from types import SimpleNamespace

import keras
import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from scipy.special import log_softmax

from kmusic.audio.files import read_waveform
from kmusic.features.augment import AugmentConfig
from kmusic.features.scaling import Scaling
from kmusic.training.callbacks import TrainingDivergedError
from kmusic.training.fit import train
from kmusic.training.optimizers import SGDConfig
from kmusic.training.recipe import EarlyStopping

RATE = 8_000
SAMPLES = 4_000


def sound_of(tracks, split):
    return [read_waveform(path, RATE) for path in tracks["path"][tracks["split"] == split]]


@pytest.fixture(scope="module")
def unwatched(tiny):
    """The recipe of one epoch that needs no validation tracks."""
    return replace(tiny, epochs=1, early_stopping=None)


# What a training gives


def test_the_tones_are_told_apart(trained):
    history = pd.read_csv(trained.folder / "history.csv")
    assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[0]


def test_features_are_scaled_by_the_training_excerpts_alone(trained, tracks, tiny):
    c = tiny.frontend
    frames = [
        librosa.power_to_db(
            librosa.feature.melspectrogram(
                y=sound, sr=RATE, n_fft=c.n_fft, hop_length=c.hop_length, n_mels=c.n_mels
            ),
            top_db=None,
        ).T
        for sound in sound_of(tracks, "train")  # each as long as an excerpt
    ]
    (scaling,) = [layer for layer in trained.run.model.layers if isinstance(layer, Scaling)]
    bands = np.concatenate(frames)
    # float32 decibels around 40 dB, whose last digit is 4e-6.
    np.testing.assert_allclose(scaling.offset.numpy().ravel(), bands.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(scaling.scale.numpy().ravel(), bands.std(axis=0), atol=1e-3)


def validation_loss(run, tracks):
    """Judge a run by its model on waveforms: the weighted sum, which Keras divides by the count."""
    logits = keras.Model(run.model.input, run.model.get_layer("probabilities").input)
    validation = tracks[tracks["split"] == "validation"]
    losses = []
    for sound, label in zip(sound_of(tracks, "validation"), validation["label"], strict=True):
        for start in range(0, len(sound), SAMPLES):
            part = sound[start : start + SAMPLES]
            segment = np.pad(part, (0, SAMPLES - len(part)))
            surprise = -log_softmax(logits(segment[None])[0])[run.labels.index(label)]
            losses.append(surprise * len(part) / SAMPLES)
    return np.mean(losses)


def test_the_saved_model_is_the_one_that_was_judged(trained, tracks):
    history = pd.read_csv(trained.folder / "history.csv")
    loss = validation_loss(trained.run, tracks)
    np.testing.assert_allclose(loss, history["val_loss"].min(), rtol=1e-4)  # float32


@pytest.mark.parametrize("crop", ["waveform", "frames"])
def test_the_saved_model_is_that_of_the_best_epoch(tiny, tracks, tmp_path, crop):
    first = EarlyStopping(monitor="epoch", patience=9)  # the lowest number is the best
    masks = AugmentConfig(time_masks=1, time_mask_frames=3)
    recipe = replace(tiny, crop=crop, augment=masks, epochs=2, early_stopping=first)
    run, _ = train(recipe, tracks, tmp_path / "run")
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert abs(history["val_loss"][1] - history["val_loss"][0]) > 0.01
    np.testing.assert_allclose(validation_loss(run, tracks), history["val_loss"][0], rtol=1e-4)


def test_progress_rises_to_the_whole(trained, tiny):
    steps = tiny.epochs * 8 * tiny.excerpts_per_track // tiny.batch_size
    np.testing.assert_allclose(trained.shares, np.arange(1, steps + 1) / steps)


def test_mixed_precision_trains(unwatched, tracks, tmp_path):
    recipe = replace(unwatched, precision="mixed_bfloat16", epochs=4)
    train(recipe, tracks, tmp_path / "run")
    loss = pd.read_csv(tmp_path / "run" / "history.csv")["loss"]
    assert loss.iloc[-1] < loss.iloc[0]


def test_a_loss_that_is_no_number_is_one_clear_error(unwatched, tracks, tmp_path):
    recipe = replace(unwatched, optimizer=SGDConfig(learning_rate=1e30))
    with pytest.raises(TrainingDivergedError, match=r"^loss must stay finite; got nan in .*help.$"):
        train(recipe, tracks, tmp_path / "run")
    assert not (tmp_path / "run" / "model.keras").exists()


# Which tracks are used


@pytest.fixture(scope="module")
def rough(unwatched, tracks, tmp_path_factory):
    """A run from a table with a broken, a silent, a lost, an unknown and many test tracks."""
    folder = tmp_path_factory.mktemp("rough")
    (folder / "text.wav").write_text("not a sound")
    sf.write(folder / "silent.wav", np.zeros(SAMPLES), RATE)
    table = tracks.copy()
    for row, name in enumerate(("text.wav", "silent.wav", "lost.wav")):
        table.loc[row, "path"] = str(folder / name)
    table.loc[table["split"] == "test", "path"] = str(folder / "never there.wav")
    table.loc[8, "label"] = "a class of the validation rows alone"
    table.loc[10, "label"] = "a class of the test rows alone"
    run, problems = train(unwatched, table, folder / "run")
    return SimpleNamespace(run=run, folder=folder, problems=problems.as_dict())


def test_unusable_tracks_are_listed_and_the_others_are_used(rough):
    assert sorted(rough.problems) == [
        str(rough.folder / name) for name in ("lost.wav", "silent.wav", "text.wav")
    ]


def test_unusable_tracks_are_kept_with_the_run(rough):
    problems = json.loads((rough.run.folder / "problems.json").read_text(encoding="utf-8"))
    assert problems == rough.problems


def test_classes_are_those_of_the_training_rows(rough):
    assert rough.run.labels == ("high", "low")
    assert rough.run.model.output.shape == (None, 2)


def test_test_rows_are_not_touched(rough):
    assert not any("never there" in path for path in rough.problems)


def silenced(tracks, split, folder):
    """Give the table with silence in place of a side's sounds."""
    table = tracks.copy()
    for row in table.index[table["split"] == split]:
        table.loc[row, "path"] = str(folder / f"silent{row}.wav")
        sf.write(table["path"][row], np.zeros(SAMPLES), RATE)
    return table


def test_silence_alone_cannot_be_trained_on(tiny, tracks, tmp_path):
    rule = r"^training tracks must be readable and hold sound; 1000 .*silent\d.wav: silent"
    with pytest.raises(ValueError, match=rule):
        train(tiny, silenced(tracks, "train", tmp_path), tmp_path / "run")


def test_early_stopping_needs_validation_tracks_that_can_be_heard(tiny, tracks, tmp_path):
    rule = r"early_stopping needs .*; got none. --set early_stopping=null .*silent8.wav: silent"
    with pytest.raises(ValueError, match=rule):
        train(tiny, silenced(tracks, "validation", tmp_path), tmp_path / "run")


def test_early_stopping_needs_validation_tracks(tiny, tracks, tmp_path):
    with pytest.raises(ValueError, match=r"early_stopping needs .*; got none"):
        train(tiny, tracks[tracks["split"] != "validation"], tmp_path / "run")


def test_a_table_without_sides_is_refused(tiny, tracks, tmp_path):
    with pytest.raises(ValueError, match="must have a column 'split'"):
        train(tiny, tracks.drop(columns="split"), tmp_path / "run")


def test_a_table_without_training_rows_is_refused(tiny, tracks, tmp_path):
    with pytest.raises(ValueError, match="must be a readable training track; got none"):
        train(tiny, tracks[tracks["split"] == "test"], tmp_path / "run")


def test_unreadable_training_tracks_are_told_when_there_are_no_others(tiny, tracks, tmp_path):
    table = tracks.assign(path=str(tmp_path / "lost.wav"))
    with pytest.raises(ValueError, match=r"got none. .*lost.wav: "):
        train(tiny, table, tmp_path / "run")
