"""Searches whose trials are a few lines of Python, so that they take no time."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from kmusic.training.desk import OwnDesk, work
from kmusic.training.search import Search, SearchConfig, begin_search, open_search
from kmusic.training.service import RemoteDesk, find_chief
from kmusic.training.spaces import find_space

SPACE = """
from dataclasses import replace

from kmusic.training.optimizers import AdamConfig
from tests.recordings import RECIPE

OBJECTIVE = "val_accuracy"


def space(hp):
    rate = hp.Float("optimizer.learning_rate", 1e-4, 1e-2, sampling="log", default=1e-3)
    units = hp.Choice("model.embedding_dim", [4, 8, 16], default=8)
    masked = hp.Boolean("masked")
    with hp.conditional_scope("masked", [True]):
        width = hp.Int("augment.time_mask_frames", 1, 8)
    recipe = replace(RECIPE, optimizer=AdamConfig(learning_rate=rate))
    recipe = replace(recipe, model=replace(recipe.model, embedding_dim=units))
    if masked:
        from kmusic.features.augment import AugmentConfig

        recipe = replace(recipe, augment=AugmentConfig(time_masks=1, time_mask_frames=width))
    return recipe
"""
"""Four hyperparameters, one of them under a condition."""

TRIAL = """
import json, math, os, pathlib, signal, sys, threading, time

def wait():
    while os.read(0, 64):
        pass
    (folder / "orphaned").touch()
    os._exit(1)

folder = pathlib.Path(sys.argv[2])
fate = json.loads(sys.argv[1]).get(folder.name.removeprefix("trial_"), "")
ran = folder.parent.parent / "ran.txt"
again = ran.is_file() and folder.name in ran.read_text().split()
threading.Thread(target=wait, daemon=True).start()
(folder / "pid").write_text(str(os.getpid()))
with ran.open("a") as file:
    file.write(folder.name + "\\n")
values = json.loads((folder / "trial.json").read_text())["hyperparameters"]["values"]
if fate == "hang" and not again:
    time.sleep(600)
if fate == "raise":
    raise ValueError("the network must fit")
if fate == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
rate, units = values["optimizer.learning_rate"], values["model.embedding_dim"]
score = -abs(math.log10(rate / 3e-3)) + units / 1e3
(folder / "outcome.json.part").write_text(json.dumps({
    "score": score, "scores": [score], "epochs": [1], "seconds": 0.1, "problem": ""}))
(folder / "outcome.json.part").rename(folder / "outcome.json")
"""
"""A trial without training, whose score is highest at a rate of 3e-3.

It fares as it is told: it raises, is killed, or hangs when it is begun for the first time.
"""


def fake_trial(fates: str = "{}") -> tuple[str, ...]:
    """Give the command of such trials; `fates` says in JSON which raise, are killed or hang."""
    return (sys.executable, "-c", TRIAL, fates)


def begin(folder: Path, table: pd.DataFrame, **settings: object) -> Search:
    """Begin a search over `SPACE`."""
    file = folder.with_suffix(".py")
    file.write_text(SPACE)
    config = SearchConfig(**{"objective": "val_accuracy", "tuner": "random", **settings})
    return begin_search(folder, find_space(str(file)), table, config)


def lead_alone(folder: Path, fates: str = "{}") -> None:
    """Go on with a search until it is over, one trial after the other."""
    search = open_search(folder)
    work(OwnDesk(search, search.load_oracle()), "here", search, fake_trial(fates))


def follow(folder: Path, worker: str, fates: str = "{}") -> None:
    """Run trials of a search that is led elsewhere."""
    work(RemoteDesk(find_chief(folder)), worker, open_search(folder), fake_trial(fates))


def in_process(function: str, folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start a function of this module in a process of its own."""
    code = "import sys; from pathlib import Path; from tests import searches; "
    code += f"searches.{function}(Path(sys.argv[1]), *sys.argv[2:])"
    root = Path(__file__).parents[1]
    return subprocess.Popen([sys.executable, "-c", code, str(folder), *words], cwd=root)


def ran(folder: Path) -> list[str]:
    """List the trials that were run, in order, each as often as it was begun."""
    file = folder / "ran.txt"
    return file.read_text().split() if file.is_file() else []


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for what must come; how soon is the machine's affair."""
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
