"""Composed tracks written as files by several processes."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from kmusic.atomic import replacing
from kmusic.datasets.studio.tracks import compose_track


class Job(NamedTuple):
    """A track to write: its path in the corpus, the file, and the file's rate in Hz."""

    uri: str
    target: Path
    sample_rate: int


def write_files(jobs: Sequence[Job], report: Callable[[int], None], workers: int) -> None:
    """Write tracks as 16-bit FLAC files, each whole or not at all.

    Args:
        jobs: What to write.
        report: Called with the number of files written so far.
        workers: Processes; 1 writes in this one. More are spawned, not forked: a fork of a
            process that runs TensorFlow's threads may hang.

    Raises:
        ValueError: If there is no worker.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1; got workers={workers}.")
    if workers == 1:
        for done, job in enumerate(jobs, 1):
            _write(job)
            report(done)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _end_with_the_parent) as pool:
        try:
            waiting = [pool.submit(_write, job) for job in jobs]
            for done, written in enumerate(as_completed(waiting), 1):
                written.result()
                report(done)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write(job: Job) -> None:
    """Write one track; rounding is ours, so that a sample is at most half a step off."""
    samples = np.round(compose_track(job.uri, job.sample_rate) * 2.0**15)
    samples = samples.clip(-(2**15), 2**15 - 1).astype(np.int16)
    with replacing(job.target) as draft:
        soundfile.write(draft, samples, job.sample_rate, subtype="PCM_16")


def _end_with_the_parent() -> None:
    """Let a worker end when the process that started it is killed."""
    threading.Thread(target=_wait_for_the_parent, daemon=True).start()


def _wait_for_the_parent() -> None:
    """Wait until the parent is gone, then end at once: the pool's queue would block for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
