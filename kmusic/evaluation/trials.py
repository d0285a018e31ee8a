"""One trial of a search: its recipe trained in each fold, and measured."""

import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras_tuner.engine.trial import Trial

from kmusic.evaluation.objectives import measure
from kmusic.training.fit import train
from kmusic.training.recipe import Recipe
from kmusic.training.recipe_files import to_json
from kmusic.training.runs import Run, extend_run, write_json
from kmusic.training.search import Search, open_search
from kmusic.training.trials import LATE, Outcome, wait_for, write_outcome


def run_trial(folder: str | Path, tell: Callable[[str], None] = print) -> Outcome:
    """Train and measure what a trial stands for, and write what became of it.

    What was trained before a kill is not trained again.

    Args:
        folder: The trial's folder, below that of its search.
        tell: Told how far it is.

    Returns:
        The outcome; that of a failure says why.

    Raises:
        FileNotFoundError: If the folder holds no trial of a search.
    """
    folder = Path(folder)
    if not wait_for(folder / "trial.json", LATE):
        raise FileNotFoundError(f"a trial must have been begun by `kmusic tune`; got {folder}.")
    began = time.perf_counter()
    search = open_search(folder.parent.parent)
    try:
        outcome = _trained(search, folder, tell)
    except Exception as error:
        tell(traceback.format_exc())
        told = (str(error).splitlines() or [""])[0]
        outcome = Outcome(problem=f"{type(error).__name__}: {told}")
    outcome = replace(outcome, seconds=round(time.perf_counter() - began, 1))
    write_outcome(folder, outcome)
    return outcome


def _trained(search: Search, folder: Path, tell: Callable[[str], None]) -> Outcome:
    point = Trial.load(str(folder / "trial.json")).hyperparameters
    recipe = search.recipe(point)
    write_json(folder / "recipe.json", to_json(recipe))
    earlier = point.values.get("tuner/trial_id")  # hyperband's, which this one goes on from
    scores, epochs = [], []
    for name, tracks in search.tables().items():
        place = folder / name
        seen = replace(recipe, n_artists=None)  # the table was cut to them
        if earlier and not (place / "recipe.json").is_file():
            extend_run(search.trial_folder(earlier) / name, place, seen)
        run = _run(seen, tracks, place, tell)
        scores.append(measure(run, tracks, search.config.objective))
        epochs.append(len(pd.read_csv(place / "history.csv")))
        tell(f"{name}: {search.config.objective} {scores[-1]:.4f} after {epochs[-1]} epoch(s)")
        keras.backend.clear_session()
    score = float(np.mean(scores))
    if not np.isfinite(score):
        raise ValueError(f"{search.config.objective} must be finite; got {scores}.")
    return Outcome(score=score, scores=tuple(scores), epochs=tuple(epochs))


def _run(recipe: Recipe, tracks: pd.DataFrame, place: Path, tell: Callable[[str], None]) -> Run:
    """Train a run, and tell of each epoch once."""
    told, name = "", place.name

    def report(line: str, share: float) -> None:  # noqa: ARG001
        nonlocal told
        if (epoch := line.partition("  ")[0]) != told:
            told = epoch
            tell(f"{name}: {line}")

    return train(recipe, tracks, place, resume=True, report=report)[0]
