"""Name the classes of tracks."""

from typing import Annotated

import typer

from kmusic.cli.console import (
    JSON,
    RUN,
    end,
    load_tensorflow,
    progress,
    show_json,
    show_problems,
    show_table,
)
from kmusic.cli.embed import PATHS


def predict(
    run: RUN,
    paths: PATHS,
    top: Annotated[int, typer.Option(min=1, help="Classes to name for each track.")] = 3,
    json: JSON = False,
) -> None:
    """Print the most probable classes of each track, over all of its consecutive excerpts."""
    load_tensorflow()
    from kmusic.datasets.inputs import input_tracks
    from kmusic.evaluation.predictions import hear
    from kmusic.training.runs import load_run

    trained = load_run(run)
    if not trained.labels:
        instead = "; `kmusic evaluate` judges it by its probe" if trained.recipe.probe else ""
        raise ValueError(f"RUN must have learned a target to predict it; got {run}{instead}.")
    tracks, problems = input_tracks(paths)
    with progress("listening", 1.0) as advance:
        heard = hear(trained, tracks, advance=advance)
    problems |= heard.problems
    assert heard.probabilities is not None
    answers = []
    for path, row in zip(heard.embeddings.tracks["path"], heard.probabilities, strict=True):
        best = row.argsort()[::-1][:top]
        answers.append({"path": path, "classes": {trained.labels[i]: float(row[i]) for i in best}})
    if json:
        show_json({"tracks": answers, "problems": problems})
    elif answers:
        rows = [
            [a["path"], "  ".join(f"{name} {p:.2f}" for name, p in a["classes"].items())]
            for a in answers
        ]
        show_table("predictions", ["track", "probabilities"], rows)
    show_problems(problems)
    end(problems)
