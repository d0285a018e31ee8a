import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import tensorflow as tf

from kmusic.audio.files import AudioError, read_waveform
from kmusic.audio.signals import noise, tone
from kmusic.datasets import spectra
from kmusic.datasets.pipelines import labelled_excerpts
from kmusic.datasets.reading import Problems, open_tracks
from kmusic.datasets.spectra import SpectrumReader
from kmusic.features.chroma import ChromaConfig
from kmusic.features.front_ends import build_front_end
from kmusic.features.mel import LogMelConfig
from kmusic.features.mfcc import MFCCConfig
from kmusic.features.waveform import WaveformConfig
from tests import recordings

RATE = 8_000
CONFIG = LogMelConfig(sample_rate=RATE, n_fft=512, hop_length=256, n_mels=32)


def settings(kind, n_fft, hop_length, **more):
    return kind(sample_rate=RATE, n_fft=n_fft, hop_length=hop_length, **more)


@pytest.fixture
def track(tmp_path):
    """One track of two seconds."""
    path = tmp_path / "a.wav"
    sf.write(path, noise(2.0, RATE), RATE)
    return open_tracks(pd.DataFrame({"path": [str(path)]}), Problems())


class Counted:
    """The first stage of a front end, which counts its calls."""

    def __init__(self, config):
        self.layer = build_front_end(config)
        self.calls = 0

    def __call__(self, waveform):
        self.calls += 1
        return self.layer.spectrum(waveform[None])[0].numpy()


def reader(tracks, cache, samples=4_000, config=CONFIG, spectrum=None, problems=None):
    return SpectrumReader(
        tracks,
        config=config,
        spectrum=spectrum or Counted(config),
        samples=samples,
        cache=cache,
        problems=problems or Problems(),
    )


def whole_spectrum(path, config=CONFIG, **part):
    return Counted(config)(read_waveform(path, RATE, **part))


@pytest.mark.parametrize(
    "config",
    [
        settings(LogMelConfig, 512, 256, n_mels=32),
        settings(LogMelConfig, 512, 128, n_mels=32, power=1.0),
        settings(LogMelConfig, 512, 512, n_mels=32),
        settings(LogMelConfig, 2_048, 604, n_mels=64),
        settings(LogMelConfig, 1_024, 441, n_mels=64, pad_mode="reflect"),
        settings(LogMelConfig, 1_022, 100, n_mels=64, win_length=400, window="hamming"),
        settings(ChromaConfig, 2_048, 604),
        settings(MFCCConfig, 1_024, 300, n_mels=40),
    ],
    ids=lambda c: f"{type(c).__name__}-{c.n_fft}-{c.hop_length}-{c.pad_mode}",
)
@pytest.mark.parametrize("frames_at_once", [1, 5, 16])
def test_frames_computed_block_by_block_are_those_of_one_pass(
    track, tmp_path, monkeypatch, config, frames_at_once
):
    monkeypatch.setattr(spectra, "FRAMES_AT_ONCE", frames_at_once)
    blockwise = reader(track, tmp_path / "cache", samples=2 * RATE, config=config).read(0, 0.0)
    expected = whole_spectrum(track["path"][0], config)
    assert blockwise.shape == expected.shape
    np.testing.assert_allclose(blockwise, expected, atol=1e-5 * expected.max())  # of the peak


