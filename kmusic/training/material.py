"""What a learner is shown: tracks of a table, and the batches made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import tensorflow as tf

from kmusic.datasets.graph_reader import GraphReader
from kmusic.datasets.pipelines import (
    Draw,
    EachTrack,
    Reader,
    WaveformReader,
    labelled_excerpts,
    segments,
    steps_per_epoch,
)
from kmusic.datasets.places import at_place, copied
from kmusic.datasets.reading import Problems, open_tracks
from kmusic.datasets.sampling import Triplets
from kmusic.datasets.spectra import SpectrumReader
from kmusic.datasets.targets import class_codes, target_matrix, target_names
from kmusic.features.augment import apply_copies
from kmusic.features.front_ends import build_front_end
from kmusic.training.recipe import Recipe
from kmusic.types import Tensor


@dataclass(frozen=True)
class Material:
    """What a learner is shown.

    Attributes:
        recipe: What is trained.
        labels: Names of the classes.
        train: Readable training tracks, with `start` and `seconds`; of copies, each a row.
        examples: Which excerpts of those an epoch hears.
        validation: Readable validation tracks whose classes are all known; may be empty.
        problems: What was wrong with the others.
    """

    recipe: Recipe
    labels: tuple[str, ...]
    train: pd.DataFrame
    examples: Draw
    validation: pd.DataFrame
    problems: Problems

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch."""
        recipe = self.recipe
        return steps_per_epoch(
            self.examples.n_examples, recipe.batch_size, recipe.excerpts_per_track
        )

    def targets(self, tracks: pd.DataFrame) -> npt.NDArray[Any] | None:
        """Give what is to be learned of tracks.

        Returns:
            Shape `(n_tracks, n_classes)`; of triplets the number of each track's class,
            `(n_tracks,)`; `None` if nothing is named.
        """
        if self.recipe.triplets:
            return class_codes(tracks, self.recipe.triplets.column)
        if self.recipe.target is None:
            return None
        return target_matrix(tracks, self.recipe.target, self.labels)


def gather_material(recipe: Recipe, tracks: pd.DataFrame) -> Material:
    """Open the tracks of a table that a recipe learns from.

    Args:
        recipe: What is trained.
        tracks: Track table with `split`.

    Raises:
        ValueError: If no training track can be read, or no example be drawn from those.
    """
    if "split" not in tracks:
        raise ValueError("the track table must have a column 'split' to train on; it has none.")
    problems = Problems()
    train = open_tracks(tracks[tracks["split"] == "train"], problems)
    validation = open_tracks(tracks[tracks["split"] == "validation"], problems)
    if train.empty:
        raise ValueError(
            f"there must be a readable training track; got none.{first_problems(problems)}"
        )
    if recipe.triplets:
        train, validation = (
            side[class_codes(side, recipe.triplets.column) >= 0].reset_index(drop=True)
            for side in (train, validation)
        )
    labels: tuple[str, ...] = ()
    if recipe.target is not None:
        labels = target_names(train, recipe.target)
        known = target_matrix(validation, recipe.target, labels).any(axis=1)
        validation = validation[known].reset_index(drop=True)
    copies = recipe.augment.copies if recipe.augment else ()
    read_seconds = _samples_read(recipe) / recipe.frontend.sample_rate
    train = copied(train, copies, recipe.place, recipe.excerpt_seconds, read_seconds)
    return Material(
        recipe,
        labels,
        train,
        _examples(recipe, train),
        at_place(validation, recipe.place, recipe.excerpt_seconds),
        problems,
    )


def first_problems(problems: Problems) -> str:
    """Tell the first problems, to end an error's line with."""
    reasons = list(problems.as_dict().items())[:3]
    return "".join(f" {path}: {reason}." for path, reason in reasons)


def training_reader(material: Material, cache: Path) -> Reader:
    """Choose how excerpts of the training tracks are read.

    Args:
        material: What is trained on.
        cache: Folder where spectra are kept, if the recipe asks for it.
    """
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
    rate, samples = recipe.frontend.sample_rate, _samples_read(recipe)
    if recipe.decoder == "tfio":
        return GraphReader(material.train, sample_rate=rate, samples=samples)
    return WaveformReader(
        material.train, sample_rate=rate, samples=samples, problems=material.problems
    )


def training_batches(reader: Reader, material: Material, first_epoch: int) -> tf.data.Dataset:
    """Stream training batches for ever, `(input, target)` or `input`.

    Args:
        reader: Reads excerpts of `material.train`.
        material: What is trained on.
        first_epoch: Number of the first epoch.
    """
    recipe = material.recipe
    batches = labelled_excerpts(
        reader,
        material.targets(material.train),
        batch_size=recipe.batch_size,
        excerpts_per_track=recipe.excerpts_per_track,
        seed=recipe.seed,
        first_epoch=first_epoch,
        draw=material.examples,
        change=_copies(material),
    )
    return _untuned(batches)


