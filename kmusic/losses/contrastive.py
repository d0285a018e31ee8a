"""How surely the two views of an example find each other among all views of a batch."""

from keras import ops

from kmusic.losses.cosine import cosine
from kmusic.types import Tensor

NEVER = -1e9
"""Logit of what cannot be found: its probability is 0."""


def nt_xent(
    first: Tensor,
    second: Tensor,
    *,
    temperature: float,
    counts: Tensor | None = None,
    epsilon: float = 0.0,
) -> Tensor:
    """Give the normalised temperature-scaled cross-entropy of pairs.

    Every vector looks for the other one of its pair among all others of the batch, those of its own
    kind too, by a softmax of cosines.

    Args:
        first: One view of each example, shape `(batch, dim)`.
        second: The other, same shape.
        temperature: What the cosines are divided by, positive.
        counts: Which examples there are; the others look for nothing and are not found, shape
            `(batch,)`. `None` means all.
        epsilon: What is added to each probability before its logarithm, as in the public code of
            Favory et al. (2020), where 1e-5 bounds the loss by 11.51.

    Returns:
        Mean over both views of all examples that count, in nats, a float32 number; 0 if none does.

    Source:
        Chen et al. (2020), equation 1; Favory et al. (2020), section 2.3.
    """
    n = ops.shape(first)[0]
    vectors = [ops.cast(each, "float32") for each in (first, second)]
    vectors = ops.concatenate(vectors)  # (2 N, D)
    cosines = cosine(vectors, vectors) / temperature
    there = ops.ones((n,), "bool") if counts is None else ops.cast(counts, "bool")
    there = ops.concatenate([there, there])
    others = there[None, :] & ~ops.eye(2 * n, dtype="bool")
    partners = ops.roll(ops.eye(2 * n, dtype=cosines.dtype), n, axis=1)
    found = ops.sum(cosines * partners, axis=1) - ops.logsumexp(
        ops.where(others, cosines, NEVER), axis=1
    )
    # First: the exponential of what looks for nothing can overflow, and 0 times infinity is none.
    found = ops.where(there, found, 0.0)
    losses = -ops.log(ops.exp(found) + epsilon) if epsilon else -found
    total = ops.sum(ops.where(there, losses, 0.0))
    return total / ops.maximum(ops.sum(ops.cast(there, losses.dtype)), 1.0)
