"""Name the classes of tracks."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

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

TITLES = {"path": "track", "classes": "probabilities"}


def predict(
    run: RUN,
    paths: PATHS,
    top: Annotated[
        int, typer.Option(min=1, help="Classes and enrolled names to show for each track.")
    ] = 3,
    json: JSON = False,
) -> None:
    """Print the most probable classes of each track, and its nearest enrolled name."""
    load_tensorflow()
    from kmusic.datasets.clips import told_apart
    from kmusic.datasets.inputs import input_tracks
    from kmusic.evaluation.enrol_files import read_enrolment
    from kmusic.evaluation.predictions import hear
    from kmusic.training.runs import load_run

    trained = load_run(run)
    enrolment = read_enrolment(trained)
    if not trained.labels and not enrolment.names:
        instead = "; `kmusic evaluate` judges it by its probe" if trained.recipe.probe else ""
        instead = "; `kmusic tag` names its words" if trained.recipe.tags else instead
        raise ValueError(
            "RUN must have learned a target, or names by `kmusic enroll`, to predict them; "
            f"got {run}{instead}."
        )
    tracks, problems = input_tracks(paths)
    with progress("listening", 1.0) as advance:
        heard = hear(trained, tracks, advance=advance)
    problems |= heard.problems
    answers = told_apart(heard.embeddings.tracks)
    if heard.probabilities is not None:
        for answer, row in zip(answers, heard.probabilities, strict=True):
            best = row.argsort()[::-1][:top]
            answer["classes"] = {trained.labels[i]: float(row[i]) for i in best}
    if enrolment.names:
        named = enrolment.name_tracks(heard.embeddings.vectors, top)
        nearest = zip(named.nearest.tolist(), named.cosines.tolist(), strict=True)
        for answer, name, listed in zip(answers, named.names.tolist(), nearest, strict=True):
            answer["enrolled"] = name
            answer["similarities"] = dict(zip(*listed, strict=True))
    if json:
        show_json({"tracks": answers, "problems": problems})
    elif answers:
        show_answers(answers)
    show_problems(problems)
    end(problems)


def show_answers(answers: Sequence[Mapping[str, Any]]) -> None:
    """Print what is said of tracks for people."""
    rows: list[list[object]] = [
        [_cell(name, value) for name, value in answer.items()] for answer in answers
    ]
    show_table("predictions", [TITLES.get(name, name) for name in answers[0]], rows)


def _cell(column: str, value: str | float | Mapping[str, float]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    digits = 2 if column == "classes" else 3  # cosines of all tracks lie close together
    return "  ".join(f"{name} {figure:.{digits}f}" for name, figure in value.items())
