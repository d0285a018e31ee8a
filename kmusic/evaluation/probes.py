"""Simple classifiers on frozen embeddings, the same for every representation."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from kmusic.evaluation.bootstrap import interval
from kmusic.evaluation.classification import ClassificationReport, classification_report
from kmusic.evaluation.folds import Fold, Rows, check_folds, describe_folds, read_folds
from kmusic.evaluation.linear_softmax import LinearSoftmax
from kmusic.training.probe import (
    ForestConfig,
    KNNConfig,
    LogisticConfig,
    MLPConfig,
    ProbeConfig,
    SVMConfig,
)


class Estimator(Protocol):
    """What a probe is: a scikit-learn classifier, or anything that behaves like one."""

    def fit(self, x: Any, y: Any) -> Any:
        """Learn from rows `(n, d)` of classes `(n,)`."""

    def predict(self, x: Any) -> Any:
        """Name the class of each row."""


class BoundedNeighbors(KNeighborsClassifier):
    """k-nearest neighbours with k cut to the number of training rows."""

    def fit(self, x: Any, y: Any) -> "BoundedNeighbors":
        """Remember rows `(n, d)` of classes `(n,)`."""
        self.set_params(n_neighbors=min(self.get_params()["n_neighbors"], len(y)))
        return super().fit(x, y)


def build_probe(config: ProbeConfig, seed: int = 0) -> Estimator:
    """Make the probe that a recipe asks for, not yet fitted; the seed decides what is random."""
    if isinstance(config, ForestConfig):
        return RandomForestClassifier(**asdict(config), random_state=seed)
    if isinstance(config, KNNConfig):
        votes = {"weights": config.weights, "metric": config.metric}
        estimator = BoundedNeighbors(config.n_neighbors, **votes)
    elif isinstance(config, SVMConfig):
        estimator = SVC(C=config.penalty, kernel="rbf", gamma="scale")
    elif isinstance(config, MLPConfig):
        units, passes = (config.hidden_units,), config.max_iter
        estimator = MLPClassifier(units, max_iter=passes, random_state=seed)
    else:
        estimator = LogisticRegression(C=config.penalty, max_iter=config.max_iter)
    return make_pipeline(StandardScaler(), estimator) if config.standardize else estimator


PROBES: dict[str, Callable[[int], Estimator]] = {
    "knn": lambda _: build_probe(KNNConfig(n_neighbors=20, weights="uniform", metric="cosine")),
    "knn8": lambda _: build_probe(KNNConfig(n_neighbors=8, standardize=True)),
    "logistic": lambda _: build_probe(LogisticConfig()),
    "linear_softmax": lambda seed: LinearSoftmax(seed=seed),
    "linear_softmax_published": lambda seed: LinearSoftmax(seed=seed, scaling="global"),
    "mlp": lambda seed: build_probe(MLPConfig(), seed),
    "svm": lambda _: build_probe(SVMConfig(standardize=True)),
    "forest": lambda seed: build_probe(ForestConfig(), seed),
}
"""Probe by name, made from a seed. k-NN and linear softmax are those of Park et al. (2018), with
the scaling of its public code as `linear_softmax_published`; `knn8` and `svm` are those of Bjelikj
et al. (2020); `mlp` is that of Favory et al. (2020)."""

SEEDED = (
    "linear_softmax",
    "linear_softmax_published",
    "mlp",
    "forest",
    MLPConfig.name,
    ForestConfig.name,
)
"""Probes that another seed changes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbeResult:
    """What a probe read from embeddings it was not fitted on.

    Attributes:
        name: Name of the probe.
        report: All folds' test rows together, as the first seed's probes named them.
        accuracy: Share of test rows named rightly, mean over the seeds.
        accuracy_interval: Its 95 % bootstrap interval over tracks, or whole groups if known.
        fold_accuracies: Accuracy of each fold, mean over the seeds.
        seed_accuracies: Accuracy of each seed, all folds together.
        protocol: How it was measured: probe, settings, n_train, n_validation and n_test of each
            fold, n_folds, n_seeds, seed, grouped (no group on two sides of any fold) and
            resampled (tracks or groups, for the intervals).
        tested: Rows that were tested, fold by fold.
        named: Class that the first seed's probes gave each of them.
        right: Share of the seeds whose probes named it rightly.
    """

    name: str
    report: ClassificationReport
    accuracy: float
    accuracy_interval: tuple[float, float]
    fold_accuracies: tuple[float, ...]
    seed_accuracies: tuple[float, ...]
    protocol: dict[str, Any]
    tested: Rows
    named: Rows
    right: npt.NDArray[np.float64]

    def to_json(self) -> dict[str, Any]:
        """Give the result as plain values that `json.dumps` takes."""
        return {
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "fold_accuracies": list(self.fold_accuracies),
            "seed_accuracies": list(self.seed_accuracies),
            "protocol": self.protocol,
            "report": self.report.to_json(),
        }


