"""Judge a run."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from kmusic.cli.console import (
    JSON,
    end,
    load_tensorflow,
    progress,
    say,
    show_json,
    show_problems,
    show_table,
)


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder; with --folds, a folder of fold-N runs.")],
    tracks: Annotated[
        Path | None, typer.Option(help="Track table. Default: the run's own tracks.")
    ] = None,
    probe: Annotated[
        list[str] | None,
        typer.Option(
            help="knn, knn8, logistic, linear_softmax, linear_softmax_published, mlp, svm, forest; "
            "may be repeated."
        ),
    ] = None,
    folds: Annotated[bool, typer.Option(help="Judge each fold by what has not seen it.")] = False,
    zero_shot: Annotated[
        bool, typer.Option(help="Name classes by the words of their names, without examples.")
    ] = False,
    factors: Annotated[
        str,
        typer.Option(
            help="Columns that say what caused the sound, for MIG and SAP of the vectors: "
            "tempo_bpm,key,drums. studio stands for all of the studio corpus."
        ),
    ] = "",
    map_: Annotated[
        str,
        typer.Option("--map", help="Classes for a t-SNE map of their own: jazz,techno."),
    ] = "",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds to average a probe over.")] = 1,
    seed: Annotated[int, typer.Option(help="Makes probes and intervals repeatable.")] = 0,
    report: Annotated[bool, typer.Option(help="Write RUN/report/index.html.")] = True,
    json: JSON = False,
) -> None:
    """Print accuracy, macro-F1, retrieval and probes, on tracks that were not trained on."""
    load_tensorflow()
    from kmusic.datasets.table import read_tracks
    from kmusic.evaluation.scoring import OWN_TRACKS, score_run, write_scores
    from kmusic.report.run_pictures import write_report

    table = read_tracks(tracks) if tracks else None
    classes = _words(map_)
    with progress("listening", 1.0) as advance:
        scores = score_run(
            run,
            table,
            probes=probe or (),
            folds=folds,
            zero_shot=zero_shot,
            factors=_words(factors),
            classes=classes,
            n_seeds=seeds,
            seed=seed,
            advance=advance,
        )
    write_scores(run, scores, str(tracks or OWN_TRACKS))
    answer = scores.to_json()
    page = str(write_report(run, scores, classes)) if report else None
    if json:
        show_json(answer | {"report": page})
    else:
        show_scores(answer)
        if page:
            say(f"report: {page}")
    show_problems(scores.problems)
    end(scores.problems)


def show_scores(answer: dict[str, Any]) -> None:
    """Print figures with their protocol for people."""
    from kmusic.report.figures import figures

    protocol = answer["protocol"]
    say(f"{protocol['n_tracks']} tracks of {protocol['data']}; {protocol['rows']}; 95 % intervals")
    for line in _named_by(protocol):
        say(line)
    rows: list[list[object]] = [
        [name, float(value), f"{low:.3f} to {high:.3f}" if low == low else ""]
        for name, (value, low, high) in figures(answer).iterrows()
    ]
    show_table("figures", ["figure", "value", "interval"], rows)
    results = answer["disentanglement"]
    for number, result in enumerate(results, start=1):
        show_factors(result, f", run {number}" * (len(results) > 1))


def show_factors(result: dict[str, Any], run: str = "") -> None:
    """Print how well vectors keep each factor apart, for people; `run` says which of several."""
    columns = ["mig", "mig_shuffled", "sap", "sap_shuffled"]
    rows: list[list[object]] = [
        [name, f"{found['kind']} of {found['n_tracks']}", *(found[column] for column in columns)]
        for name, found in result["factors"].items()
    ]
    if rows:
        show_table(
            f"factors{run}", ["factor", "tracks", *(c.replace("_", " ") for c in columns)], rows
        )
    if result["constant"]:
        say(f"constant among the judged tracks{run}: {', '.join(result['constant'])}")


def _words(text: str) -> list[str]:
    """Cut words that commas part."""
    return [word.strip() for word in text.split(",") if word.strip()]


def _named_by(protocol: Mapping[str, Any]) -> Iterator[str]:
    """Say how classes were named without having been learned, and which words stood for which."""
    if "named_by" not in protocol:
        return
    yield f"accuracy and macro f1 are {protocol['named_by']}"
    told = protocol["classes"]
    for classes in [told[run] for run in protocol["fold_runs"]] or [told]:
        for name, words in classes.items():
            for word, forms in words.get("stood_in", {}).items():
                yield f"{name}: {', '.join(forms)} for {word}"
            if missing := words.get("missing"):
                yield f"{name}: nothing for {', '.join(missing)}"
