"""Recipe and tracks to a run folder."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import pandas as pd
import tensorflow as tf

from kmusic.audio.files import AudioError
from kmusic.datasets.graph_reader import GraphReader
from kmusic.datasets.pipelines import (
    MISSES_IN_A_ROW,
    Reader,
    WaveformReader,
    labelled_excerpts,
    segments,
    steps_per_epoch,
)
from kmusic.datasets.reading import Problems, open_tracks
from kmusic.datasets.spectra import SpectrumReader
from kmusic.datasets.table import read_tracks
from kmusic.datasets.targets import target_matrix, target_names
from kmusic.features.front_ends import build_front_end
from kmusic.training.callbacks import Checkpoints, Progress, Report
from kmusic.training.compose import Composition, compose
from kmusic.training.optimizers import build_optimizer
from kmusic.training.recipe import Recipe
from kmusic.training.recipe_files import read_recipe
from kmusic.training.runs import Run, begin_run, finish_run, load_run, write_json
from kmusic.types import Array, Tensor

EXCERPTS_TO_FIT_SCALING = 512


@dataclass(frozen=True)
class Material:
    """What a learner is shown.

    Attributes:
        recipe: What is trained.
        labels: Names of the classes.
        train: Readable training tracks, with `start` and `seconds`.
        validation: Readable validation tracks whose classes are all known; may be empty.
        problems: What was wrong with the others.
    """

    recipe: Recipe
    labels: tuple[str, ...]
    train: pd.DataFrame
    validation: pd.DataFrame
    problems: Problems

    def targets(self, tracks: pd.DataFrame) -> Array | None:
        """Give what is to be learned of tracks, shape `(n_tracks, n_classes)`."""
        if self.recipe.target is None:
            return None
        return target_matrix(tracks, self.recipe.target, self.labels)


def train(
    recipe: Recipe,
    tracks: pd.DataFrame,
    folder: str | Path,
    *,
    resume: bool = False,
    report: Report | None = None,
) -> tuple[Run, Problems]:
    """Train a recipe on the table's training rows and keep the best epoch by its validation rows.

    Args:
        recipe: What to train.
        tracks: Track table with `split`; rows of "test" are not touched.
        folder: Run folder, new or empty unless `resume`.
        resume: Whether to go on where a killed training stopped. The tracks are then those that
            it began with.
        report: Told how far the training is.

    Returns:
        The finished run, and what was wrong with tracks that could not be used.

    Raises:
        FileExistsError: If the folder is in use and `resume` is not set.
        ValueError: If there is nothing to train on, or `resume` meets another recipe.
    """
    folder = Path(folder)
    begun = (folder / "recipe.json").is_file()
    if folder.exists() and any(folder.iterdir()) and not resume:
        raise FileExistsError(f"run folder must be new, or go on with --resume; got {folder}.")
    if begun and read_recipe(folder / "recipe.json") != recipe:
        raise ValueError(f"--resume must go on with the recipe of {folder}; got another one.")
    if (folder / "model.keras").is_file():
        return load_run(folder), Problems()
    if begun:
        tracks = read_tracks(folder / "tracks.csv")

    if recipe.deterministic:
        tf.config.experimental.enable_op_determinism()
    material = _material(recipe, tracks)
    if not begun:
        begin_run(folder, recipe, material.labels, tracks)
    composition = compose(recipe, len(material.labels) or None)
    _fit(composition, material, folder, report)
    write_json(folder / "problems.json", material.problems.as_dict())
    finish_run(folder, composition.model)
    return Run(folder, recipe, material.labels, composition.model), material.problems


def _material(recipe: Recipe, tracks: pd.DataFrame) -> Material:
    if "split" not in tracks:
        raise ValueError("the track table must have a column 'split' to train on; it has none.")
    problems = Problems()
    sides = {}
    for side in ("train", "validation"):
        sides[side] = open_tracks(tracks[tracks["split"] == side], problems)
    if sides["train"].empty:
        raise ValueError(f"there must be a readable training track; got none.{_first(problems)}")
    labels: tuple[str, ...] = ()
    if recipe.target is not None:
        labels = target_names(sides["train"], recipe.target)
        known = target_matrix(sides["validation"], recipe.target, labels).any(axis=1)
        sides["validation"] = sides["validation"][known].reset_index(drop=True)
    return Material(recipe, labels, sides["train"], sides["validation"], problems)


def _first(problems: Problems) -> str:
    """Tell the first problems, to end an error's line with."""
    reasons = list(problems.as_dict().items())[:3]
    return "".join(f" {path}: {reason}." for path, reason in reasons)


