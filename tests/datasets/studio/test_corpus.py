"""The corpus: its table at every size, its files, and how hard its genres are."""

import subprocess
import sys

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from kmusic.datasets.studio.corpus import (
    StudioConfig,
    compose_track,
    studio_factors,
    studio_tracks,
    write_studio,
)
from kmusic.datasets.table import checked, read_tracks


@pytest.mark.parametrize("n_tracks", [16, 47, 288, 1_000])
def test_every_size_has_as_many_tracks_in_each_genre_and_valid_rows(n_tracks):
    tracks = studio_tracks(StudioConfig(n_tracks=n_tracks))
    assert len(checked(tracks)) == n_tracks
    counts = tracks["label"].value_counts()
    assert len(counts) == 6
    assert counts.max() - counts.min() <= 1
    assert tracks.groupby("artist")["label"].nunique().eq(1).all()
    assert tracks.groupby("label")["artist"].nunique().ge(2).all()
    assert {factor.name for factor in studio_factors()} <= set(tracks)


def test_the_default_has_six_artists_a_genre_and_eight_tracks_an_artist():
    tracks = studio_tracks(StudioConfig())
    assert tracks.groupby("label")["artist"].nunique().eq(6).all()
    assert tracks["artist"].value_counts().eq(8).all()


def test_sixty_artists_are_spread_evenly():
    tracks = studio_tracks(StudioConfig(n_tracks=900, n_artists=60))
    assert tracks.groupby("label")["artist"].nunique().eq(10).all()


def test_100_000_rows_are_unlike():
    tracks = studio_tracks(StudioConfig(n_tracks=100_000, n_artists=5_000))
    assert tracks["path"].is_unique
    assert tracks["artist"].nunique() == 5_000


def test_a_larger_corpus_begins_with_the_smaller_one():
    small = studio_tracks(StudioConfig(n_tracks=120))
    pd.testing.assert_frame_equal(small, studio_tracks(StudioConfig(n_tracks=240)).head(120))


def test_another_seed_is_other_music():
    one, other = (studio_tracks(StudioConfig(seed=seed)) for seed in (0, 1))
    assert not set(one["artist"]) & set(other["artist"])
    assert (one["tempo_bpm"] != other["tempo_bpm"]).mean() > 0.9


def test_the_length_is_in_the_path():
    row = studio_tracks(StudioConfig(n_tracks=16, seconds=2.5)).iloc[0]
    assert compose_track(row["path"]).shape == (55_125,)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_tracks": 15}, r"n_tracks must lie in \[16, 100000\]; got n_tracks=15"),
        ({"n_artists": 5}, r"n_artists must lie in \[6, 100000\]; got n_artists=5"),
        ({"seconds": float("nan")}, r"seconds must lie in \[1.0, 3600.0\]; got seconds=nan"),
        ({"seed": -1}, "seed must lie in"),
        ({"sample_rate": 0}, "sample_rate must lie in"),
    ],
)
def test_nonsense_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        StudioConfig(**wrong)


@pytest.mark.parametrize("workers", [1, 2])
def test_written_files_are_the_composed_tracks(tmp_path, workers):
    config = StudioConfig(n_tracks=16, seconds=2.0)
    steps = []
    written = write_studio(tmp_path, config, steps.append, workers)
    assert steps == list(range(1, 17))
    for uri, file in zip(studio_tracks(config)["path"], written["path"], strict=True):
        waveform, sample_rate = soundfile.read(tmp_path / file, dtype="float32")
        assert sample_rate == 22_050
        np.testing.assert_allclose(waveform, compose_track(uri), rtol=0, atol=2.0**-15)  # one step
    table = read_tracks(tmp_path / "tracks.csv")
    assert table["path"].tolist() == [str(tmp_path / file) for file in written["path"]]
    assert table["tags"].tolist() == written["tags"].tolist()
    assert not list(tmp_path.rglob(".*"))  # no drafts are left


def test_importing_the_corpus_imports_no_tensorflow():
    program = "import sys, kmusic.datasets.studio.corpus; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def described(uri):
    power = np.abs(librosa.stft(compose_track(uri), n_fft=2_048, hop_length=1_024)) ** 2
    mel = librosa.power_to_db(librosa.feature.melspectrogram(S=power, sr=22_050))
    mfcc = librosa.feature.mfcc(S=mel, n_mfcc=20)
    chroma = librosa.feature.chroma_stft(S=power, sr=22_050, tuning=0.0)
    return np.concatenate([mfcc.mean(1), mfcc.std(1), chroma.mean(1), chroma.std(1)])


def test_artists_resemble_themselves():
    tracks = studio_tracks(StudioConfig(n_tracks=72, seconds=4.0))
    timbre = StandardScaler().fit_transform([described(uri)[:40] for uri in tracks["path"]])
    distance = np.linalg.norm(timbre[:, None] - timbre[None], axis=2)
    artist, label = tracks["artist"].to_numpy(), tracks["label"].to_numpy()
    same_artist = artist[:, None] == artist[None]
    same_genre = label[:, None] == label[None]
    within = distance[same_artist & (distance > 0)].mean()
    assert within < 0.8 * distance[same_genre & ~same_artist].mean()
    assert within < 0.7 * distance[~same_genre].mean()


@pytest.mark.slow
def test_genres_are_learnable_across_artists_but_easier_within():
    tracks = studio_tracks(StudioConfig())
    x, y = np.array([described(uri) for uri in tracks["path"]]), tracks["label"].to_numpy()
    probe = make_pipeline(StandardScaler(), SVC())

    def accuracy(folds, groups=None):
        return np.mean(cross_val_predict(probe, x, y, groups=groups, cv=folds) == y)

    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    by_artist = accuracy(folds, tracks["artist"].to_numpy())
    at_random = accuracy(StratifiedKFold(5, shuffle=True, random_state=0))
    assert 0.70 < by_artist < 0.90  # 0.75 to 0.87 over seeds
    assert at_random > by_artist + 0.06
