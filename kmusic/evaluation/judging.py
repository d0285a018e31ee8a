"""The judgement of one run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.datasets.table import read_tracks
from kmusic.evaluation.naming import named_by_output, named_table
from kmusic.evaluation.predictions import Heard, hear
from kmusic.evaluation.probes import ProbeResult, evaluate_probe
from kmusic.evaluation.retrieval import RetrievalReport, retrieval_scores
from kmusic.training.runs import Run

Advance = Callable[[float], Any]
By = Literal["split", "folds", "fold runs"]
SHOWN = 3


@dataclass(frozen=True)
class Judged:
    """The figures of one run.

    Attributes:
        run: The run.
        protocol: Which rows were judged, how many, and the seed.
        heard: What it says of the judged tracks.
        retrieval: Of their vectors; `None` if they bear no label, or all the same.
        probes: By probe, what it read.
        named: What the run named them, as `named_table` has it; `None` if nothing.
        problems: What was wrong with tracks that were not heard.
    """

    run: Run
    protocol: dict[str, Any]
    heard: Heard
    retrieval: RetrievalReport | None
    probes: dict[str, ProbeResult]
    named: pd.DataFrame | None
    problems: dict[str, str]


def judge(
    run: Run,
    tracks: pd.DataFrame | None,
    probes: Sequence[str],
    by: By,
    *,
    n_seeds: int,
    seed: int,
    advance: Advance,
) -> Judged:
    """Judge one run; the arguments are those of `score_run`.

    Raises:
        ValueError: If there is no track to judge, or none to fit a probe on.
    """
    table, rule = _wanted_rows(run, tracks, probes, by)
    heard = hear(run, table, advance=advance)
    rows = heard.embeddings.tracks
    judged = rows["judged"].to_numpy(dtype=bool)
    if not judged.any():
        shown = dict([*heard.problems.items()][:SHOWN])
        raise ValueError(f"there must be a readable track to judge; {shown or rule}.")
    groups = rows["group"].to_numpy()
    retrieval, results, named = None, {}, named_by_output(run, heard, judged)
    if "label" in rows:
        labels, targets = np.unique(rows["label"].astype(str), return_inverse=True)
        vectors = heard.embeddings.vectors
        counts = np.bincount(targets[judged])
        if counts.max() > 1 and (counts > 0).sum() > 1:
            retrieval = retrieval_scores(vectors[judged], targets[judged], groups=groups[judged])
        settings = {"labels": labels.tolist(), "seed": seed, "groups": groups}
        splits = _splits(rows, judged, by)
        for name in probes:
            results[name] = evaluate_probe(
                name, vectors, targets, splits, n_seeds=n_seeds, **settings
            )
        if run.recipe.probe:
            taught = np.flatnonzero(rows["taught"].to_numpy(dtype=bool))
            split = (taught, np.flatnonzero(judged))
            own = evaluate_probe(run.recipe.probe, vectors, targets, [split], **settings)
            named = named_table(rows.iloc[own.tested], labels[own.named], "label")
    protocol = {"rows": rule, "n_tracks": int(judged.sum()), "seed": seed}
    return Judged(run, protocol, _only(heard, judged), retrieval, results, named, heard.problems)


def _wanted_rows(
    run: Run, tracks: pd.DataFrame | None, probes: Sequence[str], by: By
) -> tuple[pd.DataFrame, str]:
    """List the rows to hear, those to be judged marked, and say in words which these are."""
    own = read_tracks(run.folder / "tracks.csv")
    table, rule = _judged_rows(own, tracks, by)
    if run.recipe.probe and not {"label"} <= set(own) & set(table):
        raise ValueError("the recipe's probe needs a column 'label', to be fitted and judged by.")
    if probes and ("label" not in table or (by != "folds" and table["judged"].all())):
        raise ValueError(
            "probes need labels, and rows to be fitted on: of other splits, or --folds; "
            f"got {len(table)} rows with the columns {list(table.columns)}."
        )
    wanted = table if probes and by != "folds" else table[table["judged"]]
    taught = own[own["split"] == "train"] if run.recipe.probe else own[:0]
    parts = [
        wanted[~wanted["path"].isin(taught["path"])].assign(taught=False),
        taught.assign(judged=False, taught=True),
    ]
    return pd.concat(parts, ignore_index=True), rule


def _judged_rows(
    own: pd.DataFrame, tracks: pd.DataFrame | None, by: By
) -> tuple[pd.DataFrame, str]:
    """Mark the rows that may be judged, and say in words which they are."""
    if tracks is None:
        tracks = own
    tested = own["split"] == "test"
    judged = ~tracks["path"].isin(own.loc[~tested, "path"])
    rule = "tracks that the run was not trained or validated on"
    if by == "fold runs":
        judged &= tracks["path"].isin(own.loc[tested, "path"])
        rule = "all folds, each by the run that was not trained or validated on it"
    elif by == "folds":
        if "fold" not in tracks:
            raise ValueError("--folds needs runs fold-N in RUN, or a column 'fold' in the table.")
        judged &= tracks["fold"].notna()
        rule += ", probes by the table's folds"
    elif "split" in tracks:
        judged &= tracks["split"] == "test"
        rule += ", of the table's split test"
    return tracks.assign(judged=judged), rule


def _splits(
    rows: pd.DataFrame, judged: npt.NDArray[np.bool_], by: By
) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    if by != "folds":
        return [(np.flatnonzero(~judged), np.flatnonzero(judged))]
    folds = rows["fold"].to_numpy()
    return [
        (np.flatnonzero(judged & (folds != fold)), np.flatnonzero(judged & (folds == fold)))
        for fold in np.unique(folds[judged])
    ]


def _only(heard: Heard, rows: npt.NDArray[np.bool_]) -> Heard:
    """Keep some of the rows."""
    kept = heard.embeddings
    kept = type(kept)(
        kept.tracks[rows].reset_index(drop=True), kept.vectors[rows], kept.front_end, kept.model
    )
    probabilities = None if heard.probabilities is None else heard.probabilities[rows]
    return Heard(kept, probabilities, heard.problems)
