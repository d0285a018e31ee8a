"""Excerpts without Python, held to those with."""

from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import tensorflow as tf

from kmusic.audio.signals import noise, tone
from kmusic.datasets.graph_reader import GraphReader
from kmusic.datasets.pipelines import WaveformReader, labelled_excerpts
from kmusic.datasets.reading import Problems, open_tracks
from kmusic.datasets.sampling import TripletConfig, Triplets

FITTING = tf.__version__.startswith(("2.16.", "2.17.")) and find_spec("tensorflow_io") is not None
RATE = 16_000
pytestmark = [
    pytest.mark.io,
    pytest.mark.skipif(not FITTING, reason="needs TensorFlow I/O: make test-io"),
]


@pytest.fixture
def tracks(tmp_path):
    sf.write(tmp_path / "long.flac", noise(3.0, 44_100), 44_100)
    sf.write(tmp_path / "short.wav", tone(440, 0.5, 22_050), 22_050)
    sf.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    (tmp_path / "text.mp3").write_text("no sound at all, but longer than a header would be " * 3)
    paths = [str(tmp_path / name) for name in ("long.flac", "short.wav", "silent.wav")]
    return open_tracks(pd.DataFrame({"path": paths}), Problems())


def batches(reader, n_batches=4, draw=None):
    stream = labelled_excerpts(reader, None, batch_size=3, seed=5, draw=draw).take(n_batches)
    return np.stack([batch.numpy() for batch in stream])


def test_it_reads_what_the_python_reader_reads(tracks):
    graph = batches(GraphReader(tracks, sample_rate=RATE, samples=RATE))
    python = batches(WaveformReader(tracks, sample_rate=RATE, samples=RATE, problems=Problems()))
    # The decoders agree within 1e-3 RMS; a start may fall on the neighbouring sample.
    assert np.sqrt(np.mean(np.square(graph - python))) < 5e-3


def test_what_cannot_be_decoded_is_left_out(tracks, tmp_path):
    broken = pd.DataFrame({"path": [str(tmp_path / "text.mp3")], "start": 0.0, "seconds": 2.0})
    both = pd.concat([tracks, broken], ignore_index=True)
    graph = batches(GraphReader(both, sample_rate=RATE, samples=RATE))
    assert graph.shape == (4, 3, RATE)
    assert np.all(np.max(np.abs(graph), axis=-1) > 0.01)


def test_it_reads_together_and_leaves_out_together_what_the_python_reader_does(tracks, tmp_path):
    broken = pd.DataFrame({"path": [str(tmp_path / "text.mp3")], "start": 0.0, "seconds": 2.0})
    good = tracks.iloc[[0, 1, 0, 1]]
    six = pd.concat([good, tracks.iloc[[2]], broken], ignore_index=True)  # silence, and no sound
    draw = Triplets([0, 0, 1, 1, 2, 2], TripletConfig(n_negatives=1))
    graph = batches(GraphReader(six, sample_rate=RATE, samples=RATE), 4, draw)
    python = batches(
        WaveformReader(six, sample_rate=RATE, samples=RATE, problems=Problems()), 4, draw
    )
    assert graph.shape == (4, 3, 3, RATE)
    # As above.
    assert np.sqrt(np.mean(np.square(graph - python))) < 5e-3
