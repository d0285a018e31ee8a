"""A sample of sound by queues and by whole convolutions: `python benchmarks/generation.py`.

WaveNets of 4 to 9 dilations a stack, two stacks, of 32 channels, one sound at a time. By queues a
sample is a step of each layer; without them all layers hear the whole receptive field again for
each. All warm; the rounds alternate; the best round of each counts.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from front_end import best_seconds

from kmusic.layers.causal import CausalStack, dilations, receptive_field

N_BANDS, SAMPLES, ROUNDS = 80, 50, 3


def players(n_layers: int) -> tuple[int, Callable[[], None], Callable[[], None]]:
    """Give the receptive field of so many layers, and both ways to predict some samples."""
    steps = dilations(n_layers, 2)
    field = receptive_field(3, steps)
    sizes = {"residual_channels": 32, "gate_channels": 64, "skip_channels": 64}
    stack = CausalStack(dilations=steps, kernel_size=3, weight_norm=False, **sizes)
    rng = np.random.default_rng(0)
    codes = tf.constant(rng.integers(0, 256, (1, field)), tf.int32)
    condition = tf.constant(rng.normal(size=(1, field, N_BANDS)), tf.float32)
    whole = tf.function(lambda: stack(codes, condition)[0][:, -1])

    @tf.function
    def by_queues() -> tf.Tensor:
        def step(number: tf.Tensor, queues: tuple[tf.Tensor, ...], total: tf.Tensor) -> tuple:
            place = number % field
            logits, queues = stack.step(codes[:, place], condition[:, place], queues, number)
            return number + 1, queues, total + tf.reduce_sum(logits)

        first = tf.constant(0), stack.first_queues(1), tf.constant(0.0)
        return tf.while_loop(lambda number, *_: number < SAMPLES, step, first)[-1]

    stack.build(codes.shape, condition.shape)
    return field, lambda: [whole().numpy() for _ in range(SAMPLES)], lambda: by_queues().numpy()


def main() -> None:
    """Print milliseconds a sample of both ways, and their ratio."""
    for n_layers in (8, 12, 16, 18):
        field, *ways = players(n_layers)
        whole, queued = (1_000 * took / SAMPLES for took in best_seconds(ROUNDS, *ways))
        print(
            f"{n_layers:2d} layers, {field:5d} samples: {queued:5.2f} ms a sample by queues, "
            f"{whole:6.2f} by whole convolutions, ratio {whole / queued:5.1f}"
        )


if __name__ == "__main__":
    main()
