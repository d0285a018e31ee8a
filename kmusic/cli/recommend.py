"""Find what to hear next."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kmusic.cli.console import JSON, load_tensorflow, say, show_json, show_table
from kmusic.cli.similar import class_and_artist, with_new_files

if TYPE_CHECKING:
    from kmusic.evaluation.embeddings import Embeddings


def recommend(
    embeddings: Annotated[Path, typer.Argument(help="File written by `kmusic embed`.")],
    queries: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY", help="Tracks of it, clips as PATH@START, or files with --run."
        ),
    ],
    run: Annotated[
        Path | None, typer.Option(help="Run that wrote the embeddings, to hear new files.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Tracks to name.")] = 10,
    per_artist: Annotated[int, typer.Option(min=1, help="Most tracks of one artist.")] = 1,
    new_artists: Annotated[
        bool, typer.Option("--new-artists", help="Leave out the artists of the named tracks.")
    ] = False,
    json: JSON = False,
) -> None:
    """Print what to hear next after some tracks: near to one of them, by different artists."""
    load_tensorflow()
    from kmusic.datasets.clips import row_names, told_apart
    from kmusic.evaluation.embeddings import read_embeddings
    from kmusic.evaluation.recommendation import recommend_tracks

    known, liked = _named(read_embeddings(embeddings), queries, run)
    places, names = told_apart(known.tracks), row_names(known.tracks)
    unknown = [None] * len(names)
    artists = known.tracks.get("artist", known.tracks.get("group", unknown))
    listed = recommend_tracks(
        known.vectors,
        liked,
        artists,
        k=top,
        per_artist=per_artist,
        new_artists=new_artists,
        files=known.tracks["path"],
    )
    found = [
        {
            "rank": rank,
            **places[row],
            "cosine": float(cosine),
            "because_of": names[named],
            **class_and_artist(known, row),
        }
        for rank, (row, cosine, named) in enumerate(zip(*listed, strict=True), start=1)
    ]
    if json:
        show_json({"liked": [names[row] for row in liked], "recommended": found})
    elif found:
        columns = [name.replace("_", " ") for name in found[0]]
        show_table("what to hear next", columns, [[*track.values()] for track in found])
    else:
        say("no track is left to recommend")


def _named(
    known: "Embeddings", queries: Sequence[str], run: Path | None
) -> tuple["Embeddings", list[int]]:
    """Find the rows of named tracks; new files are heard with the run and put behind the others."""
    from kmusic.datasets.studio.tracks import is_studio_path
    from kmusic.evaluation.embeddings import find_track

    paths = set(known.tracks["path"])
    liked: list[int] = []
    new: list[str] = []
    for query in queries:
        studio, absolute = is_studio_path(query), str(Path(query).absolute())
        if run is None or paths & {query, absolute} or not (studio or Path(query).exists()):
            liked.append(find_track(known.tracks, query))
            continue
        file = query if studio else absolute
        if file not in new:
            new.append(file)
        liked.append(len(known.tracks) + new.index(file))
    if run is not None and new:
        known = with_new_files(known, run, new)
    return known, list(dict.fromkeys(liked))
