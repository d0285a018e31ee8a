"""Whether single coordinates of a vector stand for single known causes of the sound."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.datasets.studio.corpus import studio_factors

N_BINS = 20
STUDIO = "studio"

Numbers: TypeAlias = npt.NDArray[np.float64]
Codes: TypeAlias = npt.NDArray[np.int64]
Kind = Literal["numbers", "classes"]


class Gap(NamedTuple):
    """How far the best coordinate is ahead of the second best.

    Attributes:
        value: Gap of the two, in [0, 1].
        coordinate: The best one.
    """

    value: float
    coordinate: int


@dataclass(frozen=True, kw_only=True)
class Disentanglement:
    """How well vectors keep known factors apart.

    Both figures lean upwards, most where tracks are few: of coordinates that know nothing one is
    ahead of the others by chance. What shuffled factors give says how much.

    Attributes:
        table: A row a factor that is not constant: `kind`, "numbers" or "classes"; `n_tracks` of
            which it is known; `mig`, `mig_coordinate`, the best one, and `mig_shuffled`; and the
            same three of `sap`.
        constant: Factors that are the same of all tracks, or known of none, and have no row.
        n_tracks: Tracks that have a vector.
        n_coordinates: Length of a vector.
        n_shuffles: Times that each factor was shuffled; the mean is given.
        seed: What makes the shuffles repeatable.
    """

    table: pd.DataFrame = field(compare=False, repr=False)
    constant: tuple[str, ...]
    n_tracks: int
    n_coordinates: int
    n_shuffles: int
    seed: int

    def mean(self, name: str) -> float | None:
        """Give the mean of a column over the factors; `None` if there is no factor."""
        return float(self.table[name].mean()) if len(self.table) else None

    def to_json(self) -> dict[str, Any]:
        """Give the figures as plain values that `json.dumps` takes."""
        figures = ("mig", "mig_shuffled", "sap", "sap_shuffled")
        return {
            **{name: self.mean(name) for name in figures},
            "n_tracks": self.n_tracks,
            "n_coordinates": self.n_coordinates,
            "n_bins": N_BINS,
            "n_shuffles": self.n_shuffles,
            "seed": self.seed,
            "constant": list(self.constant),
            "factors": self.table.to_dict("index"),
        }


def require_factors(words: Sequence[str], tracks: pd.DataFrame) -> tuple[str, ...]:
    """Give the columns of a track table that words ask for, each once.

    Args:
        words: Columns; "studio" stands for all factors of the studio corpus.
        tracks: Track table.

    Raises:
        ValueError: If the table has no such column.
    """
    studio = [factor.name for factor in studio_factors()]
    names = dict.fromkeys(n for word in words for n in (studio if word == STUDIO else [word]))
    absent = [name for name in names if name not in tracks]
    if absent:
        raise ValueError(
            f"--factors must be columns of the track table, {sorted(tracks.columns)}, "
            f"or {STUDIO!r}; got {', '.join(map(repr, absent))}."
        )
    return tuple(names)


def judge_disentanglement(
    vectors: npt.ArrayLike, factors: pd.DataFrame, *, n_shuffles: int = 10, seed: int = 0
) -> Disentanglement:
    """Say how well vectors keep factors apart, one factor after the other.

    Args:
        vectors: One row a track, finite, shape `(n_tracks, embedding_dim)`, 2 coordinates at least.
        factors: A row a track and a column a factor; a track whose value is missing does not count
            for that factor. Numbers may be text.
        n_shuffles: Times to shuffle each factor.
        seed: What makes the shuffles repeatable.

    Returns:
        MIG and SAP of each factor, beside those of the factor shuffled.

    Raises:
        ValueError: If vectors are not such rows, or lengths differ, or `n_shuffles` is below 1.
    """
    if n_shuffles < 1:
        raise ValueError(f"n_shuffles must be positive; got {n_shuffles}.")
    x = _checked(vectors, len(factors))
    rows: dict[str, dict[str, Any]] = {}
    for name, column in factors.items():
        known = ~(column.isna() | column.eq("")).to_numpy(dtype=bool)
        values, kind = _read(column[known])
        if len(values) and np.ptp(values) > 0:
            judged = _judged(x[known], values, kind, n_shuffles, seed)
            rows[str(name)] = {"kind": kind, "n_tracks": int(known.sum()), **judged}
    return Disentanglement(
        table=pd.DataFrame.from_dict(rows, orient="index").rename_axis("factor"),
        constant=tuple(str(name) for name in factors if str(name) not in rows),
        n_tracks=len(x),
        n_coordinates=x.shape[1],
        n_shuffles=n_shuffles,
        seed=seed,
    )


def mutual_information_gap(vectors: npt.ArrayLike, factor: npt.ArrayLike) -> Gap:
    """Say how much more one coordinate knows of a factor than any other, as a share of all.

    Coordinates are cut into 20 bins of equal width, and so are numbers. Whole numbers of which no
    more than 20 differ count as classes.

    Args:
        vectors: One row a track, finite, shape `(n_tracks, embedding_dim)`, 2 coordinates at least.
        factor: Its value of each track, not all the same, none missing, shape `(n_tracks,)`.

    Returns:
        `(I(z_best; v) - I(z_second; v)) / H(v)`.

    Raises:
        ValueError: If vectors are not such rows, or lengths differ.

    Source:
        Chen et al. (2018), section 4.1, on estimates by bins as in Locatello et al. (2019).
    """
    x = _checked(vectors, len(np.asarray(factor)))
    values, kind = _read(pd.Series(np.asarray(factor)))
    return _information_gap(_binned(x), values, kind)


def separated_attribute_predictability(vectors: npt.ArrayLike, factor: npt.ArrayLike) -> Gap:
    """Say how much better one coordinate predicts a factor than any other.

    Numbers are predicted by a line, whose score is the squared correlation; classes, told as for
    `mutual_information_gap`, by the nearest of their means on the coordinate, whose score is the
    accuracy, each class counting alike. Both are judged on the tracks they are fitted on.

    Args:
        vectors: As for `mutual_information_gap`.
        factor: As for `mutual_information_gap`.

    Returns:
        Gap of the two best scores.

    Raises:
        ValueError: If vectors are not such rows, or lengths differ.

    Source:
        Kumar et al. (2018), section 3, who fit one or more thresholds for a class. Here these lie
        half way between the means, which takes no search.
    """
    x = _checked(vectors, len(np.asarray(factor)))
    return _prediction_gap(x, *_read(pd.Series(np.asarray(factor))))


def _judged(x: Numbers, values: Numbers, kind: Kind, n_shuffles: int, seed: int) -> dict[str, Any]:
    """Give the figures of one factor, and their means over shuffles of it."""
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(values) for _ in range(n_shuffles)]
    figures: dict[str, Any] = {}
    gaps: dict[str, Callable[[Numbers], Gap]] = {
        "mig": partial(_information_gap, _binned(x), kind=kind),
        "sap": partial(_prediction_gap, x, kind=kind),
    }
    for name, gap in gaps.items():
        figures[name], figures[f"{name}_coordinate"] = gap(values)
        figures[f"{name}_shuffled"] = float(np.mean([gap(v).value for v in shuffled]))
    return figures


def _information_gap(bins: Codes, values: Numbers, kind: Kind) -> Gap:
    classes = _binned(values[:, None])[:, 0] if kind == "numbers" else values.astype(np.int64)
    n_classes, n_coordinates = int(classes.max()) + 1, bins.shape[1]
    cells = (np.arange(n_coordinates) * N_BINS + bins) * n_classes + classes[:, None]
    counts = np.bincount(cells.ravel(), minlength=n_coordinates * N_BINS * n_classes)
    joint = counts.reshape(n_coordinates, N_BINS, n_classes) / len(bins)
    entropy = _entropy(np.bincount(classes) / len(classes))
    apart = _entropy(joint.sum(axis=2)) + entropy
    gap = _gap(apart - _entropy(joint.reshape(n_coordinates, -1)))
    return Gap(float(gap.value / entropy), gap.coordinate)


def _prediction_gap(x: Numbers, values: Numbers, kind: Kind) -> Gap:
    return _gap((_squared_correlations if kind == "numbers" else _accuracies)(x, values))


def _squared_correlations(x: Numbers, values: Numbers) -> Numbers:
    """Give the squared correlation of each coordinate with numbers; of a constant one 0."""
    centred = x - x.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=0)
    own = values - values.mean()
    cosines = np.divide(own @ centred, lengths, out=np.zeros(x.shape[1]), where=lengths > 0)
    return np.square(cosines / np.linalg.norm(own))


def _accuracies(x: Numbers, values: Numbers) -> Numbers:
    """Give the mean over classes of the share whose nearest class mean is their own."""
    members = values[:, None] == np.unique(values)  # (n_tracks, n_classes)
    shares = members / members.sum(axis=0)
    means = shares.T @ x  # (n_classes, n_coordinates)
    order = np.argsort(means, axis=0, kind="stable")
    ranked = np.take_along_axis(means, order, axis=0)
    rank = np.zeros(x.shape, np.int64)
    for border in (ranked[1:] + ranked[:-1]) / 2:
        rank += x > border
    named = np.take_along_axis(order, rank, axis=0)
    right = named == np.argmax(members, axis=1)[:, None]
    return np.asarray((shares.T @ right).mean(axis=0))


def _gap(scores: Numbers) -> Gap:
    second, best = np.sort(scores)[-2:].tolist()
    return Gap(best - second, int(np.argmax(scores)))


def _entropy(shares: Numbers) -> Numbers:
    """Give the entropy in nats over the last axis."""
    return -np.sum(shares * np.log(np.where(shares > 0, shares, 1.0)), axis=-1)


def _binned(x: Numbers) -> Codes:
    """Cut each column into bins of equal width; a constant one lies in the first."""
    low, span = x.min(axis=0), np.ptp(x, axis=0)
    places = (x - low) / np.where(span > 0, span, 1.0) * N_BINS
    return np.minimum(places.astype(np.int64), N_BINS - 1)


def _read(column: pd.Series) -> tuple[Numbers, Kind]:
    """Give numbers if some are not whole or more differ than bins, else each class's number."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    measured = bool(np.isfinite(numbers).all())
    if measured and (len(np.unique(numbers)) > N_BINS or np.any(numbers % 1)):
        return numbers, "numbers"
    classes = numbers if measured else column.astype(str).to_numpy(dtype=str)
    return np.unique(classes, return_inverse=True)[1].astype(np.float64), "classes"


def _checked(vectors: npt.ArrayLike, n_tracks: int) -> Numbers:
    x = np.asarray(vectors, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] < 2 or len(x) != n_tracks or not np.isfinite(x).all():
        raise ValueError(
            "vectors must be finite rows of 2 coordinates or more, one for each value of a factor; "
            f"got shape {x.shape}, {np.count_nonzero(~np.isfinite(x))} not finite, {n_tracks} "
            "values."
        )
    return x
