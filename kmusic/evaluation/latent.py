"""What a latent space tells of the sound, and how near generated features come to real ones."""

from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.evaluation.bootstrap import interval
from kmusic.types import Array

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """How two quantities go together.

    Attributes:
        n: Number of crops.
        n_groups: Groups that they belong to.
        value: Pearson's correlation, in [-1, 1]; NaN if a quantity is constant.
        interval: Its 95 % bootstrap interval.
        rank_value: Spearman's correlation, in [-1, 1]; NaN likewise.
        rank_interval: Its 95 % bootstrap interval.
    """

    n: int
    n_groups: int
    value: float
    interval: tuple[float, float]
    rank_value: float
    rank_interval: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Give the correlation as plain values that `json.dumps` takes."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class SourceRetrieval:
    """How often the original nearest to a reconstruction is the one that it was made of.

    Attributes:
        n: Number of reconstructions.
        n_among: Originals that each was compared with, its own among them.
        chance: Share that drawing lots would reach, `1 / n_among`.
        value: Share of reconstructions whose nearest original is their own. Where k originals
            are equally near, their own counts as 1 / k.
        interval: Its 95 % bootstrap interval.
        mean_rank: Mean rank of their own by nearness, from 1 to `n_among`; equally near ones
            share their mean rank.
        mean_rank_interval: Its 95 % bootstrap interval.
    """

    n: int
    n_among: int
    chance: float
    value: float
    interval: tuple[float, float]
    mean_rank: float
    mean_rank_interval: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Give the figures as plain values that `json.dumps` takes."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class BandStatistics:
    """Mean and variance of each band of real and generated features.

    Attributes:
        table: A row a band: `real_mean`, `real_variance`, `generated_mean`, `generated_variance`.
        mean_difference: Mean over the bands of how far the two means lie apart, in the unit of the
            features.
        log2_variance_ratio: Mean over the bands of how many doublings lie between the two
            variances; 1 means twice or half. NaN if no band varies on both sides.
        n_constant: Bands that are constant in real or in generated features, which have no ratio
            and are not in its mean.
    """

    table: pd.DataFrame = field(compare=False, repr=False)
    mean_difference: float
    log2_variance_ratio: float
    n_constant: int

    def to_json(self) -> dict[str, Any]:
        """Give the two figures and the bands as plain values that `json.dumps` takes."""
        return {
            "mean_difference": self.mean_difference,
            "log2_variance_ratio": self.log2_variance_ratio,
            "n_constant": self.n_constant,
            "bands": self.table.to_dict("list"),
        }


def correlation(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    n_resamples: int = 1_000,
    seed: int = 0,
) -> Correlation:
    """Correlate two quantities of crops, such as the norm of a latent code and the loudness.

    Args:
        first: One finite number a crop, shape `(n_crops,)`.
        second: Another, shape `(n_crops,)`.
        groups: Group of each crop, such as its recording; whole groups are drawn for the intervals
            then. `None` makes each crop a group.
        n_resamples: Number of resamples, at least 1.
        seed: What makes the intervals repeatable.

    Returns:
        Pearson's and Spearman's correlation.

    Raises:
        ValueError: If there are fewer than 3 crops, lengths differ, or numbers are not finite.

    Source:
        Yanchenko (2019), section on the latent representation, reads off one picture that codes
        near the origin stand for loud music; here it is measured.
    """
    quantities = [np.asarray(numbers, dtype=np.float64) for numbers in (first, second)]
    codes = np.arange(quantities[0].size) if groups is None else np.asarray(groups)
    shapes = [numbers.shape for numbers in (*quantities, codes)]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1 or shapes[0][0] < 3:
        raise ValueError(
            "first, second and groups must have one entry for each of at least 3 crops; "
            f"got shapes {shapes}."
        )
    if not all(np.isfinite(numbers).all() for numbers in quantities):
        raise ValueError("what is correlated must be finite; got NaN or infinity.")
    drawn = partial(interval, groups=groups, n_resamples=n_resamples, seed=seed)
    return Correlation(
        n=len(codes),
        n_groups=len(np.unique(codes)),
        value=_pearson(*quantities),
        interval=drawn(_pearson, *quantities),
        rank_value=_spearman(*quantities),
        rank_interval=drawn(_spearman, *quantities),
    )


