"""How good a run is: what it names, what it retrieves, and what probes read from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from kmusic.atomic import write_text
from kmusic.datasets.targets import target_matrix
from kmusic.evaluation.classification import (
    ClassificationReport,
    MultilabelReport,
    multilabel_report,
)
from kmusic.evaluation.cross_modal import CrossModalReport
from kmusic.evaluation.disentanglement import Disentanglement
from kmusic.evaluation.generation import Reconstructions
from kmusic.evaluation.judged_rows import By
from kmusic.evaluation.judging import Advance, Judged, judge
from kmusic.evaluation.latent_space import LatentSpace
from kmusic.evaluation.naming import named_report
from kmusic.evaluation.predictions import Heard
from kmusic.evaluation.probes import PROBES, ProbeResult
from kmusic.evaluation.retrieval import RetrievalReport
from kmusic.training.runs import load_run, write_json

OWN_TRACKS = "the run's own tracks"


@dataclass(frozen=True)
class Scores:
    """The figures of a run, or of the runs of all folds together.

    Attributes:
        protocol: Run, data, which rows were judged and how they were kept apart from training.
        report: Of the classes that the run names; `None` if the tracks bear none of them.
        retrieval: Of the vectors, one report a run; empty if the tracks bear no label.
        probes: By probe, its results, one a run.
        reconstructions: Of judged tracks' first excerpts, one report a run; empty if the runs make
            none.
        latent: What the dimensions of latent spaces tell of these, one report a run; empty if the
            runs have no posterior.
        disentanglement: How well the vectors keep factors apart, one report a run; empty if none
            are asked for.
        cross_modal: How judged tracks and their tags find each other, one report a run; empty if
            the runs do not align the two.
        named: One row a judged track whose class is known: `path`, `start`, `group`, `true` and
            `named`; `None` if the run names no classes.
        heard: The judged tracks of the last run, for pictures.
        problems: What was wrong with tracks that were not judged.
    """

    protocol: dict[str, Any]
    report: ClassificationReport | MultilabelReport | None
    retrieval: list[RetrievalReport]
    probes: dict[str, list[ProbeResult]]
    reconstructions: list[Reconstructions]
    latent: list[LatentSpace]
    disentanglement: list[Disentanglement]
    cross_modal: list[CrossModalReport]
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
            "reconstruction": [report.to_json() for report in self.reconstructions],
            "latent": [report.to_json() for report in self.latent],
            "disentanglement": [report.to_json() for report in self.disentanglement],
            "cross_modal": [report.to_json() for report in self.cross_modal],
            "problems": self.problems,
        }


def score_run(
    folder: str | Path,
    tracks: pd.DataFrame | None = None,
    *,
    probes: Sequence[str] = (),
    folds: bool = False,
    zero_shot: bool = False,
    factors: Sequence[str] = (),
    classes: Sequence[str] = (),
    n_seeds: int = 1,
    seed: int = 0,
    advance: Advance = lambda _: None,
) -> Scores:
    """Judge a run on tracks that it was not trained on.

    Rows of the table's split "test" are judged if it has splits, else all; a row that lies over
    a part of its file, told by path, that the run was trained or validated on never is. A run
    without a target names the classes by its recipe's probe, fitted on the tracks that the run was
    trained on, if the judged ones bear no other labels. Other probes are fitted on the table's
    split "train", with "validation" to choose the epoch; without such a split on all rows that are
    not judged, and with `folds` on the other folds of the table. Of a run that aligns sound with
    tags, each is fitted on the tags of tracks as well, as "`name` of tags".

    Args:
        folder: Run folder, or with `folds` a folder of runs `fold-N`, each of which is judged on
            the fold that it has not seen.
        tracks: Track table. `None` means the one that the run was trained with; else the files of
            that one need not be there, unless the recipe's probe is fitted on them.
        probes: Names of probes to fit on the vectors.
        folds: Whether to judge by fold.
        zero_shot: Whether to name the classes of judged tracks by the words of their names alone.
        factors: Columns of the table that say what caused the sound, by which the vectors are
            judged; "studio" stands for those of the studio corpus.
        classes: Those of which a map is to be drawn; they are only looked for here.
        n_seeds: Seeds to average a probe over.
        seed: Makes probes and intervals repeatable.
        advance: Called with the share of all the sound that was just heard.

    Returns:
        The figures.

    Raises:
        TrackTableError: If files of the run's own table are to be heard and are not there.
        ValueError: If a probe is unknown, there is no track to judge, the runs of the folds do
            not name the same classes, zero-shot is asked of a run that does not align sound with
            tags or knows no word of a class, or the table has no such factor or class.
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
            judge(
                load_run(place),
                tracks,
                probes,
                by,
                zero_shot=zero_shot,
                factors=factors,
                classes=classes,
                n_seeds=n_seeds,
                seed=seed,
                advance=lambda x: advance(x * share),
            )
        )
        keras.backend.clear_session()
    return _together(folder, judged, seed)


def write_scores(folder: str | Path, scores: Scores, data: str = OWN_TRACKS) -> None:
    """Write figures as `metrics.json`, and what each track was named as `predictions.csv`.

    Args:
        folder: Run folder, or the folder of the runs of all folds.
        scores: Its figures; their protocol is told the data.
        data: What the judged tracks are called.
    """
    folder = Path(folder)
    scores.protocol["data"] = data
    if scores.named is None:
        (folder / "predictions.csv").unlink(missing_ok=True)  # of another table
    else:
        write_text(folder / "predictions.csv", scores.named.to_csv(index=False))
    write_json(folder / "metrics.json", scores.to_json())


def _together(folder: Path, judged: list[Judged], seed: int) -> Scores:
    """Put the figures of all fold runs together."""
    last = judged[-1]
    protocol = last.protocol | {
        "run": str(folder),
        "fold_runs": [part.run.folder.name for part in judged if part.run.folder != folder],
        "n_tracks": sum(part.protocol["n_tracks"] for part in judged),
    }
    if protocol["fold_runs"] and "classes" in protocol:
        classes = {part.run.folder.name: part.protocol["classes"] for part in judged}
        protocol["classes"] = classes
    problems: dict[str, str] = {}
    for part in judged:
        problems |= part.problems
    probes = dict.fromkeys(name for part in judged for name in part.probes)
    named = [part.named for part in judged if part.named is not None]
    rows = pd.concat(named, ignore_index=True) if len(named) == len(judged) else None
    report: ClassificationReport | MultilabelReport | None
    if rows is None:
        report = _multilabel(judged, seed)
    else:
        report = named_report(rows, _labels(judged), seed=seed)
    return Scores(
        protocol,
        report,
        [part.retrieval for part in judged if part.retrieval],
        {name: [part.probes[name] for part in judged if name in part.probes] for name in probes},
        [part.reconstructions for part in judged if part.reconstructions],
        [part.latent for part in judged if part.latent],
        [part.disentanglement for part in judged if part.disentanglement],
        [part.cross_modal for part in judged if part.cross_modal],
        rows,
        last.heard,
        problems,
    )


def _multilabel(judged: list[Judged], seed: int) -> MultilabelReport | None:
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


def _labels(judged: list[Judged]) -> tuple[str, ...]:
    """Give the classes that all runs learned."""
    labels = judged[0].run.labels
    for part in judged:
        if part.run.labels != labels:
            raise ValueError(
                "the runs of the folds must name the same classes; "
                f"got {sorted(labels)} and {sorted(part.run.labels)}."
            )
    return labels
