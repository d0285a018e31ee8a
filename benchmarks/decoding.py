"""Crops per second of `read_waveform` and of the tf.data pipeline beside a bare soundfile loop.

Run:
    python benchmarks/decoding.py

Each contestant reads 3.5 s crops at random places of the same 30 s files (stereo, 44.1 kHz, made
here) as mono at 22,050 Hz. The first two read the same crops with the same number of threads. The
pipeline draws its own, stacks them to batches of 32, and is timed from its second batch on. The
contestants take turns, and the best round of each counts.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
import soundfile as sf
import soxr

from kmusic.audio.files import read_waveform
from kmusic.audio.signals import chirp, noise
from kmusic.datasets.pipelines import WaveformReader, labelled_excerpts
from kmusic.datasets.reading import Problems, open_tracks
from kmusic.types import Array

BATCH_SIZE = 32
FILE_RATE, SAMPLE_RATE = 44_100, 22_050  # Hz
FILE_SECONDS, CROP_SECONDS = 30.0, 3.5
N_FILES, N_THREADS, N_ROUNDS = 8, 2, 5

Contestant: TypeAlias = Callable[[Sequence[Path], Sequence[float]], float]
"""From a path and a start in seconds for each crop, to the seconds that reading them all took."""


def read_bare(path: Path, start: float) -> Array:
    """Seek, decode, average two channels the quick way and resample, with no check at all."""
    with sf.SoundFile(path) as file:
        file.seek(round(start * FILE_RATE))
        frames = file.read(round(CROP_SECONDS * FILE_RATE), dtype="float32")
    return soxr.resample((frames[:, 0] + frames[:, 1]) / 2, FILE_RATE, SAMPLE_RATE, "HQ")


def read_ours(path: Path, start: float) -> Array:
    """Read the same crop with all checks."""
    return read_waveform(path, SAMPLE_RATE, start, CROP_SECONDS)


def in_threads(read: Callable[[Path, float], Array]) -> Contestant:
    """Make a contestant of a function that reads one crop."""

    def run(paths: Sequence[Path], starts: Sequence[float]) -> float:
        with ThreadPoolExecutor(N_THREADS) as pool:
            began = time.perf_counter()
            samples = sum(map(len, pool.map(read, paths, starts)))
            seconds = time.perf_counter() - began
        assert samples == len(paths) * round(CROP_SECONDS * SAMPLE_RATE)
        return seconds

    return run


def run_pipeline(paths: Sequence[Path], _: Sequence[float]) -> float:
    """Draw as many crops of the same files from the pipeline that training uses."""
    files = sorted(set(map(str, paths)))
    problems = Problems()
    reader = WaveformReader(
        open_tracks(pd.DataFrame({"path": files}), problems),
        sample_rate=SAMPLE_RATE,
        samples=round(CROP_SECONDS * SAMPLE_RATE),
        problems=problems,
    )
    n_batches = len(paths) // BATCH_SIZE
    heard = -(-(n_batches + 1) * BATCH_SIZE // len(files))
    batches = iter(labelled_excerpts(reader, None, batch_size=BATCH_SIZE, excerpts_per_track=heard))
    next(batches)
    began = time.perf_counter()
    for _ in range(n_batches):
        next(batches)
    seconds = time.perf_counter() - began
    return seconds * len(paths) / (n_batches * BATCH_SIZE)


CONTESTANTS: dict[str, Contestant] = {
    "bare loop": in_threads(read_bare),
    "read_waveform": in_threads(read_ours),
    "tf.data pipeline": run_pipeline,
}


def write_files(folder: Path, suffix: str) -> list[Path]:
    """Write stereo files with a melody-like part and a noise-like part."""
    paths = [folder / f"{i}.{suffix}" for i in range(N_FILES)]
    for seed, path in enumerate(paths):
        left = chirp(50.0, 5_000.0 + 500.0 * seed, FILE_SECONDS, FILE_RATE)
        hiss = 0.1 * noise(FILE_SECONDS, FILE_RATE, seed)
        sf.write(path, np.stack([left + hiss, 0.5 * left - hiss], axis=1), FILE_RATE)
    return paths


def compare(n_crops: int) -> None:
    """Print a line for each format and contestant."""
    print(f"{n_crops} crops of {CROP_SECONDS} s, {N_THREADS} threads, best of {N_ROUNDS} rounds")
    for suffix in ("mp3", "flac", "wav"):
        with tempfile.TemporaryDirectory() as folder:
            files = write_files(Path(folder), suffix)
            draw = np.random.default_rng(0)
            paths = [files[i] for i in draw.integers(N_FILES, size=n_crops)]
            starts = draw.uniform(0.0, FILE_SECONDS - CROP_SECONDS, n_crops).tolist()
            rounds = [
                {name: run(paths, starts) for name, run in CONTESTANTS.items()}
                for _ in range(N_ROUNDS)
            ]
        rates = {name: n_crops / min(r[name] for r in rounds) for name in CONTESTANTS}
        for name, rate in rates.items():
            share = rate / rates["bare loop"]
            print(f"{suffix:5}{name:17}{rate:8.0f} crops/s{share:8.1%} of the bare loop")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare ways of decoding random crops.")
    parser.add_argument("--crops", type=int, default=960, help="crops a round")
    compare(parser.parse_args().crops)
