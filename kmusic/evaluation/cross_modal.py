"""How well sound and tags find each other in the space that they share."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from kmusic.evaluation.bootstrap import interval
from kmusic.evaluation.retrieval import unit_rows

POOL = 200
CUTOFFS = (1, 5, 10)

# A difference that float32 vectors make by rounding alone, as the order of sums has it.
TIE = 1e-6

Ranks = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Where the one that is looked for comes among all.

    Attributes:
        recall: By k, share of the queries that find it among the k nearest.
        recall_interval: By k, its 95 % bootstrap interval.
        mean_rank: Mean rank, from 1.
        mean_rank_interval: Its 95 % bootstrap interval.
        median_rank: Median rank.
        median_rank_interval: Its 95 % bootstrap interval.
        ranks: Rank of each, pool by pool, shape `(n_tracks,)`.
    """

    recall: dict[int, float]
    recall_interval: dict[int, tuple[float, float]]
    mean_rank: float
    mean_rank_interval: tuple[float, float]
    median_rank: float
    median_rank_interval: tuple[float, float]
    ranks: Ranks = field(compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Give the figures as plain values that `json.dumps` takes."""
        return {
            "recall": {str(k): share for k, share in self.recall.items()},
            "recall_interval": {str(k): list(ends) for k, ends in self.recall_interval.items()},
            "mean_rank": self.mean_rank,
            "mean_rank_interval": list(self.mean_rank_interval),
            "median_rank": self.median_rank,
            "median_rank_interval": list(self.median_rank_interval),
        }


@dataclass(frozen=True, kw_only=True)
class CrossModalReport:
    """How well tags find their track, and tracks their tags.

    Tracks of the same tags cannot be told apart by them: the fewer sets of tags there are, the
    less there is to be reached.

    Attributes:
        to_tracks: A track's tags as query, the sound of all tracks of its pool as answers.
        to_tags: A track's sound as query, the tags of all tracks of its pool as answers.
        chance: By k, the recall of answers in random order.
        n_tracks: Tracks that were queries.
        n_tag_sets: Different sets of tags among them.
        pool_size: Tracks that each was looked for among, itself one of them.
        n_pools: Pools that the tracks were shuffled into; more than one if there are more tracks
            than 200.
        n_untagged: Tracks left out because they bear no word that the run has learned.
        n_left_out: Tagged tracks left out because they fill no pool.
    """

    to_tracks: Ranking
    to_tags: Ranking
    chance: dict[int, float]
    n_tracks: int
    n_tag_sets: int
    pool_size: int
    n_pools: int
    n_untagged: int
    n_left_out: int

    def to_json(self) -> dict[str, Any]:
        """Give the report as plain values that `json.dumps` takes."""
        counts = ("n_tracks", "n_tag_sets", "pool_size", "n_pools", "n_untagged", "n_left_out")
        return {
            "tags_to_tracks": self.to_tracks.to_json(),
            "tracks_to_tags": self.to_tags.to_json(),
            "chance": {str(k): share for k, share in self.chance.items()},
            **{name: getattr(self, name) for name in counts},
        }


def cross_modal_report(
    sound: npt.ArrayLike,
    tags: npt.ArrayLike,
    numbers: npt.ArrayLike,
    *,
    groups: npt.ArrayLike | None = None,
    n_untagged: int = 0,
    seed: int = 0,
) -> CrossModalReport:
    """Look for each track by its tags, and for its tags by its sound, by cosine.

    What is as near as the one that is looked for counts as nearer, so that vectors that are all
    alike find nothing. More than 200 tracks are shuffled into pools of 200; those left are left
    out.

    Args:
        sound: Vector of each track's sound, finite, shape `(n_tracks, dim)`.
        tags: Vector of each track's tags, finite, same shape.
        numbers: The tags themselves by number, ascending and filled up with 0, shape
            `(n_tracks, n_slots)`.
        groups: Group of each track; intervals then come from whole groups.
        n_untagged: Tracks without tags, which are not among these.
        seed: Makes the shuffle and the bootstrap repeatable.

    Returns:
        The report.

    Raises:
        ValueError: If shapes differ, values are not finite, or there are fewer than two tracks.

    Source:
        Favory et al. (2020), section 5, name both searches as work to come; what is measured here
        is not in the paper.
    """
    sets = np.asarray(numbers)
    heard, told = (unit_rows(rows).astype(np.float64) for rows in (sound, tags))
    if heard.shape != told.shape or len(heard) != len(sets) or len(heard) < 2:
        raise ValueError(
            "sound, tags and numbers must be of the same two tracks or more; "
            f"got shapes {heard.shape} and {told.shape}, and {len(sets)} sets of numbers."
        )
    pools = np.array([*_pools(len(heard), seed)])  # (n_pools, pool_size)
    rows, size = pools.ravel(), pools.shape[1]
    units = None if groups is None else np.asarray(groups)[rows]
    cosines = [told[pool] @ heard[pool].T for pool in pools]  # (queries, answers)
    return CrossModalReport(
        to_tracks=_ranking([_ranks(square) for square in cosines], units, seed),
        to_tags=_ranking([_ranks(square.T) for square in cosines], units, seed),
        chance={k: min(k / size, 1.0) for k in CUTOFFS},
        n_tracks=len(rows),
        n_tag_sets=len(np.unique(sets[rows], axis=0)),
        pool_size=size,
        n_pools=len(pools),
        n_untagged=n_untagged,
        n_left_out=len(heard) - len(rows),
    )


def _pools(n_tracks: int, seed: int) -> Iterator[Rows]:
    """Shuffle tracks into pools of `POOL`; fewer are one pool, in order."""
    if n_tracks <= POOL:
        yield np.arange(n_tracks)
        return
    shuffled = np.random.default_rng(seed).permutation(n_tracks)
    for first in range(0, n_tracks - POOL + 1, POOL):
        yield np.sort(shuffled[first : first + POOL])


def _ranks(cosines: npt.NDArray[np.float64]) -> Ranks:
    """Rank the answer on the diagonal among all of its row; what is as near comes before it."""
    own = np.diagonal(cosines)[:, None]
    return np.count_nonzero(cosines >= own - TIE, axis=1)  # itself among them


def _ranking(parts: list[Ranks], groups: npt.NDArray[Any] | None, seed: int) -> Ranking:
    ranks = np.concatenate(parts)
    spread = partial(interval, groups=groups, seed=seed, vectorized=True)
    mean, median = partial(np.mean, axis=1), partial(np.median, axis=1)
    return Ranking(
        recall={k: float(np.mean(ranks <= k)) for k in CUTOFFS},
        recall_interval={k: spread(mean, ranks <= k) for k in CUTOFFS},
        mean_rank=float(ranks.mean()),
        mean_rank_interval=spread(mean, ranks),
        median_rank=float(np.median(ranks)),
        median_rank_interval=spread(median, ranks),
        ranks=ranks,
    )
