"""Tables of what tracks are and what they were named."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.datasets.clips import starts
from kmusic.evaluation.classification import ClassificationReport, classification_report
from kmusic.evaluation.predictions import Heard
from kmusic.training.runs import Run


def named_table(tracks: pd.DataFrame, named: npt.NDArray[Any], target: str) -> pd.DataFrame:
    """Put the classes that tracks were given beside those they have.

    Args:
        tracks: Rows of a track table.
        named: Class that each was given, shape `(n_tracks,)`.
        target: Column of the classes they have.

    Returns:
        `path`, `start` (seconds, 0 if the tracks have none), `group`, `true` and `named`, numbered
        from 0.
    """
    told = tracks.assign(start=starts(tracks), true=tracks[target].astype(str))
    table = told[["path", "start", "group", "true"]].assign(named=named.astype(str))
    return table.reset_index(drop=True)


def named_by_output(run: Run, heard: Heard, judged: npt.NDArray[np.bool_]) -> pd.DataFrame | None:
    """List the classes that a run's own output gives the judged tracks.

    Args:
        run: Trained run.
        heard: What it said of tracks.
        judged: Which of them are judged, shape `(n_tracks,)`.

    Returns:
        The table of those whose class is known; `None` if there is none, or the run learned no
        such classes.
    """
    target, rows = run.recipe.target, heard.embeddings.tracks
    if target is None or target == "tags" or target not in rows or heard.probabilities is None:
        return None
    known = judged & rows[target].notna().to_numpy()
    if not known.any() or not set(rows[target][known]) <= set(run.labels):
        return None
    guessed = np.array(run.labels)[heard.probabilities[known].argmax(axis=1)]
    return named_table(rows[known], guessed, target)


def named_report(
    named: pd.DataFrame, labels: Sequence[str] = (), *, seed: int = 0
) -> ClassificationReport:
    """Judge named tracks; the intervals come from whole groups.

    Args:
        named: Table from `named_table`, or several put together.
        labels: Names of the classes. Empty means those that occur.
        seed: What makes the bootstrap repeatable.
    """
    labels = tuple(labels) or tuple(sorted(set(named["true"]) | set(named["named"])))
    true, guessed = (pd.Index(labels).get_indexer(named[name]) for name in ("true", "named"))
    groups = named["group"].to_numpy()
    return classification_report(true, guessed, labels, groups=groups, seed=seed)
