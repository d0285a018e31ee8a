"""Nearness of vectors by their direction."""

from keras import ops

from kmusic.types import Tensor


def cosine(anchor: Tensor, others: Tensor) -> Tensor:
    """Give the cosine of the angle between vectors.

    Args:
        anchor: One vector an example, shape `(batch, dim)`.
        others: Vectors to hold it against, shape `(batch, n_others, dim)`, or `(n_others, dim)` for
            the same ones in every example.

    Returns:
        Cosines in `[-1, 1]`, shape `(batch, n_others)`. A vector of zeros gives 0, with a gradient
        of 0.

    Source:
        Park et al. (2018), equation 1.
    """
    equation = "bd,nd->bn" if len(others.shape) == 2 else "bd,bnd->bn"
    return ops.einsum(equation, _directions(anchor), _directions(others))


def _directions(vectors: Tensor) -> Tensor:
    """Divide vectors by their lengths; `ops.normalize` multiplies gradients at zero by 1e7."""
    squares = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    longer = squares > 0
    return ops.where(longer, vectors * ops.rsqrt(ops.where(longer, squares, 1.0)), 0.0)
