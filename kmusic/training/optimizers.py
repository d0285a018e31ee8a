"""Optimizers as plain settings."""

import math
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from kmusic.types import Tensor


@dataclass(frozen=True, kw_only=True)
class AdamConfig:
    """Settings of Adam.

    Attributes:
        learning_rate: Size of the first step.
        decay: The rate at step t is `learning_rate / (1 + decay * t)`.
        beta_1: Decay of the mean of the gradient.
        beta_2: Decay of its square.
        weight_decay: Share of each weight that is added to its gradient, as in torch's Adam; not
            taken from the weight itself, as in AdamW.
    """

    learning_rate: float = 1e-3
    decay: float = 0.0
    beta_1: float = 0.9
    beta_2: float = 0.999
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Reject settings that no step can be taken with."""
        _require_schedule(self.learning_rate, self.decay)
        for name in ("beta_1", "beta_2", "weight_decay"):
            _require_share(name, getattr(self, name))


@dataclass(frozen=True, kw_only=True)
class SGDConfig:
    """Settings of stochastic gradient descent.

    Attributes:
        learning_rate: Size of the first step.
        decay: The rate at step t is `learning_rate / (1 + decay * t)`.
        momentum: Share of the last step that is taken again.
        nesterov: Whether the gradient is taken ahead of the momentum.
    """

    learning_rate: float = 1e-2
    decay: float = 0.0
    momentum: float = 0.9
    nesterov: bool = True

    def __post_init__(self) -> None:
        """Reject settings that no step can be taken with."""
        _require_schedule(self.learning_rate, self.decay)
        _require_share("momentum", self.momentum)


@keras.saving.register_keras_serializable("kmusic")
class Rate(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate: it decays with the steps, and falls when told to.

    Args:
        learning_rate: Size of the first step.
        decay: The rate at step t is `factor * learning_rate / (1 + decay * t)`.
    """

    def __init__(self, learning_rate: float, decay: float = 0.0) -> None:
        self.learning_rate, self.decay = learning_rate, decay
        self.factor = keras.Variable(1.0, trainable=False, name="factor")

    def __call__(self, step: Tensor) -> Tensor:
        """Give the rate of a step, counted from 0."""
        return self.factor * self.learning_rate / (1 + self.decay * ops.cast(step, "float32"))

    def get_config(self) -> dict[str, float]:
        """Describe the rate in JSON types."""
        return {"learning_rate": self.learning_rate, "decay": self.decay}


@keras.saving.register_keras_serializable("kmusic")
class DecayingAdam(keras.optimizers.Adam):
    """Adam that adds a share of each weight to its gradient.

    Args:
        args: Passed to Keras.
        share: What share.
        kwargs: Passed to Keras.

    Source:
        Kingma and Ba (2015), algorithm 1, on a loss with `share / 2` times all squared weights.
    """

    def __init__(self, *args: Any, share: float = 0.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.share = share

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Take one step with one weight."""
        if self.share:
            gradient = gradient + self.share * ops.cast(variable, gradient.dtype)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict[str, Any]:
        """Describe the optimizer in JSON types."""
        return super().get_config() | {"share": self.share}


def build_optimizer(
    config: AdamConfig | SGDConfig, rate: Rate | None = None
) -> keras.optimizers.Optimizer:
    """Build the optimizer that a config describes.

    Args:
        config: Its settings.
        rate: The config's rate, for a caller that will make it fall.
    """
    rate = rate or Rate(config.learning_rate, config.decay)
    if isinstance(config, AdamConfig):
        return DecayingAdam(rate, config.beta_1, config.beta_2, share=config.weight_decay)
    return keras.optimizers.SGD(rate, config.momentum, config.nesterov)


def _require_schedule(learning_rate: float, decay: float) -> None:
    if not 0 < learning_rate < math.inf:
        raise ValueError(f"learning_rate must be positive; got {learning_rate}.")
    if not 0 <= decay < math.inf:
        raise ValueError(f"decay must lie in [0, inf); got {decay}.")


def _require_share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1); got {value}.")
