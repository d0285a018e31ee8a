"""Find the tracks that sound most like one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kmusic.cli.console import JSON, load_tensorflow, show_json, show_table

if TYPE_CHECKING:
    from kmusic.evaluation.embeddings import Embeddings


def similar(
    embeddings: Annotated[Path, typer.Argument(help="File written by `kmusic embed`.")],
    query: Annotated[
        str, typer.Argument(help="A track of it, a clip as PATH@START, or a file with --run.")
    ],
    run: Annotated[
        Path | None, typer.Option(help="Run that wrote the embeddings, to hear a new file.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Tracks to name.")] = 10,
    json: JSON = False,
) -> None:
    """Print the tracks of other files nearest to a track, by the cosine of their vectors."""
    load_tensorflow()
    import numpy as np

    from kmusic.datasets.clips import told_apart
    from kmusic.evaluation.embeddings import find_track, read_embeddings
    from kmusic.evaluation.retrieval import nearest

    known = read_embeddings(embeddings)
    asked = known if run is None else with_new_files(known, run, [query])
    own = find_track(known.tracks, query) if run is None else -1
    others = np.flatnonzero(known.tracks["path"] != asked.tracks["path"].iloc[own])
    rows, cosines = nearest(known.vectors[others], asked.vectors[own], top)
    places = told_apart(known.tracks)
    found = [
        {**places[row], "cosine": float(cosine), **class_and_artist(known, row)}
        for row, cosine in zip(others[rows], cosines, strict=True)
    ]
    if json:
        show_json({"query": query, "similar": found})
    elif found:
        show_table(f"most like {query}", [*found[0]], [[*track.values()] for track in found])


def with_new_files(known: "Embeddings", run: Path, queries: Sequence[str]) -> "Embeddings":
    """Embed new files with the run that embedded the others, and put them behind those."""
    from kmusic.datasets.inputs import input_tracks
    from kmusic.evaluation.predictions import hear
    from kmusic.training.runs import load_run

    tracks, problems = input_tracks(queries)
    heard = hear(load_run(run), tracks)
    problems |= heard.problems
    if problems or len(heard.embeddings.tracks) != len(queries):
        raise ValueError(f"QUERY must be one readable track; {problems or [*queries]}.")
    return known.joined(heard.embeddings)


def class_and_artist(known: "Embeddings", row: int) -> dict[str, str]:
    """Give what the embeddings' file says of a track; empty where it is silent."""
    columns = [name for name in ("label", "artist") if name in known.tracks]
    said = {name: known.tracks[name].iloc[row] for name in columns}
    return {name: text if isinstance(text, str) else "" for name, text in said.items()}
