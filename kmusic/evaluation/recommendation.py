"""What to hear next: tracks near to those that a person named, not all by one artist."""

from collections import Counter
from collections.abc import Sequence
from heapq import heapify, heappop, heapreplace

import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.evaluation.retrieval import ranking, unit_rows
from kmusic.types import Array

# Named tracks compared at a time: 26 MB of similarities for 100,000 tracks.
BLOCK = 64
# One sound gives one vector but for rounding, relative to its largest number.
SAME = 1e-5
# No copy of a vector lies below this cosine.
NEARLY_ONE = 1.0 - 1e-4


def recommend_tracks(
    embeddings: npt.ArrayLike,
    liked: Sequence[int],
    artists: npt.ArrayLike,
    *,
    k: int = 10,
    per_artist: int = 1,
    new_artists: bool = False,
    files: npt.ArrayLike | None = None,
) -> tuple[npt.NDArray[np.int64], Array, npt.NDArray[np.int64]]:
    """Find the tracks nearest to the ones that a person named, each of which takes its turn.

    A track belongs to the named track that it is nearest to by cosine. In a round every named
    track gives the nearest of its own that is left, and whoever gives the nearest comes first.
    So a person of two tastes gets tracks of both, as many as the tracks they named of each:
    nearness to the mean would find what lies between the tastes, and nearness alone would let
    the taste whose tracks lie closer together fill the list.

    Left out are the named tracks, copies of them (the same vector but for rounding), other parts
    of their files and tracks of an artist who already has `per_artist` in the list. Memory grows
    with the number of tracks, not with that of pairs.

    Args:
        embeddings: One row a track, finite, shape `(n_tracks, embedding_dim)`.
        liked: Rows of the named tracks, at least one; naming one twice changes nothing.
        artists: Artist of each track, shape `(n_tracks,)`. A track whose artist is missing
            (`None` or NaN) counts as the only one of an artist.
        k: Number of tracks to find, at least 1; cut to the tracks that the rules leave.
        per_artist: Most tracks of one artist in the list, at least 1.
        new_artists: Whether to leave out the artists of the named tracks.
        files: File of each track, shape `(n_tracks,)`, if some are parts of one.

    Returns:
        Rows in the order of the list, ties in order of rows, int64 `(n_found,)`; the cosine
        similarity of each to the nearest named track, in [-1, 1], float32 `(n_found,)`; and that
        track's row, the first named of equally near ones, int64 `(n_found,)`.

    Raises:
        ValueError: If there are no tracks, shapes differ, values are not finite, `liked` names
            no row or one that is not there, or a setting is below 1.

    Source:
        Bjelikj et al. (2020), section 5, name such an engine as the next step and give no rule.
    """
    vectors = np.asarray(embeddings, dtype=np.float32)
    units = unit_rows(vectors)
    named = np.array(list(dict.fromkeys(liked)), dtype=np.int64)
    codes = _artist_codes(artists)
    if not len(units) or len(codes) != len(units):
        raise ValueError(
            "embeddings must hold a track, and artists one entry a track; "
            f"got {len(units)} embeddings and {len(codes)} artists."
        )
    if not len(named) or named.min() < 0 or named.max() >= len(units):
        raise ValueError(f"liked must be rows of {len(units)} tracks; got {named.tolist()}.")
    if k < 1 or per_artist < 1:
        raise ValueError(
            f"k and per_artist must be at least 1; got k={k}, per_artist={per_artist}."
        )
    cosines, owners = _nearest_named(units, named)
    left = ~_copies(vectors, cosines, named[owners])
    left[named] = False
    if new_artists:
        left &= ~np.isin(codes, codes[named])
    if files is not None:
        parts_of = pd.factorize(np.asarray(files, dtype=object))[0]
        left &= ~np.isin(parts_of, parts_of[named])
    order = ranking(cosines)
    order = order[left[order]]
    rows = order[_in_turns(owners[order], codes[order], k, per_artist)]
    return rows, cosines[rows], named[owners[rows]]


def _artist_codes(artists: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Number the artists; every missing one is an artist of its own."""
    codes = np.array(pd.factorize(np.asarray(artists, dtype=object))[0], dtype=np.int64)
    missing = codes < 0
    codes[missing] = len(codes) + np.arange(np.count_nonzero(missing))
    return codes


def _nearest_named(
    units: Array, named: npt.NDArray[np.int64]
) -> tuple[Array, npt.NDArray[np.int64]]:
    """Give each track's largest cosine to a named track, and the place of that one in `named`."""
    cosines = np.full(len(units), -2.0, dtype=np.float32)
    owners = np.zeros(len(units), dtype=np.int64)
    for first in range(0, len(named), BLOCK):
        similarities = units[named[first : first + BLOCK]] @ units.T  # (block, n_tracks)
        largest = similarities.max(axis=0)
        nearer = largest > cosines
        owners[nearer] = first + similarities.argmax(axis=0)[nearer]
        cosines[nearer] = largest[nearer]
    return np.clip(cosines, -1.0, 1.0), owners


def _copies(
    vectors: Array, cosines: Array, nearest_named: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Say which tracks have the vector of the named track nearest to them."""
    copies = cosines > NEARLY_ONE
    rows = np.flatnonzero(copies)
    originals = vectors[nearest_named[rows]]
    differences = np.abs(vectors[rows] - originals).max(axis=1, initial=0.0)
    copies[rows] = differences <= SAME * np.abs(originals).max(axis=1, initial=0.0)
    return copies


def _in_turns(
    owners: npt.NDArray[np.int64], artists: npt.NDArray[np.int64], k: int, per_artist: int
) -> list[int]:
    """Choose places of a ranking: in each round one of every owner, the best first."""
    by_owner = np.argsort(owners, kind="stable")
    parts = np.split(by_owner, np.flatnonzero(np.diff(owners[by_owner])) + 1)
    queues = [iter(part.tolist()) for part in parts if len(part)]
    heap = [(0, next(queue), number) for number, queue in enumerate(queues)]
    heapify(heap)
    listed: Counter[int] = Counter()
    chosen: list[int] = []
    while heap and len(chosen) < k:
        rounds, place, number = heap[0]
        free = listed[artists[place]] < per_artist
        if free:
            listed[artists[place]] += 1
            chosen.append(place)
        following = next(queues[number], None)
        if following is None:
            heappop(heap)
        else:  # who could not give keeps the turn
            heapreplace(heap, (rounds + free, following, number))
    return chosen
