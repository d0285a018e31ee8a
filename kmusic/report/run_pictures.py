"""The pictures of a run and its figures."""

from pathlib import Path

import pandas as pd

from kmusic.evaluation.classification import ClassificationReport
from kmusic.evaluation.scoring import Scores
from kmusic.report.pictures import draw_confusion, draw_history, draw_map, draw_per_class


def draw_scores(run: str | Path, scores: Scores) -> list[Path]:
    """Draw what can be drawn of a run into its folder `report/`.

    Args:
        run: Run folder, or the folder of the runs of all folds.
        scores: Its figures.

    Returns:
        The pictures: training history, confusion matrix, F1 of each class, map of the vectors.
    """
    run = Path(run)
    folder = run / "report"
    protocol = f"{scores.protocol['rows']}"
    drawn = []
    if (run / "history.csv").is_file():
        history = pd.read_csv(run / "history.csv").drop(columns="seconds")
        drawn.append(draw_history(history, folder / "history.png", protocol=run.name))
    if isinstance(scores.report, ClassificationReport):
        drawn.append(draw_confusion(scores.report, folder / "confusion.png", protocol=protocol))
        drawn.append(draw_per_class(scores.report, folder / "per_class.png", protocol=protocol))
    judged = scores.heard.embeddings
    if "label" in judged.tracks and len(judged.vectors) > 2:
        labels = judged.tracks["label"].astype(str).tolist()
        drawn.append(draw_map(judged.vectors, labels, folder / "map.png", protocol=protocol))
    return drawn
