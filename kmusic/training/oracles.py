"""KerasTuner's oracles, made to survive a kill, to repeat, and to begin with the defaults."""

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from keras_tuner import HyperParameters, Objective, synchronized
from keras_tuner.oracles import (
    BayesianOptimizationOracle,
    HyperbandOracle,
    RandomSearchOracle,
)
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from kmusic.atomic import write_text

Oracle: TypeAlias = Any
"""A `LastingOracle`; of KerasTuner's half of it no types are known."""

TRIALS = "trials"
NEVER = 10**9
ENDED = ("COMPLETED", "FAILED")


class LastingOracle:
    """What is added to an oracle of KerasTuner, whose class stands behind this one.

    Its files are written whole or not at all, and a search that was killed at any moment goes on
    with all that had ended and none of it twice. The first trial is that of the defaults.

    Attributes:
        fewest_trials: Trials that a search of this kind needs to make sense.
    """

    fewest_trials: Any = 1

    def _random_values(self: Any) -> dict[str, Any] | None:
        """Draw a point that was not yet tried; `None` if none is found."""
        if self.trials:
            return super()._random_values()  # type: ignore[misc]
        defaults = HyperParameters()
        defaults.merge(self.hyperparameters.space)
        return dict(defaults.values)

    def save(self: Any) -> None:
        """Write what the oracle knows, its trials apart."""
        write_text(self._get_oracle_fname(), json.dumps(self.get_state()))

    def _save_trial(self: Any, trial: Any) -> None:
        folder = Path(self._get_trial_dir(trial.trial_id))
        write_text(folder / "trial.json", json.dumps(trial.get_state()))

    def reload(self: Any) -> None:
        """Read what was written, and queue the trials that had not ended to be run again."""
        file = Path(self._get_oracle_fname())
        begun = json.loads(file.read_text(encoding="utf-8"))["start_order"]
        for folder in file.parent.glob("trial_*"):
            if folder.name.removeprefix("trial_") not in begun:
                shutil.rmtree(folder)  # killed before the oracle had written that it began
        super().reload()  # type: ignore[misc]
        ended = [name for name in begun if self.trials[name].status in ENDED]
        # Where a trial's end was written, but not yet the oracle's knowledge of it.
        self.end_order += [name for name in ended if name not in self.end_order]
        waiting = dict.fromkeys(self._retry_queue)
        self._retry_queue = [name for name in waiting if name not in ended]

    @synchronized
    def take_back(self: Any, worker: str) -> None:
        """Forget a worker that was lost, and queue the trial that it had to be run again."""
        self.tuner_ids.discard(worker)
        if trial := self.ongoing_trials.pop(worker, None):
            self._retry_queue.append(trial.trial_id)
            self.save()


class RandomOracle(LastingOracle, RandomSearchOracle):
    """Draws every trial."""


class BayesianOracle(LastingOracle, BayesianOptimizationOracle):
    """Draws some trials, then takes the most promising point by a Gaussian process."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Choose a point, from the seed and the trials so far alone, that was not yet tried."""
        self._random_state = np.random.RandomState(self.seed + len(self.trials))
        # Thousands of tiny matrices: beside a training 4.1 s a point on two threads, 0.8 s on one.
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")  # of scikit-learn, where a kernel's width is at a bound
            chosen: dict[str, Any] = super().populate_space(trial_id)
        if chosen["values"] and self._duplicate(chosen["values"]):
            drawn: dict[str, Any] = self._random_populate_space()
            return drawn
        return chosen

    def _vectorize_trials(self) -> tuple[Any, Any]:
        """Give points and scores; what still runs is held for a little worse than is expected."""
        points, scores = super()._vectorize_trials()
        trials = [trial for trial in self.trials.values() if trial.status != "FAILED"]
        ended = np.array([trial.status in ENDED for trial in trials])
        if ended.all():
            return points, scores
        # KerasTuner expects what its process was last fitted to, which after `reload` is nothing:
        # a score of 0, and for a worse one 1 beyond it, far from all accuracies.
        self.gpr.fit(points[ended], scores[ended])
        expected: tuple[Any, Any] = super()._vectorize_trials()
        return expected


class BandOracle(LastingOracle, HyperbandOracle):
    """Draws trials of few epochs, and lets the best of them go on for more."""

    @property
    def fewest_trials(self) -> int:
        """Trials after which the first has trained all its epochs: those of the first bracket."""
        bracket = self._get_num_brackets() - 1
        return sum(self._get_size(bracket, n) for n in range(self._get_num_rounds(bracket)))


def _random(trials: int, epochs: int, **settings: Any) -> Oracle:  # noqa: ARG001
    return RandomOracle(max_trials=trials, **settings)


def _bayesian(trials: int, epochs: int, **settings: Any) -> Oracle:  # noqa: ARG001
    # KerasTuner draws three times as many as there are hyperparameters: all of a short search.
    n_drawn = max(3, trials // 3)
    return BayesianOracle(max_trials=trials, num_initial_points=n_drawn, **settings)


def _hyperband(trials: int, epochs: int, **settings: Any) -> Oracle:
    oracle = BandOracle(max_epochs=epochs, hyperband_iterations=NEVER, **settings)
    oracle.max_trials = trials
    return oracle


ORACLES: dict[str, Callable[..., Oracle]] = {
    "random": _random,
    "bayesian": _bayesian,
    "hyperband": _hyperband,
}
"""What makes an oracle, by the name of its tuner."""


def build_oracle(
    tuner: str,
    folder: Path,
    *,
    objective: str,
    higher_is_better: bool,
    trials: int,
    epochs: int,
    seed: int,
) -> Oracle:
    """Make an oracle that keeps its trials below a folder.

    Args:
        tuner: A key of `ORACLES`.
        folder: Folder of the search.
        objective: Name of what is looked for.
        higher_is_better: Whether more of it is better.
        trials: Trials after which it ends.
        epochs: Epochs of the longest trials, which hyperband divides.
        seed: Makes its choices repeatable.
    """
    oracle: Any = ORACLES[tuner](
        trials=trials,
        epochs=epochs,
        objective=Objective(objective, "max" if higher_is_better else "min"),
        seed=seed + 1,  # 0 would be none to KerasTuner
        max_consecutive_failed_trials=NEVER,
    )
    oracle.verbose = 0
    oracle._set_project_dir(folder, TRIALS)
    return oracle
