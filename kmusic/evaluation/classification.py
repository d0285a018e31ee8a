"""How well classes and tags were named: accuracy, macro-F1, confusion, ROC-AUC, with intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from kmusic.evaluation.bootstrap import interval

Counts = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassificationReport:
    """What a classifier got right, counted in tracks.

    Attributes:
        labels: Names of the classes.
        confusion: Tracks by true class (rows) and predicted class (columns), `(k, k)`.
        n_tracks: Number of tracks judged.
        accuracy: Share of tracks named rightly.
        accuracy_interval: Its 95 % bootstrap interval.
        macro_f1: Mean F1 of the classes that occur among the true ones.
        macro_f1_interval: Its 95 % bootstrap interval.
        per_class: One row a class, named by `labels`: precision, recall, f1, support (tracks).
            A ratio whose denominator is zero is 0.
    """

    labels: tuple[str, ...]
    confusion: Counts
    n_tracks: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    per_class: pd.DataFrame

    def to_json(self) -> dict[str, Any]:
        """Give the report as plain values that `json.dumps` takes."""
        return {
            "n_tracks": self.n_tracks,
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "macro_f1": self.macro_f1,
            "macro_f1_interval": list(self.macro_f1_interval),
            "labels": list(self.labels),
            "confusion": self.confusion.tolist(),
            "per_class": self.per_class.to_dict("index"),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class MultilabelReport:
    """How well the tags of tracks were ranked.

    Attributes:
        labels: Names of the tags that were judged.
        left_out: Names of the tags that no track has, or every track: nothing can be ranked.
        n_tracks: Number of tracks judged.
        roc_auc: Mean area under the ROC curve over the judged tags.
        roc_auc_interval: Its 95 % bootstrap interval.
        average_precision: Mean average precision over the judged tags.
        average_precision_interval: Its 95 % bootstrap interval.
        per_tag: One row a judged tag: roc_auc, average_precision, support (tracks with the tag).
    """

    labels: tuple[str, ...]
    left_out: tuple[str, ...]
    n_tracks: int
    roc_auc: float
    roc_auc_interval: tuple[float, float]
    average_precision: float
    average_precision_interval: tuple[float, float]
    per_tag: pd.DataFrame

    def to_json(self) -> dict[str, Any]:
        """Give the report as plain values that `json.dumps` takes."""
        return {
            "n_tracks": self.n_tracks,
            "roc_auc": self.roc_auc,
            "roc_auc_interval": list(self.roc_auc_interval),
            "average_precision": self.average_precision,
            "average_precision_interval": list(self.average_precision_interval),
            "labels": list(self.labels),
            "left_out": list(self.left_out),
            "per_tag": self.per_tag.to_dict("index"),
        }


def classification_report(
    true: npt.ArrayLike,
    predicted: npt.ArrayLike,
    labels: Sequence[str],
    *,
    groups: npt.ArrayLike | None = None,
    seed: int = 0,
) -> ClassificationReport:
    """Judge predicted classes, one a track.

    Args:
        true: True class of each track, integers in `[0, len(labels))`, shape `(n_tracks,)`.
        predicted: Predicted class of each track, the same.
        labels: Names of the classes, each once.
        groups: Group of each track; the intervals then come from whole groups.
        seed: What makes the bootstrap repeatable.

    Returns:
        The report.

    Raises:
        ValueError: If a class is not among `labels`, lengths differ or there is no track.
    """
    truth, guess = _classes(true, labels, "true"), _classes(predicted, labels, "predicted")
    if len(truth) != len(guess) or not len(truth):
        raise ValueError(
            "true and predicted must have one entry a track; "
            f"got {len(truth)} true and {len(guess)} predicted."
        )
    n_classes = len(labels)
    confusion = np.bincount(truth * n_classes + guess, minlength=n_classes**2)
    macro_f1 = partial(_macro_f1, n_classes=n_classes)
    over_tracks = partial(interval, groups=groups, seed=seed, vectorized=True)
    return ClassificationReport(
        labels=tuple(labels),
        confusion=confusion.reshape(n_classes, n_classes),
        n_tracks=len(truth),
        accuracy=float(np.mean(truth == guess)),
        accuracy_interval=over_tracks(partial(np.mean, axis=1), truth == guess),
        macro_f1=float(macro_f1(truth[None], guess[None])[0]),
        macro_f1_interval=over_tracks(macro_f1, truth, guess),
        per_class=_per_class(truth, guess, labels),
    )


def report_from_confusion(
    confusion: npt.ArrayLike, labels: Sequence[str], *, seed: int = 0
) -> ClassificationReport:
    """Judge a confusion matrix, for instance one that a paper printed.

    Args:
        confusion: Tracks by true class (rows) and predicted class (columns), `(k, k)`.
        labels: Names of the `k` classes.
        seed: What makes the bootstrap repeatable.

    Returns:
        The report of the tracks that the matrix counts.

    Raises:
        ValueError: If the matrix is not a square of counts with one row a label.
    """
    counts = np.asarray(confusion)
    if counts.shape != (len(labels), len(labels)) or counts.dtype.kind not in "iu":
        raise ValueError(
            "confusion must hold whole numbers, one row and one column a label; "
            f"got {counts.dtype} of shape {counts.shape} for {len(labels)} labels."
        )
    true, predicted = np.indices(counts.shape).reshape(2, -1)
    each = counts.ravel()
    return classification_report(
        np.repeat(true, each), np.repeat(predicted, each), labels, seed=seed
    )


def multilabel_report(
    true: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    labels: Sequence[str],
    *,
    groups: npt.ArrayLike | None = None,
    seed: int = 0,
) -> MultilabelReport:
    """Judge how well the probabilities of each tag rank the tracks that have it.

    Args:
        true: Whether a track has a tag, 0 or 1, shape `(n_tracks, n_tags)`.
        probabilities: Anything that grows with the belief in a tag, shape `(n_tracks, n_tags)`.
        labels: Names of the tags.
        groups: Group of each track; the intervals then come from whole groups.
        seed: What makes the bootstrap repeatable.

    Returns:
        The report. Tags that cannot be ranked are named and left out of the means.

    Raises:
        ValueError: If shapes differ, a value is out of its range, or no tag can be ranked.
    """
    has, belief, ranked = _judged_tags(np.asarray(true), np.asarray(probabilities), labels)
    names = tuple(label for label, judged in zip(labels, ranked, strict=True) if judged)
    over_tracks = partial(interval, groups=groups, seed=seed, vectorized=True)
    roc_auc, precision = (
        _roc_auc(has[None], belief[None])[0],
        _precision(has[None], belief[None])[0],
    )
    columns = {"roc_auc": roc_auc, "average_precision": precision, "support": has.sum(axis=0)}
    return MultilabelReport(
        labels=names,
        left_out=tuple(label for label, judged in zip(labels, ranked, strict=True) if not judged),
        n_tracks=len(has),
        roc_auc=float(roc_auc.mean()),
        roc_auc_interval=over_tracks(partial(_mean_over_tags, _roc_auc), has, belief),
        average_precision=float(precision.mean()),
        average_precision_interval=over_tracks(partial(_mean_over_tags, _precision), has, belief),
        per_tag=pd.DataFrame(columns, index=pd.Index(names, name="tag")),
    )


def _classes(classes: npt.ArrayLike, labels: Sequence[str], name: str) -> Counts:
    array = np.asarray(classes)
    if len(set(labels)) != len(labels):
        raise ValueError(f"labels must name each class once; got {list(labels)}.")
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(
            f"{name} must be whole numbers, one a track; got {array.dtype} of shape {array.shape}."
        )
    outside = array[(array < 0) | (array >= len(labels))]
    if outside.size:
        raise ValueError(f"{name} must lie in [0, {len(labels)}); got {outside[0]}.")
    return array.astype(np.int64)


def _tallies(true: Counts, predicted: Counts, n_classes: int) -> tuple[Counts, Counts, Counts]:
    """Count hits, true and predicted tracks of each class, `(resamples, n_classes)` each."""
    wrong = np.where(true == predicted, true, n_classes)
    first = (n_classes + 1) * np.arange(len(true))[:, None]
    size = (n_classes + 1) * len(true)
    hits, actual, named = (
        np.bincount((classes + first).ravel(), minlength=size).reshape(len(true), -1)[:, :-1]
        for classes in (wrong, true, predicted)
    )
    return hits, actual, named


def _macro_f1(true: Counts, predicted: Counts, n_classes: int) -> Scores:
    hits, actual, named = _tallies(true, predicted, n_classes)
    f1 = 2 * hits / np.maximum(actual + named, 1)
    return np.asarray(np.sum(f1, axis=1, where=actual > 0) / np.sum(actual > 0, axis=1))


def _per_class(true: Counts, predicted: Counts, labels: Sequence[str]) -> pd.DataFrame:
    hits, actual, named = (tally[0] for tally in _tallies(true[None], predicted[None], len(labels)))
    columns = {
        "precision": hits / np.maximum(named, 1),
        "recall": hits / np.maximum(actual, 1),
        "f1": 2 * hits / np.maximum(actual + named, 1),
        "support": actual,
    }
    return pd.DataFrame(columns, index=pd.Index(labels, name="class"))


def _judged_tags(
    true: npt.NDArray[Any], probabilities: npt.NDArray[Any], labels: Sequence[str]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Keep the tags that some tracks have and some have not, and say which they are."""
    if true.ndim != 2 or true.shape != probabilities.shape or true.shape[1] != len(labels):
        raise ValueError(
            "true and probabilities must have one row a track and one column a label; "
            f"got shapes {true.shape} and {probabilities.shape} for {len(labels)} labels."
        )
    if not np.isin(true, (0, 1)).all() or not np.isfinite(probabilities).all():
        raise ValueError("true must hold 0 and 1, and probabilities be finite; got other values.")
    has = true.astype(bool)
    ranked = np.asarray(has.any(axis=0) & ~has.all(axis=0))
    if not ranked.any():
        raise ValueError(f"a tag must be on some tracks, not on all; got none in {list(labels)}.")
    return has[:, ranked], probabilities[:, ranked], ranked


