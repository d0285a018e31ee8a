"""Pictures of how much information the codes of a variational autoencoder carry."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator

from kmusic.evaluation.latent_space import ACTIVE
from kmusic.report.glyphs import printable
from kmusic.report.pictures import COLOURS, MARKERS, headline, new_picture
from kmusic.training.recipe_files import read_recipe

MOST = 10.0  # nats of the brightest shade, at least


@dataclass(frozen=True, kw_only=True)
class TradeOff:
    """What a run paid and what it got.

    Attributes:
        name: What the run is called.
        divergence: Of the posterior from the prior, in nats a code.
        error: Mean squared error of a restored value.
    """

    name: str
    divergence: float
    error: float


def trade_off(folders: Iterable[str | Path]) -> list[TradeOff]:
    """Read divergence and reconstruction error of runs from their histories.

    Args:
        folders: Run folders of variational autoencoders.

    Returns:
        A point a run, named by its folder: the epoch whose weights were kept, on validation tracks
        where there are some, else in training.

    Raises:
        ValueError: If a history lacks one of the two.
    """
    return [_point(Path(folder)) for folder in folders]


def _point(folder: Path) -> TradeOff:
    history = pd.read_csv(folder / "history.csv")
    stopping = read_recipe(folder / "recipe.json").early_stopping
    kept = len(history) - 1
    if stopping:
        values = history[stopping.monitor]
        kept = int(values.argmax() if stopping.higher_is_better else values.argmin())
    for prefix in ("val_", ""):
        names = [f"{prefix}divergence", f"{prefix}reconstruction"]
        if set(names) <= set(history.columns):
            divergence, error = (float(history[name][kept]) for name in names)
            return TradeOff(name=folder.name, divergence=divergence, error=error)
    raise ValueError(
        f"{folder / 'history.csv'} must have divergence and reconstruction; "
        f"got columns {list(history.columns)}."
    )


def draw_trade_off(points: Sequence[TradeOff], path: str | Path, *, protocol: str = "") -> Path:
    """Draw reconstruction error over divergence, a point with its name a run.

    Args:
        points: What to draw.
        path: PNG to write.
        protocol: What was trained, for the title.

    Returns:
        The path written.

    Raises:
        ValueError: If there is no point.
    """
    if not points:
        raise ValueError("a trade-off needs a run at least; got none.")
    ordered = sorted(points, key=lambda point: point.divergence)
    across = [point.divergence for point in ordered]
    with new_picture(path, 5.8, 4.4) as figure:
        axes = figure.subplots()
        axes.plot(across, [p.error for p in ordered], color="#BBBBBB", linewidth=1, zorder=1)
        for number, (point, name) in enumerate(
            zip(ordered, printable([p.name for p in ordered]), strict=True)
        ):
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            axes.plot(point.divergence, point.error, marker, color=colour, markersize=7)
            place = point.divergence, point.error
            aside = (7, 5) if number % 2 else (7, -11)  # so that neighbours can be read
            axes.annotate(name, place, aside, textcoords="offset points", fontsize=8)
        axes.margins(x=0.18, y=0.12)
        axes.set(xlabel="divergence, nats a code", ylabel="mean squared error of a value")
        axes.grid(alpha=0.3)
        axes.set_title(headline("Reconstruction and divergence", f"{len(points)} run(s)", protocol))
    return Path(path)


def draw_divergences(history: pd.DataFrame, folder: Path, *, protocol: str = "") -> list[Path]:
    """Draw what a history tells of divergences, into `capacity.png` and `dimensions.png`.

    Args:
        history: One row an epoch.
        folder: Where the pictures go.
        protocol: What was trained, for the titles.

    Returns:
        The pictures; none if the history tells nothing of them.
    """
    drawn = []
    if {"divergence", "capacity"} <= set(history.columns):
        drawn.append(draw_capacity(history, folder / "capacity.png", protocol=protocol))
    if "divergence_000" in history:
        drawn.append(draw_dimensions(history, folder / "dimensions.png", protocol=protocol))
    return drawn


def draw_capacity(history: pd.DataFrame, path: str | Path, *, protocol: str = "") -> Path:
    """Draw a divergence and the target that it should follow, by epoch.

    Figures of training are means over an epoch and stand in its middle; those of validation at its
    end. The first epoch, in which a divergence may be many times its target, may leave the picture.

    Args:
        history: One row an epoch, with `divergence` and `capacity`, and those of validation with
            `val_` before them.
        path: PNG to write.
        protocol: What was trained, for the title.

    Returns:
        The path written.

    Raises:
        ValueError: If one of the two is missing, or there is no epoch.
    """
    if history.empty or not {"divergence", "capacity"} <= set(history.columns):
        raise ValueError(
            "history must hold divergence, capacity and an epoch; "
            f"got columns {list(history.columns)} and {len(history)} rows."
        )
    n_epochs = len(history)
    kinds = {"divergence": ("training", 0.5), "val_divergence": ("validation", 1.0)}
    with new_picture(path, 6.2, 4.2) as figure:
        axes = figure.subplots()
        marker = "o" if n_epochs <= 40 else ""
        for number, (name, (words, shift)) in enumerate(kinds.items()):
            if name in history:
                done, said = np.arange(n_epochs) + shift, f"divergence, {words}"
                axes.plot(done, history[name], color=COLOURS[number], marker=marker, label=said)
        middles, target = np.arange(n_epochs) + 0.5, history["capacity"]
        axes.plot(middles, target, color="black", linestyle="--", label="target", zorder=3)
        axes.set(xlabel="epochs done", ylabel="nats a code", xlim=(0, n_epochs + 0.5))
        shown = [name for name in (*kinds, "capacity") if name in history]
        highest = history[shown].iloc[min(1, n_epochs - 1) :].max(axis=None)
        axes.set_ylim(0, 1.1 * highest or 1.0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
        axes.set_title(headline("Divergence and its target", f"{n_epochs} epoch(s)", protocol))
    return Path(path)


def draw_dimensions(history: pd.DataFrame, path: str | Path, *, protocol: str = "") -> Path:
    """Draw the divergence of each latent dimension by epoch, the one that ends highest on top.

    Args:
        history: One row an epoch, with `divergence_000` and so on; those of validation, with
            `val_` before them, are drawn where there are some.
        path: PNG to write.
        protocol: What was trained, for the title.

    Returns:
        The path written; the title says how many dimensions are in use in the end, those with more
        than 0.01 nats.

    Raises:
        ValueError: If there is no dimension or no epoch.
    """
    values, rows = by_dimension(history)
    order = np.argsort(-values[-1], kind="stable")
    n_used = int((values[-1] > ACTIVE).sum())
    counted = f"{n_used} of {len(order)} above {ACTIVE:g} nats in the end, above the line"
    with new_picture(path, 6.6, 4.8) as figure:
        axes = figure.subplots()
        shades = LogNorm(ACTIVE / 10, max(MOST, values.max()))
        image = axes.imshow(
            np.maximum(values[:, order].T, ACTIVE / 10),
            aspect="auto",
            cmap="magma",
            norm=shades,
            interpolation="nearest",
            extent=(0.5, len(values) + 0.5, len(order), 0),
        )
        axes.axhline(n_used, color=COLOURS[4], linestyle="--", linewidth=1)
        axes.set(xlabel="epoch", ylabel="latent dimensions, sorted by the last epoch")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        figure.colorbar(image, ax=axes, label=f"divergence in nats, {rows}")
        axes.set_title(headline("Latent dimensions", counted, protocol))
    return Path(path)


def by_dimension(history: pd.DataFrame) -> tuple[np.ndarray, str]:
    """Give the divergence of each dimension, and on which tracks it was measured.

    Args:
        history: As for `draw_dimensions`.

    Returns:
        Nats, shape `(n_epochs, latent_dim)`, and "validation" or "training".

    Raises:
        ValueError: If there is no dimension or no epoch.
    """
    for prefix, words in (("val_", "validation"), ("", "training")):
        names = [n for n in history.columns if re.fullmatch(rf"{prefix}divergence_\d{{3,}}", n)]
        if names and not history.empty:
            return history[names].to_numpy(dtype=np.float64), words
    raise ValueError(
        "history must hold divergence_000 and an epoch; "
        f"got columns {list(history.columns)} and {len(history)} rows."
    )
