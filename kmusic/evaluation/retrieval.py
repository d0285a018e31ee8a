"""How well nearness of embeddings stands for sameness of class, and what is nearest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from kmusic.evaluation.bootstrap import interval
from kmusic.types import Array

# Similarities are compared on a grid as fine as float32 is just below 1.
GRID = 2**24


@dataclass(frozen=True, kw_only=True)
class RetrievalReport:
    """What a search by cosine similarity finds when every track is a query.

    A track is looked for among those of other files alone.

    Attributes:
        map: Mean average precision over the queries.
        map_interval: Its 95 % bootstrap interval over queries.
        precision_at: By k, the mean share of the query's class among the k nearest tracks.
        n_queries: Number of queries.
        n_left_out: Tracks that are no query because no other file shares their class.
        average_precisions: Of each track as a query, NaN if it is none, float64 `(n_tracks,)`.
    """

    map: float
    map_interval: tuple[float, float]
    precision_at: dict[int, float]
    n_queries: int
    n_left_out: int
    average_precisions: npt.NDArray[np.float64] = field(compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Give the report as plain values that `json.dumps` takes."""
        return {
            "map": self.map,
            "map_interval": list(self.map_interval),
            "precision_at": {str(k): share for k, share in self.precision_at.items()},
            "n_queries": self.n_queries,
            "n_left_out": self.n_left_out,
        }


def retrieval_scores(
    embeddings: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    ks: Sequence[int] = (1, 5, 10),
    block: int = 1_024,
    files: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    seed: int = 0,
) -> RetrievalReport:
    """Search all tracks by each of them, and judge the rankings.

    The query is left out of its ranking with all that comes from its file; ties are broken by
    order. Memory grows with `block * n_tracks` (4 bytes each), not with the square of the number
    of tracks.

    Args:
        embeddings: One row a track, finite, shape `(n_tracks, embedding_dim)`. A row of zeros is
            as near to everything as at a right angle.
        targets: Class of each track, shape `(n_tracks,)`.
        ks: Lengths of the list for precision at k, each at least 1; cut to the tracks there are.
        block: Number of queries compared at a time.
        files: File of each track. `None` means a file of its own.
        groups: Group of each track; the interval then comes from whole groups.
        seed: What makes the bootstrap repeatable.

    Returns:
        The report.

    Raises:
        ValueError: If shapes differ, values are not finite, no tracks of two files share a class,
            or a setting is below 1.

    Source:
        Park et al. (2018), section 4.2, equations 3 and 4.
    """
    units = unit_rows(embeddings)
    classes = np.unique(np.asarray(targets), return_inverse=True)[1].ravel()
    if len(classes) != len(units):
        raise ValueError(
            "targets must have one class a track; "
            f"got {len(classes)} targets for {len(units)} embeddings."
        )
    if block < 1 or min(ks, default=1) < 1:
        raise ValueError(f"block and ks must be at least 1; got block={block}, ks={tuple(ks)}.")
    sources = _sources(len(classes), files)
    queries = np.flatnonzero(_n_alike(classes) > _n_alike(np.stack([classes, sources], axis=1)))
    if not len(queries):
        raise ValueError(
            f"some class must have two tracks, of two files; got {len(classes)} tracks, all alone."
        )
    scores = np.empty((len(queries), 1 + len(ks)))
    for row, hits in enumerate(_hits(units, classes, sources, queries, block)):
        ranks = np.flatnonzero(hits) + 1
        scores[row, 0] = np.mean(np.arange(1, len(ranks) + 1) / ranks)
        scores[row, 1:] = [np.mean(hits[:k]) for k in ks]
    means = scores.mean(axis=0)
    average_precisions = np.full(len(classes), np.nan)
    average_precisions[queries] = scores[:, 0]
    return RetrievalReport(
        map=float(means[0]),
        map_interval=interval(
            partial(np.mean, axis=1),
            scores[:, 0],
            groups=None if groups is None else np.asarray(groups)[queries],
            seed=seed,
            vectorized=True,
        ),
        precision_at=dict(zip(ks, means[1:].tolist(), strict=True)),
        n_queries=len(queries),
        n_left_out=len(classes) - len(queries),
        average_precisions=average_precisions,
    )


