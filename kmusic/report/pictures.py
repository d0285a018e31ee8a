"""Numbers to pictures: one function a picture, one PNG a call."""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from kmusic.atomic import replacing
from kmusic.evaluation.classification import ClassificationReport
from kmusic.report.glyphs import font_families, printable
from kmusic.types import Array

# Okabe and Ito (2008), told apart with any kind of colour vision; the yellow is darkened.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#000000", "#B8A800")
NATS = ("divergence", "capacity")
NO_MEASURE = re.compile(r"^epoch$|^learning_rate$|_\d{3,}$")
WIDEST = 100.0  # greatest by least measure on a linear axis
MARKERS = "os^DvPX<>p*hd"  # 13 and 8 share no factor: 104 classes look different


def draw_confusion(report: ClassificationReport, path: str | Path, *, protocol: str = "") -> Path:
    """Draw the confusion matrix: shares of each true class as shades, tracks as numbers.

    Args:
        report: What to draw.
        path: PNG to write.
        protocol: How the tracks were chosen, for the title: `"test split, grouped by artist"`.

    Returns:
        The path written.
    """
    names = printable(report.labels)
    n_classes = len(names)
    shares = report.confusion / np.maximum(report.confusion.sum(axis=1, keepdims=True), 1)
    cell = float(np.clip(9.0 / n_classes, 0.13, 0.55))  # inches
    size = float(np.clip(54 * cell, 4, 9))  # points: three quarters of a cell
    with new_picture(path, max(n_classes * cell + 3.6, 5.6), n_classes * cell + 2.6) as figure:
        axes = figure.subplots()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8, aspect=30)
        axes.set_xticks(range(n_classes), names, rotation=90, fontsize=size)
        axes.set_yticks(range(n_classes), names, fontsize=size)
        axes.set(xlabel="predicted class", ylabel="true class")
        low, high = report.accuracy_interval
        result = f"accuracy {report.accuracy:.3f} (95 % {low:.3f} to {high:.3f})"
        axes.set_title(headline("Confusion", f"{report.n_tracks:,} tracks", protocol, result))
        for row, column in np.argwhere(report.confusion > 0).tolist() if n_classes <= 25 else []:
            shade = "white" if shares[row, column] > 0.5 else "black"
            count = str(report.confusion[row, column])
            axes.text(column, row, count, ha="center", va="center", color=shade, fontsize=size - 1)
    return Path(path)


def draw_per_class(report: ClassificationReport, path: str | Path, *, protocol: str = "") -> Path:
    """Draw the F1 of each class as a bar, with the number of its tracks.

    Args:
        report: What to draw.
        path: PNG to write.
        protocol: How the tracks were chosen, for the title.

    Returns:
        The path written.
    """
    names = printable(report.labels)
    scores, support = report.per_class["f1"].tolist(), report.per_class["support"].tolist()
    with new_picture(path, 7.0, 0.26 * len(names) + 1.9) as figure:
        axes = figure.subplots()
        axes.barh(range(len(names)), scores, color=COLOURS[0], height=0.7)
        for row, (score, n_tracks) in enumerate(zip(scores, support, strict=True)):
            axes.text(1.02, row, f"{score:.2f}   n = {n_tracks:,}", va="center", fontsize=8)
        axes.axvline(report.macro_f1, color=COLOURS[3], linestyle="--", linewidth=1)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set(xlim=(0, 1), ylim=(len(names) - 0.4, -0.6), xlabel="F1", ylabel="class")
        axes.spines[["top", "right"]].set_visible(False)
        low, high = report.macro_f1_interval
        result = f"macro-F1 {report.macro_f1:.3f} (95 % {low:.3f} to {high:.3f}), dashed"
        axes.set_title(headline("F1 by class", f"{report.n_tracks:,} tracks", protocol, result))
    return Path(path)


