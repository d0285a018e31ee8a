"""The cross-entropy of probabilities that are taken for scores."""

from keras import ops

from kmusic.types import Tensor


def double_softmax(target: Tensor, probabilities: Tensor) -> Tensor:
    """Give the cross-entropy of a second softmax over the output of the first.

    It never reaches 0: probability 1 for the right class of five still costs `log(1 + 4 / e)`, or
    0.9048. `keras.losses.categorical_crossentropy(from_logits=True)` is not this loss: inside a
    TensorFlow graph it takes the scores from behind the first softmax.

    Args:
        target: Share of each class, one-hot as a rule, float, shape `(batch, n_classes)`.
        probabilities: Output of the first softmax, in `[0, 1]`, float, shape `(batch, n_classes)`.

    Returns:
        `-sum(target * log(softmax(probabilities)))` over the classes, shape `(batch,)`.

    Source:
        Yanchenko (2019), public code of the classifiers, which end in a softmax and are trained
        with a cross-entropy that applies another. The text names a plain cross-entropy.
    """
    return -ops.sum(target * ops.log_softmax(probabilities, axis=-1), axis=-1)