def _fit(composition: Composition, material: Material, folder: Path, report: Report | None) -> None:
    """Fit the learner from where its folder left it, and give the model the best weights."""
    recipe, learner = material.recipe, composition.learner
    validation = _validation_batches(material)
    if recipe.early_stopping and not _holds_a_batch(validation):
        raise ValueError(
            "early_stopping needs validation tracks with sound and a known class; got none. "
            "--set early_stopping=null trains all epochs without them." + _first(material.problems)
        )
    _compile(learner, recipe)
    checkpoints = Checkpoints(folder, recipe.early_stopping)
    first_epoch = checkpoints.resume(learner)
    reader = _reader(material, folder / "spectra")
    steps = steps_per_epoch(reader.n_tracks, recipe.batch_size, recipe.excerpts_per_track)
    callbacks: list[keras.callbacks.Callback] = [checkpoints]
    if report:
        callbacks.append(Progress(report, recipe.epochs, steps))
    if first_epoch < recipe.epochs and not checkpoints.exhausted:
        with warnings.catch_warnings(), _telling_of_silence(material.problems):
            # Keras warns at the end of any validation stream whose length it was not told.
            warnings.filterwarnings("ignore", message="Your input ran out of data")
            if first_epoch == 0:
                _fit_scaling(composition, reader, recipe)
            learner.fit(
                _training_batches(reader, material, first_epoch),
                validation_data=validation,
                epochs=recipe.epochs,
                initial_epoch=first_epoch,
                steps_per_epoch=steps,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
    checkpoints.restore_best(learner)
    if learner is not composition.model:
        composition.model.set_weights(learner.get_weights())


@contextmanager
def _telling_of_silence(problems: Problems) -> Iterator[None]:
    """Say in one line what TensorFlow tells in fifty when no training track can be heard."""
    try:
        yield
    except tf.errors.OpError as error:
        if AudioError.__name__ not in str(error):
            raise
        raise ValueError(
            f"training tracks must be readable and hold sound; {MISSES_IN_A_ROW} excerpts in a "
            f"row were not.{_first(problems)}"
        ) from error


def _holds_a_batch(batches: tf.data.Dataset | None) -> bool:
    return batches is not None and any(True for _ in batches.take(1))


def _compile(learner: keras.Model, recipe: Recipe) -> None:
    # XLA made the residual CNN a third slower on a CPU, and its first epoch far slower.
    settings: dict[str, Any] = {
        "jit_compile": "auto" if tf.config.list_physical_devices("GPU") else False
    }
    if recipe.target is not None:
        if recipe.target == "tags":
            metric = keras.metrics.AUC(name="auc", multi_label=True)
        else:
            metric = keras.metrics.CategoricalAccuracy(name="accuracy")
        settings |= {"loss": recipe.loss, "weighted_metrics": [metric]}
    learner.compile(optimizer=build_optimizer(recipe.optimizer), **settings)
    learner.optimizer.build(learner.trainable_variables)


def _reader(material: Material, cache: Path) -> Reader:
    recipe = material.recipe
    if recipe.crop == "frames":
        layer = build_front_end(recipe.frontend)
        return SpectrumReader(
            material.train,
            config=recipe.frontend,
            spectrum=lambda waveform: layer.spectrum(waveform[None])[0].numpy(),
            samples=recipe.excerpt_samples,
            cache=cache,
            problems=material.problems,
        )
    rate, samples = recipe.frontend.sample_rate, recipe.excerpt_samples
    if recipe.augment:
        samples = recipe.augment.reads(samples)
    if recipe.decoder == "tfio":
        return GraphReader(material.train, sample_rate=rate, samples=samples)
    return WaveformReader(
        material.train, sample_rate=rate, samples=samples, problems=material.problems
    )


def _fit_scaling(composition: Composition, reader: Reader, recipe: Recipe) -> None:
    """Fit the features' statistics on one pass of training excerpts, or a part of it."""
    if composition.scaling is None:
        return
    features = keras.Model(composition.learner.input, composition.scaling.input)
    shape = composition.learner.input.shape[1:]
    batches = labelled_excerpts(reader, None, batch_size=recipe.batch_size, seed=recipe.seed)
    n_batches = min(
        steps_per_epoch(reader.n_tracks, recipe.batch_size),
        -(-EXCERPTS_TO_FIT_SCALING // recipe.batch_size),
    )
    length = recipe.excerpt_samples if shape[0] is None else shape[0]
    compute = tf.function(features)
    composition.scaling.adapt(
        compute(batch[:, :length]).numpy() for batch in batches.take(n_batches)
    )


def _training_batches(reader: Reader, material: Material, first_epoch: int) -> tf.data.Dataset:
    batches = labelled_excerpts(
        reader,
        material.targets(material.train),
        batch_size=material.recipe.batch_size,
        excerpts_per_track=material.recipe.excerpts_per_track,
        seed=material.recipe.seed,
        first_epoch=first_epoch,
    )
    return _untuned(batches)


def _validation_batches(material: Material) -> tf.data.Dataset | None:
    """Stream all segments of the validation tracks as `(input, target, weight)`."""
    if material.validation.empty:
        return None
    recipe = material.recipe
    batches = segments(
        material.validation,
        sample_rate=recipe.frontend.sample_rate,
        samples=recipe.excerpt_samples,
        batch_size=recipe.batch_size,
        problems=material.problems,
    )
    layer = build_front_end(recipe.frontend)
    targets = material.targets(material.validation)
    table = None if targets is None else tf.constant(targets)

    def example(waveform: Tensor, track: Tensor, _: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
        heard = layer.spectrum(waveform) if recipe.crop == "frames" else waveform
        return (heard,) if table is None else (heard, tf.gather(table, track), weight)

    return _untuned(batches.map(example))


def _untuned(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Let TensorFlow keep the number of parallel calls that it begins with."""
    options = tf.data.Options()
    # The thread that tunes it kept the iterator of a training that broke off for up to 50 s.
    options.autotune.enabled = False
    return batches.with_options(options)
