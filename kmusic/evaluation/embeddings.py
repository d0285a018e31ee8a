"""Tracks of any length to one vector each, and the file that keeps them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
import tensorflow as tf

from kmusic.atomic import write_arrays
from kmusic.datasets.clips import row_names, starts
from kmusic.datasets.pipelines import segments
from kmusic.datasets.places import at_place
from kmusic.datasets.reading import Problems, open_tracks
from kmusic.training.recipe import Recipe
from kmusic.types import Array

BATCH_SIZE = 32
SAME_START = 1e-5  # seconds; half of the time between two samples at most
CARRIED = ("label", "artist", "group", "tags", "split", "fold")


@dataclass(frozen=True)
class Embeddings:
    """Vectors of tracks, and what they may be compared with.

    Attributes:
        tracks: The rows that were embedded, in order: `path`, `start`, `seconds` (all of the row,
            wherever in it the recipe listens) and what the table says of them.
        vectors: One row a track, float32, shape `(n_tracks, embedding_dim)`.
        front_end: Hash of the front end.
        model: Hash of the model's file.
    """

    tracks: pd.DataFrame
    vectors: Array
    front_end: str
    model: str

    def joined(self, other: "Embeddings") -> "Embeddings":
        """Put the rows of two files together.

        Raises:
            ValueError: If they come from different front ends or models.
        """
        for name in ("front_end", "model"):
            if getattr(self, name) != getattr(other, name):
                raise ValueError(
                    f"embeddings must share one {name} to be compared; "
                    f"got {getattr(self, name)} and {getattr(other, name)}."
                )
        tracks = pd.concat([self.tracks, other.tracks], ignore_index=True)
        vectors = np.concatenate([self.vectors, other.vectors])
        return Embeddings(tracks, vectors, self.front_end, self.model)


@dataclass(frozen=True)
class SegmentOutputs:
    """What a model says of each consecutive segment.

    Attributes:
        track: Row of the tracks, int64, shape `(n_segments,)`.
        start: Seconds from the track's beginning, float32, shape `(n_segments,)`.
        output: First output of the model, float32, shape `(n_segments, ...)`.
    """

    track: npt.NDArray[np.int64]
    start: Array
    output: Array


def average_over_tracks(
    model: keras.Model,
    tracks: pd.DataFrame,
    recipe: Recipe,
    problems: Problems,
    *,
    batch_size: int = BATCH_SIZE,
    advance: Callable[[float], Any] = lambda _: None,
    keep_segments: list[SegmentOutputs] | None = None,
) -> tuple[pd.DataFrame, list[Array]]:
    """Apply a model to all consecutive segments of tracks and average its outputs.

    Where the recipe has a `place`, only the segment there is heard.

    A track's tail is padded with zeros and counts by its length. Memory grows neither with the
    length of a track nor, but for a vector each, with their number.

    Args:
        model: From waveforms `(batch, samples)` to one output, or a list of them.
        tracks: Track table.
        recipe: Says the rate and length of a segment.
        problems: Where tracks that are left out are noted.
        batch_size: Segments at once; changes the result by rounding alone.
        advance: Called with the share of all the sound that was just heard; they add up to 1.
        keep_segments: Where each batch's first output is put besides.

    Returns:
        The tracks that could be heard whole, with their number among the segments' tracks as
        `place`, and for each output an array float32, shape `(n_tracks, ...)`, in their order.
    """
    opened = open_tracks(tracks, problems)
    tracks = at_place(opened, recipe.place, recipe.excerpt_seconds)
    broken: set[int] = set()
    batches = segments(
        tracks,
        sample_rate=recipe.frontend.sample_rate,
        samples=recipe.excerpt_samples,
        batch_size=batch_size,
        problems=problems,
        names=row_names(opened),
        broken=broken,
    )
    compute = tf.function(
        lambda waveform: tf.nest.flatten(model(waveform, training=False)),
        input_signature=[tf.TensorSpec((None, recipe.excerpt_samples), tf.float32)],
    )
    shapes = [tuple(output.shape[1:]) for output in tf.nest.flatten(model.output)]
    sums = [np.zeros((len(tracks), *shape)) for shape in shapes]
    weights = np.zeros(len(tracks))
    total_seconds, done = float(tracks["seconds"].sum()), 0.0
    for waveform, rows, begins, shares in batches:
        rows, shares = rows.numpy(), shares.numpy().astype(float)
        outputs = [output.numpy() for output in compute(waveform)]
        for total, output in zip(sums, outputs, strict=True):
            np.add.at(total, rows, (output.T * shares).T)
        np.add.at(weights, rows, shares)
        if keep_segments is not None:
            keep_segments.append(SegmentOutputs(rows, begins.numpy(), outputs[0]))
        step = float(shares.sum()) * recipe.excerpt_seconds / total_seconds
        advance(step)
        done += step
    advance(1.0 - done)  # silence, and what could not be read
    heard = (weights > 0) & ~np.isin(np.arange(len(tracks)), list(broken))
    means = [(total[heard].T / weights[heard]).T.astype(np.float32) for total in sums]
    return opened.assign(place=range(len(opened)))[heard].reset_index(drop=True), means


def write_embeddings(path: str | Path, embeddings: Embeddings) -> None:
    """Write embeddings as plain arrays, whole or not at all.

    Args:
        path: File ending in `.npz`: `vectors`, `front_end`, `model` and one text or number
            array a column of the tracks.
        embeddings: What to write.
    """
    tracks = embeddings.tracks
    columns = {"path": tracks["path"], "start": tracks["start"], "seconds": tracks["seconds"]}
    columns |= {
        name: tracks[name].astype("string").fillna("") for name in CARRIED if name in tracks
    }
    arrays = {
        name: np.asarray(values, dtype=float if name in ("start", "seconds") else str)
        for name, values in columns.items()
    }
    arrays["vectors"] = embeddings.vectors
    arrays["front_end"] = np.array(embeddings.front_end)
    arrays["model"] = np.array(embeddings.model)
    write_arrays(path, arrays)


def read_embeddings(path: str | Path) -> Embeddings:
    """Read what `write_embeddings` wrote; nothing in it is executed.

    Raises:
        ValueError: If the file is not one of embeddings.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            content = dict(arrays)
        vectors = content.pop("vectors")
        front_end, model = str(content.pop("front_end")), str(content.pop("model"))
        tracks = pd.DataFrame({name: values.tolist() for name, values in content.items()})
        tracks["path"] = tracks["path"].astype(str)
    except (KeyError, TypeError, ValueError, EOFError, BadZipFile) as error:
        raise ValueError(f"{path} must be written by `kmusic embed`; {error}.") from error
    return Embeddings(tracks.replace("", np.nan), vectors, front_end, model)


def find_track(tracks: pd.DataFrame, name: str) -> int:
    """Find the one row whose path is, or ends in, or contains a name.

    A row of a file that has several is named with `@` and its start in seconds behind.

    Raises:
        ValueError: If no row or several rows do.
    """
    paths: Sequence[str] = tracks["path"].tolist()
    matches = _rows_named(paths, name, range(len(paths)))
    head, _, start = name.rpartition("@")
    if not matches and start.replace(".", "", 1).isdecimal():
        there = np.flatnonzero(np.abs(starts(tracks) - float(start)) < SAME_START)
        matches = _rows_named(paths, head, there.tolist())
    if len(matches) == 1:
        return matches[0]
    names = row_names(tracks)
    found = [names[row] for row in matches[:5]]
    raise ValueError(f"QUERY must be one track of the embeddings; got {name!r}, found {found}.")


def _rows_named(paths: Sequence[str], name: str, rows: Sequence[int]) -> list[int]:
    """List those of some rows whose path is a name, or else ends in it, or else contains it."""
    whole = (name, str(Path(name).absolute()))
    return (
        [row for row in rows if paths[row] in whole]
        or [row for row in rows if paths[row].endswith(name)]
        or [row for row in rows if name in paths[row]]
    )
