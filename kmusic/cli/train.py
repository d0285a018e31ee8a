"""Train a recipe."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from kmusic.cli.console import (
    JSON,
    SET,
    TRACKS,
    end,
    load_tensorflow,
    say,
    show_json,
    show_problems,
    training_progress,
)


def train(
    recipe: Annotated[str, typer.Argument(help="file.py[:name], recipe.json, or a model's name.")],
    tracks: TRACKS,
    run: Annotated[Path | None, typer.Option(help="Folder to write. Default: runs/RECIPE.")] = None,
    settings: SET = None,
    resume: Annotated[bool, typer.Option(help="Go on where a killed training stopped.")] = False,
    fold: Annotated[int | None, typer.Option(help="Hold this fold of the table out.")] = None,
    folds: Annotated[
        bool, typer.Option(help="Train once a fold, each held out in turn, in RUN/fold-N.")
    ] = False,
    deterministic: Annotated[
        bool, typer.Option(help="Use only operations that repeat to the last bit.")
    ] = False,
    json: JSON = False,
) -> None:
    """Train a recipe and write a run folder with the best epoch by the validation tracks."""
    load_tensorflow()
    from kmusic.datasets.table import read_tracks
    from kmusic.training.plans import divided
    from kmusic.training.recipe_files import find_recipe, override

    chosen = override(find_recipe(recipe), settings or [])
    if deterministic:
        chosen = replace(chosen, deterministic=True)
    table = read_tracks(tracks)
    folder = run or Path("runs") / name_of(recipe)
    sides = divided(chosen, table, fold=fold, folds=folds)
    answers: list[dict[str, Any]] = []
    problems: dict[str, str] = {}
    for place, part in sides.items():
        answer, found = train_run(chosen, part, folder / place, resume)
        answers.append(answer)
        problems |= found
        say(_sentence(answer), quiet=json)
    if json:
        show_json({"runs": answers, "problems": problems})
    show_problems(problems)
    end(problems)


def train_run(
    recipe: Any, table: Any, folder: Path, resume: bool
) -> tuple[dict[str, Any], dict[str, str]]:
    """Train one run, sum it up, and say what was wrong with tracks."""
    import keras
    import pandas as pd

    from kmusic.training.callbacks import kept_epoch
    from kmusic.training.fit import train as fit

    try:
        with training_progress() as report:
            finished, problems = fit(recipe, table, folder, resume=resume, report=report)
    finally:
        keras.backend.clear_session()
    history = pd.read_csv(finished.folder / "history.csv")
    own = pd.read_csv(finished.folder / "tracks.csv")
    answer = {
        "run": str(finished.folder),
        "epochs": len(history),
        "seconds": round(float(history["seconds"].sum()), 1),
        "tracks": own["split"].value_counts().to_dict(),
    }
    rule = recipe.early_stopping
    if rule:
        best = kept_epoch(history.to_dict("records"), rule)
        answer |= {"best_epoch": best + 1, rule.monitor: float(history[rule.monitor][best])}
    return answer, problems.as_dict()


def _sentence(answer: dict[str, Any]) -> str:
    figures = [
        f"{name.replace('_', ' ')} {value}" for name, value in answer.items() if name != "run"
    ]
    return f"{answer['run']}: " + ", ".join(figures)


def name_of(recipe: str) -> str:
    """Name what a reference to a recipe stands for, as folders have it."""
    file, _, name = recipe.partition(":")
    return "-".join(part for part in (Path(file).stem, name) if part)
