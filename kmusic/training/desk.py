"""Giving trials to workers, each in a process of its own, and taking them back."""

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Protocol

from keras_tuner.engine.trial import Trial

from kmusic.training.oracles import Oracle
from kmusic.training.search import Search
from kmusic.training.trials import (
    LATE,
    OUTCOME,
    Outcome,
    TrialRecord,
    read_outcome,
    wait_for,
    write_outcome,
)

LOG = "log.txt"
BEAT = 5.0
"""Seconds between two questions of a worker whether its trial is still its own."""

PATIENCE = 2
"""Workers that a trial may lose before it counts as failed: it may have been what killed them."""

KEPT = ("history.csv", "problems.json")
"""What is kept of a trial's runs: their models would fill a disk, and the best is trained anew."""

Told = Callable[[TrialRecord], Any]


class Desk(Protocol):
    """Where workers ask for trials."""

    def take(self, worker: str) -> Trial:
        """Give a worker its next trial; its status says whether to run it, wait, or stop."""

    def holds(self, worker: str, number: str) -> bool:
        """Say whether a trial is still that worker's."""

    def finish(self, worker: str, number: str) -> None:
        """Take a trial back whose folder says what became of it."""


class OwnDesk:
    """The desk beside the oracle: the only place where it is asked.

    Args:
        search: The search.
        oracle: Its oracle, told of the space.
        told: Called with each trial that ended.

    Attributes:
        closed: Whether all trials have ended.
        failure: Why the oracle can no longer be asked; `None` while it can.
    """

    def __init__(self, search: Search, oracle: Oracle, told: Told = lambda _: None) -> None:
        self._search, self._oracle, self._told = search, oracle, told
        self._losses: Counter[str] = Counter()
        self._lock = RLock()
        self.closed = False
        self.failure: Exception | None = None

    def take(self, worker: str) -> Trial:
        """Give a worker its next trial; while others run there may be one to take over."""
        with self._asking():
            trial = self._oracle.create_trial(worker)
            if trial.status == "STOPPED":
                self.closed = not self._oracle.ongoing_trials
                trial.status = "STOPPED" if self.closed else "IDLE"
            return trial

    def holds(self, worker: str, number: str) -> bool:
        """Say whether a trial is still that worker's."""
        trial = self._oracle.ongoing_trials.get(worker)
        return trial is not None and trial.trial_id == number

    def finish(self, worker: str, number: str) -> None:
        """Tell the oracle what became of a trial, unless another worker has it now."""
        with self._asking():
            if self.holds(worker, number):
                self._end(number)

    def lose(self, worker: str) -> str | None:
        """Give the trial of a worker that died to the next who asks, and say which, if it does."""
        with self._asking():
            if trial := self._oracle.ongoing_trials.get(worker):
                number, folder = trial.trial_id, self._search.trial_folder(trial.trial_id)
                self._losses[number] += 1
                if self._losses[number] == PATIENCE and read_outcome(folder) is None:
                    problem = f"{PATIENCE} workers were lost while they ran it"
                    write_outcome(folder, Outcome(problem=problem))
                if read_outcome(folder):
                    self._end(number)
            passed_on = self._oracle.ongoing_trials.get(worker)
            self._oracle.take_back(worker)
            return passed_on.trial_id if passed_on else None

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Let one caller ask the oracle, none after a failure: KerasTuner never unlocks it then."""
        with self._lock:
            if self.failure:
                raise self.failure
            try:
                yield
            except Exception as error:
                self.failure = error
                raise

    def _end(self, number: str) -> None:
        oracle = self._oracle
        folder = self._search.trial_folder(number)
        wait_for(folder / OUTCOME, LATE)
        outcome = read_outcome(folder)
        if outcome is None:
            outcome = Outcome(problem="it ended without saying what became of it")
            write_outcome(folder, outcome)
        values = oracle.trials[number].hyperparameters
        status = "FAILED" if outcome.score is None else "COMPLETED"
        if outcome.score is not None:
            oracle.update_trial(number, {self._search.config.objective: outcome.score})
        oracle.end_trial(Trial(values, number, status, outcome.problem or None))
        if self._search.config.tuner != "hyperband":
            forget_models(folder)  # hyperband's may go on
        self._told(TrialRecord(number=int(number), values=dict(values.values), outcome=outcome))


def work(desk: Desk, worker: str, search: Search, command: Sequence[str]) -> None:
    """Run trials, one after the other, until there are no more.

    Args:
        desk: Where to ask for them.
        worker: Name that no other worker has.
        search: The search.
        command: Runs a trial when its folder is put behind.
    """
    while (trial := desk.take(worker)).status != "STOPPED":
        if trial.status == "IDLE":
            time.sleep(1)
        elif run_in_process(
            command, search.trial_folder(trial.trial_id), lambda: desk.holds(worker, trial.trial_id)
        ):
            desk.finish(worker, trial.trial_id)


def run_in_process(
    command: Sequence[str], folder: Path, is_wanted: Callable[[], bool] = lambda: True
) -> bool:
    """Run a trial in a process of its own, which ends with this one.

    Args:
        command: Runs a trial when its folder is put behind. It must end when its standard input
            does, which is how it learns that this process is no more, however that ended.
        folder: The trial's folder. What the process prints goes into `log.txt` there, and what
            killed it, if anything, into the outcome.
        is_wanted: Asked now and then; the process is killed when it says no.

    Returns:
        Whether the trial ended.
    """
    if read_outcome(folder):
        return True  # it ended, and the search was killed before it could note that
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            [*command, str(folder)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={"TF_FORCE_GPU_ALLOW_GROWTH": "true", **os.environ},  # several may share one
            start_new_session=True,  # an interrupt of the search is not one of the trial
        )
    try:
        while process.poll() is None:
            try:
                process.wait(BEAT)
            except subprocess.TimeoutExpired:
                if not is_wanted():
                    return False
    finally:
        process.kill()
        process.communicate()
    if read_outcome(folder) is None:
        write_outcome(folder, Outcome(problem=_cause_of_death(process.returncode, folder / LOG)))
    return True


def forget_all_models(search: Search) -> None:
    """Delete what the runs of all trials hold, but for how they went."""
    for folder in search.trial_folders():
        if read_outcome(folder):
            forget_models(folder)


def forget_models(folder: Path) -> None:
    """Delete what a trial's runs hold, but for how they went."""
    for run in (place for place in folder.iterdir() if place.is_dir()):
        for place in run.iterdir():
            if place.is_dir():
                shutil.rmtree(place)
            elif place.name not in KEPT:
                place.unlink()


def _cause_of_death(code: int, log: Path) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        return f"killed by {name}" + (", maybe for want of memory" if name == "SIGKILL" else "")
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"ended with exit code {code}: {last or 'it printed nothing'}"
