"""Pictures of features that are raw sound: lines, where a spectrogram is an image."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import MaxNLocator

from kmusic.report.glyphs import printable
from kmusic.report.pictures import COLOURS, headline, new_picture
from kmusic.report.spectrogram_pictures import MOST_PAIRS
from kmusic.types import Array

MOST_EXAMPLES = 32
MOST_COLUMNS = 4
LINES = (COLOURS[0], "-"), (COLOURS[3], "--")


def draw_waveform_pairs(
    originals: npt.ArrayLike,
    copies: npt.ArrayLike,
    path: str | Path,
    *,
    names: Sequence[object],
    hop_seconds: float,
    unit: str = "amplitude",
    protocol: str = "",
    titles: tuple[str, str] = ("original", "reconstruction"),
) -> Path:
    """Draw each original and what was made of it over each other, all on one scale.

    Args:
        originals: Raw sound of 1 to 8 crops, finite, shape `(n_crops, n_frames, 1)`.
        copies: What was made of each, same shape.
        path: PNG to write.
        names: What stands above each pair.
        hop_seconds: Distance between frames, in seconds.
        unit: Unit of the values.
        protocol: Where the crops come from, for the title.
        titles: What originals, full lines, and copies, dashes, are called.

    Returns:
        The path written.

    Raises:
        ValueError: If shapes differ, crops are too many or none, have no name, more than one band
            or are not finite, or `hop_seconds` is not positive.
    """
    pairs = [_checked(crops, MOST_PAIRS, hop_seconds) for crops in (originals, copies)]
    if pairs[0].shape != pairs[1].shape or len(names) != len(pairs[0]):
        shapes = f"{pairs[0].shape} and {pairs[1].shape}, and {len(names)} names"
        raise ValueError(f"originals and copies must have one shape, and names; got {shapes}.")
    title = "Pairs", f"{titles[0]} and {titles[1]}, {len(names)} crop(s)", protocol
    return _draw_lines(np.stack(pairs, axis=1), path, names, titles, (hop_seconds, unit), title)


def draw_waveform_examples(
    features: Mapping[str, Array],
    path: str | Path,
    *,
    hop_seconds: float,
    unit: str = "amplitude",
    protocol: str = "",
) -> Path:
    """Draw one example of the sound of each class, all on one scale.

    Args:
        features: By class, 1 to 32 of them, raw sound of an excerpt, shape `(n_frames, 1)`.
        path: PNG to write.
        hop_seconds: Distance between frames, in seconds.
        unit: Unit of the values.
        protocol: Where the excerpts come from, for the title.

    Returns:
        The path written.

    Raises:
        ValueError: As `draw_waveform_pairs`.
    """
    excerpts = _checked([*features.values()], MOST_EXAMPLES, hop_seconds)
    title = "Examples", "one excerpt a class", protocol
    return _draw_lines(excerpts[:, None], path, [*features], (), (hop_seconds, unit), title)


def _checked(crops: npt.ArrayLike, most: int, hop_seconds: float) -> Array:
    """Give raw sound that can be drawn, shape `(n_crops, n_frames)`."""
    values = np.asarray(crops, dtype=np.float32)
    one_band = values.ndim == 3 and values.shape[2] == 1
    good = one_band and values.size and len(values) <= most and np.isfinite(values).all()
    if not good or hop_seconds <= 0:
        raise ValueError(
            f"crops must be 1 to {most} of (n_frames, 1), finite, and hop_seconds positive; "
            f"got shape {values.shape}, {np.count_nonzero(~np.isfinite(values))} not finite, "
            f"hop_seconds={hop_seconds}."
        )
    return values[..., 0]


def _draw_lines(
    crops: Array,
    path: str | Path,
    names: Sequence[object],
    legend: Sequence[str],
    scales: tuple[float, str],
    title: tuple[str, str, str],
) -> Path:
    """Draw a panel a crop, with its lines over each other, crops `(n_crops, n_lines, n_frames)`."""
    hop_seconds, unit = scales
    n_columns = min(len(crops), MOST_COLUMNS)
    n_rows = -(-len(crops) // n_columns)
    seconds = hop_seconds * np.arange(crops.shape[-1])
    size = max(2.6 * n_columns + 0.8, 5.6), 1.7 * n_rows + 1.3
    with new_picture(path, *size) as figure:
        grid = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True)
        named = zip(grid.flat, crops, printable(names, longest=22), strict=False)
        for number, (axes, crop, name) in enumerate(named):
            for line, (colour, style) in zip(crop, LINES, strict=False):
                axes.plot(seconds, line, color=colour, linestyle=style, linewidth=0.8)
            axes.set_title(name, fontsize=8, loc="left")
            axes.tick_params(labelsize=7, labelbottom=number + n_columns >= len(crops))
            axes.xaxis.set_major_locator(MaxNLocator(3))
            axes.grid(alpha=0.3)
        for axes in grid.flat[len(crops) :]:
            axes.set_axis_off()
        if legend:
            lines = grid[0, 0].get_lines()
            figure.legend(lines, printable(legend), loc="outside right upper", fontsize=8)
        figure.supxlabel("time in seconds", fontsize=9)
        figure.supylabel(unit, fontsize=9)
        figure.suptitle(headline(*title, width=int(11 * size[0])))
    return Path(path)
