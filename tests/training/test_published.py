import json

import h5py
import keras
import numpy as np
import pytest

from kmusic.datasets.table import read_tracks
from kmusic.features.scaling import Scaling
from kmusic.models import embedder
from kmusic.training.published import import_published
from kmusic.training.runs import load_run

NAME = "ismir2018-artist"
KERNELS = [(4, 128, 128)] * 3 + [(2, 128, 128), (1, 128, 256)]
BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


def arrays():
    """Give all arrays of the network's file by place, each unlike any other."""
    rng = np.random.default_rng(0)
    held = {}
    for number, kernel in enumerate(KERNELS, start=1):
        shapes = {f"conv1d_{number}": {"kernel": kernel, "bias": kernel[-1:]}}
        shapes[f"batch_normalization_{number}"] = dict.fromkeys(BATCH_NORM, kernel[-1:])
        for layer, weights in shapes.items():
            for name, shape in weights.items():
                place = f"model_weights/{layer}/{layer}/{name}:0"
                held[place] = rng.uniform(0.1, 1.0, shape).astype(np.float32)
    return held


def write_weights(path, held):
    with h5py.File(path, "w") as file:
        for place, array in held.items():
            file[place] = array
    return path


def trunk(run):
    """Give the part of a run's model that comes after the front end."""
    model = embedder(run.model)
    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv1D))
    return keras.Model(first.input, model.output)


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    weights = write_weights(folder / "weights.h5", arrays())
    import_published(NAME, weights, folder / "run")
    return load_run(folder / "run")


def test_each_array_lands_in_its_weight(imported):
    layers = [layer for layer in embedder(imported.model).layers if layer.trainable_weights]
    found = {}
    for kind, stem in ((keras.layers.Conv1D, "conv1d"), (None, "batch_normalization")):
        chosen = [each for each in layers if isinstance(each, keras.layers.Conv1D) == bool(kind)]
        for number, layer in enumerate(chosen, start=1):
            for weight in layer.weights:
                place = f"model_weights/{stem}_{number}/{stem}_{number}/{weight.name}:0"
                found[place] = weight.numpy()
    expected = arrays()
    assert set(found) == set(expected)
    assert all(np.array_equal(found[place], expected[place]) for place in expected)


def test_features_are_scaled_as_those_of_its_training(imported):
    (scaling,) = (each for each in embedder(imported.model).layers if isinstance(each, Scaling))
    np.testing.assert_allclose(scaling.offset, [[[0.22620339]]], rtol=1e-7)
    np.testing.assert_allclose(scaling.scale, [[[0.25794547]]], rtol=1e-7)


def test_the_front_end_is_that_of_the_paper(imported):
    config = imported.recipe.frontend
    settings = (config.sample_rate, config.n_fft, config.hop_length, config.n_mels, config.fmax)
    assert settings == (22_050, 1_024, 512, 128, None)
    assert (config.power, config.scale, config.gain) == (1.0, "log10", 10.0)
    assert config.n_frames(imported.recipe.excerpt_samples) == 129


def test_the_run_has_no_tracks_and_says_where_it_comes_from(imported):
    assert (imported.folder / "tracks.csv").read_text() == "path,split\n"
    assert imported.labels == ()
    told = json.loads((imported.folder / "import.json").read_text())
    assert (told["published"], told["file"], len(told["sha256"])) == (NAME, "weights.h5", 64)


def test_the_published_weights_give_the_published_vector(shared, tmp_path):
    weights = shared / "reference/siamese_10000.h5"
    run = import_published(NAME, weights, tmp_path / "run")
    vector = trunk(run)(np.zeros((1, 129, 128), np.float32)).numpy()[0]
    assert vector.shape == (256,)
    assert vector.sum() == pytest.approx(445.812, abs=1e-3)
    np.testing.assert_allclose(vector[:5], [0, 7.100917, 0, 0, 0], atol=1e-5)


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda held: held.popitem(), "batch_normalization_5.* of shape .*; got none"),
        (
            lambda held: held.update({"model_weights/conv1d_2/conv1d_2/bias:0": np.zeros(3)}),
            r"conv1d_2/bias:0 of shape \(128,\); got \(3,\)",
        ),
        (
            lambda held: held.update(
                {"model_weights/conv1d_1/conv1d_1/bias:0": np.full(128, np.nan)}
            ),
            "conv1d_1/bias:0 of .* must be finite",
        ),
    ],
    ids=["absent", "shape", "nan"],
)
def test_other_weights_are_refused_and_nothing_is_written(tmp_path, spoil, rule):
    held = arrays()
    spoil(held)
    with pytest.raises(ValueError, match=rule):
        import_published(NAME, write_weights(tmp_path / "weights.h5", held), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_is_no_hdf5_is_refused(tmp_path):
    (tmp_path / "weights.h5").write_text("no weights")
    with pytest.raises(ValueError, match="FILE must be an HDF5 file"):
        import_published(NAME, tmp_path / "weights.h5", tmp_path / "run")


def test_a_folder_in_use_is_refused(imported, tmp_path):
    (tmp_path / "weights.h5").touch()
    with pytest.raises(FileExistsError, match="--run must be a new folder"):
        import_published(NAME, tmp_path / "weights.h5", imported.folder)


def test_an_absent_file_and_an_unknown_name_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="FILE must exist"):
        import_published(NAME, tmp_path / "nowhere.h5", tmp_path / "run")
    with pytest.raises(ValueError, match=r"NAME must be one of .*ismir2018-artist.*; got 'bert'"):
        import_published("bert", tmp_path / "nowhere.h5", tmp_path / "run")


def test_an_empty_table_is_read_where_files_need_not_exist(imported):
    assert read_tracks(imported.folder / "tracks.csv", must_exist=False).empty
