"""A trial of a search: the folder that it lies in, and what became of it."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kmusic.training.runs import write_json

OUTCOME = "outcome.json"
LATE = 10.0
"""Seconds that a shared folder may take to show what another machine has written."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a trial.

    Attributes:
        score: Its objective, the mean over the folds; `None` if it failed.
        scores: That of each fold.
        epochs: Epochs that were trained in each fold.
        seconds: Time that it took since it was last begun, in seconds.
        problem: Why it failed, in one line; empty if it did not.
    """

    score: float | None = None
    scores: tuple[float, ...] = ()
    epochs: tuple[int, ...] = ()
    seconds: float = 0.0
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """A trial that ended, as tables and pictures have it.

    Attributes:
        number: Its number, from 0, in the order in which trials began.
        values: Values of the hyperparameters that it had, by name.
        outcome: What became of it.
    """

    number: int
    values: Mapping[str, Any]
    outcome: Outcome


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Write what became of a trial into its folder."""
    write_json(folder / OUTCOME, asdict(outcome))


def read_outcome(folder: Path) -> Outcome | None:
    """Read what became of a trial; `None` if it has not ended."""
    file = folder / OUTCOME
    if not file.is_file():
        return None
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return Outcome(**told | {name: tuple(told[name]) for name in ("scores", "epochs")})


def wait_for(file: Path, seconds: float) -> bool:
    """Wait until a file is there, and say whether it is."""
    end = time.monotonic() + seconds
    while not file.is_file():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True
