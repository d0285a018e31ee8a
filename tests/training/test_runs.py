import json
import shutil
from dataclasses import replace
from importlib import metadata

import keras
import numpy as np
import pandas as pd
import pytest

from kmusic.audio.signals import noise
from kmusic.datasets.table import read_tracks
from kmusic.features.front_ends import front_end_hash
from kmusic.training.recipe_files import read_recipe
from kmusic.training.runs import extend_run, load_run


@pytest.fixture
def copy(trained, tmp_path):
    """A copy of the trained run that a test may spoil."""
    return shutil.copytree(trained.folder, tmp_path / "copy")


def test_a_run_folder_holds_what_the_design_says(trained):
    assert {path.name for path in trained.folder.iterdir()} == {
        "recipe.json",
        "labels.json",
        "versions.json",
        "tracks.csv",
        "history.csv",
        "problems.json",
        "checkpoints",
        "model.keras",
    }


def test_a_run_knows_its_recipe(trained, tiny):
    assert read_recipe(trained.folder / "recipe.json") == tiny


def test_a_run_knows_its_labels_in_order(trained):
    assert json.loads((trained.folder / "labels.json").read_text()) == ["high", "low"]


def test_a_run_knows_its_tracks_and_their_sides(trained, tracks):
    pd.testing.assert_frame_equal(read_tracks(trained.folder / "tracks.csv"), tracks)


def test_a_run_knows_with_what_it_was_trained(trained, tiny):
    versions = json.loads((trained.folder / "versions.json").read_text())
    assert versions["front_end"] == front_end_hash(tiny.frontend)
    for package in ("tensorflow", "keras", "numpy", "soundfile", "kmusic"):
        assert versions[package] == metadata.version(package)


def test_a_loaded_run_answers_as_the_trained_one(trained):
    waveforms = np.stack([noise(0.5, 8_000, seed) for seed in range(3)])
    loaded = load_run(trained.folder)
    np.testing.assert_allclose(loaded.model(waveforms), trained.run.model(waveforms), atol=1e-6)
    assert (loaded.recipe, loaded.labels) == (trained.run.recipe, trained.run.labels)


def test_a_run_names_its_front_end(trained, tiny):
    assert trained.run.front_end == front_end_hash(tiny.frontend)


@pytest.mark.parametrize("name", ["recipe.json", "labels.json", "model.keras"])
def test_an_unfinished_run_is_refused(copy, name):
    (copy / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"finished; got .*copy without {name}"):
        load_run(copy)


def test_a_model_that_carries_code_is_refused(copy):
    waveform = keras.Input((4_000,))
    keras.Model(waveform, keras.layers.Lambda(lambda x: x)(waveform)).save(copy / "model.keras")
    with pytest.raises(ValueError, match=r"[Ll]ambda"):
        load_run(copy)


def test_a_run_is_extended_by_its_own_recipe_with_more_epochs(trained, tmp_path):
    longer = replace(trained.run.recipe, epochs=5)
    with pytest.raises(ValueError, match="own recipe"):
        extend_run(trained.folder, tmp_path / "other", replace(longer, batch_size=2))
    assert not (tmp_path / "other").exists()
    extend_run(trained.folder, tmp_path / "longer", longer)
    assert read_recipe(tmp_path / "longer" / "recipe.json") == longer
    assert not (tmp_path / "longer" / "model.keras").exists()  # so that training goes on
    for name in ("last.npz", "best.npz"):
        copied = tmp_path / "longer" / "checkpoints" / name
        assert copied.read_bytes() == (trained.folder / "checkpoints" / name).read_bytes()


def test_a_run_whose_checkpoints_are_gone_is_not_extended(tmp_path, trained):
    extend_run(tmp_path / "nothing", tmp_path / "new", trained.run.recipe)
    assert not (tmp_path / "new").exists()
