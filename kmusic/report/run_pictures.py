"""The pictures of a run and its figures, and the page that holds them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.audio.files import AudioError
from kmusic.datasets.reading import read_track
from kmusic.evaluation.classification import ClassificationReport
from kmusic.evaluation.generation import Reconstructions
from kmusic.evaluation.scoring import Scores
from kmusic.features.front_ends import build_front_end
from kmusic.report.divergence_pictures import draw_divergences
from kmusic.report.figures import figures
from kmusic.report.latent_pictures import draw_divergence, draw_traversals
from kmusic.report.page import write_page
from kmusic.report.pictures import (
    draw_confusion,
    draw_examples,
    draw_history,
    draw_map,
    draw_per_class,
)
from kmusic.report.spectrogram_pictures import (
    MOST_IN_A_BLOCK,
    MOST_PAIRS,
    draw_band_statistics,
    draw_generated,
    draw_interpolation,
    draw_loudness,
    draw_pairs,
)
from kmusic.report.waveform_pictures import draw_waveform_examples, draw_waveform_pairs
from kmusic.training.recipe import Recipe
from kmusic.training.recipe_files import read_recipe
from kmusic.types import Array

EXAMPLES = 12
FEWEST_NEIGHBOURS = 10  # tracks, of which t-SNE tells more than chance
MOST_NEIGHBOURS = 1_000


def write_report(run: str | Path, scores: Scores, classes: Sequence[str] = ()) -> Path:
    """Draw a run and write one HTML page of pictures, figures and protocol.

    Args:
        run: Run folder, or the folder of the runs of all folds.
        scores: Its figures.
        classes: Those of which a map of their own is drawn, if any.

    Returns:
        The page, `report/index.html` of the folder.
    """
    run = Path(run)
    answer = scores.to_json()
    tables = {"Figures, with 95 % intervals": figures(answer)}
    if isinstance(scores.report, ClassificationReport):
        tables["Classes"] = scores.report.per_class
    if scores.disentanglement:
        tables["Factors" + ", last run" * (len(scores.disentanglement) > 1)] = (
            scores.disentanglement[-1].table
        )
    if scores.problems:
        tables["Tracks left out"] = pd.DataFrame({"reason": scores.problems})
    pictures = draw_scores(run, scores, classes)
    return write_page(run / "report", f"kmusic: {run.name}", answer["protocol"], tables, pictures)


def draw_scores(run: str | Path, scores: Scores, classes: Sequence[str] = ()) -> list[Path]:
    """Draw what can be drawn of a run into its folder `report/`.

    Args:
        run: Run folder, or the folder of the runs of all folds.
        scores: Its figures.
        classes: As for `write_report`.

    Returns:
        The pictures: training history and divergences, confusion matrix, F1 of each class, maps of
        the vectors, an example of the features of each class, and what the model, of folds the last
        one, reconstructs and generates, and what its latent space tells.
    """
    run = Path(run)
    folder = run / "report"
    protocol = f"{scores.protocol['rows']}"
    drawn = []
    if (run / "history.csv").is_file():
        history = pd.read_csv(run / "history.csv").drop(columns="seconds")
        if len(history.columns) > 1:  # what is fitted, not trained, has no measures
            drawn.append(draw_history(history, folder / "history.png", protocol=run.name))
        drawn += draw_divergences(history, folder, protocol=run.name)
    if isinstance(scores.report, ClassificationReport):
        by = scores.protocol.get("named_by")
        named = f"{by}; {protocol}" if by else protocol
        drawn.append(draw_confusion(scores.report, folder / "confusion.png", protocol=named))
        drawn.append(draw_per_class(scores.report, folder / "per_class.png", protocol=named))
    judged = scores.heard.embeddings
    if "label" in judged.tracks:
        labels = judged.tracks["label"].astype(str).to_numpy()
        drawn += _draw_maps(judged.vectors, labels, folder, classes, protocol)
    if "label" in judged.tracks and (run / "recipe.json").is_file():
        recipe = read_recipe(run / "recipe.json")
        if examples := _examples(judged.tracks, recipe):
            drawn.append(_draw_examples(examples, recipe, folder / "examples.png"))
    if scores.reconstructions:
        drawn += _draw_reconstructions(scores.reconstructions[-1], run, protocol)
    if scores.latent:
        latent = scores.latent[-1]
        told = f"first excerpts of {latent.n_tracks} judged tracks; {protocol}"
        path = folder / "divergence_of_dimensions.png"
        drawn.append(draw_divergence(latent, path, protocol=told))
        drawn.append(draw_traversals(latent, folder / "traversals.png", protocol=told))
    return drawn


def _draw_examples(examples: Mapping[str, Array], recipe: Recipe, path: Path) -> Path:
    """Draw the features of a track of each class; raw sound is drawn as lines."""
    c = recipe.frontend
    settings: dict[str, Any] = {
        "hop_seconds": c.hop_length / c.sample_rate,
        "protocol": f"first excerpt of a judged track of each class, {type(c).__name__}",
    }
    if c.n_bands == 1:
        return draw_waveform_examples(examples, path, **settings)
    return draw_examples(examples, path, bands="band", unit="feature", **settings)


def _draw_maps(
    vectors: Array, labels: npt.NDArray[Any], folder: Path, classes: Sequence[str], protocol: str
) -> list[Path]:
    """Draw maps of all tracks, and one of some classes alone."""
    drawn = []
    if len(vectors) > 2:
        path = folder / "map.png"
        drawn.append(draw_map(vectors, labels.tolist(), path, protocol=protocol))
    parts = {}
    if len(vectors) >= FEWEST_NEIGHBOURS:
        parts["tsne"] = np.arange(len(vectors))
    if (some := np.flatnonzero(np.isin(labels, [*classes]))).size > 2:
        parts["_".join(re.sub(r"[^\w-]+", "-", word) for word in classes)] = some
    for name, part in parts.items():
        rows, path = part[_drawn_rows(len(part))], folder / f"map_{name}.png"
        kept = labels[rows].tolist()
        drawn.append(draw_map(vectors[rows], kept, path, method="tsne", protocol=protocol))
    return drawn


def _drawn_rows(n_rows: int) -> npt.NDArray[np.int64]:
    """Draw as many rows as t-SNE takes in seconds, in order."""
    drawn = np.random.default_rng(0).permutation(n_rows)[:MOST_NEIGHBOURS]
    return np.sort(drawn)


def _draw_reconstructions(made: Reconstructions, run: Path, protocol: str) -> list[Path]:
    """Draw what a model made of crops, and what it generates besides."""
    folder = run / "report"
    protocol = f"first excerpts of {len(np.unique(made.track))} judged tracks; {protocol}"
    words: dict[str, Any] = {"unit": made.unit, "protocol": protocol}
    bands = words | {"first_band": made.first_band}
    scales = bands | {"hop_seconds": made.hop_seconds}
    crops = _middle_crops(made.track, MOST_PAIRS)
    names = [_name(made.tracks.iloc[row]) for row in made.track[crops]]
    pairs = made.originals[crops], made.copies[crops]
    target = folder / "reconstructions.png"
    if made.originals.shape[2] == 1:
        lines = words | {"hop_seconds": made.hop_seconds}
        drawn = [draw_waveform_pairs(*pairs, target, names=names, **lines)]
    else:
        drawn = [draw_pairs(*pairs, target, names=names, **scales)]
    new = made.generation
    if new is None:
        return drawn
    line, points = folder / "interpolation.png", scales | {"protocol": run.name}
    real = made.originals[_middle_crops(made.track, MOST_IN_A_BLOCK)]
    drawn += [
        draw_generated(real, new.crops[: len(real)], folder / "generated.png", **scales),
        draw_band_statistics(new.bands, folder / "bands.png", **bands),
        draw_interpolation(new.line, new.line_values, line, **points),
    ]
    if new.correlation is not None:
        words |= {"correlation": new.correlation}
        drawn.append(draw_loudness(new.norms, new.loudness, folder / "loudness.png", **words))
    return drawn


def _middle_crops(track: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """Give the middle crop of up to so many tracks, evenly spread over them."""
    rows = np.unique(track)
    shown = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]
    crops = [np.flatnonzero(track == row) for row in shown]
    return np.array([of_track[len(of_track) // 2] for of_track in crops])


def _name(track: pd.Series) -> str:
    """Give the label of a track, or else the name of its file."""
    label = track.get("label")
    return Path(track["path"]).stem if pd.isna(label) else str(label)


def _examples(tracks: pd.DataFrame, recipe: Recipe) -> Mapping[str, Array]:
    """Compute the features of the first excerpt of one track a class, if one begins with sound."""
    layer = build_front_end(recipe.frontend)
    examples: dict[str, Array] = {}
    for row in tracks.itertuples():
        if row.label in examples or len(examples) == EXAMPLES:
            continue
        try:
            waveform = read_track(
                row.path, recipe.frontend.sample_rate, row.start, recipe.excerpt_seconds
            )
        except AudioError:
            continue
        examples[str(row.label)] = layer(waveform[None])[0].numpy()
    return examples
