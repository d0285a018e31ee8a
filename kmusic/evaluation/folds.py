"""Which rows a classifier is fitted on, and which it is judged by."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


class Fold(NamedTuple):
    """Which rows a probe is fitted and judged on.

    Attributes:
        train: Rows it learns from.
        test: Rows it is judged on.
        validation: Rows that choose its epoch, if it chooses one; may be empty.
    """

    train: Rows
    test: Rows
    validation: Rows = np.array([], dtype=np.int64)


def read_folds(splits: Iterable[tuple[npt.ArrayLike, ...]]) -> list[Fold]:
    """Read folds from their parts.

    Args:
        splits: Folds, or training rows, test rows and maybe validation rows of each.

    Raises:
        ValueError: If they do not hold row numbers.
    """
    return [Fold(*map(_rows, sides)) for sides in splits]


def check_folds(folds: Sequence[Fold], y: npt.NDArray[Any]) -> None:
    """Refuse folds by which no probe can be judged.

    Args:
        folds: What was read.
        y: Class of each row, shape `(n_rows,)`.

    Raises:
        ValueError: If there is no fold, one has a row on two sides, tests on none or trains on
            fewer than two classes, or a row is tested twice.
    """
    if not folds:
        raise ValueError("splits must hold at least one fold; got none.")
    for number, fold in enumerate(folds, start=1):
        n_classes = len(np.unique(y[fold.train]))
        if not len(fold.test) or n_classes < 2:
            raise ValueError(
                "a fold must test on a row and train on two classes; "
                f"got {len(fold.test)} test row(s) and {n_classes} class(es) in fold {number}."
            )
        shared = _torn(fold, np.arange(len(y)))
        if shared.size:
            raise ValueError(
                f"no row may lie on two sides of a fold; got row {shared[0]} in fold {number}."
            )
    tested, times = np.unique(np.concatenate([fold.test for fold in folds]), return_counts=True)
    if times.max() > 1:
        raise ValueError(f"a row may be tested once; got row {tested[times > 1][0]} twice.")


def describe_folds(folds: Sequence[Fold], groups: npt.NDArray[Any] | None) -> dict[str, Any]:
    """Say how the folds were cut, as protocols have it.

    Args:
        folds: What was read.
        groups: Group of each row, shape `(n_rows,)`, or `None` if unknown.
    """
    return {
        "n_folds": len(folds),
        "n_train": [len(fold.train) for fold in folds],
        "n_validation": [len(fold.validation) for fold in folds],
        "n_test": [len(fold.test) for fold in folds],
        "grouped": groups is not None and not any(_torn(fold, groups).size for fold in folds),
        "resampled": "tracks" if groups is None else "groups",
    }


def _rows(rows: npt.ArrayLike) -> Rows:
    numbers = np.asarray(rows)
    if numbers.size and numbers.dtype.kind not in "iu":
        raise ValueError(f"splits must hold row numbers; got {numbers.dtype}.")
    return numbers.astype(np.int64)


def _torn(fold: Fold, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give what lies on two sides of a fold, of values a row."""
    sides = [np.unique(values[rows]) for rows in fold]
    found, times = np.unique(np.concatenate(sides), return_counts=True)
    return np.asarray(found[times > 1])
