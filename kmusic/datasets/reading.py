"""Read tracks of a table, and say of each that cannot be used what is wrong."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from kmusic.audio.files import AudioError, describe_file, read_waveform, stream_waveform
from kmusic.datasets.clips import row_names
from kmusic.datasets.studio.addresses import parse_address
from kmusic.datasets.studio.tracks import compose_track, is_studio_path
from kmusic.types import Array

MINIMUM_SECONDS = 0.1
SILENT_PEAK = 1e-4  # -80 dB below full scale

Result = TypeVar("Result")


class Problems:
    """What was wrong with which track; safe to add to from several threads."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        self._lock = Lock()

    def add(self, name: str | Path, reason: str) -> None:
        """Note the first thing that was wrong with a track.

        Args:
            name: Path of its file, or of a clip what `row_names` gives.
            reason: One clause that says what is wrong.
        """
        with self._lock:
            self._reasons.setdefault(str(name), reason)

    def as_dict(self) -> dict[str, str]:
        """Give the reason of each track, sorted by name."""
        with self._lock:
            return dict(sorted(self._reasons.items()))


def is_silent(waveform: Array) -> bool:
    """Say whether a waveform never reaches `SILENT_PEAK`."""
    peak = max(waveform.max(initial=0.0), -waveform.min(initial=0.0))  # abs would copy
    return bool(peak < SILENT_PEAK)


def track_seconds(path: str) -> float:
    """Give the length of a track in seconds, from its header.

    Raises:
        AudioError: If the file is unreadable or shorter than `MINIMUM_SECONDS`.
    """
    if is_studio_path(path):
        try:
            return parse_address(path).seconds
        except ValueError as error:
            raise AudioError(path, str(error)) from error
    seconds = describe_file(path).seconds
    if seconds < MINIMUM_SECONDS:
        raise AudioError(path, f"too short: {seconds:.3f} s, at least {MINIMUM_SECONDS} s needed")
    return seconds


def read_track(
    path: str, sample_rate: int, start: float = 0.0, duration: float | None = None
) -> Array:
    """Read a track, or a part of it, that holds sound.

    Args:
        path: Audio file or path of the studio corpus.
        sample_rate: Rate of the result, in Hz.
        start: Where to begin, in seconds.
        duration: How much to read, in seconds. `None` reads to the end.

    Returns:
        Waveform in `[-1, 1]`, float32, shape `(samples,)`; shorter than asked at a track's end.

    Raises:
        AudioError: If the file is unreadable or the part is silent.
    """
    if is_studio_path(path):
        first = round(start * sample_rate)
        last = None if duration is None else first + round(duration * sample_rate)
        waveform = compose_track(path, sample_rate)[first:last]
    else:
        waveform = read_waveform(path, sample_rate, start, duration)
    if is_silent(waveform):
        raise AudioError(path, f"silent from {start:.2f} s on, peak below {SILENT_PEAK:g}")
    return waveform


def stream_track(
    path: str,
    sample_rate: int,
    block_samples: int,
    start: float = 0.0,
    duration: float | None = None,
) -> Iterator[Array]:
    """Read a track of any length in consecutive blocks.

    Args:
        path: Audio file or path of the studio corpus.
        sample_rate: Rate of the blocks, in Hz.
        block_samples: Length of a block; the last one may be shorter.
        start: Where to begin, in seconds.
        duration: How much to read, in seconds. `None` reads to the end.

    Yields:
        Waveforms in `[-1, 1]`, float32, shape `(block_samples,)`.

    Raises:
        AudioError: If the file is unreadable, too short, or was silent to its end.
    """
    track_seconds(path)
    if is_studio_path(path):
        whole = read_track(path, sample_rate, start, duration)
        blocks: Iterator[Array] = (
            whole[i : i + block_samples] for i in range(0, len(whole), block_samples)
        )
    else:
        blocks = stream_waveform(path, sample_rate, block_samples, start, duration)
    silent = True
    for block in blocks:
        silent = silent and is_silent(block)
        yield block
    if silent:
        raise AudioError(path, f"silent, peak below {SILENT_PEAK:g}")


def open_tracks(
    tracks: pd.DataFrame, problems: Problems, advance: Callable[[], Any] = lambda: None
) -> pd.DataFrame:
    """Read every track's header; keep those that can be read, with the length to use.

    Args:
        tracks: Track table.
        problems: Where the tracks that are left out are noted: files whose header cannot be read,
            by path, and parts that are too short, by what `row_names` gives.
        advance: Called after each track, for a progress bar.

    Returns:
        The readable rows, numbered from 0, with float columns `start` and `seconds`: where the
        track begins in its file and how long it is.
    """

    def part(row: Any, name: str) -> tuple[float, float] | None:
        start = _number(row, "start", 0.0)
        try:
            rest = track_seconds(row.path) - start
        except AudioError as error:
            problems.add(error.path, error.reason)
            return None
        finally:
            advance()
        seconds = min(_number(row, "duration", rest), rest)
        if seconds < MINIMUM_SECONDS:
            problems.add(name, f"too short from start={start}: {seconds:.3f} s")
            return None
        return start, seconds

    named = zip(tracks.itertuples(), row_names(tracks), strict=True)
    parts = list(in_threads(lambda pair: part(*pair), named))
    readable = np.array([part is not None for part in parts], dtype=bool)
    columns = np.array([part for part in parts if part is not None], dtype=float).reshape(-1, 2)
    return (
        tracks[readable].assign(start=columns[:, 0], seconds=columns[:, 1]).reset_index(drop=True)
    )


def in_threads(
    work: Callable[[Any], Result], items: Iterable[Any], n_threads: int = 4
) -> Iterator[Result]:
    """Do work on items in threads, in order; decoding releases Python's lock."""
    with ThreadPoolExecutor(n_threads) as pool:
        yield from pool.map(work, items)


def _number(row: Any, column: str, default: float) -> float:
    value = getattr(row, column, None)
    return default if value is None or pd.isna(value) else float(value)
