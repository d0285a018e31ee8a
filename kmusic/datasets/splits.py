"""Splits and folds that never cut a group in two and keep the shares of the classes."""

import warnings
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

Rows = npt.NDArray[np.int64]
MOST_FOLDS = 10  # to make a share of, unless it is smaller than a tenth


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
    if (n_groups := tracks["group"].nunique()) < 3:
        raise ValueError(f"train, validation and test need a group each; got {n_groups} group(s).")
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


def first_artists(tracks: pd.DataFrame, n_artists: int | None) -> pd.DataFrame:
    """Leave out training and validation tracks of all but the first artists.

    Args:
        tracks: Track table with `split`.
        n_artists: Number of artists that stay, in the order in which training tracks name them;
            larger sets hold the smaller ones. `None` leaves nothing out.

    Returns:
        Tracks of those artists, and all test tracks, numbered from 0.

    Raises:
        ValueError: If the training tracks have fewer artists.

    Source:
        Park et al. (2018), section 3.1.1: sets of 500 to 10,000 artists of one list.
    """
    if n_artists is None:
        return tracks
    training = tracks["split"] == "train"
    artists = tracks.loc[training, "artist"].dropna().unique() if "artist" in tracks else []
    if len(artists) < n_artists:
        raise ValueError(
            f"training tracks must have n_artists={n_artists} artists; got {len(artists)}."
        )
    kept = tracks["artist"].isin(artists[:n_artists]) | (tracks["split"] == "test")
    return tracks[kept].reset_index(drop=True)


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
    folds = _folds(tracks, np.arange(len(tracks)), n_folds, stratify, seed)
    return tracks.assign(fold=folds + 1)


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
    finest = max(MOST_FOLDS, round(1 / share))
    n_folds = max(2, min(n_groups, Fraction(share).limit_denominator(finest).denominator))
    folds = _folds(tracks, rows, n_folds, stratify, seed)
    classes = _classes(tracks, rows, stratify)

    def held(choice: tuple[int, int]) -> npt.NDArray[np.bool_]:
        first, n_held = choice
        return (folds - first) % n_folds < n_held

    def unfitness(choice: tuple[int, int]) -> tuple[int, float]:
        """Count classes that could not be learned, then add up how far classes miss the share."""
        sizes = np.bincount(classes)
        shares = np.bincount(classes[held(choice)], minlength=len(sizes)) / sizes
        return np.sum(shares == 1), np.sum(np.abs(shares - share))

    best = held(min(product(range(n_folds), range(1, n_folds)), key=unfitness))
    return rows[~best], rows[best]


def _folds(tracks: pd.DataFrame, rows: Rows, n_folds: int, stratify: str, seed: int) -> Rows:
    """Number the fold of each of some rows, from 0."""
    groups = tracks["group"].to_numpy()[rows]
    n_groups = len(set(groups))
    if n_groups < n_folds:
        raise ValueError(
            f"groups must be at least as many as parts to keep them apart; "
            f"got {n_groups} group(s) for {n_folds} parts."
        )
    classes = _classes(tracks, rows, stratify)
    if np.bincount(classes).max() < n_folds:
        classes = np.zeros_like(classes)
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    folds = np.zeros_like(rows)
    with warnings.catch_warnings():
        # A class with fewer rows than folds cannot be in each of them: no surprise in small tables.
        warnings.simplefilter("ignore", UserWarning)
        for number, (_, held) in enumerate(splitter.split(rows, classes, groups)):
            folds[held] = number
    return folds


def _classes(tracks: pd.DataFrame, rows: Rows, stratify: str) -> Rows:
    """Number the class of each of some rows, from 0; one class without the column."""
    if stratify not in tracks:
        return np.zeros_like(rows)
    names = tracks[stratify].astype("string").fillna("").to_numpy(dtype=object)[rows]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _named(tracks: pd.DataFrame, train: Rows, validation: Rows, test: Rows) -> pd.DataFrame:
    split = pd.Series("train", index=tracks.index)
    split.iloc[validation] = "validation"
    split.iloc[test] = "test"
    assert len(train) + len(validation) + len(test) == len(tracks)
    return tracks.assign(split=split)
