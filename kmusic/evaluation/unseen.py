"""How good representations are on the same tracks, which none of them was trained on."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kmusic.atomic import write_text
from kmusic.datasets.clips import starts
from kmusic.evaluation.bootstrap import interval
from kmusic.evaluation.comparison import by_track, on_same_tracks
from kmusic.evaluation.probes import PROBES
from kmusic.evaluation.scoring import Scores, score_run
from kmusic.training.runs import write_json

RECORD, BY_TRACK = "unseen.json", "unseen.csv"
USUAL_PROBES = ("knn", "linear_softmax")


@dataclass(frozen=True, kw_only=True, eq=False)
class Exam:
    """What all runs are asked.

    Attributes:
        tracks: Track table with `label`; rows of its split "test" are judged, or all of its folds.
        probes: Names of probes to fit on the vectors, besides the search by nearness.
        folds: Whether to judge by fold.
        n_seeds: Seeds to average a probe over.
        seed: Makes probes and intervals repeatable.
    """

    tracks: pd.DataFrame
    probes: tuple[str, ...] = USUAL_PROBES
    folds: bool = False
    n_seeds: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        """Reject what no run could answer, before any is trained."""
        unknown = set(self.probes) - set(PROBES)
        if unknown:
            raise ValueError(f"probes must be among {sorted(PROBES)}; got {sorted(unknown)}.")
        side = "fold" if self.folds else "split"
        if not {"label", side} <= set(self.tracks):
            raise ValueError(
                f"the tracks to judge on must have the columns 'label' and {side!r}; "
                f"got {list(self.tracks.columns)}."
            )
        sides = sorted(self.tracks[side].dropna().unique().tolist())
        if len(sides) < 2 or not (self.folds or "test" in sides):
            wanted = "two folds" if self.folds else "the split test and another"
            raise ValueError(f"the tracks to judge on must lie in {wanted}; got {sides}.")
        labels = self.tracks["label"].unique().tolist()
        if len(labels) < 2:
            raise ValueError(f"the tracks to judge on must have two labels; got {labels}.")

    @cached_property
    def described(self) -> dict[str, Any]:
        """What is asked, in plain values that `json.dumps` takes; the tracks by a hash."""
        content = self.tracks.to_csv(index=False).encode()
        return {
            "tracks": hashlib.sha256(content).hexdigest()[:12],
            "probes": list(self.probes),
            "folds": self.folds,
            "n_seeds": self.n_seeds,
            "seed": self.seed,
        }


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A figure over the seeds of a recipe.

    Attributes:
        value: Mean over the seeds.
        interval: Its 95 % bootstrap interval. Whole groups are drawn, with the rows of all seeds.
        by_seed: The figure of each seed.
    """

    value: float
    interval: tuple[float, float]
    by_seed: tuple[float, ...]


def judge_unseen(
    folder: str | Path, exam: Exam, *, advance: Callable[[float], Any] = lambda _: None
) -> None:
    """Judge a run, and keep its figures as `unseen.json` and those of each track as `unseen.csv`.

    Args:
        folder: Run folder.
        exam: What is asked.
        advance: Called with the share of all the sound that was just heard.

    Raises:
        ValueError: If there is no track to judge, or no two tracks judged share a label.
    """
    scores = score_run(
        folder,
        exam.tracks,
        probes=exam.probes,
        folds=exam.folds,
        n_seeds=exam.n_seeds,
        seed=exam.seed,
        advance=advance,
    )
    write_text(Path(folder) / BY_TRACK, _by_track(scores).to_csv(index=False))
    write_json(Path(folder) / RECORD, {"exam": exam.described, **scores.to_json()})


def read_judged(folder: str | Path, exam: Exam) -> dict[str, Any]:
    """Read the figures of a run, if it was asked the same.

    Args:
        folder: Run folder.
        exam: What is asked.

    Returns:
        What `Scores.to_json` gave; empty if the run was not judged, or not so.
    """
    file = Path(folder) / RECORD
    record = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return record if record.get("exam") == exam.described else {}


def forget_judged(folder: str | Path) -> None:
    """Take away the figures of a run that is trained anew."""
    (Path(folder) / RECORD).unlink(missing_ok=True)


def read_by_track(folder: str | Path) -> pd.DataFrame:
    """Read the figures of each track judged.

    Args:
        folder: Run folder.

    Returns:
        A row a track: `path`, `group` and `true` (its label), which are text; `start`, in seconds,
        0 where the table is from before it was written; `map`, its average precision as a query,
        missing if no other file shares its label; and by name of a probe the share of the probe's
        seeds that named it rightly.
    """
    table = pd.read_csv(
        Path(folder) / BY_TRACK,
        dtype=dict.fromkeys(("path", "group", "true"), str),
        keep_default_na=False,
        na_values={"map": [""]},
    )
    return table.assign(start=starts(table))


def over_seeds(tables: Sequence[pd.DataFrame], *, seed: int = 0) -> dict[str, Reached]:
    """Put the figures of all seeds of a recipe together.

    Args:
        tables: One a seed, from `read_by_track`.
        seed: What makes the bootstrap repeatable.

    Returns:
        By name, `map` first and then the probes, what was reached.

    Raises:
        ValueError: If the seeds were not judged on the same tracks.
    """
    keyed = [by_track(table) for table in tables]
    return {name: _reached([table[name].dropna() for table in keyed], seed) for name in keyed[0]}


def _reached(columns: Sequence[pd.Series], seed: int) -> Reached:
    figures = on_same_tracks(columns)
    by_seed = figures.mean(axis=0)
    ends = interval(
        partial(np.mean, axis=1),
        figures.mean(axis=1).to_numpy(),
        groups=figures.index.get_level_values("group"),
        seed=seed,
        vectorized=True,
    )
    return Reached(value=float(by_seed.mean()), interval=ends, by_seed=tuple(by_seed.tolist()))


def _by_track(scores: Scores) -> pd.DataFrame:
    """Give what `read_by_track` tells."""
    if not scores.retrieval:
        raise ValueError(
            "the tracks judged must share labels across files, and have two of them; "
            f"got {scores.protocol['n_tracks']} tracks that do not."
        )
    tracks = scores.heard.embeddings.tracks
    (retrieval,) = scores.retrieval
    probes = {}
    for name, (result,) in scores.probes.items():
        probes[name] = result.right[np.argsort(result.tested)]  # fold by fold to row by row
    return tracks[["path", "start", "group"]].assign(
        true=tracks["label"].astype(str), map=retrieval.average_precisions, **probes
    )
