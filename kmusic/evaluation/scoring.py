"""How good a run is: what it names, what it retrieves, and what probes read from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.datasets.table import read_tracks
from kmusic.datasets.targets import target_matrix
from kmusic.evaluation.classification import (
    ClassificationReport,
    MultilabelReport,
    multilabel_report,
)
from kmusic.evaluation.naming import named_by_output, named_report, named_table
from kmusic.evaluation.predictions import Heard, hear
from kmusic.evaluation.probes import PROBES, ProbeResult, evaluate_probe
from kmusic.evaluation.retrieval import RetrievalReport, retrieval_scores
from kmusic.training.runs import Run, load_run

Advance = Callable[[float], Any]
By = Literal["split", "folds", "fold runs"]
SHOWN = 3


@dataclass(frozen=True)
class Scores:
    """The figures of a run, or of the runs of all folds together.

    Attributes:
        protocol: Run, data, which rows were judged and how they were kept apart from training.
        report: Of the classes that the run names; `None` if the tracks bear none of them.
        retrieval: Of the vectors, one report a run; empty if the tracks bear no label.
        probes: By probe, its results, one a run.
        named: One row a judged track whose class is known: `path`, `group`, `true` and `named`;
            `None` if the run names no classes.
        heard: The judged tracks of the last run, for pictures.
        problems: What was wrong with tracks that were not judged.
    """

    protocol: dict[str, Any]
    report: ClassificationReport | MultilabelReport | None
    retrieval: list[RetrievalReport]
    probes: dict[str, list[ProbeResult]]
    named: pd.DataFrame | None
    heard: Heard
    problems: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Give the figures as plain values that `json.dumps` takes."""
        return {
            "protocol": self.protocol,
            "classification": self.report.to_json() if self.report else None,
            "retrieval": [report.to_json() for report in self.retrieval],
            "probes": {name: [r.to_json() for r in rs] for name, rs in self.probes.items()},
            "problems": self.problems,
        }


def score_run(
    folder: str | Path,
    tracks: pd.DataFrame | None = None,
    *,
    probes: Sequence[str] = (),
    folds: bool = False,
    n_seeds: int = 1,
    seed: int = 0,
    advance: Advance = lambda _: None,
) -> Scores:
    """Judge a run on tracks that it was not trained on.

    Rows of the table's split "test" are judged if it has splits, else all; rows that the run was
    trained or validated on never are. A run without a target names the classes by its recipe's
    probe, fitted on the tracks that the run was trained on. Other probes are fitted on the rows
    that are not judged, or, with `folds`, on the other folds of the table.

    Args:
        folder: Run folder, or with `folds` a folder of runs `fold-N`, each of which is judged on
            the fold that it has not seen.
        tracks: Track table. `None` means the one that the run was trained with.
        probes: Names of probes to fit on the vectors.
        folds: Whether to judge by fold.
        n_seeds: Seeds to average a probe over.
        seed: Makes probes and intervals repeatable.
        advance: Called with the share of all the sound that was just heard.

    Returns:
        The figures.

    Raises:
        ValueError: If a probe is unknown, there is no track to judge, or the runs of the folds do
            not name the same classes.
    """
    unknown = set(probes) - set(PROBES)
    if unknown:
        raise ValueError(f"probes must be among {sorted(PROBES)}; got {sorted(unknown)}.")
    folder = Path(folder)
    runs = sorted(folder.glob("fold-*")) if folds else []
    by: By = "fold runs" if runs else "folds" if folds else "split"
    share = 1 / (len(runs) or 1)
    judged = []
    for place in runs or [folder]:
        judged.append(
            _judge(load_run(place), tracks, probes, by, n_seeds, seed, lambda x: advance(x * share))
        )
        keras.backend.clear_session()
    last = judged[-1]
    protocol = last.protocol | {
        "run": str(folder),
        "fold_runs": [place.name for place in runs],
        "n_tracks": sum(part.protocol["n_tracks"] for part in judged),
    }
    problems: dict[str, str] = {}
    for part in judged:
        problems |= part.problems
    named = [part.named for part in judged if part.named is not None]
    rows = pd.concat(named, ignore_index=True) if len(named) == len(judged) else None
    return Scores(
        protocol,
        _multilabel(judged, seed)
        if rows is None
        else named_report(rows, _labels(judged), seed=seed),
        [part.retrieval for part in judged if part.retrieval],
        {name: [part.probes[name] for part in judged] for name in probes if name in last.probes},
        rows,
        last.heard,
        problems,
    )


@dataclass(frozen=True)
class _Judged:
    """The figures of one run."""

    run: Run
    protocol: dict[str, Any]
    heard: Heard
    retrieval: RetrievalReport | None
    probes: dict[str, ProbeResult]
    named: pd.DataFrame | None
    problems: dict[str, str]


def _judge(
    run: Run,
    tracks: pd.DataFrame | None,
    probes: Sequence[str],
    by: By,
    n_seeds: int,
    seed: int,
    advance: Advance,
) -> _Judged:
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
    wanted = pd.concat(
        [
            wanted[~wanted["path"].isin(taught["path"])].assign(taught=False),
            taught.assign(judged=False, taught=True),
        ]
    )
    heard = hear(run, wanted.reset_index(drop=True), advance=advance)
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
        for name in probes:
            results[name] = evaluate_probe(
                name,
                vectors,
                targets,
                _splits(rows, judged, by),
                labels=labels.tolist(),
                n_seeds=n_seeds,
                seed=seed,
                groups=groups,
            )
        if run.recipe.probe:
            taught_rows = np.flatnonzero(rows["taught"].to_numpy(dtype=bool))
            answer = evaluate_probe(
                run.recipe.probe,
                vectors,
                targets,
                [(taught_rows, np.flatnonzero(judged))],
                labels=labels.tolist(),
                seed=seed,
                groups=groups,
            )
            named = named_table(rows.iloc[answer.tested], labels[answer.named], "label")
    protocol = {"rows": rule, "n_tracks": int(judged.sum()), "seed": seed}
    return _Judged(run, protocol, _only(heard, judged), retrieval, results, named, heard.problems)


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


def _multilabel(judged: list[_Judged], seed: int) -> MultilabelReport | None:
    """Judge the tags that all runs named, together."""
    labels = _labels(judged)
    rows = pd.concat([part.heard.embeddings.tracks for part in judged], ignore_index=True)
    if judged[0].run.recipe.target != "tags" or "tags" not in rows:
        return None
    probabilities = np.concatenate(
        [part.heard.probabilities for part in judged if part.heard.probabilities is not None]
    )
    truth = target_matrix(rows, "tags", labels)
    groups = rows["group"].to_numpy()
    return multilabel_report(truth, probabilities, labels, groups=groups, seed=seed)


def _labels(judged: list[_Judged]) -> tuple[str, ...]:
    """Give the classes that all runs learned."""
    labels = judged[0].run.labels
    for part in judged:
        if part.run.labels != labels:
            raise ValueError(
                "the runs of the folds must name the same classes; "
                f"got {sorted(labels)} and {sorted(part.run.labels)}."
            )
    return labels
