"""Losses in slow numpy, straight from the equations of their papers."""

import numpy as np


def cosine(one, other):
    """Give the cosine between two vectors, 0 if one is zero: Park et al. (2018), equation 1."""
    product = squares = other_squares = 0.0
    for a, b in zip(np.ravel(one).tolist(), np.ravel(other).tolist(), strict=True):
        product, squares, other_squares = product + a * b, squares + a * a, other_squares + b * b
    return product / np.sqrt(squares * other_squares) if squares and other_squares else 0.0


def hinge(positive, negatives, margin):
    """Give the hinge loss of one example: Park et al. (2018), equation 2."""
    loss = 0.0
    for negative in negatives:
        loss += max(0.0, margin - positive + negative)
    return loss


def nt_xent(first, second, temperature, counts=None, epsilon=0.0):
    """Give the contrastive loss of pairs: Chen et al. (2020), equation 1; epsilon as published."""
    counts = [True] * len(first) if counts is None else list(counts)
    views = [(pair, one) for one in (0, 1) for pair, there in enumerate(counts) if there]
    vectors = {view: (first, second)[view[1]][view[0]] for view in views}
    loss = 0.0
    for pair, one in views:
        found = np.exp(cosine(vectors[pair, one], vectors[pair, 1 - one]) / temperature)
        among = 0.0
        for other in views:
            if other != (pair, one):
                among += np.exp(cosine(vectors[pair, one], vectors[other]) / temperature)
        loss -= np.log(found / among + epsilon) / len(views)
    return loss


def generalised_divergence(target, output, epsilon=1e-5):
    """Give the generalised KL divergence of spectrograms, `(batch, frames, bands)`.

    Favory et al. (2020), section 2.3, with the reductions and the epsilon of the public code.
    """
    batch, n_frames, n_bands = target.shape
    mean = 0.0
    for example in range(batch):
        for band in range(n_bands):
            for frame in range(n_frames):
                y, restored = (
                    float(target[example, frame, band]),
                    float(output[example, frame, band]),
                )
                ratio = np.log(y + epsilon) - np.log(restored + epsilon)
                mean += (y * ratio + restored - y) / (batch * n_bands)
    return mean
