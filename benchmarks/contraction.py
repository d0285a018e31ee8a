"""What contraction costs an autoencoder: `python benchmarks/contraction.py`.

Training steps of the paper's networks on mel-spectrograms, 32 excerpts of 431 frames and 64 bands:
the plain autoencoder, the contractive one with its penalty computed, and with it estimated by one
direction. All warm; the rounds alternate; the best round of each counts.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from front_end import best_seconds
from keras import layers

from kmusic.models import build
from kmusic.models.autoencoders import AEConfig, CAEConfig

EXCERPTS, FRAMES, BANDS, ROUNDS = 32, 431, 64, 4
CONTESTANTS = {
    "plain": AEConfig(),
    "computed": CAEConfig(),
    "estimated": CAEConfig(n_projections=1),
}


def step_of(config: AEConfig) -> tf.function:
    """Give a training step of an autoencoder as one graph."""
    features = keras.Input((FRAMES, BANDS))
    model = build(config, keras.Model(features, layers.Identity()(features)))
    model.compile(keras.optimizers.Adam(), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return tf.function(model.train_step)


def main() -> None:
    """Print seconds a step, and how many steps of the plain autoencoder that is."""
    shape = (EXCERPTS, FRAMES, BANDS)
    batch = tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)
    steps = {name: step_of(config) for name, config in CONTESTANTS.items()}
    calls = [lambda step=step: step(batch)["loss"].numpy() for step in steps.values()]
    seconds = dict(zip(steps, best_seconds(ROUNDS, *calls), strict=True))
    for name, took in seconds.items():
        print(f"{name:10s} {took:6.2f} s a step, {took / seconds['plain']:4.1f} times")


if __name__ == "__main__":
    main()
