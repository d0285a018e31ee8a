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
