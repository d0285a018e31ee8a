"""The max-margin loss of metric learning."""

from keras import ops

from kmusic.types import Tensor


def hinge(
    positive: Tensor, negatives: Tensor, margin: float, weights: Tensor | None = None
) -> Tensor:
    """Punish negatives that are not farther from the anchor than the positive by a margin.

    Args:
        positive: Score of each anchor's positive, higher is nearer, shape `(batch,)`.
        negatives: Scores of its negatives, shape `(batch, n_negatives)`.
        margin: What the positive's score must be higher by, in units of the score.
        weights: What each negative counts, shape `(batch, n_negatives)`. `None` means 1.

    Returns:
        `sum(max(0, margin - positive + negative))` over the negatives, shape `(batch,)`.

    Source:
        Park et al. (2018), equation 2.
    """
    short = ops.relu(margin - positive[:, None] + negatives)
    return ops.sum(short if weights is None else short * weights, axis=1)
