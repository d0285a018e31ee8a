"""Published weights to run folders, as if they had been trained here."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.datasets.sampling import TripletConfig
from kmusic.models.siamese import SiameseConfig
from kmusic.training.compose import Composition, compose
from kmusic.training.defaults import DEFAULTS
from kmusic.training.recipe import Recipe
from kmusic.training.runs import Run, begin_run, finish_run, write_json

MEAN, DEVIATION = 0.22620339, 0.25794547
"""Of the features of the songs that the artist models were trained on."""

ARTISTS = replace(
    DEFAULTS["siamese"],
    n_artists=10_000,
    model=SiameseConfig(reduction="sum", dropout=0.0),
    triplets=TripletConfig(distinct=False),
    batch_norm_momentum=None,
)


def import_published(name: str, weights: str | Path, folder: str | Path) -> Run:
    """Write a run folder from published weights, front end and scaling included.

    Args:
        name: A key of `PUBLISHED`.
        weights: The file that its authors published.
        folder: Run folder, new or empty.

    Returns:
        The run; its `tracks.csv` names no track, `import.json` says where it comes from.

    Raises:
        FileExistsError: If the folder is in use.
        FileNotFoundError: If there is no such file.
        ValueError: If the name is unknown, or the file does not hold these weights.
    """
    if name not in PUBLISHED:
        raise ValueError(f"NAME must be one of {sorted(PUBLISHED)}; got {name!r}.")
    weights, folder = Path(weights), Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"--run must be a new folder; got {folder}.")
    if not weights.is_file():
        raise FileNotFoundError(f"FILE must exist; got {weights}.")
    recipe, fill = PUBLISHED[name]
    composition = compose(recipe)
    fill(composition, weights)
    begin_run(folder, recipe, (), pd.DataFrame(columns=["path", "split"]))
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    write_json(folder / "import.json", {"published": name, "file": weights.name, "sha256": digest})
    finish_run(folder, composition.model)
    return Run(folder, recipe, (), composition.model)


def fill_artist_trunk(composition: Composition, weights: Path) -> None:
    """Fill the Siamese DCNN from a file of Keras 2.1.1.

    Args:
        composition: The Siamese system.
        weights: HDF5 file; only its arrays are read.

    Raises:
        ValueError: If the file is not one, or lacks an array of the right shape.

    Source:
        Park et al. (2018), public code ismir2018-artist: `siamese_10000.h5`, and the mean and the
        deviation of its training data.
    """
    encoder = composition.model.embedder
    counted = {
        keras.layers.Conv1D: "conv1d",
        keras.layers.BatchNormalization: "batch_normalization",
    }
    try:
        with h5py.File(weights, "r") as file:
            for kind, stem in counted.items():
                layers = [layer for layer in encoder.layers if type(layer) is kind]
                for number, layer in enumerate(layers, start=1):
                    name = f"{stem}_{number}"
                    for variable in layer.weights:
                        place = f"model_weights/{name}/{name}/{variable.name}:0"
                        variable.assign(_array(file, place, variable.shape, weights))
    except OSError as error:
        raise ValueError(f"FILE must be an HDF5 file; got {weights}: {error}.") from error
    assert composition.scaling is not None
    composition.scaling.offset.assign([[[MEAN]]])
    composition.scaling.scale.assign([[[DEVIATION]]])


PUBLISHED: dict[str, tuple[Recipe, Callable[[Composition, Path], None]]] = {
    "ismir2018-artist": (ARTISTS, fill_artist_trunk),
}
"""By name: the recipe that published weights belong to, and what reads them into its models."""


def _array(
    file: h5py.File, place: str, shape: tuple[int, ...], path: Path
) -> npt.NDArray[np.float32]:
    """Read an array of finite numbers."""
    held = file.get(place)
    if not isinstance(held, h5py.Dataset) or held.shape != shape:
        found = held.shape if isinstance(held, h5py.Dataset) else "none"
        raise ValueError(f"{path} must hold {place} of shape {shape}; got {found}.")
    array = np.asarray(held, dtype=np.float32)
    if not np.isfinite(array).all():
        raise ValueError(f"{place} of {path} must be finite; it is not.")
    return array
