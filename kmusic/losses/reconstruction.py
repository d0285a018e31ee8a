"""How far a reconstruction is from what it stands for."""

from keras import ops

from kmusic.types import Tensor


def squared_error(target: Tensor, output: Tensor) -> Tensor:
    """Sum the squared differences over the values of each example.

    Half of it is the negative logarithm of a Gaussian likelihood with variance 1, up to a constant.

    Args:
        target: What should have come, shape `(batch, ...)`.
        output: What came, same shape.

    Returns:
        Sums, shape `(batch,)`.
    """
    return _summed(ops.square(output - target))


def mean_squared_error(target: Tensor, output: Tensor) -> Tensor:
    """Give the mean of the squared differences over all values of all examples, a number."""
    return ops.mean(ops.square(output - target))


def generalised_divergence(target: Tensor, output: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    """Give the generalised Kullback-Leibler divergence of spectrograms from what they should be.

    Args:
        target: What should have come, not negative, shape `(batch, n_frames, n_bands)`.
        output: What came, not negative, same shape.
        epsilon: What is added to both under the logarithm.

    Returns:
        Sum over the frames, mean over bands and examples, a number; 0 where both are the same.

    Source:
        Favory et al. (2020), section 2.3, with the reductions of its public code.
    """
    ratio = ops.log(target + epsilon) - ops.log(output + epsilon)
    return ops.mean(ops.sum(target * ratio + output - target, axis=1))


def bernoulli(target: Tensor, logits: Tensor) -> Tensor:
    """Sum the cross-entropies over the values of each example.

    It is the negative logarithm of a Bernoulli likelihood where the targets are 0 and 1.

    Args:
        target: Probabilities that should have come, in `[0, 1]`, shape `(batch, ...)`.
        logits: What came, before the sigmoid, same shape.

    Returns:
        Sums in nats, shape `(batch,)`; finite however sure of the wrong side the logits are.

    Source:
        Kingma and Welling (2014), appendix C.1.
    """
    return _summed(target * ops.softplus(-logits) + (1.0 - target) * ops.softplus(logits))


def _summed(values: Tensor) -> Tensor:
    """Sum over all axes but the first."""
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))
