"""Train recipes on more and more artists, and judge them on artists they have never heard."""

import sys
from collections.abc import Sequence
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
from kmusic.cli.reproduce import division, gather_problems, used_versions
from kmusic.cli.train import name_of, train_run

if TYPE_CHECKING:
    import pandas as pd

    from kmusic.evaluation.unseen import Exam
    from kmusic.report.sweep import Point
    from kmusic.training.plans import Plan
    from kmusic.training.recipe import Recipe

    Plans = dict[tuple[str, int], list[Plan]]


def sweep(
    recipes: Annotated[
        list[str], typer.Argument(help="file.py[:name], recipe.json, or a model's name; several.")
    ],
    tracks: TRACKS,
    artists: Annotated[str, typer.Option(help="Numbers of artists to train on: 10,20,40.")],
    on: Annotated[Path, typer.Option(help="Track table of other artists, to judge on its labels.")],
    out: Annotated[Path, typer.Option(help="Where runs, table and picture go.")],
    settings: SET = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds to train each recipe with.")] = 1,
    folds: Annotated[
        bool, typer.Option(help="Judge by the folds of --on, not by its split.")
    ] = False,
    probe: Annotated[
        list[str] | None,
        typer.Option(help="As for evaluate; may be repeated. Default: knn and linear_softmax."),
    ] = None,
    probe_seeds: Annotated[int, typer.Option(min=1, help="Seeds to average a probe over.")] = 10,
    json: JSON = False,
) -> None:
    """Train recipes on more and more artists; what is finished in --out is not done again."""
    load_tensorflow()
    from kmusic.datasets.table import read_tracks
    from kmusic.evaluation.unseen import RECORD, USUAL_PROBES, Exam

    sizes, chosen = _sizes(artists), _recipes(recipes, settings or [])
    table, other = read_tracks(tracks), read_tracks(on)
    probes = tuple(dict.fromkeys(probe or USUAL_PROBES))
    exam = Exam(tracks=other, probes=probes, folds=folds, n_seeds=probe_seeds)
    planned = _planned(out, chosen, sizes, table, seeds)
    for plan in chain(*planned.values()):
        plan.check()
    note = _note_of_known([planned[name, sizes[-1]][0] for name in chosen], other)
    failures = _finish_all(planned, exam, out, json)
    protocol = {
        "data": str(on),
        "division": f"trained on {tracks}, {division(table)}",
        "settings": settings or [],
        "against": None,
        "note": note,
        **_facts(planned, exam),
    }
    problems = gather_problems(chain(*planned.values()), RECORD)
    _show(out, protocol, _points(planned, exam, out, failures), problems, json)
    show_problems(failures, "run(s) failed")
    end(problems | failures)


