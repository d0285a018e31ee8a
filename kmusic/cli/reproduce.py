"""Train and judge all recipes of a paper, and put our figures beside the paper's."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kmusic.cli.console import (
    JSON,
    SET,
    TRACKS,
    end,
    load_tensorflow,
    noting,
    progress,
    say,
    show_json,
    show_problems,
    show_table,
)
from kmusic.cli.train import train_run

if TYPE_CHECKING:
    from kmusic.report.comparison import Entry
    from kmusic.training.plans import Plan

TOOK = ("parameters", "trainable", "training, s", "epochs")
VERSIONS = ("kmusic", "tensorflow", "keras")


def reproduce(
    experiments: Annotated[Path, typer.Argument(help="Folder of experiment files, or one file.")],
    tracks: TRACKS,
    out: Annotated[Path, typer.Option(help="Where runs, table and picture go.")],
    only: Annotated[
        list[str] | None,
        typer.Option(help="A file's name, a recipe's, or file:recipe; may be repeated."),
    ] = None,
    settings: SET = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds to train each recipe with.")] = 1,
    fold: Annotated[int | None, typer.Option(help="Hold this fold of the table out.")] = None,
    folds: Annotated[bool, typer.Option(help="Hold each fold out in turn.")] = False,
    against: Annotated[
        Path | None, typer.Option(help="--out of another reproduction, to tell differences from.")
    ] = None,
    json: JSON = False,
) -> None:
    """Train and judge all recipes of a paper; what is finished in --out is not done again."""
    load_tensorflow()
    from kmusic.datasets.table import read_tracks
    from kmusic.report.comparison import write_comparison
    from kmusic.training.plans import find_recipes, plan_seeds
    from kmusic.training.recipe_files import override

    table = read_tracks(tracks)
    planned = {}
    for reference, recipe in find_recipes(experiments, only or []).items():
        name, changed = reference.replace(":", "-"), override(recipe, settings or [])
        planned[name] = plan_seeds(out / name, changed, table, seeds, fold=fold, folds=folds)
    others = {name: _others(plans, against) for name, plans in planned.items()}
    for plan in chain(*planned.values()):
        plan.check()
    entries = [_entry(name, plans, json) for name, plans in planned.items()]
    if against:
        entries = [_compared(e, planned[e.recipe], others[e.recipe]) for e in entries]
    protocol = {
        "data": str(tracks),
        "division": division(table, fold, folds),
        "settings": settings or [],
        "against": str(against) if against else None,
        **_facts(planned, entries),
    }
    written = write_comparison(out, experiments.stem.replace("_", " "), protocol, entries)
    problems = gather_problems(chain(*planned.values()))
    _show(written, protocol, entries, problems, json)
    end(problems | {entry.recipe: entry.problem for entry in entries if entry.problem})


def _show(
    written: Path,
    protocol: dict[str, Any],
    entries: "list[Entry]",
    problems: dict[str, str],
    json: bool,
) -> None:
    from kmusic.report.comparison import comparison_table, protocol_lines

    if json:
        recipes = [entry.to_json() for entry in entries]
        show_json(
            {"protocol": protocol, "recipes": recipes, "problems": problems, "table": str(written)}
        )
    else:
        for line in protocol_lines(protocol):
            say(line)
        shown = comparison_table(entries)
        took = [name for name in shown if name in TOOK]
        for title, part in (
            (f"figures: {written}", shown.drop(columns=took)),
            ("what they took", shown[["recipe", *took]]),
        ):
            # Broken into lines, so that a terminal of 80 columns shows them whole.
            cells = part.replace({r" \(|, ": "\n", r"\)$": ""}, regex=True)
            show_table(title, [*cells.columns], cells.to_numpy().tolist())
    show_problems(problems)


def _others(plans: "list[Plan]", against: Path | None) -> list[Any]:
    """Read what another reproduction named with the same recipe and seeds."""
    from kmusic.evaluation.comparison import read_named

    files = [
        against / plan.folder.parent.name / plan.folder.name / "predictions.csv"
        for plan in plans
        if against
    ]
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise FileNotFoundError(
            f"--against must hold the same recipes and seeds; got no {missing[0]}."
        )
    return [read_named(file) for file in files]


def division(table: Any, fold: int | None = None, folds: bool = False) -> str:
    """Say which tracks of a table are held out."""
    if folds:
        return "each fold held out in turn"
    if fold is not None:
        return f"fold {fold} held out"
    return "the table's split" if "split" in table else "a new split by group"


def _entry(name: str, plans: "list[Plan]", quiet: bool) -> "Entry":
    """Train and judge a recipe with all seeds, or say why that failed."""
    from kmusic.report.comparison import Entry

    paper = plans[0].recipe.paper
    failures: dict[str, str] = {}
    with noting(name, failures):
        return Entry(recipe=name, paper=paper, **_reached(plans, quiet))
    return Entry(recipe=name, paper=paper, problem=failures[name])


def _reached(plans: "list[Plan]", quiet: bool) -> dict[str, Any]:
    """Train and judge a recipe with all seeds, and sum up what it took and what it reached."""
    from kmusic.evaluation.comparison import read_named, standing

    trained = []
    for plan in plans:
        trained += _finished(plan)
        say(f"{plan.folder}: trained and judged", quiet=quiet)
    named = [read_named(plan.folder / "predictions.csv") for plan in plans]
    epochs = [answer["epochs"] for answer in trained]
    return {
        "standing": standing(named),
        "parameters": _parameters(plans[0]),
        "seconds": sum(answer["seconds"] for answer in trained) / len(plans),
        "epochs": (min(epochs), max(epochs)),
    }


def _compared(entry: "Entry", plans: "list[Plan]", others: list[Any]) -> "Entry":
    """Add the difference to the same recipe in another reproduction."""
    from kmusic.evaluation.comparison import paired_difference, read_named

    if not entry.standing:
        return entry
    named = [read_named(plan.folder / "predictions.csv") for plan in plans]
    return replace(entry, difference=paired_difference(named, others))


def _finished(plan: "Plan") -> list[dict[str, Any]]:
    """Train the runs of a plan that are not finished, judge them, and sum each of them up."""
    if plan.recipe.target == "tags" or (plan.recipe.target is None and plan.recipe.probe is None):
        raise ValueError(
            "a recipe must name one class a track to be compared; "
            f"got target={plan.recipe.target!r}, probe={plan.recipe.probe}."
        )
    new = [place for place in plan.runs if not (place / "model.keras").is_file()]
    answers = [
        train_run(plan.recipe, tracks, place, resume=True)[0] for place, tracks in plan.runs.items()
    ]
    if new or not _is_judged(plan):
        _judge(plan)
    return answers


def _is_judged(plan: "Plan") -> bool:
    """Whether the figures in a folder are of its own tracks and of all its runs."""
    from kmusic.evaluation.scoring import OWN_TRACKS

    metrics = _read_json(plan.folder / "metrics.json")
    if not metrics or not (plan.folder / "predictions.csv").is_file():
        return False
    of = metrics["protocol"]
    runs = sorted(place.name for place in plan.runs) if plan.by_fold else []
    return bool(of["data"] == OWN_TRACKS and sorted(of["fold_runs"]) == runs)


def _judge(plan: "Plan") -> None:
    """Write figures, named tracks and report, as `kmusic evaluate` does."""
    from kmusic.evaluation.scoring import score_run, write_scores
    from kmusic.report.run_pictures import write_report

    with progress("listening", 1.0) as advance:
        scores = score_run(plan.folder, folds=plan.by_fold, advance=advance)
    if scores.named is None:
        raise ValueError(f"the tracks judged must bear classes that {plan.folder} names; got none.")
    write_scores(plan.folder, scores)
    write_report(plan.folder, scores)


def _parameters(plan: "Plan") -> tuple[int, int]:
    import keras

    from kmusic.training.compose import compose

    n_classes = len(_read_json(next(iter(plan.runs)) / "labels.json"))
    counted = compose(plan.recipe, n_classes or None).network_parameters
    keras.backend.clear_session()
    return counted


def _facts(planned: "dict[str, list[Plan]]", entries: "Sequence[Entry]") -> dict[str, Any]:
    """Say what was judged, with which seeds and versions, as far as recipes were judged."""
    reached = [entry.standing for entry in entries if entry.standing]
    judged = [plan for e in entries if e.standing for plan in planned[e.recipe]]
    rows = {_read_json(plan.folder / "metrics.json")["protocol"]["rows"] for plan in judged}
    return {
        "rows": ", or ".join(sorted(rows)),
        "n_tracks": sorted({each.n_tracks for each in reached}),
        "n_groups": sorted({each.n_groups for each in reached}),
        "seeds": sorted({plan.recipe.seed for plans in planned.values() for plan in plans}),
        "versions": used_versions(judged),
    }


def used_versions(plans: "Iterable[Plan]") -> dict[str, str]:
    """Say which versions the runs of plans were trained with."""
    used = [_read_json(place / "versions.json") for plan in plans for place in plan.runs]
    return {name: " and ".join(sorted({each[name] for each in used})) for name in VERSIONS if used}


def gather_problems(plans: "Iterable[Plan]", judged: str = "metrics.json") -> dict[str, str]:
    """Gather what was wrong with tracks in training and in judging, which that file tells."""
    found: dict[str, str] = {}
    for plan in plans:
        for place in plan.runs:
            found |= _read_json(place / "problems.json")
        found |= _read_json(plan.folder / judged).get("problems", {})
    return found


def _read_json(file: Path) -> Any:
    from json import loads

    return loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
