"""Small systems that align sound with tags, on features that nothing changes."""

from functools import cache

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kmusic.layers.patch_networks import PatchConfig
from kmusic.models.coala import COALAConfig, build_coala
from kmusic.models.tag_contrastive import TagContrastiveConfig, build_tag_contrastive

FRAMES, BANDS, N_WORDS, DIM = 4, 8, 5, 3
RATE = 0.1
PATCH = PatchConfig(n_filters=2, n_blocks=2)
WHOLE = {"patch": PatchConfig(n_filters=2, n_blocks=2, dropout=0.0)}
SMALL = {"n_words": N_WORDS, "patch": PATCH}
ALL = {
    "1h": TagContrastiveConfig(**SMALL, word_dim=DIM),
    "2h": TagContrastiveConfig(**SMALL, word_dim=DIM, n_heads=2),
    "mean": TagContrastiveConfig(**SMALL, word_dim=DIM, n_heads=None),
    "coala": COALAConfig(**SMALL),
}
WITH_WORDS = ["1h", "2h", "mean"]
FEATURES = np.random.default_rng(0).uniform(0, 1, (6, FRAMES, BANDS)).astype(np.float32)
TAGS = np.int32([[1, 2], [2, 3], [3, 5], [1, 4], [4, 5], [2, 0]])
SOME = np.int32([[1, 2], [0, 0], [3, 5], [1, 4], [0, 0], [2, 0]])
TAGGED = SOME.any(axis=1)
NONE = np.zeros_like(TAGS)
WORDS = np.random.default_rng(1).normal(size=(N_WORDS, DIM)).astype(np.float32)


def system(name, layer=None, **settings):
    """Build a small system whose front end changes nothing, or what a layer does."""
    keras.utils.set_random_seed(0)
    heard = keras.Input((FRAMES, BANDS))
    front_end = keras.Model(heard, (layer or layers.Identity(dtype="float32"))(heard))
    config = type(ALL[name])(**{**vars(ALL[name]), **settings})
    model = (build_coala if name == "coala" else build_tag_contrastive)(config, front_end)
    rng = np.random.default_rng(2)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    if name in WITH_WORDS:
        model.set_words(WORDS)
    return model


@cache
def untouched(name):
    """Give a small system that no test changes."""
    return system(name)


def compiled(name, layer=None, **settings):
    model = system(name, layer, **settings)
    model.compile(keras.optimizers.SGD(RATE), run_eagerly=True)  # a step is not worth a graph
    model.optimizer.build(model.trainable_variables)
    return model


def values(model):
    return [weight.numpy().copy() for weight in model.trainable_weights]


def parts_moved_by_a_step(model, numbers):
    """Name the parts of which a weight that trains is another after a step."""
    names = [name for name in model.parts if getattr(model, name).trainable_weights]
    before = {name: values(getattr(model, name)) for name in names}
    told = model.train_step((FEATURES, numbers))
    assert np.isfinite([float(value) for value in told.values()]).all()
    assert all(np.isfinite(value).all() for value in values(model))
    return [
        name
        for name in names
        if not all(map(np.array_equal, before[name], values(getattr(model, name))))
    ]


def figures_of(model, features, numbers, training=False):
    figures = model.judge(tf.constant(features), tf.constant(numbers), training=training)
    return {name: float(value) for name, value in figures.items()}
