"""The linear softmax classifier that judges embeddings in the artist-label paper."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.preprocessing import StandardScaler

from kmusic.datasets.splits import hold_out
from kmusic.types import Array


@dataclass(kw_only=True)
class LinearSoftmax:
    """Softmax regression on standardised embeddings, stopped early on rows held out.

    Validation rows choose the epoch. Where none are given, they are a part of the training rows,
    with the classes' shares kept and no group cut in two. The scaler and the weights never see
    them.

    Attributes:
        seed: What makes the weights, the order of the rows and the held-out part repeatable.
        scaling: "each" brings every dimension to mean 0, deviation 1; "global" takes one mean and
            one deviation of all numbers together, which leaves the dimensions' sizes apart.
        learning_rate: Step size at the first batch.
        decay: The step size is divided by `1 + decay * batches`.
        momentum: Nesterov momentum, in [0, 1).
        batch_size: Rows a batch.
        patience: Epochs without a lower validation loss before training ends.
        max_epochs: Epochs at most.
        validation: Share of the training rows held out where no others are given, in (0, 1).

    Source:
        Park et al. (2018), section 4.3, which tells of no scaling, and its public code, which
        trains so with `scaling="global"`.
    """

    seed: int = 0
    scaling: Literal["each", "global"] = "each"
    learning_rate: float = 0.01
    decay: float = 1e-6
    momentum: float = 0.9
    batch_size: int = 16
    patience: int = 8
    max_epochs: int = 1_000
    validation: float = 0.2
    scaler: StandardScaler = field(default_factory=StandardScaler, repr=False)

    def __post_init__(self) -> None:
        """Reject a scaling that is none."""
        if self.scaling not in ("each", "global"):
            raise ValueError(f'scaling must be "each" or "global"; got {self.scaling!r}.')

    def fit(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        groups: npt.ArrayLike | None = None,
        *,
        validation_data: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    ) -> "LinearSoftmax":
        """Train on rows `(n, d)` of classes `(n,)`.

        Args:
            x: Embeddings.
            y: Class of each row.
            groups: Group of each row. `None` lets each row stand alone.
            validation_data: Rows and their classes that choose the epoch. `None` holds a share
                `validation` of the others out.

        Returns:
            Itself, with `classes_`, `weights` `(d, k)` and `bias` `(k,)` of the best epoch.

        Raises:
            ValueError: If there are fewer than two groups to hold some out.
        """
        raw, named = np.asarray(x, dtype=np.float64), np.asarray(y)
        rows = np.arange(len(named))
        if validation_data is None:
            table = pd.DataFrame({"label": named, "group": rows if groups is None else groups})
            kept, held = hold_out(table, rows, self.validation, seed=self.seed)
        else:
            x_held, y_held = (np.asarray(part) for part in validation_data)
            kept, held = rows, len(rows) + np.arange(len(y_held))
            raw, named = np.concatenate([raw, x_held]), np.concatenate([named, y_held])
        self.scaler.fit(self._columns(raw[kept]))
        scaled = self._scaled(raw)
        self.classes_, codes = np.unique(named, return_inverse=True)
        one_hot = np.eye(len(self.classes_), dtype=np.float32)[codes]
        self._train(scaled[kept], one_hot[kept], scaled[held], one_hot[held])
        return self

    def predict(self, x: npt.ArrayLike) -> npt.NDArray[np.generic]:
        """Name the most probable class of each row of `x`, `(n,)`."""
        logits = self._scaled(np.asarray(x, dtype=np.float64)) @ self.weights + self.bias
        return np.asarray(self.classes_[np.argmax(logits, axis=1)])

    def _columns(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Give the numbers that share a mean and a deviation as columns."""
        return x if self.scaling == "each" else x.reshape(-1, 1)

    def _scaled(self, x: npt.NDArray[np.float64]) -> Array:
        scaled = self.scaler.transform(self._columns(x)).reshape(x.shape)
        return np.asarray(scaled, dtype=np.float32)

    def _train(self, x: Array, y: Array, x_held: Array, y_held: Array) -> None:
        rng = np.random.default_rng(self.seed)
        n_inputs, n_classes = x.shape[1], y.shape[1]
        limit = np.sqrt(6 / (n_inputs + n_classes))  # Glorot's, as Keras starts a Dense layer
        theta = np.zeros((n_inputs + 1, n_classes), dtype=np.float32)  # the bias is the last row
        theta[:-1] = rng.uniform(-limit, limit, (n_inputs, n_classes))
        velocity = np.zeros_like(theta)
        x, x_held = (np.pad(part, ((0, 0), (0, 1)), constant_values=1) for part in (x, x_held))
        best, best_loss, waited, batches = theta.copy(), np.inf, 0, 0
        for _ in range(self.max_epochs):
            order = rng.permutation(len(x))
            batches = self._run_epoch(theta, velocity, x[order], y[order], batches)
            loss = -np.mean(np.sum(y_held * _log_softmax(x_held @ theta), axis=1))
            waited += 1
            if loss < best_loss:
                best, best_loss, waited = theta.copy(), loss, 0
            if waited == self.patience:
                break
        self.weights, self.bias = best[:-1], best[-1]

    def _run_epoch(self, theta: Array, velocity: Array, x: Array, y: Array, batches: int) -> int:
        """Update `theta` and `velocity` in place, batch by batch; give the batches done so far."""
        for start in range(0, len(x), self.batch_size):
            some, target = x[start : start + self.batch_size], y[start : start + self.batch_size]
            error = np.exp(_log_softmax(some @ theta)) - target
            step = np.float32(self.learning_rate / (1 + self.decay * batches) / len(some))
            change = step * (some.T @ error)
            velocity *= np.float32(self.momentum)
            velocity -= change
            theta += np.float32(self.momentum) * velocity - change
            batches += 1
        return batches


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True)))
