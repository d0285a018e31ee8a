import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from kmusic.training.optimizers import AdamConfig, Rate, SGDConfig, build_optimizer, build_rate


def rates(optimizer, steps, weight=None):
    """Take steps, and give the learning rate of each."""
    weight = keras.Variable([1.0]) if weight is None else weight
    seen = []
    for _ in range(steps):
        seen.append(float(optimizer.learning_rate))
        optimizer.apply([np.array([1.0], np.float32)], [weight])
    return seen


@pytest.mark.parametrize("config_type", [AdamConfig, SGDConfig])
def test_the_rate_decays_with_each_step_as_its_docstring_says(config_type):
    optimizer = build_optimizer(config_type(learning_rate=0.1, decay=0.5))
    expected = [0.1 / (1 + 0.5 * t) for t in range(4)]
    np.testing.assert_allclose(rates(optimizer, 4), expected, rtol=1e-6)


@pytest.mark.parametrize("config_type", [AdamConfig, SGDConfig])
def test_the_rate_stays_without_decay(config_type):
    optimizer = build_optimizer(config_type(learning_rate=0.1))
    np.testing.assert_allclose(rates(optimizer, 3), 0.1, rtol=1e-6)


@pytest.mark.parametrize("config", [AdamConfig(), SGDConfig()])
def test_a_given_rate_decays_and_falls_when_told_to(config):
    rate, weight = Rate(0.1, 0.5), keras.Variable([1.0])
    optimizer = build_optimizer(config, rate)
    before = rates(optimizer, 2, weight)
    rate.factor.assign(0.2)
    after = rates(optimizer, 2, weight)
    expected = [0.1 / (1 + 0.5 * t) for t in range(4)]
    np.testing.assert_allclose(before, expected[:2], rtol=1e-6)
    np.testing.assert_allclose(after, 0.2 * np.array(expected[2:]), rtol=1e-6)


def test_a_rate_falls_in_a_graph_that_was_traced_before():
    rate = Rate(0.1)
    graph = tf.function(rate)
    assert float(graph(tf.constant(0))) == pytest.approx(0.1)
    rate.factor.assign(0.2)
    assert float(graph(tf.constant(0))) == pytest.approx(0.02)


def test_a_rate_is_described_by_what_it_was_made_of():
    again = Rate.from_config(Rate(0.1, 0.5).get_config())
    np.testing.assert_allclose([float(again(t)) for t in range(2)], [0.1, 0.1 / 1.5], rtol=1e-6)


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_adam_takes_the_steps_of_its_paper(weight_decay):
    config = AdamConfig(learning_rate=0.1, beta_1=0.5, beta_2=0.25, weight_decay=weight_decay)
    optimizer = build_optimizer(config)
    weight, expected, mean, square = keras.Variable([1.0]), 1.0, 0.0, 0.0
    for step, gradient in enumerate([2.0, -1.0, 0.5], start=1):
        optimizer.apply([np.array([gradient], np.float32)], [weight])
        gradient += weight_decay * expected
        mean = 0.5 * mean + 0.5 * gradient
        square = 0.25 * square + 0.75 * gradient**2
        expected -= 0.1 * (mean / (1 - 0.5**step)) / np.sqrt(square / (1 - 0.25**step))
    np.testing.assert_allclose(float(weight[0]), expected, rtol=1e-5)


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_takes_the_steps_of_its_equations(nesterov):
    optimizer = build_optimizer(SGDConfig(learning_rate=0.1, momentum=0.5, nesterov=nesterov))
    weight, expected, velocity = keras.Variable([1.0]), 1.0, 0.0
    for gradient in [2.0, -1.0, 0.5]:
        optimizer.apply([np.array([gradient], np.float32)], [weight])
        velocity = 0.5 * velocity - 0.1 * gradient
        expected += 0.5 * velocity - 0.1 * gradient if nesterov else velocity
    np.testing.assert_allclose(float(weight[0]), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("config_type", "settings", "rule"),
    [
        (AdamConfig, {"learning_rate": 0.0}, "learning_rate must be positive; got 0.0"),
        (AdamConfig, {"learning_rate": float("nan")}, "learning_rate must be positive; got nan"),
        (AdamConfig, {"decay": -1.0}, r"decay must lie in \[0, inf\); got -1.0"),
        (AdamConfig, {"beta_1": 1.0}, r"beta_1 must lie in \[0, 1\); got 1.0"),
        (AdamConfig, {"beta_2": -0.1}, r"beta_2 must lie in \[0, 1\); got -0.1"),
        (AdamConfig, {"weight_decay": -0.1}, r"weight_decay must lie in \[0, 1\); got -0.1"),
        (SGDConfig, {"learning_rate": -0.1}, "learning_rate must be positive; got -0.1"),
        (SGDConfig, {"decay": float("inf")}, r"decay must lie in \[0, inf\); got inf"),
        (SGDConfig, {"momentum": 1.5}, r"momentum must lie in \[0, 1\); got 1.5"),
    ],
)
def test_nonsense_is_refused(config_type, settings, rule):
    with pytest.raises(ValueError, match=rule):
        config_type(**settings)


def test_a_decaying_adam_survives_its_config():
    optimizer = build_optimizer(AdamConfig(weight_decay=0.3))
    again = type(optimizer).from_config(optimizer.get_config())
    assert again.share == 0.3
    assert again.weight_decay is None  # Keras' own, which is AdamW's


def test_the_rate_warms_up_and_falls_with_the_root():
    """The published scale: 1e-3 * sqrt(4000) * min(step * 4000 ** -1.5, step ** -0.5)."""
    rate = build_rate(AdamConfig(learning_rate=1e-3, warmup_steps=4_000))
    for step in (1, 7, 4_000, 4_001, 90_000):
        expected = 1e-3 * math.sqrt(4_000) * min(step * 4_000**-1.5, step**-0.5)
        assert float(rate(step - 1)) == pytest.approx(expected, rel=1e-5)
    again = Rate.from_config(rate.get_config())
    assert float(again(99)) == float(rate(99))


def test_amsgrad_divides_by_the_greatest_mean_square():
    weights = {}
    for amsgrad in (False, True):
        weight = keras.Variable([1.0])
        optimizer = build_optimizer(AdamConfig(learning_rate=0.1, beta_2=0.5, amsgrad=amsgrad))
        for gradient in (10.0, 0.1, 0.1, 0.1):
            optimizer.apply([keras.ops.convert_to_tensor([gradient])], [weight])
        weights[amsgrad] = float(weight[0])
    assert weights[True] > weights[False]  # one great gradient keeps later steps short


def test_a_warmup_of_less_than_no_step_is_refused():
    with pytest.raises(ValueError, match="warmup_steps must not be negative; got -1"):
        AdamConfig(warmup_steps=-1)
