"""Attention over sequences."""

from keras import layers

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
