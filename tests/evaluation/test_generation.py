"""What models make of made sound, held to the same done by hand."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import tensorflow as tf

from kmusic.audio.signals import noise, tone
from kmusic.evaluation import generation, heard_crops
from kmusic.evaluation.generation import judge_reconstructions
from kmusic.evaluation.heard_crops import hear_crops
from kmusic.evaluation.latent import band_statistics, correlation, retrieval_of_sources
from kmusic.features.chroma import ChromaConfig
from kmusic.features.front_ends import build_front_end
from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.layers.crops import CropConfig
from kmusic.models.ali import ALIConfig
from kmusic.models.autoencoders import AEConfig
from kmusic.training.compose import compose
from kmusic.training.recipe import Recipe
from kmusic.training.runs import Run

RATE, SEED = 8_000, 3
FIRST_BAND = 4
ALI = Recipe(
    frontend=LogMelConfig(
        sample_rate=RATE, n_fft=512, hop_length=250, n_mels=40, reference="max", top_db=80.0
    ),
    excerpt_seconds=2.0,  # 65 frames, 2 crops
    model=ALIConfig(latent_dim=4, crop=CropConfig(n_bands=32, first_band=FIRST_BAND)),
    target=None,
    scaling=ScalingConfig(kind="fixed", offset=-80.0, spread=80.0),
)
PIECES = replace(
    ALI,
    frontend=LogMelConfig(sample_rate=RATE, n_fft=256, hop_length=100, n_mels=8),
    excerpt_seconds=0.2,  # 17 frames
    model=AEConfig(latent_dim=2, units=(3,)),
    scaling=None,
)


class Echo:
    """Hear features in crops of 4 frames, and give them back as a function makes them."""

    def __init__(self, front_end, make=lambda crops: crops):
        self.front_end, self.reconstruct = front_end, make

    def originals(self, heard):
        features = self.front_end(heard, training=False)[:, :16]
        return tf.reshape(features, (-1, 4, features.shape[2]))


def judged(run, tracks, seed=0):
    """Hear tracks, and judge what a run makes of them."""
    heard = hear_crops(run, tracks, seed=seed)
    return heard and judge_reconstructions(run, heard, seed=seed)


def run_of(recipe, model, folder="."):
    return Run(folder, recipe, (), model)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Folder of a long sound, a short one, and one that begins with 2 s of silence."""
    folder = tmp_path_factory.mktemp("sounds")
    for number, (name, seconds) in enumerate([("long", 8.0), ("short", 0.9), ("late", 2.0)]):
        steps = np.repeat([1.0, 0.1, 0.4, 0.01, 0.2], round(seconds * RATE / 5))
        sound = steps * (tone(300.0 * (number + 1), seconds, RATE) + noise(seconds, RATE, number))
        silence = np.zeros(2 * RATE if name == "late" else 0)
        sf.write(folder / f"{name}.wav", 0.4 * np.concatenate([silence, sound]), RATE)
    return folder


@pytest.fixture(scope="module")
def tracks(sounds):
    """Table of a part of a long track, two that cannot be heard, a short one, and another part."""
    rows = [
        ("long", 0.0, 8.0, "one"),
        ("late", 0.0, 4.0, "two"),
        ("gone", 0.0, 4.0, "three"),
        ("short", 0.0, 0.9, "four"),
        ("long", 3.0, 5.0, "one"),
    ]
    table = pd.DataFrame(rows, columns=["path", "start", "seconds", "group"])
    return table.assign(path=[str(sounds / f"{name}.wav") for name in table["path"]])


@pytest.fixture(scope="module")
def ali():
    """A run whose generator makes crops that differ, which as it is built it does not."""
    model = compose(ALI).model
    for weight in model.generator.trainable_weights:
        if weight.name == "kernel":
            weight.assign(4 * weight)
    return run_of(ALI, model)


@pytest.fixture(scope="module")
def made(ali, tracks):
    return judged(ali, tracks, seed=SEED)


