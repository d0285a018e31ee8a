"""Judge a run."""

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
            help="knn, knn8, logistic, linear_softmax, mlp, svm, forest; may be repeated."
        ),
    ] = None,
    folds: Annotated[bool, typer.Option(help="Judge each fold by what has not seen it.")] = False,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds to average a probe over.")] = 1,
    seed: Annotated[int, typer.Option(help="Makes probes and intervals repeatable.")] = 0,
    pictures: Annotated[bool, typer.Option(help="Draw pictures into RUN/report.")] = True,
    json: JSON = False,
) -> None:
    """Print accuracy, macro-F1, retrieval and probes, on tracks that were not trained on."""
    load_tensorflow()
    from kmusic.datasets.table import read_tracks
    from kmusic.evaluation.scoring import score_run
    from kmusic.report.run_pictures import draw_scores
    from kmusic.training.runs import write_json

    table = read_tracks(tracks) if tracks else None
    with progress("listening", 1.0) as advance:
        scores = score_run(
            run, table, probes=probe or (), folds=folds, n_seeds=seeds, seed=seed, advance=advance
        )
    scores.protocol["data"] = str(tracks or "the run's own tracks")
    answer = scores.to_json()
    write_json(run / "metrics.json", answer)
    drawn = draw_scores(run, scores) if pictures else []
    if json:
        show_json(answer | {"pictures": [str(path) for path in drawn]})
    else:
        show_scores(answer)
        if drawn:
            say(f"pictures: {', '.join(str(path) for path in drawn)}")
    show_problems(scores.problems)
    end(scores.problems)


def show_scores(answer: dict[str, Any]) -> None:
    """Print figures with their protocol for people."""
    protocol = answer["protocol"]
    say(f"{protocol['n_tracks']} tracks of {protocol['data']}; {protocol['rows']}; 95 % intervals")
    rows = []
    named = answer["classification"]
    for metric in ("accuracy", "macro_f1", "roc_auc", "average_precision"):
        if named and metric in named:
            rows.append([metric.replace("_", " "), *_figure(named, metric)])
    for name, results in answer["probes"].items():
        for number, result in enumerate(results, start=1):
            fold = f" (run {number})" if len(results) > 1 else ""
            rows.append([f"{name} probe accuracy{fold}", *_figure(result, "accuracy")])
        if len(results) > 1:
            n_test = [sum(result["protocol"]["n_test"]) for result in results]
            total = sum(r["accuracy"] * n for r, n in zip(results, n_test, strict=True))
            rows.append([f"{name} probe accuracy, all runs", total / sum(n_test), ""])
    for number, result in enumerate(answer["retrieval"], start=1):
        fold = f" (run {number})" if len(answer["retrieval"]) > 1 else ""
        rows.append([f"retrieval MAP{fold}", *_figure(result, "map")])
        for k, precision in result["precision_at"].items():
            rows.append([f"precision at {k}{fold}", precision, ""])
    show_table("figures", ["metric", "value", "interval"], rows)


def _figure(result: dict[str, Any], metric: str) -> list[object]:
    low, high = result[f"{metric}_interval"]
    return [float(result[metric]), f"{low:.3f} to {high:.3f}"]
