"""What two players of an adversarial game lose, by the logits of their judge."""

from keras import ops

from kmusic.types import Tensor


def discriminator_loss(
    inferred: Tensor, generated: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Punish a judge that does not tell inferred pairs from generated ones.

    Args:
        inferred: Logit that a pair of data and its inferred code is one, shape `(batch,)`.
        generated: The same of a pair of generated data and its code, shape `(batch,)`.
        weights: What each inferred pair counts, shape `(batch,)`. `None` means 1.

    Returns:
        `mean(softplus(-inferred)) + mean(softplus(generated))`, a number; `2 log 2` if nothing is
        told.

    Source:
        Dumoulin et al. (2017), equation 1, as binary cross-entropies on logits.
    """
    weights = ops.ones_like(inferred) if weights is None else weights
    told = ops.sum(weights * ops.softplus(-inferred)) / ops.maximum(ops.sum(weights), 1e-7)
    return told + ops.mean(ops.softplus(generated))


def generator_loss(inferred: Tensor, generated: Tensor, weights: Tensor | None = None) -> Tensor:
    """Punish encoder and generator whose pairs the judge tells apart.

    Args:
        inferred: As of `discriminator_loss`.
        generated: As of `discriminator_loss`.
        weights: As of `discriminator_loss`.

    Returns:
        `mean(softplus(inferred)) + mean(softplus(-generated))`, a number: the judge's loss with the
        answers swapped, whose gradient does not vanish where the judge is sure.

    Source:
        Dumoulin et al. (2017), section 2.2 and algorithm 1.
    """
    return discriminator_loss(-inferred, -generated, weights)
