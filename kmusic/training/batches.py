"""Batches of what a learner is shown."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from kmusic.datasets.graph_reader import GraphReader
from kmusic.datasets.pipelines import (
    Reader,
    WaveformReader,
    labelled_excerpts,
    segments,
    steps_per_epoch,
)
from kmusic.datasets.spectra import SpectrumReader, first_stage
from kmusic.features.augment import apply_copies
from kmusic.features.front_ends import build_front_end
from kmusic.training.material import Material, draw_examples, samples_read
from kmusic.types import Tensor


def training_reader(material: Material, cache: Path) -> Reader:
    """Choose how excerpts of the training tracks are read.

    Args:
        material: What is trained on.
        cache: Folder where spectra are kept, if the recipe asks for it.
    """
    recipe = material.recipe
    if recipe.crop == "frames":
        return SpectrumReader(
            material.train,
            config=recipe.frontend,
            spectrum=first_stage(recipe.frontend),
            samples=recipe.excerpt_samples,
            cache=cache,
            problems=material.problems,
        )
    rate, samples = recipe.frontend.sample_rate, samples_read(recipe)
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
        targets; of triplets and of tags one draw, as `(input, target)`: two excerpts of one track
        in a batch would each be the other's wrong answer.
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

    if recipe.triplets or recipe.tags:
        batches = _one_draw(material)
        return _untuned(batches.map(lambda waveform, target: (heard(waveform), target)))
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
    """Draw one example of each validation track, of triplets those of which it is the anchor.

    Where each anchor is alone in its class, as in the paper's set of 10,000 artists, training
    tracks are their positives, and negatives too.
    """
    recipe, tracks = material.recipe, material.validation
    anchors = np.arange(len(tracks))
    if recipe.triplets and not tracks.duplicated(recipe.triplets.column).any():
        tracks = pd.concat([tracks, material.train], ignore_index=True)
    try:
        draw = draw_examples(recipe, tracks, anchors)
    except ValueError as error:
        raise ValueError(f"of the validation tracks: {error}") from error
    reader = WaveformReader(
        tracks,
        sample_rate=recipe.frontend.sample_rate,
        samples=recipe.excerpt_samples,
        problems=material.problems,
    )
    batch_size = recipe.batch_size
    if recipe.tags:
        batch_size = min(batch_size, draw.n_examples)  # none twice in a batch
    batches = labelled_excerpts(
        reader, material.targets(tracks), batch_size=batch_size, seed=recipe.seed, draw=draw
    )
    steps = steps_per_epoch(draw.n_examples, batch_size)
    # Keras asks a stream of unknown length for a batch too many, which its means may count.
    return batches.take(steps).apply(tf.data.experimental.assert_cardinality(steps))


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
