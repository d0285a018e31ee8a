"""What a search looks for: how good a run is on the tracks that it was validated on."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from kmusic.evaluation.aligned import AlignedRun
from kmusic.evaluation.cross_modal import CUTOFFS
from kmusic.evaluation.predictions import hear
from kmusic.evaluation.probes import evaluate_probe
from kmusic.evaluation.retrieval import retrieval_scores
from kmusic.evaluation.tagged_tracks import align_tracks, judge_alignment
from kmusic.training.callbacks import kept_epoch
from kmusic.training.recipe import Recipe
from kmusic.training.runs import Run


def measure(run: Run, tracks: pd.DataFrame, objective: str) -> float:
    """Measure a run on its validation tracks.

    Args:
        run: Trained run.
        tracks: Its track table, with rows of "train" and "validation".
        objective: A key of `MEASURED`, or a column of `history.csv`, which is read in the epoch
            whose weights were kept.

    Returns:
        The figure.

    Raises:
        ValueError: If it cannot be measured.
    """
    if objective in MEASURED:
        return MEASURED[objective](run, tracks)
    history = pd.read_csv(run.folder / "history.csv")
    if objective not in history:
        raise ValueError(
            f"objective must be one of {[*MEASURED]} or of {[*history.columns]}; got {objective!r}."
        )
    epoch = kept_epoch(history.to_dict("records"), run.recipe.early_stopping)
    return float(history[objective].iloc[epoch])


def require_objective(objective: str, recipe: Recipe, tracks: pd.DataFrame) -> None:
    """Refuse what no trial could be measured by, before one is trained.

    Args:
        objective: What is looked for.
        recipe: A recipe of the search.
        tracks: What its trials see.

    Raises:
        ValueError: If it is neither measured nor a figure of validation, or recipe or tracks lack
            what it needs.
    """
    if objective not in MEASURED and not objective.startswith("val_"):
        raise ValueError(
            f"objective must be one of {[*MEASURED]}, or a column of history.csv that begins with "
            f"val_; got {objective!r}."
        )
    needs: dict[str, tuple[bool, str, str]] = {
        "probe_accuracy": (recipe.probe is not None, "a recipe with a probe", "label"),
        "retrieval_map": (True, "", "label"),
        "tag_recall": (recipe.tags is not None, "a recipe that aligns sound with tags", "tags"),
    }
    fits, what, column = needs.get(objective, (True, "", "path"))
    if not fits:
        raise ValueError(f"objective {objective} needs {what}; got {type(recipe.model).__name__}.")
    taught = recipe.triplets.column if recipe.triplets else recipe.target
    for name, user in ((taught, "the recipe"), (column, f"objective {objective}")):
        if name and name not in tracks:
            raise ValueError(f"{user} needs tracks with a column {name!r}; got {[*tracks]}.")


def _probe_accuracy(run: Run, tracks: pd.DataFrame) -> float:
    """Fit the recipe's probe on vectors of training tracks, and judge it on validation tracks."""
    assert run.recipe.probe is not None
    embeddings = hear(run, tracks[tracks["label"].notna()]).embeddings
    rows = embeddings.tracks
    labels, targets = np.unique(rows["label"].astype(str), return_inverse=True)
    sides = tuple(np.flatnonzero(rows["split"] == side) for side in ("train", "validation"))
    settings = {"labels": labels.tolist(), "groups": rows["group"].to_numpy()}
    result = evaluate_probe(
        run.recipe.probe, embeddings.vectors, targets, [sides], seed=run.recipe.seed, **settings
    )
    return result.accuracy


def _retrieval_map(run: Run, tracks: pd.DataFrame) -> float:
    """Search the validation tracks by each of them."""
    embeddings = hear(run, tracks[_validates(tracks) & tracks["label"].notna()]).embeddings
    rows = embeddings.tracks
    report = retrieval_scores(embeddings.vectors, rows["label"].astype(str), files=rows["path"])
    return report.map


def _tag_recall(run: Run, tracks: pd.DataFrame) -> float:
    """Let validation tracks and their tags find each other."""
    embeddings = hear(run, tracks[_validates(tracks)]).embeddings
    rows, most = embeddings.tracks, CUTOFFS[-1]
    tagged = align_tracks(AlignedRun(run), rows, embeddings.vectors)
    every = np.ones(len(rows), dtype=bool)
    report = judge_alignment(tagged, every, rows["group"].to_numpy())
    if report is None or report.n_tracks <= most:
        n_tagged = int(tagged.known.sum())
        raise ValueError(
            f"more than {most} validation tracks must bear known tags; got {n_tagged}."
        )
    return (report.to_tracks.recall[most] + report.to_tags.recall[most]) / 2


def _validates(tracks: pd.DataFrame) -> pd.Series:
    return tracks["split"] == "validation"


MEASURED: dict[str, Callable[[Run, pd.DataFrame], float]] = {
    "probe_accuracy": _probe_accuracy,
    "retrieval_map": _retrieval_map,
    "tag_recall": _tag_recall,
}
"""What is measured after training, by name: accuracy of the recipe's probe; MAP of validation
tracks that search each other by label; recall at 10 between validation tracks and their tags."""
