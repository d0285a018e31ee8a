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
    from kmusic.datasets.splits import split_by_fold, split_by_group
    from kmusic.datasets.table import read_tracks
    from kmusic.training.recipe_files import find_recipe, override

    chosen = override(find_recipe(recipe), settings or [])
    if deterministic:
        chosen = replace(chosen, deterministic=True)
    table = read_tracks(tracks)
    stratify = chosen.target if chosen.target in ("label", "artist") else "label"
    folder = run or Path("runs") / _name(recipe)
    sides = {}
    if folds or fold is not None:
        if "fold" not in table:
            raise ValueError(f"{tracks} must have a column 'fold' to train by fold; it has none.")
        every = sorted(table["fold"].dropna().unique().tolist())
        numbers = every if fold is None else [fold]
        for number in numbers:
            part = split_by_fold(table, number, stratify=stratify, seed=chosen.seed)
            sides[folder / f"fold-{number}" if folds else folder] = part
    elif "split" in table:
        sides[folder] = table
    else:
        sides[folder] = split_by_group(table, stratify=stratify, seed=chosen.seed)
    answers: list[dict[str, Any]] = []
    problems: dict[str, str] = {}
    for place, part in sides.items():
        answer, found = _train(chosen, part, place, resume)
        answers.append(answer)
        problems |= found
        say(_sentence(answer), quiet=json)
    if json:
        show_json({"runs": answers, "problems": problems})
    show_problems(problems)
    end(problems)


def _train(recipe: Any, table: Any, folder: Path, resume: bool) -> tuple[dict[str, Any], Any]:
    """Train one run and sum it up."""
    import keras
    import pandas as pd

    from kmusic.training.fit import train as train_run

    with training_progress() as report:
        finished, problems = train_run(recipe, table, folder, resume=resume, report=report)
    history = pd.read_csv(finished.folder / "history.csv")
    answer = {
        "run": str(finished.folder),
        "epochs": len(history),
        "seconds": round(float(history["seconds"].sum()), 1),
        "tracks": table["split"].value_counts().to_dict(),
    }
    rule = recipe.early_stopping
    if rule:
        values = history[rule.monitor]
        best = int(values.idxmax() if rule.higher_is_better else values.idxmin())
        answer |= {"best_epoch": best + 1, rule.monitor: float(values[best])}
    keras.backend.clear_session()
    return answer, problems.as_dict()


def _sentence(answer: dict[str, Any]) -> str:
    figures = [
        f"{name.replace('_', ' ')} {value}" for name, value in answer.items() if name != "run"
    ]
    return f"{answer['run']}: " + ", ".join(figures)


def _name(recipe: str) -> str:
    file, _, name = recipe.partition(":")
    return "-".join(part for part in (Path(file).stem, name) if part)
