"""Find the tracks that sound most like one."""

from pathlib import Path
from typing import Annotated

import typer

from kmusic.cli.console import JSON, load_tensorflow, show_json, show_table


def similar(
    embeddings: Annotated[Path, typer.Argument(help="File written by `kmusic embed`.")],
    query: Annotated[str, typer.Argument(help="A track of it, or an audio file with --run.")],
    run: Annotated[
        Path | None, typer.Option(help="Run that wrote the embeddings, to hear a new file.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Tracks to name.")] = 10,
    json: JSON = False,
) -> None:
    """Print the tracks nearest to a track, by the cosine of their vectors."""
    load_tensorflow()
    from kmusic.evaluation.embeddings import find_track, read_embeddings
    from kmusic.evaluation.retrieval import nearest

    known = read_embeddings(embeddings)
    if run is None:
        own = find_track(known.tracks, query)
        vector, k = known.vectors[own], top + 1
    else:
        own, k = -1, top
        vector = _vector(run, query, known)
    rows, cosines = nearest(known.vectors, vector, min(k, len(known.vectors)))
    found = [
        {
            "path": known.tracks["path"].iloc[row],
            "cosine": float(cosine),
            **{c: known.tracks[c].iloc[row] for c in ("label", "artist") if c in known.tracks},
        }
        for row, cosine in zip(rows, cosines, strict=True)
        if row != own
    ][:top]
    if json:
        show_json({"query": query, "similar": found})
    elif found:
        show_table(f"most like {query}", [*found[0]], [[*track.values()] for track in found])


def _vector(run: Path, query: str, known):  # type: ignore[no-untyped-def]
    """Embed a new file with the run that embedded the others."""
    from kmusic.datasets.inputs import input_tracks
    from kmusic.evaluation.predictions import hear
    from kmusic.training.runs import load_run

    tracks, problems = input_tracks([query])
    heard = hear(load_run(run), tracks)
    if len(heard.embeddings.tracks) != 1:
        raise ValueError(f"QUERY must be one readable track; {problems | heard.problems or query}.")
    return known.joined(heard.embeddings).vectors[-1]
