"""Pictures of what generative models make of spectrograms: one function a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from kmusic.evaluation.latent import BandStatistics, Correlation
from kmusic.report.glyphs import printable
from kmusic.report.pictures import COLOURS, headline, new_picture
from kmusic.types import Array

MOST_PAIRS = 8
MOST_IN_A_BLOCK = 16
GAP = 0.15  # between blocks, in widths of a panel


def draw_pairs(
    originals: npt.ArrayLike,
    copies: npt.ArrayLike,
    path: str | Path,
    *,
    names: Sequence[object],
    hop_seconds: float,
    first_band: int = 0,
    unit: str = "dB",
    protocol: str = "",
    titles: tuple[str, str] = ("original", "reconstruction"),
) -> Path:
    """Draw each original above what was made of it, all on one scale.

    Args:
        originals: Features of 1 to 8 crops, finite, shape `(n_crops, n_frames, n_bands)`.
        copies: What was made of each, same shape.
        path: PNG to write.
        names: What stands above each pair.
        hop_seconds: Distance between frames, in seconds.
        first_band: Number of the lowest band, if crops leave out others below it.
        unit: Unit of the values.
        protocol: Where the crops come from, for the title.
        titles: What stands beside originals and copies.

    Returns:
        The path written.

    Raises:
        ValueError: If shapes differ, crops are too many or none, have no name or are not finite,
            or `hop_seconds` is not positive.
    """
    pairs = [_checked(crops, MOST_PAIRS, hop_seconds) for crops in (originals, copies)]
    n_pairs = len(names)
    if pairs[0].shape != pairs[1].shape or n_pairs != len(pairs[0]):
        shapes = f"{pairs[0].shape} and {pairs[1].shape}, and {n_pairs} names"
        raise ValueError(f"originals and copies must have one shape, and names; got {shapes}.")
    n_columns = min(n_pairs, 4 if _is_wide(pairs[0]) else MOST_PAIRS)
    places = [(2 * (i // n_columns) + low, i % n_columns) for low in (0, 1) for i in range(n_pairs)]
    return _draw_panels(
        np.concatenate(pairs),
        places,
        path,
        captions=[*printable(names, longest=16), *[""] * n_pairs],
        beside=titles,
        scales=(hop_seconds, first_band, unit),
        title=("Pairs", f"{titles[0]} above {titles[1]}, {n_pairs} crop(s)", protocol),
    )


def draw_generated(
    real: npt.ArrayLike,
    generated: npt.ArrayLike,
    path: str | Path,
    *,
    hop_seconds: float,
    first_band: int = 0,
    unit: str = "dB",
    protocol: str = "",
) -> Path:
    """Draw a block of real crops beside a block of generated ones, all on one scale.

    Args:
        real: Features of 1 to 16 crops, finite, shape `(n_real, n_frames, n_bands)`.
        generated: The same of generated crops, `(n_generated, n_frames, n_bands)`.
        path: PNG to write.
        hop_seconds: Distance between frames, in seconds.
        first_band: As for `draw_pairs`.
        unit: Unit of the values.
        protocol: Where the crops come from, for the title.

    Returns:
        The path written.

    Raises:
        ValueError: As `draw_pairs`.
    """
    blocks = [_checked(crops, MOST_IN_A_BLOCK, hop_seconds) for crops in (real, generated)]
    if blocks[0].shape[1:] != blocks[1].shape[1:]:
        shapes = f"{blocks[0].shape} and {blocks[1].shape}"
        raise ValueError(f"real and generated crops must have one size; got shapes {shapes}.")
    n_real, n_generated = map(len, blocks)
    side = min(2 if _is_wide(blocks[0]) else 4, max(n_real, n_generated))
    places = [(i // side, i % side) for i in range(n_real)]
    places += [(i // side, side + 1 + i % side) for i in range(n_generated)]
    return _draw_panels(
        np.concatenate(blocks),
        places,
        path,
        captions=["real", *[""] * (n_real - 1), "generated", *[""] * (n_generated - 1)],
        gap=side,
        scales=(hop_seconds, first_band, unit),
        title=("Generated features", f"{n_generated} crops beside {n_real} real ones", protocol),
    )


def draw_interpolation(
    crops: npt.ArrayLike,
    values: Sequence[float],
    path: str | Path,
    *,
    hop_seconds: float,
    first_band: int = 0,
    unit: str = "dB",
    protocol: str = "",
) -> Path:
    """Draw what is generated along a line through the latent space, row after row.

    Args:
        crops: Features of 1 to 16 crops, finite, shape `(n_crops, n_frames, n_bands)`.
        values: What every coordinate of the latent code of each crop is.
        path: PNG to write.
        hop_seconds: Distance between frames, in seconds.
        first_band: As for `draw_pairs`.
        unit: Unit of the features.
        protocol: Which model made them, for the title.

    Returns:
        The path written.

    Raises:
        ValueError: As `draw_pairs`, with a value in place of a name.
    """
    made = _checked(crops, MOST_IN_A_BLOCK, hop_seconds)
    if len(values) != len(made):
        raise ValueError(f"values must have an entry a crop; got {len(values)} for {len(made)}.")
    ends = f"{len(made)} points, all coordinates from {values[0]:g} to {values[-1]:g}"
    return _draw_panels(
        made,
        [(i // 4, i % 4) for i in range(len(made))],
        path,
        captions=[f"{value:.2f}" for value in values],
        scales=(hop_seconds, first_band, unit),
        title=("A line through the latent space", ends, protocol),
    )


def draw_band_statistics(
    statistics: BandStatistics,
    path: str | Path,
    *,
    first_band: int = 0,
    unit: str = "dB",
    protocol: str = "",
) -> Path:
    """Draw the mean of each band and its standard deviation, of real and generated features.

    Args:
        statistics: What to draw.
        path: PNG to write.
        first_band: As for `draw_pairs`.
        unit: Unit of the features.
        protocol: Where the crops come from, for the title.

    Returns:
        The path written.
    """
    bands = first_band + np.arange(len(statistics.table))
    with new_picture(path, 6.4, 4.2) as figure:
        axes = figure.subplots()
        for side, colour, line in (("real", COLOURS[0], "-"), ("generated", COLOURS[3], "--")):
            mean = statistics.table[f"{side}_mean"].to_numpy()
            deviation = np.sqrt(statistics.table[f"{side}_variance"].to_numpy())
            axes.plot(bands, mean, color=colour, linestyle=line, marker="o", label=side)
            low, high = mean - deviation, mean + deviation
            axes.fill_between(bands, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.set(xlabel="band", ylabel=f"mean and standard deviation in {unit}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
        result = f"means {statistics.mean_difference:.2f} {unit} apart"
        if np.isfinite(statistics.log2_variance_ratio):
            result += f", variances {statistics.log2_variance_ratio:.2f} doublings"
        if statistics.n_constant:
            result += f", {statistics.n_constant} band(s) constant"
        axes.set_title(headline("Bands, real and generated", f"{len(bands)}", protocol, result))
    return Path(path)


def draw_loudness(
    norms: npt.ArrayLike,
    loudness: npt.ArrayLike,
    path: str | Path,
    *,
    correlation: Correlation,
    unit: str = "dB",
    protocol: str = "",
) -> Path:
    """Draw how far the latent code of each crop lies from the origin, against its loudness.

    Args:
        norms: Length of each latent code, shape `(n_crops,)`.
        loudness: Mean of each crop's features, shape `(n_crops,)`.
        path: PNG to write.
        correlation: Of the two, for the title.
        unit: Unit of the loudness.
        protocol: Where the crops come from, for the title.

    Returns:
        The path written.

    Raises:
        ValueError: If there is no crop, or lengths differ.
    """
    across, up = np.asarray(loudness, dtype=float), np.asarray(norms, dtype=float)
    if across.ndim != 1 or across.shape != up.shape or not across.size:
        shapes = f"got shapes {up.shape} and {across.shape}"
        raise ValueError(f"norms and loudness must have one entry a crop; {shapes}.")
    with new_picture(path, 6.4, 4.8) as figure:
        axes = figure.subplots()
        size = float(np.clip(8_000 / len(up), 6, 30))
        axes.scatter(across, up, s=size, color=COLOURS[0], alpha=0.4, linewidths=0)
        axes.set(xlabel=f"mean of the crop in {unit}", ylabel="length of the latent code")
        axes.grid(alpha=0.3)
        (low, high), (rank_low, rank_high) = correlation.interval, correlation.rank_interval
        result = (
            f"correlation {correlation.value:.2f} (95 % {low:.2f} to {high:.2f})\n"
            f"of ranks {correlation.rank_value:.2f} (95 % {rank_low:.2f} to {rank_high:.2f})"
        )
        counted = f"{correlation.n:,} crops of {correlation.n_groups:,} group(s)"
        axes.set_title(headline("Latent length and loudness", counted, protocol, result))
    return Path(path)


def _checked(crops: npt.ArrayLike, most: int, hop_seconds: float) -> Array:
    """Give crops that can be drawn."""
    values = np.asarray(crops, dtype=np.float32)
    good = values.ndim == 3 and values.size and len(values) <= most and np.isfinite(values).all()
    if not good or hop_seconds <= 0:
        raise ValueError(
            f"crops must be 1 to {most} of (n_frames, n_bands), finite, and hop_seconds positive; "
            f"got shape {values.shape}, {np.count_nonzero(~np.isfinite(values))} not finite, "
            f"hop_seconds={hop_seconds}."
        )
    return values


def _is_wide(crops: Array) -> bool:
    return crops.shape[1] > 2 * crops.shape[2]


def _draw_panels(
    crops: Array,
    places: Sequence[tuple[int, int]],
    path: str | Path,
    *,
    captions: Sequence[str],
    scales: tuple[float, int, str],
    title: tuple[str, str, str],
    beside: tuple[str, str] = ("", ""),
    gap: int | None = None,
) -> Path:
    """Draw crops at their places, `(row, column)`, of a grid whose column `gap` is left empty."""
    n_rows, n_columns = (1 + max(numbers) for numbers in zip(*places, strict=True))
    width, height = (2.3, 1.2) if _is_wide(crops) else (1.15, 1.15)  # inches
    ratios = [GAP if column == gap else 1.0 for column in range(n_columns)]
    larger = float(np.clip(4.1 / (width * sum(ratios)), 1, 2))  # a few crops fill the picture
    size = max(larger * width * sum(ratios) + 1.5, 5.6), larger * height * n_rows + 1.3
    hop_seconds, first_band, unit = scales
    norm = Normalize(*np.percentile(crops, [1, 100]).tolist())  # digital silence is no shade
    extent = (0.0, crops.shape[1] * hop_seconds, float(first_band), first_band + crops.shape[2])
    shades = {"cmap": "magma", "norm": norm, "extent": extent}
    with new_picture(path, *size) as figure:
        grid = figure.subplots(n_rows, n_columns, squeeze=False, width_ratios=ratios)
        for axes in {*grid.ravel()} - {grid[place] for place in places}:
            axes.set_axis_off()
        for crop, (row, column), caption in zip(crops, places, captions, strict=True):
            axes = grid[row, column]
            image = axes.imshow(crop.T, origin="lower", aspect="auto", **shades)
            axes.set_title(caption, fontsize=8, loc="left")
            first, last = (row, column - 1) not in places, (row + 1, column) not in places
            axes.tick_params(labelsize=7, labelleft=first, labelbottom=last)
            axes.xaxis.set_major_locator(MaxNLocator(3))
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.set_ylabel("" if column else beside[row % 2], fontsize=8)
        figure.colorbar(image, ax=list(grid.ravel()), label=unit, shrink=0.8, aspect=30)
        figure.supxlabel("time in seconds", fontsize=9)
        figure.supylabel("band", fontsize=9)
        figure.suptitle(headline(*title, width=int(11 * size[0])))
    return Path(path)
