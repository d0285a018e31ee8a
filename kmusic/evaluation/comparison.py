"""How recipes compare: what one reaches over its seeds, and two of them track by track."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kmusic.datasets.clips import clip_name, starts
from kmusic.evaluation.bootstrap import interval
from kmusic.evaluation.naming import named_report

TRACK = ["path", "start", "piece", "group", "true"]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How well the runs of all seeds of a recipe named the same tracks.

    Attributes:
        n_tracks: Tracks that each seed was judged on.
        n_groups: Groups that they belong to.
        by_seed: Accuracy of each seed.
        accuracy: Share of tracks named rightly, mean over the seeds.
        accuracy_interval: Its 95 % bootstrap interval. Whole groups are drawn, with the rows of
            all seeds.
        macro_f1: Mean F1 of the classes, over the rows of all seeds put together.
        macro_f1_interval: Its 95 % bootstrap interval, drawn likewise.
    """

    n_tracks: int
    n_groups: int
    by_seed: tuple[float, ...]
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float
    macro_f1_interval: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Give the standing as plain values that `json.dumps` takes."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much more often one recipe is right than another on the same tracks.

    Attributes:
        accuracy: Mean difference of the accuracies, in [-1, 1].
        interval: Its 95 % bootstrap interval; whole groups are drawn.
    """

    accuracy: float
    interval: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Give the difference as plain values that `json.dumps` takes."""
        return asdict(self)


def read_named(file: str | Path) -> pd.DataFrame:
    """Read the table of named tracks that `kmusic evaluate` wrote.

    Every cell is text but `start`, in seconds, 0 where the table is from before it was written.
    """
    named = pd.read_csv(file, dtype=str, keep_default_na=False)
    return named.assign(start=starts(named))


def standing(named: Sequence[pd.DataFrame], *, seed: int = 0) -> Standing:
    """Judge the named tracks of all seeds of a recipe.

    Args:
        named: One table a seed, of `path`, `start`, `group`, `true` and `named`.
        seed: What makes the bootstrap repeatable.

    Returns:
        The standing.

    Raises:
        ValueError: If the seeds were not judged on the same tracks.
    """
    hits = _hits(named)
    report = named_report(pd.concat(named, ignore_index=True), seed=seed)
    return Standing(
        n_tracks=len(hits),
        n_groups=hits.index.get_level_values("group").nunique(),
        by_seed=tuple(hits.mean(axis=0).tolist()),
        accuracy=report.accuracy,
        accuracy_interval=report.accuracy_interval,
        macro_f1=report.macro_f1,
        macro_f1_interval=report.macro_f1_interval,
    )


def paired_difference(
    named: Sequence[pd.DataFrame], others: Sequence[pd.DataFrame], *, seed: int = 0
) -> Difference:
    """Compare two recipes on the same tracks: how often this one is right, less how often that.

    A track counts with the share of the seeds that name it rightly, so tracks that are easy or
    hard for both do not widen the interval.

    Args:
        named: Tables of this recipe, one a seed, of `path`, `start`, `group`, `true` and `named`.
        others: Tables of the other recipe; the number of seeds may differ.
        seed: What makes the bootstrap repeatable.

    Returns:
        The difference, positive where `named` is better.

    Raises:
        ValueError: If the tracks, their groups or their classes are not the same.
    """
    ours, theirs = (_hits(tables).mean(axis=1) for tables in (named, others))
    shares = on_same_tracks([ours, theirs])
    differences = (shares[0] - shares[1]).to_numpy()
    return Difference(
        accuracy=float(differences.mean()),
        interval=interval(
            partial(np.mean, axis=1),
            differences,
            groups=shares.index.get_level_values("group"),
            seed=seed,
            vectorized=True,
        ),
    )


def _hits(named: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Say of each track, a row, and each seed, a column, whether it was named rightly."""
    return on_same_tracks(
        [
            (keyed["named"] == keyed.index.get_level_values("true")).astype(float)
            for keyed in map(by_track, named)
        ]
    )


def by_track(table: pd.DataFrame) -> pd.DataFrame:
    """Number the rows of a table by what tells tracks apart.

    Args:
        table: Of `path`, `group`, `true`, and maybe `start`, in seconds.
    """
    table = table.assign(start=starts(table))
    # Parts that begin together, or whose start nobody wrote, are told apart by their order.
    return table.assign(piece=table.groupby(["path", "start"]).cumcount()).set_index(TRACK)


def on_same_tracks(columns: Sequence[pd.Series]) -> pd.DataFrame:
    """Put figures of tracks, as `by_track` numbers them, side by side, a column each.

    Args:
        columns: One figure a track; none may be missing.

    Raises:
        ValueError: If the tracks, their groups or their classes are not the same.
    """
    table = pd.concat(columns, axis=1, keys=range(len(columns)))
    alone = table.index[table.isna().any(axis=1)]
    if len(alone):
        first = clip_name(*alone[0][:2])
        raise ValueError(
            "what is compared must be judged on the same tracks, of the same groups and classes; "
            f"got {len(alone)} of {len(table)} on one side alone, such as {first}."
        )
    return table
