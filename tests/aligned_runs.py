"""Small runs that align sound with tags, and a stand-in whose answers can be worked out by hand."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from kmusic.datasets.tags import TagConfig, Vocabulary, write_vocabulary
from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.layers.patch_networks import PatchConfig
from kmusic.models.tag_contrastive import TagContrastiveConfig
from kmusic.training.compose import compose
from kmusic.training.recipe import Recipe
from kmusic.training.runs import Run, begin_run, finish_run, load_run
from tests.recordings import RATE, collection, collection_table

RECIPE = Recipe(
    frontend=LogMelConfig(sample_rate=RATE, n_fft=512, hop_length=256, n_mels=32),
    excerpt_seconds=31 * 256 / RATE,  # 32 frames
    model=TagContrastiveConfig(word_dim=6, patch=PatchConfig(n_filters=2, n_blocks=2)),
    target=None,
    tags=TagConfig(min_tracks=1, max_share=1.0),
    scaling=ScalingConfig(kind="minmax", per="band", clip=True),
    batch_size=8,
    epochs=2,
    early_stopping=None,
)
WORDS = ("high", "low", "noisy", "pure", "loud")


class Chart(keras.Model):
    """Words at given places; of some, each weighs as much as its number says.

    Args:
        places: Place of each word, shape `(n_words, dim)`.
        projection: From embeddings to places, shape `(embedding_dim, dim)`.
    """

    def __init__(self, places, projection):
        super().__init__()
        behind = np.concatenate([np.zeros((1, places.shape[1])), places])
        self.words = layers.Embedding(*behind.shape, weights=[behind])
        self.projection = layers.Dense(places.shape[1], use_bias=False)
        self.projection.build((None, len(projection)))
        self.projection.set_weights([projection])

    def align_sound(self, vectors):
        return self.projection(vectors)

    def align_tags(self, numbers):
        return ops.einsum("bt,btd->bd", self.weigh_tags(numbers), self.words(numbers))

    def weigh_tags(self, numbers):
        shares = ops.cast(numbers, "float32")
        return shares / ops.sum(shares, axis=1, keepdims=True)


def chart_run(folder, words, places, projection=None, **tags):
    """Make a run that lays words at places, and sound where a projection brings its embedding."""
    places = np.asarray(places, np.float32)
    write_vocabulary(folder, Vocabulary(tuple(words), tuple(range(1, len(words) + 1)), None))
    recipe = replace(RECIPE, model=TagContrastiveConfig(), target=None, tags=TagConfig(**tags))
    whole = np.eye(places.shape[1]) if projection is None else projection
    return Run(Path(folder), recipe, (), Chart(places, whole))


def tagged_table():
    """Give the table of the collection with its labels and two more words as tags."""
    tracks = collection_table(collection())
    kinds = [("noisy", "pure", "noisy; loud", "pure; loud")[row % 4] for row in range(len(tracks))]
    return tracks.assign(tags=tracks["label"] + ";" + kinds)


def write_untrained(folder, recipe=RECIPE, tracks=None):
    """Write a run that aligns the collection with its tags as chance has it."""
    table = tagged_table() if tracks is None else tracks
    vectors = np.random.default_rng(recipe.seed).normal(size=(len(WORDS), 6)).astype(np.float32)
    model = compose(recipe, len(WORDS)).model
    model.set_words(vectors)
    begin_run(folder, recipe, (), table)
    write_vocabulary(folder, Vocabulary(WORDS, (4, 4, 4, 4, 4), vectors))
    finish_run(folder, model)
    return load_run(folder)
