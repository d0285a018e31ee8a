"""Recipe and tracks to a run folder."""

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import pandas as pd
import tensorflow as tf

from kmusic.audio.files import AudioError
from kmusic.datasets.pipelines import MISSES_IN_A_ROW, Reader
from kmusic.datasets.reading import Problems
from kmusic.datasets.splits import first_artists
from kmusic.datasets.table import read_tracks
from kmusic.datasets.tags import read_vocabulary, write_vocabulary
from kmusic.features.scaling import Scaling
from kmusic.training.batches import (
    plain_batches,
    training_batches,
    training_reader,
    validation_batches,
)
from kmusic.training.callbacks import Checkpoints, Falling, Progress, Report
from kmusic.training.compose import Composition, compose
from kmusic.training.material import Material, first_problems, gather_material
from kmusic.training.optimizers import Rate, build_optimizer, build_rate
from kmusic.training.recipe import LOSSES, Recipe
from kmusic.training.recipe_files import read_recipe
from kmusic.training.runs import Run, begin_run, finish_run, load_run, write_json
from kmusic.types import Array

EXCERPTS_FOR_STATISTICS = 512
SPECTRA = "spectra"


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
    tracks = (
        read_tracks(folder / "tracks.csv") if begun else first_artists(tracks, recipe.n_artists)
    )
    if recipe.deterministic:
        tf.config.experimental.enable_op_determinism()
    words = read_vocabulary(folder) if begun and recipe.tags else None
    material = gather_material(recipe, tracks, vocabulary=words, report=report)
    composition = compose(recipe, material.n_named)
    if material.vocabulary and material.vocabulary.vectors is not None:
        composition.learner.set_words(material.vocabulary.vectors)
    validation = _trainable(composition.learner, material)
    if not begun:
        if material.vocabulary:
            write_vocabulary(folder, material.vocabulary)
        begin_run(folder, recipe, material.labels, tracks)
    _fit(composition, material, validation, folder, report)
    write_json(folder / "problems.json", material.problems.as_dict())
    finish_run(folder, composition.model)
    shutil.rmtree(folder / SPECTRA, ignore_errors=True)  # gigabytes that nothing reads any more
    return Run(folder, recipe, material.labels, composition.model), material.problems


def _trainable(learner: keras.Model, material: Material) -> tf.data.Dataset | None:
    """Give what a learner is validated on, or refuse what could not be trained to its end.

    Raises:
        ValueError: If a rule of the recipe watches what there is not.
    """
    recipe = material.recipe
    validation = validation_batches(material)
    rules = {"early_stopping": recipe.early_stopping, "rate_falls": recipe.rate_falls}
    for name, rule in rules.items():
        if rule and not learner.trainable_weights:
            raise ValueError(f"{name} must be None where nothing is trained by steps; got {rule}.")
    watching = [name for name, rule in rules.items() if hasattr(rule, "monitor")]
    if watching and not _holds_a_batch(validation):
        without = " ".join(f"--set {name}=null" for name in watching)
        raise ValueError(
            "validation tracks with sound and a known class must be there for "
            f"{' and '.join(watching)}; got none. {without} trains all epochs without them."
            + first_problems(material.problems)
        )
    return validation


