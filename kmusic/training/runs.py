"""The run folder: what was trained, on what, with what, and the result."""

import importlib.metadata
import json
import platform
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import pandas as pd

from kmusic import __version__
from kmusic.atomic import replacing, write_text
from kmusic.datasets.table import write_tracks
from kmusic.features.front_ends import front_end_hash
from kmusic.training.recipe import Recipe
from kmusic.training.recipe_files import read_recipe, to_json

CHECKPOINTS = "checkpoints"
PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "soundfile", "soxr")


@dataclass(frozen=True)
class Run:
    """A trained run.

    Attributes:
        folder: Where it lies.
        recipe: What was trained.
        labels: Names of the classes, in the order of the model's output; empty without a target.
        model: From waveforms `(batch, samples)` to the system's output.
    """

    folder: Path
    recipe: Recipe
    labels: tuple[str, ...]
    model: keras.Model

    @property
    def front_end(self) -> str:
        """Hash of the front end; embeddings of different hashes do not compare."""
        return front_end_hash(self.recipe.frontend)


def begin_run(folder: Path, recipe: Recipe, labels: tuple[str, ...], tracks: pd.DataFrame) -> None:
    """Write what is known before training: recipe, labels, versions and the tracks' sides.

    Args:
        folder: Run folder.
        recipe: Resolved recipe.
        labels: Names of the classes.
        tracks: Track table with `split`.
    """
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    versions |= {
        "kmusic": __version__,
        "python": platform.python_version(),
        "front_end": front_end_hash(recipe.frontend),
    }
    write_json(folder / "versions.json", versions)
    write_json(folder / "labels.json", list(labels))
    write_tracks(tracks, folder / "tracks.csv")
    write_json(folder / "recipe.json", to_json(recipe))


def extend_run(source: Path, folder: Path, recipe: Recipe) -> None:
    """Begin a run where another of fewer epochs ended, if that left its checkpoints.

    Args:
        source: Folder of the other run.
        folder: Run folder, new; `kmusic.training.fit.train` then goes on in it.
        recipe: Recipe of the other run with more epochs.

    Raises:
        ValueError: If more than the epochs is another.
    """
    if not (source / CHECKPOINTS / "last.npz").is_file():
        return
    own = read_recipe(source / "recipe.json")
    if replace(own, epochs=recipe.epochs) != recipe:
        raise ValueError(f"a run must be extended by its own recipe; got another for {source}.")
    for file in sorted(source.rglob("*")):
        place = file.relative_to(source)
        if file.is_file() and place.name not in ("recipe.json", "model.keras"):
            with replacing(folder / place) as draft:
                shutil.copyfile(file, draft)
    write_json(folder / "recipe.json", to_json(recipe))  # last: from now on the run has begun


def finish_run(folder: Path, model: keras.Model) -> None:
    """Write the trained model; from now on the folder is a run."""
    with replacing(folder / "model.keras") as draft:
        model.save(draft)


def load_run(folder: str | Path) -> Run:
    """Load a trained run, in Keras' safe mode.

    Raises:
        FileNotFoundError: If the folder holds no finished run.
    """
    folder = Path(folder)
    for name in ("recipe.json", "labels.json", "model.keras"):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"RUN must be a folder that `kmusic train` finished; got {folder} without {name}."
            )
    labels = tuple(json.loads((folder / "labels.json").read_text(encoding="utf-8")))
    model = keras.models.load_model(folder / "model.keras", compile=False, safe_mode=True)
    return Run(folder, read_recipe(folder / "recipe.json"), labels, model)


def write_json(path: Path, content: object) -> None:
    """Write readable JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
