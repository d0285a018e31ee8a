"""Crops of raw sound, a frame a sample; those of spectrograms are judged with generation."""

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import tensorflow as tf

from kmusic.audio.signals import noise
from kmusic.evaluation.generation import judge_reconstructions
from kmusic.evaluation.heard_crops import hear_crops
from kmusic.features.scaling import ScalingConfig
from kmusic.features.waveform import WaveformConfig
from kmusic.models.autoencoders import AEConfig
from kmusic.training.compose import compose
from kmusic.training.recipe import Recipe
from kmusic.training.runs import Run

RATE, CHUNK = 8_000, 800
RAW = Recipe(
    frontend=WaveformConfig(sample_rate=RATE),
    excerpt_seconds=0.4,
    model=AEConfig(latent_dim=2, units=(3,)),
    target=None,
    scaling=ScalingConfig(per="global"),
)


class Chunks:
    """Hear raw sound in chunks, and give it back with a rest of error, half where it is told."""

    def __init__(self, front_end):
        self.front_end = front_end

    def originals(self, heard):
        return tf.reshape(self.front_end(heard, training=False), (-1, CHUNK, 1))

    def reconstruct(self, features):
        return features + 0.2

    def force(self, features):
        return features - 0.1


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """Two sounds of 0.4 s: the second chunk of one, and the last of the other, are silent."""
    folder, rows = tmp_path_factory.mktemp("sounds"), []
    for seed, (name, silent) in enumerate([("one", slice(800, 1600)), ("two", slice(2400, None))]):
        sound = 0.3 * noise(0.4, RATE, seed)
        sound[:CHUNK] *= (0.001, 1.0)[seed]  # faint, but no silence
        sound[silent] = 0.0
        path = str(folder / f"{name}.wav")
        sf.write(path, sound, RATE, subtype="FLOAT")
        rows.append({"path": path, "start": 0.0, "seconds": 0.4, "group": name})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def composed():
    """Raw sound scaled to 0.5 less than half of itself."""
    made = compose(RAW)
    made.scaling.adapt([np.array([[[-1.0], [3.0]]], np.float32)])
    return made


def test_silent_chunks_of_raw_sound_are_left_out_and_faint_ones_are_not(composed, tracks):
    heard = hear_crops(Run(".", RAW, (), Chunks(composed.front_end)), tracks)
    assert heard.track.tolist() == [0, 0, 0, 1, 1, 1]
    assert heard.crops.shape == (6, CHUNK, 1)
    sound, _ = sf.read(tracks["path"][0], dtype="float32")
    np.testing.assert_allclose(heard.restored(heard.crops)[1, :, 0], sound[1600:2400], atol=1e-6)


def test_sources_of_raw_sound_are_found_and_errors_are_of_standardised_input(composed, tracks):
    run = Run(".", RAW, (), Chunks(composed.front_end))
    made = judge_reconstructions(run, hear_crops(run, tracks))
    assert made.sources.value == 1.0
    assert made.standardised_error == pytest.approx(0.04, rel=1e-4)
    assert made.forced_error == pytest.approx(0.01, rel=1e-4)
    assert made.mean_squared_error == pytest.approx(4 * 0.04, rel=1e-4)  # the deviation is 2
    answer = made.to_json()
    assert answer["standardised_error"] == made.standardised_error
    assert answer["forced_error"] == made.forced_error


@pytest.mark.parametrize(
    "scaling", [None, ScalingConfig(kind="fixed"), ScalingConfig(kind="minmax")]
)
def test_without_standardised_input_there_is_no_error_of_it(scaling, composed, tracks):
    recipe = Recipe(**{**vars(RAW), "scaling": scaling})
    run = Run(".", recipe, (), Chunks(composed.front_end))
    made = judge_reconstructions(run, hear_crops(run, tracks))
    assert made.standardised_error is made.forced_error is None
    assert made.mean_squared_error > 0


def test_a_decoder_that_cannot_be_told_has_no_forced_error(composed, tracks, monkeypatch):
    monkeypatch.delattr(Chunks, "force")
    run = Run(".", RAW, (), Chunks(composed.front_end))
    made = judge_reconstructions(run, hear_crops(run, tracks))
    assert made.standardised_error == pytest.approx(0.04, rel=1e-4)
    assert made.forced_error is None
