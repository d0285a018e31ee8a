"""Attention over sequences, and over sets."""

import math
from typing import Any

import keras
from keras import layers, ops

from kmusic.types import Tensor


def attention_pooling(sequence: Tensor, units: int) -> Tensor:
    """Average a sequence by weights that each step is given from what it holds.

    Args:
        sequence: Steps, shape `(batch, n_steps, n_features)`.
        units: Size of the hidden layer that scores a step.

    Returns:
        Weighted mean, shape `(batch, n_features)`.

    Source:
        Bahdanau, Cho and Bengio (2015), equations 5 and 6 and appendix A.1.2, the additive score
        without a decoder's state.
    """
    hidden = layers.Dense(units, activation="tanh")(sequence)
    # A bias would move all scores alike, which a softmax does not see.
    scores = layers.Dense(1, use_bias=False)(hidden)  # (B, T, 1)
    weights = layers.Softmax(axis=1)(scores)
    return layers.Flatten()(layers.Dot(axes=1)([weights, sequence]))


@keras.saving.register_keras_serializable("kmusic")
class SetAttention(layers.Layer):
    """Let the members of a set attend to each other, each by its content alone.

    Every head keeps the full width of the vectors. There are no positions, no biases and no way
    around the attention.

    Args:
        n_heads: Number of heads.
        padding_asks: Whether empty places ask too: of a vector of zeros each, they take the mean
            over the members, so that the result depends on how many there are.
        dropout: Share of the attention, and of what comes of it, that is left out in training.
        kwargs: Passed to Keras.

    Call arguments:
        vectors: Of each member, zeros in empty places, shape `(batch, n_places, dim)`.
        present: Which places hold a member, shape `(batch, n_places)`.
        training: Whether anything is left out.

    Returns:
        What each place takes from the members, zeros where it does not ask, shape
        `(batch, n_places, dim)`; and the share of each member in all that is taken, which add up to
        1, float32, shape `(batch, n_places)`, zeros for an empty set.

    Source:
        Favory et al. (2020), section 2.2, after Vaswani et al. (2017), equation 1. The heads are
        joined feature by feature, as in the public code, where the paper's equation 3 has them
        behind each other.
    """

    def __init__(
        self, n_heads: int, *, padding_asks: bool = False, dropout: float = 0.1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.n_heads, self.padding_asks, self.dropout = n_heads, padding_asks, dropout
        self.drop = layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, shapes: Any) -> None:
        """Lay the matrices of queries, keys, values and output."""
        dim = shapes[0][-1]
        wide = dim * self.n_heads
        self.queries, self.keys, self.values, self.joining = (
            self.add_weight(shape=shape, initializer=initial_uniform(), name=name)
            for name, shape in {
                "queries": (dim, wide),
                "keys": (dim, wide),
                "values": (dim, wide),
                "joining": (wide, dim),
            }.items()
        )
        self.built = True

    def call(self, inputs: tuple[Tensor, Tensor], training: bool = False) -> tuple[Tensor, Tensor]:
        """Attend to the members of each set."""
        vectors, present = inputs
        present = ops.cast(present, "bool")
        asked, keys, values = (
            self._by_head(ops.matmul(vectors, each))
            for each in (self.queries, self.keys, self.values)
        )
        scores = ops.einsum("bqhd,bkhd->bhqk", asked, keys) / math.sqrt(vectors.shape[-1])
        shares = ops.softmax(ops.where(present[:, None, None], ops.cast(scores, "float32"), -1e9))
        kept = self.drop(ops.cast(shares, vectors.dtype), training=training)
        taken = ops.einsum("bhqk,bkhd->bqhd", kept, values)
        taken = ops.reshape(taken, (*ops.shape(vectors)[:2], self.joining.shape[0]))
        taken = self.drop(ops.matmul(taken, self.joining), training=training)
        asks = ops.ones_like(present) if self.padding_asks else present
        taken = ops.where(asks[..., None], taken, ops.zeros_like(taken))
        of_each = ops.mean(ops.sum(ops.where(asks[:, None, :, None], shares, 0.0), axis=2), axis=1)
        return taken, shares_of(of_each, present)

    def compute_output_shape(self, shapes: Any) -> tuple[Any, Any]:
        """Give the shapes of both inputs."""
        return tuple(shapes[0]), tuple(shapes[1])

    def get_config(self) -> dict[str, Any]:
        """Describe the layer in JSON types."""
        own = {"n_heads": self.n_heads, "padding_asks": self.padding_asks, "dropout": self.dropout}
        return super().get_config() | own

    def _by_head(self, vectors: Tensor) -> Tensor:
        """Part what all heads have of each place, shape `(batch, n_places, n_heads, dim)`."""
        n_sets, n_places = ops.shape(vectors)[:2]
        return ops.reshape(vectors, (n_sets, n_places, self.n_heads, -1))


def shares_of(weights: Tensor, present: Tensor) -> Tensor:
    """Scale the weights of the members of each set so that they add up to 1.

    Args:
        weights: Not negative, shape `(batch, n_places)`.
        present: Which places hold a member, same shape.

    Returns:
        Shares, float32, same shape; zeros in empty places.
    """
    weights = ops.where(present, ops.cast(weights, "float32"), 0.0)
    return weights / ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1e-9)


def initial_uniform() -> keras.initializers.Initializer:
    """Give what a linear layer of torch begins with: uniform up to the root of 1 / fan-in."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