def nearest(
    embeddings: npt.ArrayLike, query: npt.ArrayLike, k: int
) -> tuple[npt.NDArray[np.int64], Array]:
    """Find the tracks whose embeddings point most nearly the way of a query.

    Args:
        embeddings: One row a track, finite, shape `(n_tracks, embedding_dim)`.
        query: Embedding to search for, shape `(embedding_dim,)`.
        k: Number of tracks to find, at least 1; cut to the tracks there are.

    Returns:
        Rows, the nearest first and ties in order, int64 `(k,)`, and their cosine similarities in
        [-1, 1], float32 `(k,)`.

    Raises:
        ValueError: If shapes differ, values are not finite, or `k` is below 1.
    """
    units, wanted = unit_rows(embeddings), unit_rows(np.asarray(query)[None])
    if units.shape[1] != wanted.shape[1] or k < 1:
        raise ValueError(
            "query must have the embeddings' length and k be at least 1; "
            f"got {wanted.shape[1]} numbers for {units.shape[1]}, k={k}."
        )
    similarities = np.clip(units @ wanted[0], -1.0, 1.0)
    rows = ranking(similarities)[:k]
    return rows, similarities[rows]


def unit_rows(embeddings: npt.ArrayLike) -> Array:
    """Scale rows to length 1, so that their products are cosines.

    Args:
        embeddings: One row a track, finite, of any length, shape `(n_tracks, embedding_dim)`.

    Returns:
        The rows, float32, same shape. A row of zeros stays one.

    Raises:
        ValueError: If there are not rows, or values are not finite.
    """
    rows = np.asarray(embeddings, dtype=np.float32)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise ValueError(
            "embeddings must be finite numbers, one row a track; "
            f"got shape {rows.shape}, {np.count_nonzero(~np.isfinite(rows))} not finite."
        )
    largest = np.max(np.abs(rows), axis=1, keepdims=True, initial=0.0)
    scaled = rows / np.where(largest > 0, largest, 1)  # squares stay within float32
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    return np.asarray(scaled / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def ranking(similarities: Array) -> npt.NDArray[np.int64]:
    """Give rows by falling similarity, ties by order.

    Distance and row share one integer: sorting those takes a fifteenth of a stable argsort's time.

    Args:
        similarities: Cosines, or less to be ranked last, float32, shape `(n_tracks,)`.

    Returns:
        Rows, int64, shape `(n_tracks,)`.
    """
    distances = np.rint((1.0 - similarities) * GRID).astype(np.int64)
    keys = (distances << 32) | np.arange(len(similarities))
    keys.sort()
    return keys & 0xFFFFFFFF


def _sources(n_tracks: int, files: npt.ArrayLike | None) -> npt.NDArray[np.int64]:
    """Number the files that tracks come from."""
    if files is None:
        return np.arange(n_tracks)
    numbers = np.unique(np.asarray(files), return_inverse=True)[1].ravel()
    if len(numbers) != n_tracks:
        raise ValueError(
            f"files must have one entry a track; got {len(numbers)} for {n_tracks} tracks."
        )
    return np.asarray(numbers, dtype=np.int64)


def _n_alike(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Count for each row the rows that equal it, itself among them."""
    _, kinds, counts = np.unique(values, axis=0, return_inverse=True, return_counts=True)
    return np.asarray(counts[kinds.ravel()], dtype=np.int64)


def _hits(
    units: Array,
    classes: npt.NDArray[Any],
    sources: npt.NDArray[np.int64],
    queries: npt.NDArray[Any],
    block: int,
) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield for each query whether those of other files share its class, nearest first."""
    n_others = len(sources) - _n_alike(sources)
    for start in range(0, len(queries), block):
        asked = queries[start : start + block]
        similarities = units[asked] @ units.T  # (block, n_tracks)
        for query, row in zip(asked, similarities, strict=True):
            row[sources == sources[query]] = -2.0  # below any other: ranked last
            yield classes[ranking(row)[: n_others[query]]] == classes[query]
