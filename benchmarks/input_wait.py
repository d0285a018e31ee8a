"""How much of a training step of the residual CNN waits for data.

Run:
    python benchmarks/input_wait.py

The default recipe is trained as `kmusic train` trains it, on FLAC files (30 s, stereo, 44.1 kHz,
made here): once from the pipeline, once from one batch that is kept in memory. The two take turns;
the difference of their best rounds is what waits.
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
    """Print seconds a step from the pipeline and from memory, and the share that waits."""
    recipe = DEFAULTS["residual_cnn"]
    learner = compose(recipe, N_CLASSES).learner
    _compile(learner, recipe)
    with tempfile.TemporaryDirectory() as folder:
        streamed = training_batches(recipe, write_tracks(Path(folder)))
        sources = {"memory": streamed.take(1).cache().repeat(), "pipeline": streamed}
        learner.fit(sources["memory"], steps_per_epoch=2, shuffle=False, verbose=0)
        rounds = [
            {name: seconds_a_step(learner, batches, steps) for name, batches in sources.items()}
            for _ in range(N_ROUNDS)
        ]
    best = {name: min(r[name] for r in rounds) for name in sources}
    print(f"{steps} steps of {recipe.batch_size} excerpts, best of {N_ROUNDS} rounds")
    for name, seconds in best.items():
        print(f"{name:10}{1e3 * seconds:8.1f} ms/step")
    print(f"waiting   {max(0.0, 1 - best['memory'] / best['pipeline']):8.1%} of a step")


def seconds_a_step(learner: keras.Model, batches: tf.data.Dataset, steps: int) -> float:
    """Train for some steps and give the mean time of one."""
    began = time.perf_counter()
    learner.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
    return (time.perf_counter() - began) / steps


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure how long training waits for data.")
    parser.add_argument("--steps", type=int, default=16, help="steps a round")
    compare(parser.parse_args().steps)
