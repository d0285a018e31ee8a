"""Tracks to tf.data batches: random excerpts for training, consecutive segments for evaluation."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import pandas as pd
import tensorflow as tf

from kmusic.audio.files import AudioError
from kmusic.datasets.reading import Problems, is_silent, read_track, stream_track
from kmusic.types import Array, Tensor

TRACKS_AT_ONCE = 4
MISSES_IN_A_ROW = 1_000
READS_AT_ONCE = 4  # WAV crops arrive a sixth faster than with one call of Python for each


class Reader(Protocol):
    """Something that reads a random excerpt of the track with a number, in the graph."""

    n_tracks: int

    def excerpts(self, positions: tf.data.Dataset) -> tf.data.Dataset:
        """Turn `(track, place)` into `(excerpt, track)`, leaving unreadable ones out.

        Args:
            positions: Elements `(track, place)`: int64 row and float32 place in `[0, 1)`, from
                the earliest to the latest possible start; or several of both that belong
                together, `(n_excerpts,)`, and are left out together.
        """
        ...


class Draw(Protocol):
    """Something that says which excerpts an epoch hears, in the graph."""

    n_examples: int

    def lap(self, key: Tensor, number: Tensor) -> tf.data.Dataset:
        """Draw the positions of all examples once.

        Args:
            key: What makes the epoch repeatable, int64 `(2,)`; gives the order.
            number: Of the lap in its epoch; with the key, it gives the places.

        Returns:
            `n_examples` elements, as a `Reader` takes them.
        """
        ...


class EachTrack:
    """Draw one excerpt of every track, at random places.

    Args:
        n_tracks: Number of tracks.
    """

    def __init__(self, n_tracks: int) -> None:
        self.n_examples = n_tracks

    def lap(self, key: Tensor, number: Tensor) -> tf.data.Dataset:
        """Draw elements `(track, place)`, int64 and float32."""
        tracks = tf.range(self.n_examples, dtype=tf.int64)
        order = tf.random.experimental.stateless_shuffle(tracks, key)
        own = tf.random.fold_in(key, number)
        places = tf.random.stateless_uniform((self.n_examples,), own)
        return tf.data.Dataset.from_tensor_slices((order, places))


class WaveformReader:
    """Read excerpts of waveforms with soundfile.

    Args:
        tracks: Readable tracks with `start` and `seconds`, from `open_tracks`.
        sample_rate: Rate of the excerpts, in Hz.
        samples: Length of an excerpt; shorter tracks are padded with zeros at the end.
        problems: Where unreadable excerpts are noted.
    """

    def __init__(
        self, tracks: pd.DataFrame, *, sample_rate: int, samples: int, problems: Problems
    ) -> None:
        self.n_tracks = len(tracks)
        self.shape = (samples,)
        self._paths = tracks["path"].tolist()
        self._starts = tracks["start"].tolist()
        self._seconds = tracks["seconds"].tolist()
        self._sample_rate = sample_rate
        self._problems = problems

    def excerpts(self, positions: tf.data.Dataset) -> tf.data.Dataset:
        """Read in parallel threads; order is kept."""
        return numpy_excerpts(positions, self.read, self.shape, self._problems)

    def read(self, track: int, place: float) -> Array:
        """Read one excerpt, shape `(samples,)`.

        Raises:
            AudioError: If the part cannot be read or is silent.
        """
        wanted = self.shape[0] / self._sample_rate
        spare = max(0.0, self._seconds[track] - wanted)
        duration = min(wanted, self._seconds[track])
        start = self._starts[track] + place * spare
        waveform = read_track(self._paths[track], self._sample_rate, start, duration)
        missing = self.shape[0] - len(waveform)
        return np.pad(waveform, (0, missing)) if missing else waveform


def numpy_excerpts(
    positions: tf.data.Dataset,
    read: Callable[[int, float], Array],
    shape: tuple[int, ...],
    problems: Problems,
) -> tf.data.Dataset:
    """Map a Python reader over positions in parallel; note its `AudioError`s and go on.

    Args:
        positions: Elements `(track, place)`, or several of both that belong together.
        read: Function of `(track, place)` that gives a float32 array of `shape`.
        shape: Static shape of an excerpt.
        problems: Where errors are noted.

    Returns:
        Elements `(excerpt, track)`, in order, without those that could not be read. Iterating
        fails once `MISSES_IN_A_ROW` could not, since then waiting for a good one has no end.
    """
    misses = itertools.count(1)
    together = positions.element_spec[0].shape

    def attempt(tracks: list[int], places: list[float]) -> list[Array] | None:
        nonlocal misses
        try:
            excerpts = [*map(read, tracks, places)]
        except AudioError as error:
            problems.add(error.path, error.reason)
            if next(misses) > MISSES_IN_A_ROW:
                raise
            return None
        misses = itertools.count(1)
        return excerpts

    def attempt_all(tracks: Array, places: Array) -> tuple[Array, Array]:
        rows = (each.reshape(len(each), -1).tolist() for each in (tracks, places))
        excerpts = [*map(attempt, *rows)]
        good = [excerpt for excerpt in excerpts if excerpt is not None]
        read_ones = tracks[[excerpt is not None for excerpt in excerpts]]
        return np.array(good, np.float32).reshape(-1, *together, *shape), read_ones

    def load(tracks: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        kinds = (tf.float32, tf.int64)
        excerpts, tracks = tf.numpy_function(attempt_all, [tracks, places], kinds, stateful=False)
        rows = (None, *together)
        return tf.ensure_shape(excerpts, (*rows, *shape)), tf.ensure_shape(tracks, rows)

    return (
        positions.batch(READS_AT_ONCE)
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .unbatch()
    )


def steps_per_epoch(n_examples: int, batch_size: int, laps: int = 1) -> int:
    """Give the batches of an epoch that hears every example a number of times."""
    return -(-n_examples * laps // batch_size)


def labelled_excerpts(
    reader: Reader,
    targets: Array | None,
    *,
    batch_size: int,
    excerpts_per_track: int = 1,
    seed: int = 0,
    first_epoch: int = 0,
    draw: Draw | None = None,
    change: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> tf.data.Dataset:
    """Stream training batches for ever; each epoch is a function of the seed and its number.

    In an epoch every readable example is heard `excerpts_per_track` times, in the epoch's own order
    and each time at a new place; what is missing to full batches is filled from the head of that
    order. A run that starts again at `first_epoch` hears what it would have heard.

    Args:
        reader: Reads an excerpt of a track.
        targets: What to learn of each track, shape `(n_tracks, ...)`. `None` gives the excerpts
            alone.
        batch_size: Examples in a batch.
        excerpts_per_track: How often an epoch hears each example.
        seed: Makes order and places repeatable.
        first_epoch: Number of the first epoch.
        draw: Says which excerpts make the examples. `None` takes one of each track.
        change: What is done to a batch of excerpts, given the row of each, int64 `(batch_size,)`.

    Returns:
        Batches `(excerpt, target)`, or `excerpt` without targets; shapes
        `(batch_size, *excerpt)` and `(batch_size, ...)`. Where several excerpts make an example,
        `(batch_size, n_excerpts, ...)` both.
    """
    drawn = draw or EachTrack(reader.n_tracks)
    wanted = steps_per_epoch(drawn.n_examples, batch_size, excerpts_per_track) * batch_size

    @tf.autograph.experimental.do_not_convert  # it would convert the readers, which are Python
    def epoch(number: Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(seed, tf.int64), number])
        # Laps without end let later examples stand in for those that cannot be read.
        positions = tf.data.Dataset.counter().flat_map(lambda lap: drawn.lap(key, lap))
        excerpts = reader.excerpts(positions.take(wanted))
        stand_ins = reader.excerpts(positions.skip(wanted))  # not begun if nothing is missing
        return excerpts.concatenate(stand_ins).take(wanted).batch(batch_size, drop_remainder=True)

    batches = tf.data.Dataset.counter(start=first_epoch).flat_map(epoch)
    if change is not None:
        batches = batches.map(
            lambda excerpt, track: (change(excerpt, track), track),
            num_parallel_calls=2,
            deterministic=True,
        )
    if targets is None:
        return batches.map(lambda excerpt, _: excerpt).prefetch(tf.data.AUTOTUNE)
    table = tf.constant(targets)
    return batches.map(lambda excerpt, track: (excerpt, tf.gather(table, track))).prefetch(
        tf.data.AUTOTUNE
    )


def segments(
    tracks: pd.DataFrame,
    *,
    sample_rate: int,
    samples: int,
    batch_size: int,
    problems: Problems,
    names: Sequence[str] | None = None,
    broken: set[int] | None = None,
) -> tf.data.Dataset:
    """Stream whole tracks as consecutive segments, a few tracks at a time.

    Memory does not grow with the length of a track. Silent segments are left out, as silent
    excerpts are in training: no label can be heard in them. Segments of one track are in order;
    those of several tracks are interleaved, always in the same way.

    Args:
        tracks: Readable tracks with `start` and `seconds`, from `open_tracks`.
        sample_rate: Rate of the segments, in Hz.
        samples: Length of a segment; a track's tail is padded with zeros.
        batch_size: Segments in a batch; the last batch may be smaller.
        problems: Where unreadable tracks are noted; a track that breaks in its middle has given
            its earlier segments.
        names: What each track is called there. `None` means by its path.
        broken: Where the rows of tracks that were not heard to their end are put besides.

    Returns:
        Batches `(waveform, track, start, weight)`: float32 `(batch, samples)`, int64 row of
        `tracks`, float32 seconds from the track's beginning, and float32 share of the segment
        that is sound, not padding, in (0, 1].
    """
    paths, starts = tracks["path"].tolist(), tracks["start"].tolist()
    lengths = tracks["seconds"].tolist()
    names = paths if names is None else names

    def of_track(track: Array) -> Iterator[tuple[Array, int, float, float]]:
        row = int(track)
        blocks = stream_track(paths[row], sample_rate, samples, starts[row], lengths[row])
        try:
            for number, block in enumerate(blocks):
                if is_silent(block):
                    continue
                segment = np.zeros(samples, np.float32)
                segment[: len(block)] = block
                yield segment, row, number * samples / sample_rate, len(block) / samples
        except AudioError as error:
            problems.add(names[row], error.reason)
            if broken is not None:
                broken.add(row)

    signature = (
        tf.TensorSpec((samples,), tf.float32),
        tf.TensorSpec((), tf.int64),
        tf.TensorSpec((), tf.float32),
        tf.TensorSpec((), tf.float32),
    )
    return (
        tf.data.Dataset.range(len(paths))
        .interleave(
            lambda track: tf.data.Dataset.from_generator(
                of_track, args=(track,), output_signature=signature
            ),
            cycle_length=TRACKS_AT_ONCE,
            num_parallel_calls=TRACKS_AT_ONCE,
            deterministic=True,
        )
        .batch(batch_size)
        .prefetch(tf.data.AUTOTUNE)
    )
