"""Splits and folds that never cut a group in two and keep the shares of the classes."""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Fractions:
    """Shares of the tracks that are held out.

    Attributes:
        validation: Share for choosing the epoch, in (0, 1).
        test: Share for the final figure, in (0, 1).
    """

    validation: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        """Reject shares that leave nothing to train on."""
        if not (0 < self.validation < 1 and 0 < self.test < 1 and self.validation + self.test < 1):
            raise ValueError(
                "validation and test must be positive and leave a part for training; "
                f"got validation={self.validation}, test={self.test}."
            )


def split_by_group(
    tracks: pd.DataFrame,
    *,
    fractions: Fractions | None = None,
    stratify: str = "label",
    seed: int = 0,
) -> pd.DataFrame:
    """Assign train, validation and test by group, with the classes' shares kept.

    Args:
        tracks: Track table with `group`.
        fractions: Shares held out. `None` means a tenth each.
        stratify: Column whose shares are kept; a column that is absent is not used.
        seed: What makes the assignment repeatable.

    Returns:
        A copy with the column `split`.

    Raises:
        ValueError: If there are fewer than three groups.
    """
    fractions = fractions or Fractions()
    everything = np.arange(len(tracks))
    rest, test = hold_out(tracks, everything, fractions.test, stratify=stratify, seed=seed)
    share = fractions.validation / (1 - fractions.test)
    train, validation = hold_out(tracks, rest, share, stratify=stratify, seed=seed)
    return _named(tracks, train, validation, test)


def split_by_fold(
    tracks: pd.DataFrame,
    fold: int,
    *,
    validation: float = 0.1,
    stratify: str = "label",
    seed: int = 0,
) -> pd.DataFrame:
    """Make one fold the test side and hold out validation groups from the others.

    Args:
        tracks: Track table with `fold` and `group`.
        fold: The fold to test on.
        validation: Share of the other rows for choosing the epoch, in (0, 1).
        stratify: Column whose shares are kept.
        seed: What makes the assignment repeatable.

    Returns:
        A copy with the column `split`. Rows without a fold are left out.

    Raises:
        ValueError: If the table has no such fold.
    """
    folds = tracks["fold"].dropna().unique().tolist() if "fold" in tracks else []
    if fold not in folds:
        raise ValueError(f"fold must be one of the table's folds {sorted(folds)}; got {fold}.")
    tracks = tracks[tracks["fold"].notna()].reset_index(drop=True)
    tested = (tracks["fold"] == fold).to_numpy(dtype=bool)
    rest = np.flatnonzero(~tested)
    train, held_out = hold_out(tracks, rest, validation, stratify=stratify, seed=seed)
    return _named(tracks, train, held_out, np.flatnonzero(tested))


def assign_folds(
    tracks: pd.DataFrame, n_folds: int, *, stratify: str = "label", seed: int = 0
) -> pd.DataFrame:
    """Number folds 1 to `n_folds` by group, with the classes' shares kept.

    Args:
        tracks: Track table with `group`.
        n_folds: Number of folds, at least 2 and at most the number of groups.
        stratify: Column whose shares are kept.
        seed: What makes the assignment repeatable.

    Returns:
        A copy with the column `fold`.

    Raises:
        ValueError: If there are fewer groups than folds.
    """
    folds = np.zeros(len(tracks), dtype=np.int64)
    parts = _folds(tracks, np.arange(len(tracks)), n_folds, stratify, seed)
    for number, (_, rows) in enumerate(parts, start=1):
        folds[rows] = number
    return tracks.assign(fold=folds)


def hold_out(
    tracks: pd.DataFrame, rows: Rows, share: float, *, stratify: str = "label", seed: int = 0
) -> tuple[Rows, Rows]:
    """Part rows into those kept and about `share` of them held out, group by group.

    Args:
        tracks: Track table with `group`.
        rows: Rows to part.
        share: Share to hold out, in (0, 1).
        stratify: Column whose shares are kept; a column that is absent is not used.
        seed: What makes the choice repeatable.

    Returns:
        Rows kept and rows held out, both in the order given.

    Raises:
        ValueError: If `rows` hold fewer than two groups.
    """
    n_groups = tracks["group"].iloc[rows].nunique()
    n_folds = int(np.clip(round(1 / share), 2, max(n_groups, 2)))
    classes = _classes(tracks, stratify)
    parts = _folds(tracks, rows, n_folds, stratify, seed)

    def unfitness(part: tuple[Rows, Rows]) -> tuple[int, float]:
        kept, held = part
        unseen = len(np.unique(classes[rows])) - len(np.unique(classes[kept]))
        return unseen, float(_distance(classes, rows, held, share))

    return min(parts, key=unfitness)


def _folds(
    tracks: pd.DataFrame, rows: Rows, n_folds: int, stratify: str, seed: int
) -> list[tuple[Rows, Rows]]:
    groups = tracks["group"].to_numpy()[rows]
    n_groups = len(set(groups))
    if n_groups < n_folds:
        raise ValueError(
            f"groups must be at least as many as parts to keep them apart; "
            f"got {n_groups} group(s) for {n_folds} parts."
        )
    classes = _classes(tracks, stratify)[rows]
    if np.unique(classes, return_counts=True)[1].max() < n_folds:
        classes = np.full(len(rows), "", dtype=object)
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer rows than folds cannot be in each of them: no surprise in small tables.
        warnings.simplefilter("ignore", UserWarning)
        parts = list(folds.split(np.zeros(len(rows)), classes, groups))
    return [(rows[kept], rows[held]) for kept, held in parts if len(held) and len(kept)]


def _classes(tracks: pd.DataFrame, stratify: str) -> npt.NDArray[np.object_]:
    if stratify in tracks:
        return tracks[stratify].astype(str).to_numpy(dtype=object)
    return np.full(len(tracks), "", dtype=object)


def _distance(classes: npt.NDArray[np.object_], rows: Rows, held: Rows, share: float) -> np.float64:
    """Sum over classes of how far the held-out share is from the share asked for."""
    names = np.unique(classes[rows])
    return np.sum(
        [
            abs(np.sum(classes[held] == name) / np.sum(classes[rows] == name) - share)
            for name in names
        ]
    )


def _named(tracks: pd.DataFrame, train: Rows, validation: Rows, test: Rows) -> pd.DataFrame:
    split = pd.Series("train", index=tracks.index)
    split.iloc[validation] = "validation"
    split.iloc[test] = "test"
    assert len(train) + len(validation) + len(test) == len(tracks)
    return tracks.assign(split=split)