def _fit(
    composition: Composition,
    material: Material,
    validation: tf.data.Dataset | None,
    folder: Path,
    report: Report | None,
) -> None:
    """Fit the learner from where its folder left it, and give the model the best weights."""
    recipe, learner = material.recipe, composition.learner
    rate = build_rate(recipe.optimizer)
    _compile(learner, recipe, rate)
    checkpoints = Checkpoints(folder, recipe.early_stopping)
    first_epoch = checkpoints.resume(learner)
    reader, steps = training_reader(material, folder / SPECTRA), material.steps_per_epoch
    callbacks: list[keras.callbacks.Callback] = [checkpoints]
    if recipe.rate_falls:
        callbacks.append(Falling(recipe.rate_falls, rate, checkpoints.history))
    if report:
        callbacks.append(Progress(report, recipe.epochs, steps))
    if first_epoch < recipe.epochs and not checkpoints.exhausted:
        with warnings.catch_warnings(), _telling_of_silence(material.problems):
            # Keras warns at the end of any validation stream whose length it was not told.
            warnings.filterwarnings("ignore", message="Your input ran out of data")
            if first_epoch == 0:
                _fit_scaling(composition, reader, material)
            batches = training_batches(reader, material, first_epoch)
            if learner.trainable_weights:
                learner.fit(
                    batches,
                    validation_data=validation,
                    epochs=recipe.epochs,
                    initial_epoch=first_epoch,
                    steps_per_epoch=steps,
                    callbacks=callbacks,
                    shuffle=False,
                    verbose=0,
                )
            elif first_epoch == 0:
                _adapt(learner, batches.take(recipe.epochs * steps), callbacks)
    checkpoints.restore_best(learner)
    if hasattr(learner, "settle"):
        learner.settle(plain_batches(reader, material, EXCERPTS_FOR_STATISTICS))
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
            f"row were not.{first_problems(problems)}"
        ) from error


def _holds_a_batch(batches: tf.data.Dataset | None) -> bool:
    try:
        return batches is not None and any(True for _ in batches.take(1))
    except tf.errors.OpError as error:  # drawn examples have no end, but give up
        if AudioError.__name__ not in str(error):
            raise
        return False


def _compile(learner: keras.Model, recipe: Recipe, rate: Rate) -> None:
    # XLA made the residual CNN a third slower on a CPU, and its first epoch far slower.
    settings: dict[str, Any] = {
        "jit_compile": "auto" if tf.config.list_physical_devices("GPU") else False
    }
    if recipe.target is not None:
        if recipe.target == "tags":
            metric = keras.metrics.AUC(name="auc", multi_label=True)
        else:
            metric = keras.metrics.CategoricalAccuracy(name="accuracy")
        settings |= {"loss": LOSSES[recipe.loss], "weighted_metrics": [metric]}
    learner.compile(optimizer=build_optimizer(recipe.optimizer, rate), **settings)
    learner.optimizer.build(learner.trainable_variables)


def _fit_scaling(composition: Composition, reader: Reader, material: Material) -> None:
    """Fit the features' statistics on one pass of training excerpts, or a part of it."""
    if composition.scaling is None or not composition.scaling.config.is_fitted:
        return
    heard = composition.learner_front_end.input
    features = keras.Model(heard, composition.scaling.input)
    shape = heard.shape[1:]
    length = material.recipe.excerpt_samples if shape[0] is None else shape[0]
    compute = tf.function(features)
    # Moments of some hundred excerpts stand for those of all; a range does not.
    ranged = composition.scaling.config.kind == "minmax"
    n_excerpts = reader.n_tracks if ranged else EXCERPTS_FOR_STATISTICS
    composition.scaling.adapt(
        compute(batch[:, :length]).numpy() for batch in plain_batches(reader, material, n_excerpts)
    )


class _Vectors:
    """What reaches a layer in training, batch by batch; may be iterated again."""

    def __init__(
        self,
        learner: keras.Model,
        layer: keras.Layer,
        batches: tf.data.Dataset,
        told: keras.callbacks.CallbackList,
    ) -> None:
        features = keras.Model(learner.input, layer.input)
        self._compute = tf.function(lambda heard: features(heard, training=True))
        self._batches = batches
        self._told = told

    def __iter__(self) -> Iterator[Array]:
        for number, batch in enumerate(self._batches):
            yield self._compute(batch).numpy()
            self._told.on_train_batch_end(number)


def _adapt(
    learner: keras.Model, batches: tf.data.Dataset, callbacks: list[keras.callbacks.Callback]
) -> None:
    """Fit a learner that has nothing to train, as one long epoch."""
    told = keras.callbacks.CallbackList(callbacks, model=learner)
    told.on_epoch_begin(0)
    for layer in learner.layers:
        if hasattr(layer, "adapt") and not isinstance(layer, Scaling):
            layer.adapt(_Vectors(learner, layer, batches, told))
    told.on_epoch_end(0)
