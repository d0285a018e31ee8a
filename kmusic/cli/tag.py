"""Say in words how tracks sound."""

from collections.abc import Mapping
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


def tag(
    run: RUN,
    paths: PATHS,
    top: Annotated[int, typer.Option(min=1, help="Words to show for each track.")] = 10,
    json: JSON = False,
) -> None:
    """Print the words nearest to the sound of each track, by cosine."""
    load_tensorflow()
    from kmusic.datasets.clips import told_apart
    from kmusic.datasets.inputs import input_tracks
    from kmusic.evaluation.aligned import AlignedRun
    from kmusic.evaluation.predictions import hear
    from kmusic.training.runs import load_run

    trained = load_run(run)
    aligned = AlignedRun(trained)
    tracks, problems = input_tracks(paths)
    with progress("listening", 1.0) as advance:
        heard = hear(trained, tracks, advance=advance)
    problems |= heard.problems
    described = aligned.describe(heard.embeddings.vectors, top)
    places = told_apart(heard.embeddings.tracks)
    answers = [{**place, "words": words} for place, words in zip(places, described, strict=True)]
    if json:
        show_json({"tracks": answers, "problems": problems})
    elif answers:
        show_table("nearest words", ["track", *[*answers[0]][1:]], [*map(_cells, answers)])
    show_problems(problems)
    end(problems)


def _cells(answer: Mapping[str, Any]) -> list[object]:
    """Write an answer as cells of a table."""
    path, *start, words = answer.values()
    said = "  ".join(f"{word} {cosine:.3f}" for word, cosine in words.items())
    return [path, *(f"{seconds:g}" for seconds in start), said]
