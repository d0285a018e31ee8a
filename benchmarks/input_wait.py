"""How much of a training step of the residual CNN waits for data.

Run:
    python benchmarks/input_wait.py

The default recipe is trained as `kmusic train` trains it, on FLAC files (30 s, stereo, 44.1 kHz,
made here): from the pipeline, and from one batch that is kept in memory. The two take turns, and
the best round of each counts. What waits is the time until the next batch is there; where training
fills all cores, decoding also slows the step itself, which only the difference of the two shows.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
import soundfile as sf
import tensorflow as tf

from kmusic.audio.signals import chirp, noise
from kmusic.datasets.pipelines import WaveformReader, labelled_excerpts
from kmusic.datasets.reading import Problems, open_tracks
from kmusic.datasets.targets import target_matrix, target_names
from kmusic.training.compose import compose
from kmusic.training.defaults import DEFAULTS
from kmusic.training.fit import _compile
from kmusic.training.recipe import Recipe

FILE_RATE, FILE_SECONDS, N_FILES, N_CLASSES, N_ROUNDS = 44_100, 30.0, 32, 4, 3


def write_tracks(folder: Path) -> pd.DataFrame:
    """Write stereo FLAC files and give their table."""
    rows = []
    for seed in range(N_FILES):
        path = folder / f"{seed}.flac"
        left = chirp(50.0, 3_000.0 + 200.0 * seed, FILE_SECONDS, FILE_RATE)
        hiss = 0.1 * noise(FILE_SECONDS, FILE_RATE, seed)
        sf.write(path, np.stack([left + hiss, 0.5 * left - hiss], axis=1), FILE_RATE)
        rows.append({"path": str(path), "label": f"class {seed % N_CLASSES}"})
    return open_tracks(pd.DataFrame(rows), Problems())


def training_batches(recipe: Recipe, tracks: pd.DataFrame) -> tf.data.Dataset:
    """Stream the batches that training hears."""
    assert recipe.target
    assert recipe.augment
    reader = WaveformReader(
        tracks,
        sample_rate=recipe.frontend.sample_rate,
        samples=recipe.augment.reads(recipe.excerpt_samples),
        problems=Problems(),
    )
    targets = target_matrix(tracks, recipe.target, target_names(tracks, recipe.target))
    return labelled_excerpts(
        reader,
        targets,
        batch_size=recipe.batch_size,
        excerpts_per_track=recipe.excerpts_per_track,
    )


def compare(steps: int) -> None:
    """Print how long a step takes from the pipeline and from memory, and how much of it waits."""
    recipe = DEFAULTS["residual_cnn"]
    learner = compose(recipe, N_CLASSES).learner
    _compile(learner, recipe)
    with tempfile.TemporaryDirectory() as folder:
        streamed = training_batches(recipe, write_tracks(Path(folder)))
        sources = {"memory": streamed.take(1).cache().repeat(), "pipeline": streamed}
        rounds = [
            {name: train(learner, batches, steps) for name, batches in sources.items()}
            for _ in range(N_ROUNDS)
        ]
    print(f"{steps} steps of {recipe.batch_size} excerpts, best of {N_ROUNDS} rounds")
    best = {name: min(r[name] for r in rounds) for name in sources}
    for name, (whole, waiting) in best.items():
        print(f"{name:10}{1e3 * whole:8.1f} ms/step{waiting / whole:8.1%} waiting for data")
    longer = best["pipeline"][0] / best["memory"][0] - 1
    print(f"A step from the pipeline takes {longer:.1%} longer than one from memory.")


def train(learner: keras.Model, batches: tf.data.Dataset, steps: int) -> tuple[float, float]:
    """Train for some steps; give the mean seconds of one, and those of them without data."""
    iterator = iter(batches)
    learner.train_on_batch(*next(iterator))  # opens files and traces graphs
    began, waiting = time.perf_counter(), 0.0
    for _ in range(steps):
        asked = time.perf_counter()
        batch = next(iterator)
        waiting += time.perf_counter() - asked
        learner.train_on_batch(*batch)
    return (time.perf_counter() - began) / steps, waiting / steps


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure how long training waits for data.")
    parser.add_argument("--steps", type=int, default=16, help="steps a round")
    compare(parser.parse_args().steps)
