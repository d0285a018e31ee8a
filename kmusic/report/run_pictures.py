"""The pictures of a run and its figures, and the page that holds them."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from kmusic.audio.files import AudioError
from kmusic.datasets.reading import read_track
from kmusic.evaluation.classification import ClassificationReport
from kmusic.evaluation.scoring import Scores
from kmusic.features.front_ends import build_front_end
from kmusic.report.figures import figures
from kmusic.report.page import write_page
from kmusic.report.pictures import (
    draw_confusion,
    draw_examples,
    draw_history,
    draw_map,
    draw_per_class,
)
from kmusic.training.recipe import Recipe
from kmusic.training.recipe_files import read_recipe
from kmusic.types import Array

EXAMPLES = 12


def write_report(run: str | Path, scores: Scores) -> Path:
    """Draw a run and write one HTML page of pictures, figures and protocol.

    Args:
        run: Run folder, or the folder of the runs of all folds.
        scores: Its figures.

    Returns:
        The page, `report/index.html` of the folder.
    """
    run = Path(run)
    answer = scores.to_json()
    tables = {"Figures, with 95 % intervals": figures(answer)}
    if isinstance(scores.report, ClassificationReport):
        tables["Classes"] = scores.report.per_class
    if scores.problems:
        tables["Tracks left out"] = pd.DataFrame({"reason": scores.problems})
    return write_page(
        run / "report", f"kmusic: {run.name}", answer["protocol"], tables, draw_scores(run, scores)
    )


def draw_scores(run: str | Path, scores: Scores) -> list[Path]:
    """Draw what can be drawn of a run into its folder `report/`.

    Args:
        run: Run folder, or the folder of the runs of all folds.
        scores: Its figures.

    Returns:
        The pictures: training history, confusion matrix, F1 of each class, map of the vectors,
        and an example of the features of each class.
    """
    run = Path(run)
    folder = run / "report"
    protocol = f"{scores.protocol['rows']}"
    drawn = []
    if (run / "history.csv").is_file():
        history = pd.read_csv(run / "history.csv").drop(columns="seconds")
        if len(history.columns) > 1:  # what is fitted, not trained, has no measures
            drawn.append(draw_history(history, folder / "history.png", protocol=run.name))
    if isinstance(scores.report, ClassificationReport):
        drawn.append(draw_confusion(scores.report, folder / "confusion.png", protocol=protocol))
        drawn.append(draw_per_class(scores.report, folder / "per_class.png", protocol=protocol))
    judged = scores.heard.embeddings
    if "label" in judged.tracks and len(judged.vectors) > 2:
        labels = judged.tracks["label"].astype(str).tolist()
        drawn.append(draw_map(judged.vectors, labels, folder / "map.png", protocol=protocol))
    if "label" in judged.tracks and (run / "recipe.json").is_file():
        recipe = read_recipe(run / "recipe.json")
        c = recipe.frontend
        examples = _examples(judged.tracks, recipe)
        if examples:
            picture = draw_examples(
                examples,
                folder / "examples.png",
                hop_seconds=c.hop_length / c.sample_rate,
                bands="band",
                unit="feature",
                protocol=f"first excerpt of a judged track of each class, {type(c).__name__}",
            )
            drawn.append(picture)
    return drawn


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