def retrieval_of_sources(
    originals: npt.ArrayLike,
    reconstructions: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    n_among: int = 100,
    seed: int = 0,
) -> SourceRetrieval:
    """Look for the original of each reconstruction among some originals, by Euclidean distance.

    A model that reconstructs the mean of its data, or another piece of the same kind, is near to
    everything and finds nothing.

    Args:
        originals: Finite features, shape `(n_crops, ...)`; all values of a crop count.
        reconstructions: What was made of each original, same shape.
        groups: Group of each crop; whole groups are drawn for the intervals then.
        n_among: Originals that each reconstruction is compared with, at least 2: its own and
            others, drawn without replacement if there are more. Cut to the originals there are.
        seed: What makes draws and intervals repeatable. The draws are the same for all models.

    Returns:
        The share found, and the mean rank.

    Raises:
        ValueError: If shapes differ, there are fewer than 2 crops, `n_among` is below 2, or values
            are not finite.
    """
    kept, made = (_flat(values) for values in (originals, reconstructions))
    shapes = np.shape(originals), np.shape(reconstructions)
    if shapes[0] != shapes[1] or kept.ndim < 2 or len(kept) < 2 or n_among < 2:
        raise ValueError(
            "originals and reconstructions must have one shape, of 2 crops or more, and n_among "
            f"be at least 2; got shapes {shapes}, n_among={n_among}."
        )
    n_crops, n_among = len(kept), min(n_among, len(kept))
    rng = np.random.default_rng(seed)
    found, ranks = np.empty(n_crops), np.empty(n_crops)
    for row, copy in enumerate(made):
        others = rng.choice(n_crops - 1, n_among - 1, replace=False)
        others += others >= row
        own, *rest = _distances(kept, [row, *others], copy)
        n_nearer, n_tied = np.less(rest, own).sum(), np.equal(rest, own).sum()
        found[row] = 0.0 if n_nearer else 1.0 / (1 + n_tied)
        ranks[row] = 1 + n_nearer + n_tied / 2
    mean = partial(np.mean, axis=1)
    ends = [interval(mean, x, groups=groups, seed=seed, vectorized=True) for x in (found, ranks)]
    return SourceRetrieval(
        n=n_crops,
        n_among=n_among,
        chance=1 / n_among,
        value=float(found.mean()),
        interval=ends[0],
        mean_rank=float(ranks.mean()),
        mean_rank_interval=ends[1],
    )


def band_statistics(real: npt.ArrayLike, generated: npt.ArrayLike) -> BandStatistics:
    """Compare the distribution of each band of generated features with that of real ones.

    What two halves of the real features give shows how small the figures can be.

    Args:
        real: Finite features, shape `(n_real, n_frames, n_bands)`.
        generated: Finite features, shape `(n_generated, n_frames, n_bands)`; the number of frames
            may differ.

    Returns:
        Mean and variance of each band, over crops and frames, and how far they lie apart.

    Raises:
        ValueError: If there is no value, the numbers of bands differ, or values are not finite.
    """
    sides = [np.asarray(values) for values in (real, generated)]
    shapes = [values.shape for values in sides]
    if any(len(s) != 3 for s in shapes) or not all(v.size for v in sides):
        raise ValueError(f"features must be (n, n_frames, n_bands), with values; got {shapes}.")
    if shapes[0][2] != shapes[1][2] or not all(np.isfinite(values).all() for values in sides):
        raise ValueError(
            f"real and generated must be finite and have the same bands; got shapes {shapes}."
        )
    columns: dict[str, Numbers] = {}
    for name, values in zip(("real", "generated"), sides, strict=True):
        columns[f"{name}_mean"], columns[f"{name}_variance"] = _by_band(values)
    variances = np.stack([columns["real_variance"], columns["generated_variance"]])
    vary = (variances > 0).all(axis=0)
    doublings = np.abs(np.diff(np.log2(variances[:, vary]), axis=0))
    return BandStatistics(
        table=pd.DataFrame(columns).rename_axis("band"),
        mean_difference=float(np.abs(columns["real_mean"] - columns["generated_mean"]).mean()),
        log2_variance_ratio=float(doublings.mean()) if vary.any() else float("nan"),
        n_constant=int((~vary).sum()),
    )


def _pearson(first: Numbers, second: Numbers) -> float:
    # Rounding gives a constant a deviation of its own; told by its range it has none.
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    deviations = [(numbers - numbers.mean()) / np.ptp(numbers) for numbers in (first, second)]
    lengths = [np.linalg.norm(values) for values in deviations]
    return float(np.clip(deviations[0] @ deviations[1] / (lengths[0] * lengths[1]), -1.0, 1.0))


def _spearman(first: Numbers, second: Numbers) -> float:
    return _pearson(_ranks(first), _ranks(second))


def _ranks(numbers: Numbers) -> Numbers:
    """Rank numbers from 1; equal ones share their mean rank."""
    _, places, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    means: Numbers = np.cumsum(counts) - (counts - 1) / 2
    return means[places]


def _flat(values: npt.ArrayLike) -> Array:
    """Give a row of float32 a crop."""
    rows = np.asarray(values, dtype=np.float32)
    if not np.isfinite(rows).all():
        raise ValueError("features must be finite; got NaN or infinity.")
    return rows.reshape(len(rows), -1) if rows.ndim > 1 and rows.size else rows


def _distances(rows: Array, chosen: list[int], point: Array) -> Numbers:
    """Give the squared distances of some rows to a point, equal for equal rows."""
    differences = rows[chosen] - point  # (n_chosen, n_values)
    return np.asarray(np.einsum("ij,ij->i", differences, differences, dtype=np.float64))


def _by_band(features: npt.NDArray[Any]) -> tuple[Numbers, Numbers]:
    """Give mean and variance of each band, one at a time; of a constant one exactly 0."""
    bands = [features[..., band].astype(np.float64) for band in range(features.shape[2])]
    means = np.array([values.mean() for values in bands])
    variances = np.array([values.var() if np.ptp(values) > 0 else 0.0 for values in bands])
    return means, variances
