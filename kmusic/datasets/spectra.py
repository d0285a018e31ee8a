"""Spectra computed once a track, kept on disk, and cropped in time for every excerpt."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import tensorflow as tf

from kmusic.atomic import replacing
from kmusic.datasets.pipelines import numpy_excerpts
from kmusic.datasets.reading import Problems, stream_track
from kmusic.features.front_ends import FrontEndConfig, build_front_end, front_end_hash
from kmusic.types import Array

FRAMES_AT_ONCE = 2_048
SAMPLES_AT_ONCE = 65_536
"""Of raw sound, where a frame is a sample: 2,048 of them would make thousands of blocks."""

Spectrum: TypeAlias = Callable[[Array], Array]
"""First stage of a front end: waveform `(samples,)` to `(frames, n_raw_bands)`."""


class SpectrumReader:
    """Read excerpts of cached spectra; compute a track's spectrum when it is first met.

    Frames at an excerpt's edges see the sound beyond the edge, where a waveform excerpt has
    padding: the one difference from `WaveformReader`.

    Args:
        tracks: Readable tracks with `start` and `seconds`, from `open_tracks`.
        config: Front end; its first stage is what is cached.
        spectrum: First stage of the front end: waveform `(samples,)` to `(frames, raw_bands)`.
        samples: Length of an excerpt, in samples.
        cache: Folder for the spectra, one file a track: frame after frame, float32.
        problems: Where unreadable tracks are noted.
    """

    def __init__(
        self,
        tracks: pd.DataFrame,
        *,
        config: FrontEndConfig,
        spectrum: Spectrum,
        samples: int,
        cache: Path,
        problems: Problems,
    ) -> None:
        self.n_tracks = len(tracks)
        self.shape = (config.n_frames(samples), config.n_raw_bands)
        self._rows = list(tracks[["path", "start", "seconds"]].itertuples(index=False, name=None))
        self._config = config
        self._spectrum = spectrum
        self._cache = cache
        self._problems = problems
        cache.mkdir(parents=True, exist_ok=True)

    def excerpts(self, positions: tf.data.Dataset) -> tf.data.Dataset:
        """Read in parallel threads; order is kept."""
        return numpy_excerpts(positions, self.read, self.shape, self._problems)

    def read(self, track: int, place: float) -> Array:
        """Read one excerpt, shape `(n_frames, n_raw_bands)`; frames past the end are zero.

        Raises:
            AudioError: If the track cannot be read or is silent.
        """
        wanted, n_bands = self.shape
        frames = np.memmap(self._cached(track), np.float32, mode="r").reshape(-1, n_bands)
        first = int(place * (max(0, len(frames) - wanted) + 1))
        part = frames[first : first + wanted]
        excerpt = np.zeros(self.shape, np.float32)
        excerpt[: len(part)] = part
        return excerpt

    def _cached(self, track: int) -> Path:
        """Give the file of a track's spectrum, and compute it if it is not there."""
        path, start, seconds = self._rows[track]
        age = Path(path).stat().st_mtime_ns if Path(path).exists() else 0
        key = repr((front_end_hash(self._config), path, age, start, seconds))
        target = self._cache / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.f32"
        if not target.exists():
            blocks = stream_frames(path, start, seconds, self._config, self._spectrum)
            with replacing(target) as draft, draft.open("wb") as file:
                for frames in blocks:
                    frames.tofile(file)
        return target


def stream_spectrum(
    blocks: Iterable[Array], config: FrontEndConfig, spectrum: Spectrum
) -> Iterator[Array]:
    """Compute the frames of a stream, each block with the context that its edges need.

    Args:
        blocks: Consecutive pieces of one waveform.
        config: Front end.
        spectrum: Its first stage.

    Yields:
        Consecutive frames, shape `(frames, n_raw_bands)`.
    """
    hop, context = config.hop_length, config.context
    held, first, done = np.zeros(0, np.float32), 0, 0  # first: frame at which `held` begins
    for block in blocks:
        held = np.concatenate([held, block])
        ready = first + len(held) // hop - context
        if ready > done:
            yield spectrum(held)[done - first : ready - first]
            done = ready
            keep = max(0, done - context)
            held, first = held[(keep - first) * hop :], keep
    yield spectrum(held)[done - first :]


def stream_frames(
    path: str, start: float, seconds: float, config: FrontEndConfig, spectrum: Spectrum
) -> Iterator[Array]:
    """Compute the frames of a track, or of a part of it, some thousands at a time.

    Args:
        path: Audio file or path of the studio corpus.
        start: Where to begin, in seconds.
        seconds: How much to hear.
        config: Front end.
        spectrum: Its first stage.

    Yields:
        Consecutive frames, shape `(frames, n_raw_bands)`.

    Raises:
        AudioError: If the track cannot be read or is silent.
    """
    block = FRAMES_AT_ONCE * config.hop_length if config.context else SAMPLES_AT_ONCE
    waveform = stream_track(path, config.sample_rate, block, start, seconds)
    return stream_spectrum(waveform, config, spectrum)


def first_stage(config: FrontEndConfig) -> Spectrum:
    """Give the first stage of a front end as a function of one waveform, shape `(samples,)`."""
    layer = build_front_end(config)
    return lambda waveform: layer.spectrum(waveform[None])[0].numpy()