def draw_history(history: pd.DataFrame, path: str | Path, *, protocol: str = "") -> Path:
    """Draw losses and other measures by epoch: training in full lines, validation in dashes.

    Args:
        history: One row an epoch: `epoch` (else rows are counted from 1) and measures by Keras'
            names, those of validation rows with `val_` before them. Learning rates are not drawn,
            nor the values of vectors, `_000` and so on.
        path: PNG to write.
        protocol: What was trained, for the title.

    Returns:
        The path written.

    Raises:
        ValueError: If there is no measure or no epoch.
    """
    epochs = history["epoch"] if "epoch" in history else np.arange(1, len(history) + 1)
    measures = [str(name) for name in history.select_dtypes("number")]
    measures = [name for name in measures if not NO_MEASURE.search(name)]
    if not measures or history.empty:
        raise ValueError(
            "history must hold a measure and an epoch; "
            f"got columns {list(history.columns)} and {len(history)} rows."
        )
    losses = [name for name in measures if name.endswith("loss")]
    nats = [name for name in measures if name.removeprefix("val_") in NATS]
    others = [name for name in measures if name not in losses + nats]
    kinds = (losses, "loss"), (others, "score"), (nats, "nats")
    panels = [(names, unit) for names, unit in kinds if names]
    with new_picture(path, 5.2 * len(panels) + 0.6, 4.2) as figure:
        columns = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (names, unit) in zip(columns, panels, strict=True):
            stems = list(dict.fromkeys(name.removeprefix("val_") for name in names))
            for name in names:
                colour = COLOURS[stems.index(name.removeprefix("val_")) % len(COLOURS)]
                held_out = name.startswith("val_")
                style = {"linestyle": "--", "markerfacecolor": "white"} if held_out else {}
                marker = "o" if len(history) <= 40 else ""
                label = printable([name.replace("_", " ").replace("val ", "validation ")])[0]
                axes.plot(epochs, history[name], color=colour, marker=marker, label=label, **style)
            axes.set(xlabel="epoch", ylabel=unit, xlim=(min(epochs) - 0.5, max(epochs) + 0.5))
            if 0 < WIDEST * history[names].min(axis=None) < history[names].max(axis=None):
                axes.set_yscale("log")  # else one loss that leaps makes lines of all others
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.grid(alpha=0.3)
            axes.legend(fontsize=8)
        figure.suptitle(headline("Training", f"{len(history)} epoch(s)", protocol))
    return Path(path)


