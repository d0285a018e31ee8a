"""Find the tracks that sound as words say."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kmusic.cli.console import JSON, RUN, load_tensorflow, say, show_json, show_table
from kmusic.cli.similar import class_and_artist

if TYPE_CHECKING:
    from kmusic.evaluation.aligned import AlignedRun
    from kmusic.evaluation.embeddings import Embeddings
    from kmusic.evaluation.tag_queries import TagQuery
    from kmusic.training.runs import Run


def search(
    run: RUN,
    query: Annotated[str, typer.Argument(help='Words, such as "dark piano, no drums".')],
    index: Annotated[Path, typer.Option(help="File that `kmusic embed` wrote with RUN.")],
    top: Annotated[int, typer.Option(min=1, help="Tracks to name.")] = 10,
    json: JSON = False,
) -> None:
    """Print the tracks that sound most like some words, and least like those behind "no"."""
    load_tensorflow()
    from kmusic.evaluation.aligned import AlignedRun
    from kmusic.evaluation.embeddings import read_embeddings
    from kmusic.evaluation.tag_queries import read_query
    from kmusic.training.runs import load_run

    trained = load_run(run)
    aligned = AlignedRun(trained)
    known = read_embeddings(index)
    _require_same(trained, known, index)
    asked = read_query(query, aligned.vocabulary, aligned.config)
    answer = {
        "query": query,
        "wanted": aligned.weights(asked.wanted) if asked.wanted else {},
        "unwanted": aligned.weights(asked.unwanted) if asked.unwanted else {},
        "stood_in": {word: list(forms) for word, forms in asked.stood_in.items()},
        "found": _found(aligned, asked, known, top),
    }
    if json:
        show_json(answer)
    else:
        _show(answer)


def _require_same(run: "Run", known: "Embeddings", index: Path) -> None:
    """Refuse vectors that another front end or model gave."""
    from kmusic.evaluation.predictions import model_hash

    for name, own in (("front_end", run.front_end), ("model", model_hash(run))):
        if getattr(known, name) != own:
            raise ValueError(
                f"--index must be embedded with RUN, which has the {name} {own}; "
                f"got {getattr(known, name)} in {index}."
            )


def _found(
    aligned: "AlignedRun", asked: "TagQuery", known: "Embeddings", top: int
) -> list[dict[str, Any]]:
    """Say of the nearest tracks what tells them apart, and how near they are."""
    from kmusic.datasets.clips import told_apart
    from kmusic.evaluation.retrieval import nearest

    wanted = aligned.query(asked.wanted, asked.unwanted)
    rows, cosines = nearest(aligned.sound(known.vectors), wanted, top)
    places = told_apart(known.tracks)
    return [
        {**places[row], "cosine": float(cosine), **class_and_artist(known, row)}
        for row, cosine in zip(rows, cosines, strict=True)
    ]


def _show(answer: dict[str, Any]) -> None:
    """Print words with their share of the attention, and the tracks, for people."""
    for side in ("wanted", "unwanted"):
        if answer[side]:
            shares = ", ".join(f"{word} {share:.2f}" for word, share in answer[side].items())
            say(f"{side}, with their share of the attention: {shares}")
    for word, forms in answer["stood_in"].items():
        say(f"{word}: {', '.join(forms)}")
    if found := answer["found"]:
        show_table(
            f"most like {answer['query']}", [*found[0]], [[*track.values()] for track in found]
        )
