"""Pictures of a latent space: what its dimensions tell and do."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kmusic.evaluation.latent_space import ACTIVE, LatentSpace
from kmusic.report.pictures import COLOURS, headline, new_picture
from kmusic.types import Array

SHADES = "coolwarm"  # of values below and above the middle
WIDE = 1_000.0  # greatest by least divergence on a linear axis


def draw_divergence(latent: LatentSpace, path: str | Path, *, protocol: str = "") -> Path:
    """Draw the divergence of each dimension, the greatest first, and the bound of active ones.

    Args:
        latent: What to draw.
        path: PNG to write.
        protocol: Which model and tracks, for the title.

    Returns:
        The path written.
    """
    nats = np.sort(latent.divergence)[::-1]
    with new_picture(path, 6.4, 4.2) as figure:
        axes = figure.subplots()
        axes.bar(np.arange(1, len(nats) + 1), nats, width=0.85, color=COLOURS[0])
        axes.axhline(ACTIVE, color=COLOURS[3], linestyle="--", linewidth=1)
        if nats[0] > WIDE * max(nats[-1], ACTIVE / WIDE):
            axes.set_yscale("log")
            axes.set_ylim(bottom=max(nats[-1], ACTIVE / 10) / 2)
        axes.set(xlabel="dimension, by rank", ylabel="divergence from the prior in nats")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3, axis="y")
        result = (
            f"{nats.sum():.2f} nats in all, {latent.n_active} dimension(s) above {ACTIVE} (dashed)"
        )
        counted = f"{len(nats)} dimensions, mean over {latent.n_codes:,} codes"
        axes.set_title(headline("Divergence of dimensions", counted, protocol, result))
    return Path(path)


def draw_traversals(latent: LatentSpace, path: str | Path, *, protocol: str = "") -> Path:
    """Draw what moving along single dimensions does.

    Features of several frames and bands are drawn as images, a row a dimension and a column a
    value, all on one scale. Those of one frame, or one band, are drawn as curves, a panel a
    dimension and a colour a value.

    Args:
        latent: What to draw.
        path: PNG to write.
        protocol: Which model and tracks, for the title.

    Returns:
        The path written.
    """
    n_dimensions, n_values, n_frames, n_bands = latent.traversals.shape
    as_curves = 1 in (n_frames, n_bands)
    columns = min(n_dimensions, 2) if as_curves else n_values
    rows = -(-n_dimensions // columns) if as_curves else n_dimensions
    width, height = (3.6, 1.9) if as_curves else (1.2, 1.2)  # inches
    size = max(width * columns + 1.6, 5.6), height * rows + 1.5
    with new_picture(path, *size) as figure:
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        shades = (_draw_curves if as_curves else _draw_images)(latent, figure, panels)
        unit = "value in deviations of the prior" if as_curves else latent.unit
        figure.colorbar(shades, ax=panels.ravel().tolist(), label=unit, shrink=0.8, aspect=30)
        counted = f"{n_dimensions} dimension(s) of most divergence, all others at their median"
        figure.suptitle(headline("Traversals", counted, protocol, width=int(11 * size[0])))
    return Path(path)


def _draw_curves(latent: LatentSpace, figure: Figure, panels: npt.NDArray[Any]) -> ScalarMappable:
    """Draw a curve a value along the axis that is longer than one."""
    in_time = latent.traversals.shape[2] > 1
    curves = latent.traversals.reshape(*latent.traversals.shape[:2], -1)
    along = np.arange(curves.shape[2], dtype=float)
    along = along * latent.hop_seconds if in_time else along + latent.first_band
    shades = ScalarMappable(Normalize(min(latent.values), max(latent.values)), SHADES)
    colours = shades.to_rgba(np.array(latent.values))
    for row, axes in enumerate(panels.ravel()):
        if row >= len(curves):
            axes.set_axis_off()
            continue
        for colour, curve in zip(colours, curves[row], strict=True):
            axes.plot(along, curve, color=colour, linewidth=1.2)
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=7)
        axes.set_title(_caption(latent, row), fontsize=8, loc="left")
    figure.supxlabel("time in seconds" if in_time else "band", fontsize=9)
    figure.supylabel(latent.unit, fontsize=9)
    return shades


def _draw_images(latent: LatentSpace, figure: Figure, panels: npt.NDArray[Any]) -> ScalarMappable:
    """Draw an image a value, a row a dimension."""
    crops: Array = latent.traversals
    n_frames, n_bands = crops.shape[2:]
    low, high = np.percentile(crops, [1, 100]).tolist()  # digital silence is no shade
    ends = (0.0, n_frames * latent.hop_seconds, latent.first_band, latent.first_band + n_bands)
    norm = Normalize(low, high)
    for (row, column), axes in np.ndenumerate(panels):
        _show(axes, crops[row, column], norm, ends)
        value = "" if row else f"{latent.values[column]:g}"
        axes.set_title(_caption(latent, row) if not column else "", fontsize=8, loc="left")
        axes.set_title(f"{value}\n" if not column else value, fontsize=8)
    figure.supxlabel("time in seconds", fontsize=9)
    figure.supylabel("band", fontsize=9)
    return ScalarMappable(norm, "magma")


def _show(
    axes: Axes, crop: Array, norm: Normalize, ends: tuple[float, float, float, float]
) -> None:
    axes.imshow(crop.T, origin="lower", aspect="auto", extent=ends, cmap="magma", norm=norm)
    axes.tick_params(labelsize=7)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _caption(latent: LatentSpace, row: int) -> str:
    dimension = latent.dimensions[row]
    return f"dimension {dimension}: {latent.divergence[dimension]:.2f} nats"
