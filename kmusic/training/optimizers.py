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
        warmup_steps: Steps in which the rate grows to `learning_rate`; from then on it falls with
            the root of the steps. 0 does neither.
        beta_1: Decay of the mean of the gradient.
        beta_2: Decay of its square.
        amsgrad: Whether the greatest mean square so far counts, and not the last.
        weight_decay: Share of each weight that is added to its gradient, as in torch's Adam; not
            taken from the weight itself, as in AdamW.
    """

    learning_rate: float = 1e-3
    decay: float = 0.0
    warmup_steps: int = 0
    beta_1: float = 0.9
    beta_2: float = 0.999
    amsgrad: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Reject settings that no step can be taken with."""
        _require_schedule(self.learning_rate, self.decay)
        if self.warmup_steps < 0:
            raise ValueError(f"warmup_steps must not be negative; got {self.warmup_steps}.")
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
        warmup_steps: If there are any, it is multiplied by the lesser of `t / warmup_steps` and
            `sqrt(warmup_steps / t)`, where the first step is 1.

    Source:
        Vaswani et al. (2017), equation 3, for the warm-up, with its own scale at the peak.
    """

    def __init__(self, learning_rate: float, decay: float = 0.0, warmup_steps: int = 0) -> None:
        self.learning_rate, self.decay = learning_rate, decay
        self.warmup_steps = warmup_steps
        self.factor = keras.Variable(1.0, trainable=False, name="factor")

    def __call__(self, step: Tensor) -> Tensor:
        """Give the rate of a step, counted from 0."""
        done = ops.cast(step, "float32")
        rate = self.factor * self.learning_rate / (1 + self.decay * done)
        if not self.warmup_steps:
            return rate
        share = (done + 1) / self.warmup_steps
        return rate * ops.minimum(share, ops.rsqrt(share))

    def get_config(self) -> dict[str, float]:
        """Describe the rate in JSON types."""
        return {name: getattr(self, name) for name in ("learning_rate", "decay", "warmup_steps")}


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


def build_rate(config: AdamConfig | SGDConfig) -> Rate:
    """Build the learning rate that a config describes."""
    return Rate(config.learning_rate, config.decay, getattr(config, "warmup_steps", 0))


def build_optimizer(
    config: AdamConfig | SGDConfig, rate: Rate | None = None
) -> keras.optimizers.Optimizer:
    """Build the optimizer that a config describes.

    Args:
        config: Its settings.
        rate: The config's rate, for a caller that will make it fall.
    """
    rate = rate or build_rate(config)
    if isinstance(config, AdamConfig):
        betas = config.beta_1, config.beta_2
        return DecayingAdam(rate, *betas, amsgrad=config.amsgrad, share=config.weight_decay)
    return keras.optimizers.SGD(rate, config.momentum, config.nesterov)


def _require_schedule(learning_rate: float, decay: float) -> None:
    if not 0 < learning_rate < math.inf:
        raise ValueError(f"learning_rate must be positive; got {learning_rate}.")
    if not 0 <= decay < math.inf:
        raise ValueError(f"decay must lie in [0, inf); got {decay}.")


def _require_share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1); got {value}.")