def _sizes(artists: str) -> list[int]:
    """Read numbers of artists, each once, the least first."""
    parts = [part.strip() for part in artists.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise ValueError(
            f"--artists must be whole numbers with commas between them; got {artists!r}."
        )
    return sorted({int(part) for part in parts})


def _recipes(references: list[str], settings: list[str]) -> "dict[str, Recipe]":
    """Find recipes, and name their folders."""
    from kmusic.training.recipe_files import find_recipe, override

    names = [name_of(reference) for reference in references]
    if len(set(names)) < len(names):
        raise ValueError(f"RECIPES must have names of their own; got {names}.")
    found = [override(find_recipe(reference), settings) for reference in references]
    return dict(zip(names, found, strict=True))


def _planned(
    out: Path,
    recipes: "dict[str, Recipe]",
    sizes: list[int],
    table: "pd.DataFrame",
    n_seeds: int,
) -> "Plans":
    """Plan the runs by recipe and number of artists, the fewest artists first."""
    from kmusic.training.plans import plan_seeds

    return {
        (name, size): plan_seeds(
            out / name / f"artists-{size}", replace(recipe, n_artists=size), table, n_seeds
        )
        for size in sizes
        for name, recipe in recipes.items()
    }


def _note_of_known(plans: "Sequence[Plan]", other: "pd.DataFrame") -> str:
    """Warn of artists and paths that are judged although they are trained on."""
    known: set[str] = set()
    for plan in plans:
        for rows in plan.runs.values():
            heard = rows[rows["split"] != "test"]
            for column in {"artist", "path"} & set(other) & set(heard):
                known |= set(heard[column].dropna()) & set(other[column].dropna())
    if not known:
        return ""
    note = (
        f"--on must hold other artists and paths than training; {len(known)} are in both, such as "
        f"{min(known)!r}: what is judged is not unseen."
    )
    print(f"kmusic: {note}", file=sys.stderr)
    return note


def _finish_all(planned: "Plans", exam: "Exam", out: Path, quiet: bool) -> dict[str, str]:
    """Train and judge what is not yet, and say by folder what failed and why."""
    failures: dict[str, str] = {}
    plans = [*chain(*planned.values())]
    for number, plan in enumerate(plans, start=1):
        place = str(plan.folder.relative_to(out))
        with noting(place, failures):
            _finish(plan, exam)
            say(f"{place}: trained and judged, {number} of {len(plans)}", quiet=quiet)
    return failures


def _finish(plan: "Plan", exam: "Exam") -> None:
    """Train and judge a run, as far as that is not done."""
    from kmusic.evaluation.unseen import forget_judged, judge_unseen, read_judged

    if not (plan.folder / "model.keras").is_file():
        forget_judged(plan.folder)
        train_run(plan.recipe, plan.runs[plan.folder], plan.folder, resume=True)
    if not read_judged(plan.folder, exam):
        with progress("listening", 1.0) as advance:
            judge_unseen(plan.folder, exam, advance=advance)


def _points(planned: "Plans", exam: "Exam", out: Path, failures: dict[str, str]) -> "list[Point]":
    """Put the seeds of each recipe and number of artists together."""
    from kmusic.evaluation.unseen import over_seeds, read_by_track, read_judged
    from kmusic.report.sweep import Point

    points = []
    for (name, size), plans in planned.items():
        tables = [read_by_track(p.folder) for p in plans if read_judged(p.folder, exam)]
        places = [
            str(place.relative_to(out)) for p in plans for place in (p.folder.parent, p.folder)
        ]
        figures = {}
        with noting(places[0], failures):
            figures = over_seeds(tables) if tables else {}
        (rows,) = plans[0].runs.values()
        points.append(
            Point(
                recipe=name,
                n_artists=size,
                n_tracks=int((rows["split"] == "train").sum()),
                figures=figures,
                problems={place: failures[place] for place in places if place in failures},
            )
        )
    return points


def _facts(planned: "Plans", exam: "Exam") -> dict[str, Any]:
    """Say what was judged, with which seeds and versions, as far as runs were judged."""
    from kmusic.evaluation.unseen import read_by_track, read_judged

    plans = [*chain(*planned.values())]
    records = {plan.folder: read_judged(plan.folder, exam) for plan in plans}
    judged = [plan for plan in plans if records[plan.folder]]
    told = [records[plan.folder]["protocol"] for plan in judged]
    rows = sorted({f"{each['rows']}; probes averaged over {exam.n_seeds} seeds" for each in told})
    groups = {read_by_track(plan.folder)["group"].nunique() for plan in judged}
    return {
        "rows": ", or ".join(rows),
        "n_tracks": sorted({each["n_tracks"] for each in told}),
        "n_groups": sorted(groups),
        "seeds": sorted({plan.recipe.seed for plan in plans}),
        "versions": used_versions(judged),
    }


def _show(
    out: Path,
    protocol: dict[str, Any],
    points: "list[Point]",
    problems: dict[str, str],
    json: bool,
) -> None:
    """Write table and picture, and print them."""
    from kmusic.report.sweep import BY_SEED, protocol_lines, sweep_table, write_sweep

    written = str(write_sweep(out, protocol, points))
    if json:
        answer = {"protocol": protocol, "points": [point.to_json() for point in points]}
        show_json(answer | {"problems": problems, "table": written})
    else:
        for line in protocol_lines(protocol):
            say(line)
        # Left out or broken into lines, so that a terminal of 80 columns shows them whole.
        shown = sweep_table(points).filter(regex=f"^(?!.*{BY_SEED}$)")
        cells = shown.replace({r" \(": "\n", r"\)$": ""}, regex=True)
        show_table(f"figures: {written}", [*cells.columns], cells.to_numpy().tolist())
    show_problems(problems)
