"""Networks from the tags of a track to one vector."""

from typing import Any

import keras
from keras import layers, ops

from kmusic.layers.attention import SetAttention, initial_uniform, shares_of
from kmusic.types import Tensor

HIDDEN = (512, 512)
"""Sizes of the hidden layers over marked tags."""


def attention_over_tags(
    n_words: int, dim: int, n_heads: int | None, *, padding_asks: bool, dropout: float
) -> keras.Model:
    """Build a network that reads the word vectors of a track's tags in each other's context.

    Args:
        n_words: Number of words.
        dim: Length of a word's vector, and of the result.
        n_heads: Number of heads of the attention; `None` takes the mean of the word vectors.
        padding_asks: Whether empty places ask too, as in the public code.
        dropout: Share of the attention and of its result that is left out in training.

    Returns:
        Model from numbers of words, int32, 0 where there is none, shape `(batch, n_places)`, to
        vectors, float32, shape `(batch, dim)`, and the share of each tag in them, float32, shape
        `(batch, n_places)`. Layer `"word_vectors"` holds the word vectors behind a row of zeros;
        nothing trains it.

    Source:
        Favory et al. (2020), section 2.2, equations 3 and 4.
    """
    numbers = keras.Input((None,), dtype="int32", name="tags")
    vectors = layers.Embedding(
        n_words + 1, dim, embeddings_initializer="normal", trainable=False, name="word_vectors"
    )(numbers)
    present = ops.not_equal(numbers, 0)
    if n_heads:
        attention = SetAttention(n_heads, padding_asks=padding_asks, dropout=dropout)
        taken, shares = attention([vectors, present])
        x = ops.sum(taken, axis=1)
    else:
        each = layers.Dense(dim, use_bias=False, kernel_initializer=initial_uniform())(vectors)
        shares = equal_shares(numbers)
        x = layers.Dropout(dropout)(ops.einsum("bt,btd->bd", shares, each))
    x = layers.LayerNormalization(epsilon=1e-6, dtype="float32")(x)
    network = keras.Model(numbers, [x, shares], name="tag_encoder")
    set_word_vectors(network, network.get_layer("word_vectors").get_weights()[0][1:])
    return network


def set_word_vectors(network: keras.Model, vectors: Any) -> None:
    """Give the network of `attention_over_tags` its word vectors, shape `(n_words, dim)`."""
    rows = ops.convert_to_numpy(vectors)
    network.get_layer("word_vectors").set_weights([ops.pad(rows, [[1, 0], [0, 0]])])


def dense_over_tags(n_words: int, dim: int, dropout: float) -> keras.Model:
    """Build a network that reads which words a track bears.

    Args:
        n_words: Number of words.
        dim: Length of the result.
        dropout: Share of each layer that is left out in training.

    Returns:
        Model from numbers of words, as for `attention_over_tags`, to vectors, float32, shape
        `(batch, dim)`, and the same share of each tag. Tracks without tags have no part in what the
        batch is normalised by.

    Source:
        Favory et al. (2020b), COALA, section 3.1, with the layers of its public code.
    """
    numbers = keras.Input((None,), dtype="int32", name="tags")
    tagged = ops.any(ops.not_equal(numbers, 0), axis=1)
    x = marked_words(numbers, n_words)
    for units in (*HIDDEN, dim):
        x = layers.Dropout(dropout)(_dense(x, units, "relu", tagged))
    x = layers.Activation("linear", dtype="float32")(x)
    return keras.Model(numbers, [x, equal_shares(numbers)], name="tag_encoder")


def equal_shares(numbers: Tensor) -> Tensor:
    """Give each word of a set the same share, float32, shape `(batch, n_places)`."""
    return shares_of(ops.ones_like(numbers, "float32"), ops.not_equal(numbers, 0))


def words_of_vector(n_words: int, length: int, dropout: float) -> keras.Model:
    """Build the network back from the vectors of `dense_over_tags`.

    Args:
        n_words: Number of words.
        length: Length of the vectors.
        dropout: Share of the first hidden layer that is left out in training.

    Returns:
        Model from vectors, shape `(batch, length)`, and which of them stand for tracks with tags,
        shape `(batch,)`, to the logit of each word, float32, shape `(batch, n_words)`. Tracks
        without tags have no part in what the batch is normalised by.

    Source:
        As for `dense_over_tags`.
    """
    x = vector = keras.Input((length,), name="vector")
    tagged = keras.Input((), dtype="bool", name="tagged")
    for number, units in enumerate(reversed(HIDDEN)):
        x = _dense(x, units, "relu", tagged)
        x = layers.Dropout(dropout)(x) if number == 0 else x
    x = layers.Activation("linear", dtype="float32")(_dense(x, n_words, "linear", tagged))
    return keras.Model([vector, tagged], x, name="tag_decoder")


def marked_words(numbers: Tensor, n_words: int) -> Tensor:
    """Mark which words each track bears: ones and zeros, shape `(batch, n_words)`."""
    return ops.sum(ops.one_hot(numbers, n_words + 1), axis=1)[:, 1:]


def _dense(x: Tensor, units: int, activation: str, tagged: Tensor) -> Tensor:
    """Normalise a dense layer by the tracks with tags."""
    x = layers.Dense(units, kernel_initializer=initial_uniform())(x)
    x = NormalisedBySome(momentum=0.9, epsilon=1e-5)([x, tagged])
    return layers.Activation(activation)(x)


@keras.saving.register_keras_serializable("kmusic")
class NormalisedBySome(layers.BatchNormalization):
    """Normalise a batch by the mean and variance of some of its rows.

    Call arguments:
        inputs: Rows, shape `(batch, dim)`, and which of them count, shape `(batch,)`.

    Returns:
        All rows, normalised, same shape.
    """

    def build(self, shapes: Any) -> None:
        """Lay weights and averages, as for the rows alone."""
        super().build(shapes[0])
        self.input_spec = None  # which speaks of the rows alone

    def call(self, inputs: tuple[Tensor, Tensor], training: bool | None = None) -> Tensor:
        """Normalise rows. A mask that Keras is told of would be handed on to all that follows."""
        rows, counts = inputs
        return super().call(rows, training=training, mask=counts)

    def compute_output_shape(self, shapes: Any) -> tuple[Any, ...]:
        """Give the shape of the rows."""
        return tuple(shapes[0])
