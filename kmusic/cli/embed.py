"""Turn tracks into vectors."""

from pathlib import Path
from typing import Annotated

import typer

from kmusic.cli.console import (
    JSON,
    RUN,
    end,
    load_tensorflow,
    progress,
    say,
    show_json,
    show_problems,
)

PATHS = Annotated[list[str], typer.Argument(help="Files, folders, or a track table.")]


def embed(
    run: RUN,
    paths: PATHS,
    out: Annotated[Path, typer.Option(help="File to write, ending in .npz.")] = Path(
        "embeddings.npz"
    ),
    segments: Annotated[
        bool, typer.Option(help="Write the vector and time of every segment too.")
    ] = False,
    json: JSON = False,
) -> None:
    """Write one vector a track; a run that was stopped goes on where it was."""
    load_tensorflow()
    from kmusic.datasets.inputs import input_tracks
    from kmusic.evaluation.embed_files import embed_to_file
    from kmusic.training.runs import load_run

    trained = load_run(run)
    tracks, problems = input_tracks(paths)
    with progress("embedding", 1.0) as advance:
        embeddings, unheard = embed_to_file(
            trained, tracks, out, segments=segments, advance=advance
        )
    problems |= unheard
    if json:
        shape = list(embeddings.vectors.shape)
        show_json({"out": str(out), "shape": shape, "problems": problems})
    else:
        n_tracks, dim = embeddings.vectors.shape
        say(f"{out}: {n_tracks} tracks x {dim} numbers")
    show_problems(problems)
    end(problems)
