"""Figures over the number of artists that recipes were trained on: a table and a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kmusic.atomic import write_text
from kmusic.evaluation.unseen import Reached
from kmusic.report.comparison import facts, markdown, with_interval
from kmusic.report.glyphs import printable
from kmusic.report.pictures import COLOURS, MARKERS, headline, new_picture
from kmusic.training.runs import write_json

NAMES = {"map": "MAP", "knn": "k-NN", "linear_softmax": "linear softmax"}
BY_SEED = " by seed"
NOTE = (
    "Figures are means over seeds: of the MAP when each track searches the others, and of the "
    "accuracy of probes. Intervals are 95 %: whole groups of judged tracks are drawn, with the "
    "rows of all seeds."
)
MARKS = "line: mean over seeds; white dots: each seed; bars: 95 % interval over groups"


@dataclass(frozen=True, kw_only=True)
class Point:
    """What is told of a recipe that was trained on a number of artists.

    Attributes:
        recipe: Its name.
        n_artists: Number of artists.
        n_tracks: Training tracks of theirs.
        figures: What it reached on tracks of others, by name; empty if all seeds failed.
        problems: By folder, why seeds failed, or could not be put together.
    """

    recipe: str
    n_artists: int
    n_tracks: int
    figures: Mapping[str, Reached] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give the point as plain values that `json.dumps` takes."""
        return asdict(self)


def write_sweep(folder: str | Path, protocol: Mapping[str, Any], points: Sequence[Point]) -> Path:
    """Write points as `table.md`, `table.json` and, if one was judged, `sweep.png`.

    Args:
        folder: Where the files go; made if need be.
        protocol: How the figures were made; see `protocol_lines`.
        points: The points, in the order to show them.

    Returns:
        Path of `table.md`.
    """
    folder = Path(folder)
    parts = ["# Number of artists", *protocol_lines(protocol), markdown(sweep_table(points))]
    parts += [f"{run} failed: {why}" for point in points for run, why in point.problems.items()]
    write_json(
        folder / "table.json",
        {"protocol": dict(protocol), "points": [point.to_json() for point in points]},
    )
    if any(point.figures for point in points):
        draw_sweep(points, folder / "sweep.png", protocol="; ".join(facts(protocol)))
    write_text(folder / "table.md", "\n\n".join(parts) + "\n")
    return folder / "table.md"


def protocol_lines(protocol: Mapping[str, Any]) -> list[str]:
    """Say in words how figures were made.

    Args:
        protocol: As for those of a comparison, and `note`, what is wrong with the data.

    Returns:
        A paragraph of facts and one that explains the figures.
    """
    notes = [note for note in (NOTE, protocol["note"]) if note]
    return ["; ".join(facts(protocol)) + ".", " ".join(notes)]


def sweep_table(points: Sequence[Point]) -> pd.DataFrame:
    """Put points into one table of text, a row each, in the order given.

    Args:
        points: The points.

    Returns:
        Table with the columns `recipe`, `artists` and `tracks` first, then a column a figure and,
        where there were several seeds, its least and greatest. A cell that cannot be filled is
        "-".
    """
    rows = []
    for point in points:
        row = {
            "recipe": point.recipe,
            "artists": f"{point.n_artists:,}",
            "tracks": f"{point.n_tracks:,}",
        }
        for name, reached in point.figures.items():
            column, seeds = NAMES.get(name, name), reached.by_seed
            row[column] = with_interval(reached.value, reached.interval)
            if len(seeds) > 1:
                row[column + BY_SEED] = f"{min(seeds):.3f} to {max(seeds):.3f}"
        rows.append(row)
    return pd.DataFrame(rows).fillna("-")


def draw_sweep(points: Sequence[Point], path: str | Path, *, protocol: str = "") -> Path:
    """Draw each figure in a panel, a line a recipe over the number of artists.

    Args:
        points: The points; those that failed are left out.
        path: PNG to write.
        protocol: How the figures were made, for the title.

    Returns:
        The path written.

    Raises:
        ValueError: If no point was judged.

    Source:
        Park et al. (2018), figures 2 to 4; numbers of artists stand equally far apart.
    """
    judged = [point for point in points if point.figures]
    if not judged:
        raise ValueError(f"a point must be judged to be drawn; got {len(points)}, all failed.")
    n_panels, counted = len(judged[0].figures), f"{len({p.recipe for p in judged})} recipe(s)"
    with new_picture(path, 4.2 * n_panels + 0.4, 5.2) as figure:
        plot_sweep(figure, judged)
        title = headline("Number of artists", counted, protocol, MARKS, width=48 * n_panels)
        figure.suptitle(title)
    return Path(path)


def plot_sweep(figure: Figure, points: Sequence[Point]) -> None:
    """Fill a figure with the panels of `draw_sweep`.

    Args:
        figure: An empty figure.
        points: Points that were judged, all by the same figures.
    """
    names = [*points[0].figures]
    sizes = sorted({point.n_artists for point in points})
    recipes = list(dict.fromkeys(point.recipe for point in points))
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for number, label in enumerate(printable(recipes)):
            own = [point for point in points if point.recipe == recipes[number]]
            aside = 0.08 * (number - (len(recipes) - 1) / 2)  # so that bars do not hide each other
            reached = {sizes.index(p.n_artists) + aside: p.figures[name] for p in own}
            _plot_recipe(axes, reached, label, number)
        axes.set_xticks(range(len(sizes)), [f"{size:,}" for size in sizes])
        axes.set(xlim=(-0.5, len(sizes) - 0.5), xlabel="artists", title=NAMES.get(name, name))
        axes.set_ylabel("MAP" if name == "map" else "accuracy")
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)


def _plot_recipe(axes: Axes, reached: Mapping[float, Reached], label: str, number: int) -> None:
    """Plot a recipe's figure by place on the axis: interval, mean and each seed."""
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    dots: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 3, "mfc": "white"}
    for place, figure in reached.items():
        axes.plot((place, place), figure.interval, color=colour, alpha=0.5, label="_interval")
        seeds = figure.by_seed
        axes.plot([place] * len(seeds), seeds, color=colour, label="_seeds", zorder=3, **dots)
    means = [figure.value for figure in reached.values()]
    axes.plot([*reached], means, color=colour, marker=marker, markersize=6, label=label)