def evaluate_probe(
    probe: str | ProbeConfig,
    embeddings: npt.ArrayLike,
    targets: npt.ArrayLike,
    splits: Iterable[tuple[npt.ArrayLike, ...]],
    *,
    labels: Sequence[str],
    n_seeds: int = 1,
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
) -> ProbeResult:
    """Fit a probe on each fold's training rows and judge it on the fold's test rows.

    Everything is fitted on training rows, the scaler too. A probe that chooses an epoch does so by
    the fold's validation rows. Where it has none, the probe takes them from the training rows,
    without cutting a group in two.

    Args:
        probe: Name of a probe, a key of `PROBES`, or the settings of another.
        embeddings: One row a track, finite, shape `(n_tracks, embedding_dim)`.
        targets: Class of each track, integers in `[0, len(labels))`, shape `(n_tracks,)`.
        splits: Folds, or their parts: training rows, test rows and maybe validation rows.
        labels: Names of the classes.
        n_seeds: Number of seeds to average over; a probe that has no randomness runs once.
        seed: The first seed; what makes fits and bootstrap repeatable.
        groups: Group of each track, shape `(n_tracks,)`, or `None` if unknown.

    Returns:
        The result.

    Raises:
        ValueError: If the name is unknown, an embedding is not finite, lengths differ, a fold
            has a row on two sides, a row is tested twice, or a fold trains on a single class.
    """
    name, make = _named(probe)
    if n_seeds < 1:
        raise ValueError(f"n_seeds must be at least 1; got {n_seeds}.")
    x, y = np.asarray(embeddings), np.asarray(targets)
    known = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    _check_rows(x, y, known)
    folds = read_folds(splits)
    check_folds(folds, y)
    seeds = range(seed, seed + (n_seeds if name in SEEDED else 1))
    named = [[_fit_predict(make(s), x, y, fold, known) for fold in folds] for s in seeds]
    tested = np.concatenate([fold.test for fold in folds])
    right = np.stack([np.concatenate(one) == y[tested] for one in named])  # (seeds, tested)
    borders = np.cumsum([len(fold.test) for fold in folds])[:-1]
    units = None if known is None else known[tested]
    return ProbeResult(
        name=name,
        report=classification_report(
            y[tested], np.concatenate(named[0]), labels, groups=units, seed=seed
        ),
        accuracy=float(right.mean()),
        accuracy_interval=interval(
            partial(np.mean, axis=1), right.mean(axis=0), groups=units, seed=seed, vectorized=True
        ),
        fold_accuracies=tuple(float(part.mean()) for part in np.split(right, borders, axis=1)),
        seed_accuracies=tuple(right.mean(axis=1).tolist()),
        protocol={
            "probe": name,
            "settings": " ".join(repr(make(seed)).split()),
            "n_seeds": len(seeds),
            "seed": seed,
            **describe_folds(folds, known),
        },
        tested=tested,
        named=np.concatenate(named[0]),
        right=right.mean(axis=0),
    )


def _named(probe: str | ProbeConfig) -> tuple[str, Callable[[int], Estimator]]:
    """Give a probe's name, and what makes it from a seed."""
    if not isinstance(probe, str):
        return probe.name, lambda seed: build_probe(probe, seed)
    if probe not in PROBES:
        raise ValueError(f"No probe {probe!r}; choose from {sorted(PROBES)}.")
    return probe, PROBES[probe]


def _fit_predict(
    estimator: Estimator,
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    fold: Fold,
    groups: npt.NDArray[Any] | None,
) -> npt.NDArray[Any]:
    train, test, validation = fold
    with warnings.catch_warnings():
        # A loss that still falls a little when the steps are used up does not spoil a probe.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if isinstance(estimator, LinearSoftmax):
            estimator.fit(
                x[train],
                y[train],
                groups=None if groups is None else groups[train],
                validation_data=(x[validation], y[validation]) if len(validation) else None,
            )
        else:
            estimator.fit(x[train], y[train])
    return np.asarray(estimator.predict(x[test]))


def _check_rows(x: npt.NDArray[Any], y: npt.NDArray[Any], groups: npt.NDArray[Any] | None) -> None:
    lengths = [len(x), len(y), len(y) if groups is None else len(groups)]
    if x.ndim != 2 or len(set(lengths)) > 1:
        raise ValueError(
            "embeddings, targets and groups must have one row a track; "
            f"got embeddings of shape {x.shape}, {lengths[1]} targets, {lengths[2]} groups."
        )
    broken = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if broken.size:
        raise ValueError(f"embeddings must be finite; got others in rows {broken[:5].tolist()}.")
