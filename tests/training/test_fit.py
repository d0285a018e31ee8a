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
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from kmusic.audio.files import read_waveform
from kmusic.features.augment import AugmentConfig, Copy
from kmusic.features.scaling import Scaling, ScalingConfig
from kmusic.models import embedder
from kmusic.models.pca import PCAConfig
from kmusic.training.batches import validation_batches
from kmusic.training.callbacks import TrainingDivergedError
from kmusic.training.compose import compose
from kmusic.training.fit import train
from kmusic.training.material import gather_material
from kmusic.training.optimizers import SGDConfig
from kmusic.training.recipe import EarlyStopping, Plateau
from kmusic.training.runs import load_run

RATE = 8_000
SAMPLES = 4_000


def assert_equal_weights(model, other):
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


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


@pytest.mark.parametrize("crop", [pytest.param("waveform", marks=pytest.mark.slow), "frames"])
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_rate_that_has_fallen_far_moves_nothing(unwatched, tracks, tmp_path):
    rising = Plateau(monitor="epoch", patience=1, factor=1e-9)  # falls behind the second epoch
    for epochs, rule in ((2, None), (4, rising)):
        recipe = replace(unwatched, epochs=epochs, rate_falls=rule)
        train(recipe, tracks, tmp_path / str(epochs))
    two, four = (load_run(tmp_path / name).model.trainable_weights for name in ("2", "4"))
    for one, other in zip(two, four, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)  # steps of 1e-11


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
    rule = r"for early_stopping; got none. --set early_stopping=null .*silent8.wav: silent"
    with pytest.raises(ValueError, match=rule):
        train(tiny, silenced(tracks, "validation", tmp_path), tmp_path / "run")


def test_early_stopping_needs_validation_tracks(tiny, tracks, tmp_path):
    with pytest.raises(ValueError, match=r"must be there for early_stopping; got none"):
        train(tiny, tracks[tracks["split"] != "validation"], tmp_path / "run")


def test_a_rate_that_falls_needs_validation_tracks_too(tiny, tracks, tmp_path):
    recipe = replace(tiny, rate_falls=Plateau(), early_stopping=None)
    with pytest.raises(
        ValueError, match=r"must be there for rate_falls; got none. --set rate_falls=null"
    ):
        train(recipe, tracks[tracks["split"] != "validation"], tmp_path / "run")


def test_a_training_that_is_refused_leaves_nothing(tiny, tracks, tmp_path):
    with pytest.raises(ValueError, match="got none"):
        train(tiny, tracks[tracks["split"] != "validation"], tmp_path / "run")
    assert not (tmp_path / "run").exists()


# Systems that are fitted, not trained


class KilledError(Exception):
    """Stands for what ends a process."""


@pytest.fixture(scope="module")
def components(unwatched):
    """The recipe of two principal components of the features of an excerpt."""
    model = PCAConfig(n_components=2)
    settings = {"target": None, "scaling": None, "excerpts_per_track": 1}
    return replace(unwatched, model=model, **settings)


@pytest.fixture(scope="module")
def fitted(components, tracks, tmp_path_factory):
    """A fitted run, and what was told of the work."""
    told = []
    folder = tmp_path_factory.mktemp("fitted")
    run, _ = train(components, tracks, folder, report=lambda *line: told.append(line))
    return SimpleNamespace(run=run, folder=folder, told=told)


def features_of(tracks, recipe):
    """Compute the features of the training tracks, each as long as an excerpt, by librosa."""
    c = recipe.frontend
    settings = {"sr": RATE, "n_fft": c.n_fft, "hop_length": c.hop_length, "n_mels": c.n_mels}
    power = [
        librosa.feature.melspectrogram(y=sound, **settings) for sound in sound_of(tracks, "train")
    ]
    return np.stack([librosa.power_to_db(each, top_db=None).T.ravel() for each in power])


