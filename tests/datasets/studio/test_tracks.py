"""Composed tracks: the same everywhere, at any rate and length, and true to their factors."""

import subprocess
import sys
import zlib

import librosa
import numpy as np
import pytest

from kmusic.datasets.studio.corpus import StudioConfig, studio_tracks
from kmusic.datasets.studio.genres import KEYS
from kmusic.datasets.studio.tracks import compose_track, is_studio_path

URI = "studio:0/funk/1/2?seconds=3"

# Krumhansl (1990), "Cognitive foundations of musical pitch", table 2.1: how well each degree fits.
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


def test_a_track_is_the_same_on_every_call():
    np.testing.assert_array_equal(compose_track(URI), compose_track(URI))


def test_a_track_is_the_same_in_another_process():
    program = (
        "import zlib; from kmusic.datasets.studio.tracks import compose_track;"
        f"print(zlib.crc32(compose_track({URI!r}).tobytes()))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(answer.stdout) == zlib.crc32(compose_track(URI).tobytes())


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 44_100])
def test_another_rate_gives_the_same_music(sample_rate):
    track = compose_track(URI, sample_rate)
    assert track.shape == (3 * sample_rate,)
    assert track.dtype == np.float32
    expected = librosa.resample(compose_track(URI), orig_sr=22_050, target_sr=sample_rate)
    error = np.std(track[100:-100] - expected[100 : len(track) - 100])
    assert error < 0.01 * np.std(expected)  # -40 dB: two resamplers' filters differ at the edge


@pytest.mark.parametrize("seconds", [1.0, 7.3, 40.0])
def test_a_track_has_the_length_asked_for(seconds):
    assert len(compose_track(f"studio:0/ambient/0/0?seconds={seconds}")) == round(seconds * 22_050)


def test_a_rate_must_be_positive():
    with pytest.raises(ValueError, match="sample_rate must be positive; got sample_rate=0"):
        compose_track(URI, 0)


def test_only_paths_of_the_corpus_are_its_own():
    assert is_studio_path(URI)
    assert not is_studio_path("/music/studio.flac")


def test_the_tempo_is_heard_where_drums_play_the_beat():
    tracks = studio_tracks(StudioConfig()).query("label == 'techno'")[:10]
    for row in tracks.itertuples():
        onsets = librosa.onset.onset_strength(y=compose_track(row.path), hop_length=256)
        heard = librosa.feature.tempo(onset_envelope=onsets, hop_length=256, start_bpm=125)
        assert heard[0] == pytest.approx(row.tempo_bpm, rel=0.02)  # one step of the lag is 1.1 %


def test_key_and_third_are_heard_in_most_tracks():
    tracks = studio_tracks(StudioConfig(n_tracks=48))
    found = []
    for row in tracks.itertuples():
        magnitude = np.abs(librosa.stft(compose_track(row.path), n_fft=8_192, hop_length=4_096))
        chroma = librosa.feature.chroma_stft(
            S=magnitude, n_fft=8_192, tuning=row.tuning_cents / 100, norm=None
        ).mean(axis=1)
        fits = {
            (key, third): np.corrcoef(np.roll(profile, semitones), chroma)[0, 1]
            for semitones, key in enumerate(KEYS)
            for third, profile in (("major", MAJOR), ("minor", MINOR))
        }
        third = "major" if row.mode in ("major", "mixolydian") else "minor"
        found.append(max(fits, key=fits.get) == (row.key, third))
    assert np.mean(found) > 0.5  # 0.64 of 144 tracks measured; chance is 0.04