@pytest.mark.parametrize("samples_at_once", [1_000, 65_536])
def test_raw_sound_is_kept_to_the_last_bit(track, tmp_path, monkeypatch, samples_at_once):
    monkeypatch.setattr(spectra, "SAMPLES_AT_ONCE", samples_at_once)
    config, sound = WaveformConfig(sample_rate=RATE), read_waveform(track["path"][0], RATE)
    counted = Counted(config)
    reading = reader(track, tmp_path / "cache", samples=800, config=config, spectrum=counted)
    for place in (0.0, 0.5, 0.99999):
        first = int(place * (2 * RATE - 800 + 1))
        np.testing.assert_array_equal(reading.read(0, place)[:, 0], sound[first : first + 800])
    whole = reader(track, tmp_path / "cache", samples=2 * RATE, config=config, spectrum=counted)
    np.testing.assert_array_equal(whole.read(0, 0.0)[:, 0], sound)
    assert counted.calls == -(-2 * RATE // samples_at_once) + 1  # and what the last block left


@pytest.mark.parametrize("samples", [800, 801, 1_279, 1_280, 1_281, 4_095, 4_097])
def test_no_length_gains_or_loses_a_frame(tmp_path, monkeypatch, samples):
    monkeypatch.setattr(spectra, "FRAMES_AT_ONCE", 5)  # blocks of 1,280 samples
    path = tmp_path / "a.wav"
    sf.write(path, noise(1.0, RATE)[:samples], RATE)
    tracks = open_tracks(pd.DataFrame({"path": [str(path)]}), Problems())
    frames = reader(tracks, tmp_path / "cache", samples=samples).read(0, 0.0)
    expected = whole_spectrum(path)
    np.testing.assert_allclose(frames, expected, atol=1e-5 * expected.max())  # of the peak


@pytest.mark.parametrize(
    ("place", "first"),
    [(0.0, 0), (0.5, 24), (0.999, 47)],  # 63 frames, of which 16 are wanted: 48 places
)
def test_an_excerpt_is_a_stretch_of_frames(track, tmp_path, place, first):
    expected = whole_spectrum(track["path"][0])
    excerpt = reader(track, tmp_path / "cache").read(0, place)
    np.testing.assert_allclose(excerpt, expected[first : first + 16], atol=1e-5 * expected.max())


def test_a_short_track_is_padded_with_frames_of_zeros(track, tmp_path):
    excerpt = reader(track, tmp_path / "cache", samples=3 * RATE).read(0, 0.7)
    assert excerpt.shape == (1 + 3 * RATE // 256, 32)
    assert excerpt[:63].all()
    assert not excerpt[63:].any()


def test_frames_are_of_the_part_that_the_table_names(track, tmp_path):
    part = open_tracks(track.assign(start=0.5, duration=0.75), Problems())
    excerpt = reader(part, tmp_path / "cache", samples=6_000).read(0, 0.0)
    expected = whole_spectrum(track["path"][0], start=0.5, duration=0.75)
    np.testing.assert_allclose(excerpt, expected, atol=1e-5 * expected.max())


def test_a_spectrum_is_computed_once_for_all_readers(track, tmp_path):
    first, second = Counted(CONFIG), Counted(CONFIG)
    one = reader(track, tmp_path / "cache", spectrum=first)
    kept = [one.read(0, 0.3), one.read(0, 0.3)]
    calls = first.calls
    kept += [one.read(0, 0.3), reader(track, tmp_path / "cache", spectrum=second).read(0, 0.3)]
    assert calls > 0
    assert (first.calls, second.calls) == (calls, 0)
    for excerpt in kept[1:]:
        np.testing.assert_array_equal(excerpt, kept[0])


def test_a_changed_file_is_computed_again(track, tmp_path):
    path = track["path"][0]
    before = reader(track, tmp_path / "cache").read(0, 0.0)
    age = Path(path).stat().st_mtime_ns
    sf.write(path, tone(1_000.0, 2.0, RATE), RATE)
    os.utime(path, ns=(age + 1, age + 1))
    after = reader(track, tmp_path / "cache").read(0, 0.0)
    expected = whole_spectrum(path)[:16]
    np.testing.assert_allclose(after, expected, atol=1e-5 * expected.max())
    assert not np.allclose(after, before, atol=1e-3 * expected.max())


def test_another_front_end_or_part_has_a_cache_of_its_own(track, tmp_path):
    hamming = settings(LogMelConfig, 512, 256, n_mels=32, window="hamming")
    part = open_tracks(track.assign(start=0.25), Problems())
    excerpts = [
        reader(track, tmp_path / "cache").read(0, 0.0),
        reader(track, tmp_path / "cache", config=hamming).read(0, 0.0),
        reader(part, tmp_path / "cache").read(0, 0.0),
    ]
    assert len(list((tmp_path / "cache").iterdir())) == 3
    assert not np.array_equal(excerpts[0], excerpts[1])
    assert not np.array_equal(excerpts[0], excerpts[2])


def test_threads_that_meet_at_a_track_all_get_its_frames(track, tmp_path):
    meeting = reader(track, tmp_path / "cache")
    with ThreadPoolExecutor(8) as pool:
        excerpts = list(pool.map(lambda _: meeting.read(0, 0.5), range(16)))
    for excerpt in excerpts:
        np.testing.assert_array_equal(excerpt, excerpts[0])
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_bad_tracks_are_told_and_leave_nothing_in_the_cache(tmp_path):
    bad = recordings.spoil(tmp_path / "music")
    odd = recordings.enrich(tmp_path / "music")
    problems = Problems()
    table = pd.DataFrame({"path": [str(tmp_path / "music" / name) for name in [*bad, *odd]]})
    tracks = open_tracks(table, problems)
    reading = reader(tracks, tmp_path / "cache", problems=problems)
    batches = labelled_excerpts(reading, np.eye(len(tracks), dtype=np.float32), batch_size=4)
    heard = np.sum([target.numpy().sum(axis=0) for _, target in batches.take(6)], axis=0)
    names = [path.rsplit("/")[-1] for path in tracks["path"]]
    assert {name for name, n in zip(names, heard, strict=True) if n} == set(odd)
    assert {path.rsplit("/")[-1] for path in problems.as_dict()} == set(bad)
    assert len(list((tmp_path / "cache").iterdir())) == len(odd)


def test_a_file_that_vanished_is_told_so(track, tmp_path):
    reading = reader(track, tmp_path / "cache")
    Path(track["path"][0]).unlink()
    with pytest.raises(AudioError, match="no such file"):
        reading.read(0, 0.0)


def test_batches_have_static_shapes_and_repeat(track, tmp_path):
    streams = [
        labelled_excerpts(reader(track, tmp_path / "cache"), None, batch_size=3, seed=2)
        for _ in range(2)
    ]
    assert streams[0].element_spec == tf.TensorSpec((3, 16, 32), tf.float32)
    one, two = ([batch.numpy() for batch in stream.take(3)] for stream in streams)
    np.testing.assert_array_equal(one, two)
