"""Recipes of a paper in one table and one picture, beside the paper's own figures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kmusic.atomic import write_text
from kmusic.evaluation.comparison import Difference, Standing
from kmusic.report.glyphs import printable
from kmusic.report.pictures import COLOURS, headline, new_picture
from kmusic.training.recipe import PaperFigure
from kmusic.training.runs import write_json

NOTE = (
    "Accuracy is the mean over seeds. Intervals are 95 %: whole groups are drawn, with the rows of "
    "all seeds; macro-F1 is of those rows together."
)
PAIRED = (
    "A difference is of the accuracies on the same tracks, this less that, each track with its "
    "mean over seeds."
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is told of one recipe.

    Attributes:
        recipe: Its name.
        standing: What it reached; `None` if it failed.
        difference: How much better it is than what it is held against, if anything.
        parameters: All and trainable parameters of the network.
        seconds: Time of training, in seconds, over all folds, mean over seeds.
        epochs: Fewest and most epochs of a run.
        paper: The paper's figure, if there is one.
        problem: Why it failed.
    """

    recipe: str
    standing: Standing | None = None
    difference: Difference | None = None
    parameters: tuple[int, int] | None = None
    seconds: float | None = None
    epochs: tuple[int, int] | None = None
    paper: PaperFigure | None = None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give the entry as plain values that `json.dumps` takes."""
        return asdict(self)


def write_comparison(
    folder: str | Path, title: str, protocol: Mapping[str, Any], entries: Sequence[Entry]
) -> Path:
    """Write recipes as `table.md`, `table.json` and, if one was judged, `comparison.png`.

    Args:
        folder: Where the files go; made if need be.
        title: Heading.
        protocol: How the figures were made; see `protocol_lines`.
        entries: The recipes, in the order to show them.

    Returns:
        Path of `table.md`.
    """
    folder = Path(folder)
    lines = protocol_lines(protocol)
    table = comparison_table(entries)
    parts = [f"# {title}", *lines, markdown(table)]
    parts += [f"{entry.recipe} failed: {entry.problem}" for entry in entries if entry.problem]
    write_json(
        folder / "table.json",
        {"protocol": dict(protocol), "recipes": [entry.to_json() for entry in entries]},
    )
    if any(entry.standing for entry in entries):
        short = "; ".join(_judged(protocol))
        draw_comparison(entries, folder / "comparison.png", protocol=short)
    write_text(folder / "table.md", "\n\n".join(parts) + "\n")
    return folder / "table.md"


def protocol_lines(protocol: Mapping[str, Any]) -> list[str]:
    """Say in words how figures were made.

    Args:
        protocol: `data`, `rows`, `division`, `n_tracks` and `n_groups` (the numbers that occur),
            `seeds`, `settings`, `versions` and `against`.

    Returns:
        A paragraph of facts and one that explains the figures.
    """
    note = f"{NOTE} {PAIRED}" if protocol["against"] else NOTE
    return ["; ".join(facts(protocol)) + ".", note]


def facts(protocol: Mapping[str, Any]) -> list[str]:
    """Say how figures were made, a phrase a fact.

    Args:
        protocol: As for `protocol_lines`.
    """
    told = [
        *_judged(protocol),
        protocol["rows"],
        " ".join(f"--set {setting}" for setting in protocol["settings"]) or "recipes as written",
        ", ".join(f"{name} {version}" for name, version in protocol["versions"].items()),
    ]
    if protocol["against"]:
        told.append(f"against {protocol['against']}")
    return [fact for fact in told if fact]


def comparison_table(entries: Sequence[Entry]) -> pd.DataFrame:
    """Put recipes into one table of text, a row each, in the order given.

    Args:
        entries: The recipes.

    Returns:
        Table with the column `recipe` first. Columns that no recipe fills are left out; a cell
        that cannot be filled is "-".
    """
    table = pd.DataFrame([_cells(entry) for entry in entries])
    return table.loc[:, [name == "recipe" or (table[name] != "-").any() for name in table]]


def draw_comparison(entries: Sequence[Entry], path: str | Path, *, protocol: str = "") -> Path:
    """Draw the accuracy of each recipe with its interval, and the paper's where it prints one.

    Args:
        entries: The recipes, the first on top; those that failed are left out.
        path: PNG to write.
        protocol: How the figures were made, for the title.

    Returns:
        The path written.

    Raises:
        ValueError: If no recipe was judged.
    """
    judged = [(entry, entry.standing) for entry in entries if entry.standing]
    if not judged:
        raise ValueError(f"a recipe must be judged to be drawn; got {len(entries)}, all failed.")
    names = printable([entry.recipe for entry, _ in judged])
    with new_picture(path, 7.0, 0.34 * len(judged) + 2.4) as figure:
        axes = figure.subplots()
        for row, (_, reached) in enumerate(judged):
            ends = reached.accuracy_interval
            axes.plot(ends, (row, row), color=COLOURS[0], label="_", linewidth=1.5)
            axes.text(1.02, row, f"{reached.accuracy:.3f}", va="center", fontsize=8)
        ours = [reached.accuracy for _, reached in judged]
        style: dict[str, Any] = {"linestyle": "", "markersize": 6}
        said = "here, 95 % interval"
        axes.plot(ours, range(len(ours)), "o", color=COLOURS[0], label=said, **style)
        if printed := _printed([entry for entry, _ in judged]):
            rows, values, data = zip(*printed, strict=True)
            said = printable([f"paper, on {', '.join(dict.fromkeys(data))}"], longest=60)[0]
            axes.plot(values, rows, "D", color=COLOURS[3], mfc="none", label=said, **style)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set(xlim=(0, 1), ylim=(len(names) - 0.4, -0.6), xlabel="accuracy")
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
        axes.set_title(headline("Accuracy", f"{len(judged)} recipe(s)", protocol))
    return Path(path)


def span(values: Iterable[int]) -> str:
    """Say which whole numbers occur, by the first and the last."""
    low, high = min(values := list(values), default=0), max(values, default=0)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def with_interval(value: float, ends: tuple[float, float], sign: str = "") -> str:
    """Write a figure with three digits and its interval."""
    return f"{value:{sign}.3f} ({ends[0]:{sign}.3f} to {ends[1]:{sign}.3f})"


def markdown(table: pd.DataFrame) -> str:
    """Write a table of text for Markdown."""
    rows = [table.columns, ["---"] * table.shape[1], *table.itertuples(index=False)]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows
    )


def _printed(entries: Sequence[Entry]) -> list[tuple[int, float, str]]:
    """List row, accuracy and data of the recipes whose accuracy a paper prints."""
    figures = [(row, entry.paper) for row, entry in enumerate(entries)]
    return [(n, p.value, p.data) for n, p in figures if p and p.metric == "accuracy"]


def _judged(protocol: Mapping[str, Any]) -> list[str]:
    """Say which tracks were judged, how they were held out, and with which seeds."""
    n_tracks, n_groups, seeds = (span(protocol[n]) for n in ("n_tracks", "n_groups", "seeds"))
    return [
        f"{n_tracks} tracks of {n_groups} groups of {protocol['data']}",
        protocol["division"],
        f"seed{'s' if len(protocol['seeds']) > 1 else ''} {seeds}",
    ]


def _cells(entry: Entry) -> dict[str, str]:
    """Give the texts of a recipe by column; what is unknown is empty."""
    reached, paper, known = entry.standing, entry.paper, entry.difference
    accuracy = reached and with_interval(reached.accuracy, reached.accuracy_interval)
    macro_f1 = reached and with_interval(reached.macro_f1, reached.macro_f1_interval)
    seeds = reached.by_seed if reached and len(reached.by_seed) > 1 else ()
    cells = {
        "recipe": entry.recipe,
        "accuracy": accuracy,
        "macro-F1": macro_f1,
        "by seed": seeds and f"{min(seeds):.3f} to {max(seeds):.3f}",
        "difference": known and with_interval(known.accuracy, known.interval, "+"),
        "paper": paper and f"{paper.value:g} ({paper.metric}, {paper.data}, {paper.place})",
        "parameters": entry.parameters and f"{entry.parameters[0]:,}",
        "trainable": entry.parameters and f"{entry.parameters[1]:,}",
        "training, s": "" if entry.seconds is None else f"{entry.seconds:,.0f}",
        "epochs": entry.epochs and span(entry.epochs),
    }
    return {name: cell or "-" for name, cell in cells.items()}
