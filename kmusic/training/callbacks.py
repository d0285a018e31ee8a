"""What happens between epochs: checkpoints, history, early stopping, progress."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from kmusic.atomic import replacing, write_arrays
from kmusic.training.optimizers import Rate
from kmusic.training.recipe import EarlyStopping, Milestones, Plateau, monitored
from kmusic.training.runs import CHECKPOINTS

Report = Callable[[str, float], None]
"""Told a line on the state of the training and the share of it that is done, in [0, 1]."""


class TrainingDivergedError(ValueError):
    """A loss that is no longer a number."""


class Checkpoints(keras.callbacks.Callback):
    """Keep the last and the best state of a training on disk, and stop it in time.

    `last.npz` is everything that the next epoch depends on: weights, moving averages, random
    states, the optimizer's slots, and the history so far. It is written in one piece, so a killed
    training goes on from the end of its last whole epoch.

    Args:
        folder: Run folder; checkpoints lie in its `checkpoints/`.
        early_stopping: When to stop. `None` never stops, and the last state counts as the best.
    """

    def __init__(self, folder: Path, early_stopping: EarlyStopping | None) -> None:
        super().__init__()
        self.history: list[dict[str, float]] = []
        self._folder = folder
        self._last = folder / CHECKPOINTS / "last.npz"
        # Without a rule the last state is the best, and need not be written twice.
        self._best = folder / CHECKPOINTS / "best.npz" if early_stopping else self._last
        self._rule = early_stopping
        self._began = 0.0

    def resume(self, learner: keras.Model) -> int:
        """Put a learner into the last state on disk.

        Args:
            learner: Compiled model, built like the one that was saved.

        Returns:
            Number of the epoch to go on with; 0 if there is no state.
        """
        if not self._last.is_file():
            return 0
        self.history = json.loads(_restore(learner, self._last))
        return len(self.history)

    def restore_best(self, learner: keras.Model) -> None:
        """Put a learner into the state of the best epoch."""
        _restore(learner, self._best)

    @property
    def best_epoch(self) -> int:
        """Number of the epoch with the best value of what is monitored."""
        return kept_epoch(self.history, self._rule)

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self._rule is not None and bool(
            self.history and len(self.history) - 1 - self.best_epoch >= self._rule.patience
        )

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Start the epoch's clock."""
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the state, and stop when patience has run out.

        Raises:
            TrainingDivergedError: If a loss is not finite.
        """
        seconds = round(time.perf_counter() - self._began, 3)
        row = {"epoch": epoch, **columns(logs or {})}
        for name, value in row.items():
            if name.endswith("loss") and not math.isfinite(value):
                raise TrainingDivergedError(
                    f"{name} must stay finite; got {value} in epoch {epoch}. "
                    "A smaller learning rate may help."
                )
        self.history.append(row | {"seconds": seconds})
        if self._rule and self.best_epoch == epoch:
            _save(self.model, self._best, "")
        _save(self.model, self._last, json.dumps(self.history))
        with replacing(self._folder / "history.csv") as draft:
            pd.DataFrame(self.history).to_csv(draft, index=False)
        if self.exhausted:
            self.model.stop_training = True


class Falling(keras.callbacks.Callback):
    """Let the learning rate fall between epochs.

    Args:
        rule: When and how far.
        rate: The optimizer's rate.
        history: Rows of the epochs so far; where those to come are put by `Checkpoints`, which
            must be told of an epoch's end first.
    """

    def __init__(
        self, rule: Plateau | Milestones, rate: Rate, history: list[dict[str, float]]
    ) -> None:
        super().__init__()
        self._rule, self._rate, self._history = rule, rate, history

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Set the rate by what came before."""
        self._rate.factor.assign(self._rule.factor ** self._rule.falls(self._history))


class Progress(keras.callbacks.Callback):
    """Tell after each batch how far the training is.

    Args:
        report: Told a line and the share of all epochs' batches that are done.
        epochs: Number of epochs.
        steps: Batches in an epoch.
    """

    def __init__(self, report: Report, epochs: int, steps: int) -> None:
        super().__init__()
        self._report, self._epochs, self._steps = report, epochs, steps
        self._epoch = 0
        self._validation = ""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Note the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Tell epoch and loss; what is fitted, not trained, has no loss."""
        line = f"epoch {self._epoch + 1}/{self._epochs}"
        if logs and "loss" in logs:
            line += f"  loss {float(logs['loss']):.3f}{self._validation}"
        done = self._epoch * self._steps + batch + 1
        self._report(line, done / (self._epochs * self._steps))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Keep the epoch's validation figure for the lines to come."""
        logs = logs or {}
        name = "val_accuracy" if "val_accuracy" in logs else "val_loss"
        if name in logs:
            self._validation = f"  {name} {float(logs[name]):.3f}"


def kept_epoch(history: Sequence[Mapping[str, float]], rule: EarlyStopping | None) -> int:
    """Say in which epoch the weights are best, from 0.

    Args:
        history: Rows of `history.csv`, at least one.
        rule: What is watched. `None` takes the last epoch.

    Raises:
        ValueError: If a row has no value of what is watched.
    """
    if rule is None:
        return len(history) - 1
    sign = 1 if rule.higher_is_better else -1
    return int(
        np.argmax([sign * monitored(row, rule.monitor, "early_stopping") for row in history])
    )


def columns(logs: Mapping[str, Any]) -> dict[str, float]:
    """Give a number a column of what Keras tells of an epoch.

    Args:
        logs: Numbers and vectors by name. Vectors are named in the plural.

    Returns:
        The numbers as they are named; the values of a vector `divergences` as `divergence_000`,
        `divergence_001` and so on.
    """
    row = {}
    for name, value in logs.items():
        if np.ndim(value) == 0:
            row[name] = float(value)
        else:
            one = name.removesuffix("s")
            row |= {f"{one}_{number:03d}": float(each) for number, each in enumerate(value)}
    return row


def _state(learner: keras.Model) -> list[Any]:
    """List everything that the next step depends on, in an order that building fixes."""
    optimizers = getattr(learner, "optimizers", [learner.optimizer])
    return [*learner.variables, *(slot for each in optimizers for slot in each.variables)]


def _save(learner: keras.Model, target: Path, note: str) -> None:
    arrays = {f"{i:05d}": np.asarray(v.value) for i, v in enumerate(_state(learner))}
    write_arrays(target, {"note": np.array(note), **arrays})


def _restore(learner: keras.Model, source: Path) -> str:
    with np.load(source, allow_pickle=False) as arrays:
        state = _state(learner)
        if len(arrays) != len(state) + 1:
            raise ValueError(
                f"{source} must hold the {len(state)} arrays of this recipe's model; "
                f"got {len(arrays) - 1}."
            )
        for number, variable in enumerate(state):
            variable.assign(arrays[f"{number:05d}"])
        return str(arrays["note"])