@pytest.fixture(scope="module")
def many(sounds):
    """Table of 210 parts of the long track, each a group of its own."""
    starts = 0.035 * np.arange(210)
    groups = [f"group {number}" for number in range(210)]
    path = str(sounds / "long.wav")
    return pd.DataFrame({"path": path, "start": starts, "seconds": 0.3, "group": groups})


@pytest.fixture(scope="module")
def pieces():
    """The front end of the echoes."""
    return compose(PIECES).front_end


def read(row, samples=2 * RATE):
    """Read an excerpt by hand, padded with zeros."""
    sound, _ = sf.read(row.path, dtype="float32", start=round(row.start * RATE))
    return np.pad(sound[:samples], (0, max(0, samples - len(sound))))


def decibels(unit):
    return 80 * np.asarray(unit, np.float64) - 80


def test_crops_of_first_excerpts_are_in_decibels_and_none_is_silent(made, tracks):
    heard = np.stack([read(row) for row in tracks.iloc[[0, 3, 4]].itertuples()])
    features = build_front_end(ALI.frontend)(heard).numpy()[:, :, FIRST_BAND:36]
    expected = features[:, :64].reshape(6, 32, 32)[[0, 1, 2, 4, 5]]  # behind 0.9 s, 3 is silence
    assert made.track.tolist() == [0, 0, 3, 4, 4]
    np.testing.assert_allclose(made.originals, expected, atol=1e-4)  # dB, float32
    assert (made.unit, made.first_band, made.hop_seconds) == ("dB", FIRST_BAND, 250 / RATE)


def test_each_crop_stands_beside_what_was_made_of_it(ali, made):
    expected = decibels(ali.model.reconstruct((made.originals + 80) / 80))
    np.testing.assert_allclose(made.copies, expected, atol=1e-3)  # dB, float32
    errors = [(a - b) ** 2 for a, b in zip(made.originals.flat, made.copies.flat, strict=True)]
    assert made.mean_squared_error == pytest.approx(np.mean(errors), rel=1e-5)


def test_sources_are_looked_for_among_all_crops_where_they_are_few(made):
    groups = ["one", "one", "four", "one", "one"]
    expected = retrieval_of_sources(made.originals, made.copies, groups, seed=SEED)
    assert made.sources == expected
    assert made.sources.n == made.sources.n_among == 5


def test_as_many_crops_are_generated_as_were_heard(ali, made):
    new = made.generation
    np.testing.assert_allclose(new.crops, decibels(ali.model.generate(5, SEED)), atol=1e-3)
    assert new.bands == band_statistics(made.originals, new.crops)
    np.testing.assert_allclose(new.line, decibels(ali.model.interpolate(16)), atol=1e-3)
    assert new.line_values == pytest.approx([point / 15 for point in range(16)])


def test_the_length_of_a_code_stands_beside_the_loudness_of_its_crop(ali, made):
    new, codes = made.generation, ali.model.infer((made.originals + 80) / 80).numpy()
    np.testing.assert_allclose(new.norms, np.sqrt((codes**2).sum(axis=1)), rtol=1e-4)  # float32
    np.testing.assert_allclose(new.loudness, [crop.mean() for crop in made.originals], rtol=1e-5)
    groups = ["one", "one", "four", "one", "one"]
    assert new.correlation == correlation(new.norms, new.loudness, groups, seed=SEED)


def test_batches_change_no_copy_and_are_generated_unlike(ali, made, tracks, monkeypatch):
    monkeypatch.setattr(generation, "CROPS_AT_ONCE", 2)
    monkeypatch.setattr(heard_crops, "CROPS_AT_ONCE", 2)
    monkeypatch.setattr(heard_crops, "EXCERPTS_AT_ONCE", 2)
    again = judged(ali, tracks, seed=SEED)
    assert again.track.tolist() == made.track.tolist()
    np.testing.assert_allclose(again.copies, made.copies, atol=1e-3)  # dB, float32
    crops = again.generation.crops
    assert len(crops) == 5
    assert len(np.unique(crops.round(3), axis=0)) == 5


