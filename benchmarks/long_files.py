"""Peak memory of embedding a 3-hour file beside a 10-minute file.

Run:
    python benchmarks/long_files.py

Both are FLAC, stereo, 44.1 kHz, made here of one chirp over and over. A freshly initialised
residual CNN embeds each through `kmusic embed` in a process of its own, whose peak resident memory
the system tells. Aims: below 1.5 GB, and 3 hours at most 50 MB above 10 minutes.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
import soundfile as sf

from kmusic.audio.signals import chirp
from kmusic.training.compose import compose
from kmusic.training.defaults import DEFAULTS
from kmusic.training.runs import begin_run, finish_run

FILE_RATE = 44_100  # Hz
BLOCK_SECONDS = 10
MINUTES = (10, 180)


def write_long_file(path: Path, minutes: int) -> None:
    """Write a FLAC file of one chirp over and over, block by block."""
    block = chirp(50.0, 10_000.0, BLOCK_SECONDS, FILE_RATE)
    with sf.SoundFile(path, "w", FILE_RATE, channels=2) as file:
        for _ in range(minutes * 60 // BLOCK_SECONDS):
            file.write(np.stack([block, -0.5 * block], axis=1))


def write_fresh_run(folder: Path) -> None:
    """Write a run of the residual CNN as if it had been trained."""
    recipe = DEFAULTS["residual_cnn"]
    labels = tuple(f"genre {number}" for number in range(recipe.model.n_classes))
    begin_run(folder, recipe, labels, pd.DataFrame({"path": [], "split": []}))
    finish_run(folder, compose(recipe).model)


def embed(run: Path, file: Path) -> tuple[float, float]:
    """Embed a file in a new process; give its peak memory in MB and the seconds it took."""
    command = [sys.executable, "-c", "from kmusic.cli import main; main()", "embed"]
    began = time.perf_counter()
    process = subprocess.Popen([*command, run, file, "--out", file.with_suffix(".npz")])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"kmusic embed must end well; got status {status}.")
    return usage.ru_maxrss / 1_000, time.perf_counter() - began  # Linux counts in kilobytes


def main() -> None:
    """Print the peak memory of each file and what the long one takes more."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_fresh_run(folder / "run")
        peaks = []
        for minutes in MINUTES:
            write_long_file(folder / f"{minutes}.flac", minutes)
            peak, seconds = embed(folder / "run", folder / f"{minutes}.flac")
            peaks.append(peak)
            print(f"{minutes:4d} minutes: peak {peak:,.0f} MB, {seconds:.0f} s", flush=True)
        print(f"3 hours take {peaks[1] - peaks[0]:+,.0f} MB (aim: at most 50, and below 1,500 MB)")


if __name__ == "__main__":
    main()