def test_fitted_directions_are_scikit_learns(fitted, components, tracks):
    features = features_of(tracks, components)
    scaler = StandardScaler().fit(features)
    expected = PCA(2).fit(scaler.transform(features)).components_.T / scaler.scale_[:, None]
    layer = fitted.run.model.get_layer("embedding")
    found = layer.directions.numpy()
    signs = np.sign((found * expected).sum(axis=0))
    # Relative to the largest; features agree within 0.01 dB of a deviation of some dB.
    np.testing.assert_allclose(found * signs, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(layer.mean.numpy(), features.mean(axis=0), atol=1e-3)  # dB


def test_a_fitted_run_is_whole(fitted, trained):
    held = {path.name for path in fitted.folder.iterdir()}
    assert held == {path.name for path in trained.folder.iterdir()}
    assert load_run(fitted.folder).labels == ()


def test_the_history_of_a_fitted_run_is_one_line_without_figures(fitted):
    history = pd.read_csv(fitted.folder / "history.csv")
    assert history.columns.tolist() == ["epoch", "seconds"]
    assert history["epoch"].tolist() == [0]


def test_progress_is_told_while_fitting(fitted):
    assert fitted.told == [("epoch 1/1", 0.5), ("epoch 1/1", 1.0)]  # 8 tracks in batches of 4


def test_what_is_fitted_cannot_stop_early(components, tracks, tmp_path):
    recipe = replace(components, early_stopping=EarlyStopping())
    with pytest.raises(ValueError, match=r"early_stopping must be None where nothing is trained"):
        train(recipe, tracks, tmp_path / "run")


def test_a_finished_fitting_is_not_done_again(fitted, components, tracks):
    before = (fitted.folder / "model.keras").read_bytes()
    told = []
    run, _ = train(components, tracks, fitted.folder, resume=True, report=told.append)
    assert (fitted.folder / "model.keras").read_bytes() == before
    assert told == []
    assert_equal_weights(run.model, fitted.run.model)


def test_a_fitting_that_was_killed_is_begun_again(fitted, components, tracks, tmp_path):
    def kill(*_):
        raise KilledError

    with pytest.raises(KilledError):
        train(components, tracks, tmp_path, report=kill)
    run, _ = train(components, tracks, tmp_path, resume=True)
    assert_equal_weights(run.model, fitted.run.model)


def test_a_fitting_killed_before_its_model_was_written_is_finished(
    fitted, components, tracks, tmp_path
):
    (tmp_path / "checkpoints").mkdir()
    for name in ("recipe.json", "tracks.csv", "checkpoints/last.npz"):
        (tmp_path / name).write_bytes((fitted.folder / name).read_bytes())
    told = []
    run, _ = train(
        components, tracks, tmp_path, resume=True, report=lambda *line: told.append(line)
    )
    assert told == []
    assert_equal_weights(run.model, fitted.run.model)


def test_several_epochs_are_fitted_as_one(components, tracks, tmp_path):
    shares = []
    train(replace(components, epochs=3), tracks, tmp_path, report=lambda _, x: shares.append(x))
    np.testing.assert_allclose(shares, np.arange(1, 7) / 6)


def test_what_is_fitted_hears_changed_sounds(fitted, components, tracks, tmp_path):
    shifted = AugmentConfig(copies=(Copy(semitones=2.0),))
    masked = AugmentConfig(frequency_masks=8, frequency_mask_bands=32)
    plain = fitted.run.model.get_layer("embedding").mean.numpy()
    for number, augment in enumerate((shifted, masked)):
        run, _ = train(replace(components, augment=augment), tracks, tmp_path / str(number))
        mean = run.model.get_layer("embedding").mean.numpy()
        assert np.abs(mean - plain).max() > 3.0  # dB, where a tone has moved or is hidden


def test_what_is_fitted_sees_scaled_features(components, tracks, tmp_path):
    run, _ = train(replace(components, scaling=ScalingConfig()), tracks, tmp_path)
    mean = run.model.get_layer("embedding").mean.numpy().reshape(-1, 32)
    np.testing.assert_allclose(mean.mean(axis=0), 0.0, atol=1e-4)  # of a deviation of 1


# Systems with a training of their own


@pytest.fixture(scope="module", params=["waveform", pytest.param("frames", marks=pytest.mark.slow)])
def near(request, nearer, singers, tmp_path_factory):
    """A finished run of the Siamese net."""
    folder = tmp_path_factory.mktemp("near")
    recipe = replace(nearer, crop=request.param, epochs=4)
    run, problems = train(recipe, singers, folder)
    assert not problems.as_dict()
    return run


def test_artists_are_told_apart(near):
    history = pd.read_csv(near.folder / "history.csv")
    assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[0]
    assert history["val_accuracy"].max() == 1.0


def test_a_saved_net_is_the_one_that_was_judged(near, singers):
    waveforms = replace(near.recipe, crop="waveform")
    batches = validation_batches(gather_material(waveforms, singers[singers["artist"] != "Cy"]))
    losses = [near.model.judge(*batch, training=False)["loss"] for batch in batches]
    history = pd.read_csv(near.folder / "history.csv")
    # Cached or not, float32 decibels differ by 1e-4 of a deviation.
    np.testing.assert_allclose(np.mean(losses), history["val_loss"].min(), rtol=1e-3, atol=1e-4)


def test_a_saved_net_embeds_as_it_did(near, singers):
    sounds = np.stack([sound[:SAMPLES] for sound in sound_of(singers, "validation")])
    again = embedder(load_run(near.folder).model)(sounds).numpy()
    np.testing.assert_allclose(embedder(near.model)(sounds), again, rtol=1e-6)
    fresh = embedder(compose(near.recipe).model)(sounds).numpy()
    assert np.abs(again - fresh).max() > 0.1 * np.abs(again).max()


def test_other_artists_are_not_in_the_run(near, singers):
    own = pd.read_csv(near.folder / "tracks.csv")
    assert set(singers["artist"].dropna()) == {"Ada", "Bea", "Cy"}
    assert set(own["artist"]) == {"Ada", "Bea"}
    assert own["split"].value_counts().to_dict() == {"train": 8, "validation": 4}
    assert near.labels == ()


def test_silence_alone_cannot_validate_triplets(nearer, singers, tmp_path):
    rule = r"for early_stopping; got none. --set early_stopping=null .*silent8.wav: silent"
    with pytest.raises(ValueError, match=rule):
        train(nearer, silenced(singers, "validation", tmp_path), tmp_path / "run")