def test_figures_are_plain_values_without_crops(made):
    text = json.dumps(made.to_json())
    answer = json.loads(text)
    assert (answer["unit"], answer["n_tracks"], answer["n_crops"]) == ("dB", 3, 5)
    assert answer["mean_squared_error"] == made.mean_squared_error
    assert answer["sources"]["value"] == made.sources.value
    assert answer["generation"]["mean_difference"] == made.generation.bands.mean_difference
    assert answer["loudness"]["rank_value"] == made.generation.correlation.rank_value
    assert len(text) < 6_000


def test_one_crop_has_no_other_to_be_told_from(ali, tracks):
    made = judged(ali, tracks.iloc[[3]])
    answer = made.to_json()
    assert answer["n_crops"] == 1
    assert answer["sources"] is answer["loudness"] is None
    assert answer["generation"]


def test_where_nothing_can_be_heard_nothing_is_made(ali, tracks):
    assert judged(ali, tracks.iloc[[1, 2]]) is None


def test_a_model_that_reconstructs_nothing_is_not_asked(pieces, tracks):
    assert judged(run_of(PIECES, pieces), tracks) is None


def test_an_autoencoder_restores_whole_excerpts_and_generates_nothing(many):
    model = compose(PIECES).model
    made = judged(run_of(PIECES, model), many[:3])
    heard = np.stack([read(row, 1_600) for row in many[:3].itertuples()])
    np.testing.assert_allclose(made.originals, model.front_end(heard), atol=1e-4)  # dB, float32
    np.testing.assert_allclose(made.copies, model(heard), atol=1e-4)
    assert made.generation is None
    assert made.first_band == 0
    assert made.to_json()["generation"] is None


def test_of_many_tracks_some_are_drawn_and_of_each_one_crop_compared(pieces, many):
    made = judged(run_of(PIECES, Echo(pieces)), many)
    assert len(made.tracks) == len(made.track) / 4 == 200
    assert made.tracks["start"].is_monotonic_increasing
    assert made.tracks["start"].is_unique
    assert (made.sources.n, made.sources.n_among) == (200, 100)
    assert made.sources.value == 1.0
    assert made.mean_squared_error == 0.0


def test_draws_follow_their_seed(pieces, many, monkeypatch):
    monkeypatch.setattr(heard_crops, "MOST_TRACKS", 4)
    monkeypatch.setattr(generation, "AMONG", 8)
    run = run_of(PIECES, Echo(pieces, make=lambda crops: crops[:, ::-1]))
    made = [judged(run, many[:20], seed=seed) for seed in (1, 1, 2)]
    starts = [each.tracks["start"].tolist() for each in made]
    assert starts[0] == starts[1] != starts[2]
    assert made[0].sources == made[1].sources


def test_of_fewer_tracks_as_many_crops_each_are_compared_as_make_a_hundred(pieces, many):
    run = run_of(PIECES, Echo(pieces, make=tf.zeros_like))
    made = judged(run, many[:40])
    assert (made.sources.n, made.sources.n_among) == (120, 100)
    assert made.sources.value < 0.1


@pytest.mark.parametrize(
    ("frontend", "scaling", "unit"),
    [
        (PIECES.frontend, None, "dB"),
        (PIECES.frontend, ScalingConfig(per="global"), "dB"),
        (PIECES.frontend, ScalingConfig(per="band"), "scaled feature"),
        (replace(PIECES.frontend, scale="log"), ScalingConfig(per="global"), "feature"),
        (ChromaConfig(sample_rate=RATE, n_fft=256, hop_length=100), None, "feature"),
    ],
)
def test_crops_come_back_to_the_unit_of_the_features_if_one_number_scaled_them(
    many, frontend, scaling, unit
):
    recipe = replace(PIECES, frontend=frontend, scaling=scaling)
    composed = compose(recipe)
    heard = np.stack([read(row, 1_600) for row in many[:3].itertuples()])
    plain = build_front_end(frontend)(heard).numpy()
    if scaling:
        composed.scaling.adapt([plain])
    made = judged(run_of(recipe, Echo(composed.front_end)), many[:3])
    expected = composed.front_end(heard).numpy() if unit == "scaled feature" else plain
    expected = expected[:, :16].reshape(12, 4, -1)
    assert made.unit == unit
    np.testing.assert_allclose(made.originals, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_array_equal(made.copies, made.originals)
