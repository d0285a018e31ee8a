"""Optimizers as plain settings."""

from dataclasses import dataclass

import keras


@dataclass(frozen=True, kw_only=True)
class AdamConfig:
    """Settings of Adam.

    Attributes:
        learning_rate: Size of the first step.
        decay: The rate at step t is `learning_rate / (1 + decay * t)`.
        beta_1: Decay of the mean of the gradient.
        beta_2: Decay of its square.
    """

    learning_rate: float = 1e-3
    decay: float = 0.0
    beta_1: float = 0.9
    beta_2: float = 0.999


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


def build_optimizer(config: AdamConfig | SGDConfig) -> keras.optimizers.Optimizer:
    """Build the optimizer that a config describes."""
    rate = config.learning_rate
    if config.decay:
        rate = keras.optimizers.schedules.InverseTimeDecay(rate, 1, config.decay)
    if isinstance(config, AdamConfig):
        return keras.optimizers.Adam(rate, config.beta_1, config.beta_2)
    return keras.optimizers.SGD(rate, config.momentum, config.nesterov)