def _roc_auc(has: npt.NDArray[np.bool_], belief: npt.NDArray[Any]) -> Scores:
    """Area under the ROC curve from rank sums, `(resamples, tags)`; NaN where undefined."""
    with_tag, without = has.sum(axis=1), (~has).sum(axis=1)
    ranks = np.sum(rankdata(belief, axis=1), axis=1, where=has)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN promised
        return np.asarray((ranks - with_tag * (with_tag + 1) / 2) / (with_tag * without))


def _precision(has: npt.NDArray[np.bool_], belief: npt.NDArray[Any]) -> Scores:
    """Average precision, ties entering together, `(resamples, tags)`; NaN where undefined."""
    at_least = rankdata(-belief, method="max", axis=1)
    hits_at_least = rankdata(np.where(has, -belief, np.inf), method="max", axis=1)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN promised
        return np.asarray(np.sum(hits_at_least / at_least, axis=1, where=has) / has.sum(axis=1))


def _mean_over_tags(
    score: Callable[..., Scores], has: npt.NDArray[np.bool_], belief: npt.NDArray[Any]
) -> Scores:
    """Mean over the tags that a resample still has tracks with and without."""
    scores = score(has, belief)
    known = ~np.isnan(scores)
    with np.errstate(invalid="ignore"):  # 0 / 0: the resample is left out
        return np.asarray(np.sum(scores, axis=1, where=known) / known.sum(axis=1))