def plain_batches(reader: Reader, material: Material, n_excerpts: int) -> tf.data.Dataset:
    """Stream training excerpts as they were recorded, for statistics of the features.

    Args:
        reader: Reads excerpts of `material.train`.
        material: What is trained on.
        n_excerpts: How many, filled to whole batches; at most one of each track.
    """
    recipe = material.recipe
    batches = labelled_excerpts(reader, None, batch_size=recipe.batch_size, seed=recipe.seed)
    return batches.take(steps_per_epoch(min(reader.n_tracks, n_excerpts), recipe.batch_size))


def validation_batches(material: Material) -> tf.data.Dataset | None:
    """Stream what the learner is validated on, the same each time.

    Args:
        material: What is validated on.

    Returns:
        All segments of the validation tracks as `(input, target, weight)`, or `(input,)` without
        targets; of triplets one draw, as `(input, classes)`.
    """
    if material.validation.empty:
        return None
    recipe = material.recipe
    layer = build_front_end(recipe.frontend)

    def heard(waveform: Tensor) -> Tensor:
        if recipe.crop != "frames":
            return waveform
        *batch, samples = waveform.shape
        spectrum = layer.spectrum(tf.reshape(waveform, (-1, samples)))
        return tf.reshape(spectrum, (-1, *batch[1:], *spectrum.shape[1:]))

    if recipe.triplets:
        batches = _one_draw(material)
        return _untuned(batches.map(lambda waveform, classes: (heard(waveform), classes)))
    batches = segments(
        material.validation,
        sample_rate=recipe.frontend.sample_rate,
        samples=recipe.excerpt_samples,
        batch_size=recipe.batch_size,
        problems=material.problems,
    )
    targets = material.targets(material.validation)
    table = None if targets is None else tf.constant(targets)

    def example(waveform: Tensor, track: Tensor, _: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
        if table is None:
            return (heard(waveform),)
        return heard(waveform), tf.gather(table, track), weight

    return _untuned(batches.map(example))


def _one_draw(material: Material) -> tf.data.Dataset:
    """Draw triplets of which the validation tracks are the anchors, each once.

    Where each of them is alone in its class, as in the paper's set of 10,000 artists, training
    tracks are their positives, and negatives too.
    """
    recipe, tracks = material.recipe, material.validation
    assert recipe.triplets is not None
    anchors = np.arange(len(tracks))
    if not tracks.duplicated(recipe.triplets.column).any():
        tracks = pd.concat([tracks, material.train], ignore_index=True)
    try:
        draw = _examples(recipe, tracks, anchors)
    except ValueError as error:
        raise ValueError(f"of the validation tracks: {error}") from error
    reader = WaveformReader(
        tracks,
        sample_rate=recipe.frontend.sample_rate,
        samples=recipe.excerpt_samples,
        problems=material.problems,
    )
    batches = labelled_excerpts(
        reader,
        material.targets(tracks),
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        draw=draw,
    )
    steps = steps_per_epoch(draw.n_examples, recipe.batch_size)
    # Keras asks a stream of unknown length for a batch too many, which its means may count.
    return batches.take(steps).apply(tf.data.experimental.assert_cardinality(steps))


def _examples(recipe: Recipe, tracks: pd.DataFrame, anchors: npt.ArrayLike | None = None) -> Draw:
    """Say which excerpts of tracks make an example; of triplets these rows are anchors."""
    if not recipe.triplets:
        return EachTrack(len(tracks))
    classes = class_codes(tracks, recipe.triplets.column)
    return Triplets(classes, recipe.triplets, anchors)


def _samples_read(recipe: Recipe) -> int:
    """Say how much of a recording becomes an excerpt in training."""
    samples = recipe.excerpt_samples
    return recipe.augment.reads(samples) if recipe.augment else samples


def _copies(material: Material) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Say how excerpts of the rows are changed, if the rows are copies."""
    recipe, rows = material.recipe, material.train
    if not (recipe.augment and recipe.augment.copies):
        return None
    semitones = tf.constant(rows["semitones"].to_numpy("float32"))
    stretch = tf.constant(rows["stretch"].to_numpy("float32"))

    def change(waveform: Tensor, row: Tensor) -> Tensor:
        pitch, tempo = tf.gather(semitones, row), tf.gather(stretch, row)
        rate, samples = recipe.frontend.sample_rate, recipe.excerpt_samples
        return apply_copies(waveform, pitch, tempo, samples, rate)

    return change


def _untuned(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Let TensorFlow keep the number of parallel calls that it begins with."""
    options = tf.data.Options()
    # The thread that tunes it kept the iterator of a training that broke off for up to 50 s.
    options.autotune.enabled = False
    return batches.with_options(options)