def draw_map(
    embeddings: npt.ArrayLike,
    labels: Sequence[object],
    path: str | Path,
    *,
    method: str = "pca",
    protocol: str = "",
    seed: int = 0,
) -> Path:
    """Draw embeddings in the plane, a colour and a marker a class.

    Args:
        embeddings: One row a track, finite, shape `(n_tracks, embedding_dim)`.
        labels: Class of each track.
        path: PNG to write.
        method: `"pca"`, which keeps distances as well as a plane can, or `"tsne"`, which keeps
            neighbours.
        protocol: How the tracks were chosen, for the title.
        seed: What makes the map repeatable.

    Returns:
        The path written.

    Raises:
        ValueError: If the method is unknown, or there are fewer than 3 tracks or 2 dimensions.
    """
    points = np.asarray(embeddings, dtype=np.float64)
    if points.ndim != 2 or len(points) < 3 or points.shape[1] < 2 or len(points) != len(labels):
        raise ValueError(
            "a map needs at least 3 tracks with labels and 2 dimensions; "
            f"got embeddings of shape {points.shape} and {len(labels)} labels."
        )
    plane, captions = _plane(points, method, seed)
    classes, codes = np.unique([str(label) for label in labels], return_inverse=True)
    n_columns = -(-len(classes) // 26)
    with new_picture(path, 7.0 + 1.9 * n_columns, 5.6) as figure:
        axes = figure.subplots()
        for code, name in enumerate(printable(classes, longest=22)):
            axes.scatter(
                plane[codes == code, 0],
                plane[codes == code, 1],
                s=float(np.clip(8_000 / len(points), 9, 36)),
                color=COLOURS[code % len(COLOURS)],
                marker=MARKERS[code % len(MARKERS)],
                alpha=0.75,
                linewidths=0,
                label=name,
            )
        counted = f"{len(points):,} tracks of {len(classes)} classes"
        axes.set(xlabel=captions[0], ylabel=captions[1])
        axes.set_title(headline("Map of embeddings", counted, protocol))
        beside = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        axes.legend(fontsize=8, ncols=n_columns, markerscale=1.5, **beside)
    return Path(path)


def draw_examples(
    features: Mapping[str, Array],
    path: str | Path,
    *,
    hop_seconds: float,
    bands: str = "mel band",
    unit: str = "dB",
    protocol: str = "",
) -> Path:
    """Draw one example of the features of each class, all on one scale.

    Args:
        features: By class, features of an excerpt, shape `(frames, bands)`.
        path: PNG to write.
        hop_seconds: Distance between frames, in seconds.
        bands: What the second axis counts.
        unit: Unit of the values.
        protocol: Where the excerpts come from, for the title.

    Returns:
        The path written.

    Raises:
        ValueError: If there is no class or `hop_seconds` is not positive.
    """
    if not features or hop_seconds <= 0:
        raise ValueError(
            "features must hold a class and hop_seconds be positive; "
            f"got {len(features)} classes, hop_seconds={hop_seconds}."
        )
    n_columns = min(len(features), 4 if len(features) <= 16 else 8)
    n_rows = -(-len(features) // n_columns)
    width, height = (2.6, 1.9) if len(features) <= 16 else (1.7, 1.3)
    names = printable(features, longest=28 if len(features) <= 16 else 18)
    everything = np.concatenate([np.ravel(values) for values in features.values()])
    low, high = np.percentile(everything, [1, 100]).tolist()  # digital silence is no shade
    with new_picture(path, max(width * n_columns + 1.2, 5.6), height * n_rows + 1.3) as figure:
        panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
        for axes, name, values in zip(panels, names, features.values(), strict=False):
            extent = (0.0, len(values) * hop_seconds, 0.0, float(np.shape(values)[1]))
            shades = {"cmap": "magma", "vmin": low, "vmax": high}
            image = axes.imshow(
                np.transpose(values), origin="lower", aspect="auto", extent=extent, **shades
            )
            axes.set_title(name, fontsize=6 + width)
            axes.tick_params(labelsize=7)
        for axes in panels[len(features) :]:
            axes.set_axis_off()
        figure.colorbar(image, ax=list(panels), label=unit, shrink=0.8, aspect=30)
        figure.supxlabel("time in seconds", fontsize=9)
        figure.supylabel(bands, fontsize=9)
        figure.suptitle(headline("Examples", "one excerpt a class", protocol))
    return Path(path)


def _plane(points: npt.NDArray[Any], method: str, seed: int) -> tuple[npt.NDArray[Any], list[str]]:
    if method == "pca":
        with np.errstate(invalid="ignore"):  # points that all coincide have no variance to share
            pca = PCA(2, random_state=seed).fit(points)
        shares = (100 * np.nan_to_num(pca.explained_variance_ratio_)).tolist()
        return pca.transform(points), [
            f"principal component {i} ({share:.0f} % of the variance)"
            for i, share in enumerate(shares, start=1)
        ]
    if method == "tsne":
        near = min(30.0, (len(points) - 1) / 3)
        first = "pca" if np.ptp(points, axis=0).any() else "random"  # one point has no plane
        with threadpool_limits(1):  # threads that wait for a busy core took 11 s in place of 0.4
            plane = TSNE(2, perplexity=near, init=first, random_state=seed).fit_transform(points)
        return plane, [f"t-SNE {i} (perplexity {near:.0f})" for i in (1, 2)]
    raise ValueError(f"method must be 'pca' or 'tsne'; got {method!r}.")


def headline(
    picture: str, counted: str, protocol: str, result: str = "", *, width: int = 60
) -> str:
    """Say what is drawn, of how many tracks, how they were chosen, and what came out.

    Args:
        picture: What is drawn.
        counted: Of how many tracks.
        protocol: How they were chosen; its middle is left out if it needs more than three lines.
        result: What came out.
        width: Characters in a line of the protocol.
    """
    lines = [f"{picture}: {counted}"]
    if protocol:
        lines += textwrap.wrap(printable([protocol], longest=8 * width // 3)[0], width)
    return "\n".join([*lines, result] if result else lines)


@contextmanager
def new_picture(path: str | Path, width: float, height: float) -> Iterator[Figure]:
    """Give an empty figure, sizes in inches, that is written when the block ends well."""
    look = {"font.family": font_families(), "axes.titlesize": 10, "figure.titlesize": 10}
    with mpl.rc_context(look | {"lines.markersize": 4}), replacing(path) as draft:
        figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        figure.savefig(draft, format="png", facecolor="white")
