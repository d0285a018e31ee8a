"""Training steps of the systems that align sound with tags: `python benchmarks/alignment.py`.

Batches of 128 patches of 96 frames and 96 bands, with ten tags each of 1,000 words: the audio
autoencoder alone, which is a step of convolutions and no more; the systems of table 1 of Favory et
al. (2020); and COALA. All warm; the rounds alternate; the best round of each counts.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from front_end import best_seconds
from keras import layers, ops

from kmusic.models import build
from kmusic.models.coala import COALAConfig
from kmusic.models.tag_contrastive import TagContrastiveConfig

EXAMPLES, SIDE, TAGS, ROUNDS = 128, 96, 10, 3
CONTESTANTS = {
    "128-mean": TagContrastiveConfig(n_heads=None),
    "128-1h": TagContrastiveConfig(),
    "128-4h": TagContrastiveConfig(n_heads=4),
    "1152-4h": TagContrastiveConfig(word_dim=1_152, n_heads=4),
    "coala": COALAConfig(),
}


def step_of(config: Any, *, aligned: bool = True) -> tf.function:
    """Give a training step of a system, or of its audio autoencoder alone, as one graph."""
    patch = keras.Input((SIDE, SIDE))
    system = build(config, keras.Model(patch, layers.Identity()(patch)))
    model = system if aligned else keras.Sequential([system.encoder, system.decoder])
    model.compile(keras.optimizers.SGD(5e-3), loss=None if aligned else "mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return tf.function(model.train_step)


def main() -> None:
    """Print examples a second, and how much longer a step takes than the autoencoder's."""
    rng = np.random.default_rng(0)
    patches = tf.constant(rng.uniform(size=(EXAMPLES, SIDE, SIDE)), tf.float32)
    numbers = [np.sort(rng.choice(1_000, TAGS, replace=False)) + 1 for _ in range(EXAMPLES)]
    tags = ops.cast(np.stack(numbers), "int32")
    alone = step_of(TagContrastiveConfig(), aligned=False)
    steps = {name: step_of(config) for name, config in CONTESTANTS.items()}
    calls = [lambda: alone((patches, patches))["loss"].numpy()]
    calls += [lambda step=step: step((patches, tags))["loss"].numpy() for step in steps.values()]
    seconds = dict(zip(["alone", *steps], best_seconds(ROUNDS, *calls), strict=True))
    for name, took in seconds.items():
        ratio = took / seconds["alone"]
        print(f"{name:10s} {EXAMPLES / took:6.1f} examples a second, {ratio:4.2f} times the step")


if __name__ == "__main__":
    main()
