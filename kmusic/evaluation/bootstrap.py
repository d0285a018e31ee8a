"""How far a figure would move if other tracks had been drawn: the percentile bootstrap."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Statistic = Callable[..., Any]

# Resampled numbers held at a time: 8 MB of float64.
NUMBERS_AT_A_TIME = 2**20


def interval(
    statistic: Statistic,
    *arrays: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    n_resamples: int = 1_000,
    level: float = 0.95,
    seed: int = 0,
    vectorized: bool = False,
) -> tuple[float, float]:
    """Give the percentile bootstrap interval of a statistic over tracks, or over whole groups.

    Args:
        statistic: Maps the resampled arrays to one number. A resample on which it is NaN is left
            out; if it is NaN on all of them, so is the interval.
        *arrays: Arrays with one row a track, all of shape `(n_tracks, ...)`.
        groups: Group of each track, shape `(n_tracks,)`. Whole groups are drawn then, because
            tracks of one artist rise and fall together. `None` draws tracks one by one.
        n_resamples: Number of resamples, at least 1.
        level: Share of the resamples that lie inside, in (0, 1).
        seed: What makes the draw repeatable.
        vectorized: Whether `statistic` takes many resamples at once, arrays of shape
            `(n_resamples, n_tracks, ...)`, and returns `(n_resamples,)`; much quicker.

    Returns:
        Lower and upper end, in the unit of the statistic.

    Raises:
        ValueError: If there are no tracks, lengths differ, or a setting is out of its range.

    Source:
        Efron and Tibshirani (1993), An Introduction to the Bootstrap, section 13.3.
    """
    if n_resamples < 1 or not 0 < level < 1:
        raise ValueError(
            "n_resamples must be at least 1 and level lie in (0, 1); "
            f"got n_resamples={n_resamples}, level={level}."
        )
    columns = [np.asarray(array) for array in arrays]
    codes = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    lengths = [len(column) for column in (*columns, *([] if codes is None else [codes]))]
    if not columns or lengths[0] == 0 or len(set(lengths)) > 1:
        raise ValueError(f"arrays and groups must have one row a track; got lengths {lengths}.")
    block = max(1, NUMBERS_AT_A_TIME // sum(column.size for column in columns))
    draws = _resamples(lengths[0], codes, n_resamples, block, np.random.default_rng(seed))
    blocks = [_values(statistic, columns, rows, vectorized) for rows in draws]
    values = np.concatenate(blocks).astype(np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _values(
    statistic: Statistic, columns: list[npt.NDArray[Any]], rows: npt.NDArray[Any], vectorized: bool
) -> npt.NDArray[Any]:
    if vectorized:
        return np.asarray(statistic(*(column[rows] for column in columns)))
    return np.asarray([statistic(*(column[one] for column in columns)) for one in rows])


def _resamples(
    n_tracks: int,
    codes: npt.NDArray[Any] | None,
    n_resamples: int,
    block: int,
    rng: np.random.Generator,
) -> Iterator[npt.NDArray[Any]]:
    """Yield row numbers `(resamples, rows)`; one resample at a time where groups set its length."""
    if codes is None:
        for start in range(0, n_resamples, block):
            yield rng.integers(n_tracks, size=(min(block, n_resamples - start), n_tracks))
        return
    n_groups = codes.max() + 1
    for _ in range(n_resamples):
        times = np.bincount(rng.integers(n_groups, size=n_groups), minlength=n_groups)
        yield np.repeat(np.arange(n_tracks), times[codes])[None]
