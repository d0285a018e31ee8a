"""Batch normalisation after training: averages of the weights as they ended."""

from collections.abc import Iterable

import keras

from kmusic.types import Tensor


def settle(network: keras.Model, batches: Iterable[Tensor]) -> None:
    """Take the averages of a network's batch normalisations again, and leave its weights alone.

    Moving averages follow weights that move; where those still move far in each step, as in an
    adversarial game, the averages are of no weights that there ever were.

    Args:
        network: Network that was trained.
        batches: What it takes, as in training; the averages are the means over all.
    """
    layers = [each for each in network.layers if isinstance(each, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for number, batch in enumerate(batches):
        for layer in layers:
            layer.momentum = number / (number + 1)
        network(batch, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
