"""How much codes change with the features that they encode."""

import keras
import tensorflow as tf  # keras.ops has no gradients
from keras import ops

from kmusic.types import Tensor


def squared_jacobian(
    encoder: keras.Model,
    features: Tensor,
    n_projections: int | None = None,
    seed: keras.random.SeedGenerator | None = None,
) -> Tensor:
    """Give the squared Frobenius norm of the encoder's Jacobian at each example, or estimate it.

    A tape around the call sees the derivatives, so that the norm can teach the encoder's weights.

    Computed, the derivatives of all codes by all features are held at once, `batch * latent_dim *
    n_frames * n_bands` numbers, for as many backward passes as a code is long.

    Estimated, each of `n_projections` costs one backward pass and as much memory as the features.
    Where the numbers of a direction `v` are independent with mean 0 and variance 1, the mean of
    `v v^T` is the identity, so that of `||v^T J||^2 = trace(J^T v v^T J)` is `trace(J^T J)`, the
    squared norm of `J`: the estimate is unbiased, and so is its gradient. The numbers are -1 and 1,
    which vary least.

    Args:
        encoder: Model from features to codes, shape `(batch, latent_dim)`, each by itself.
        features: Where the derivatives are taken, shape `(batch, ...)`.
        n_projections: Directions of the code, drawn for each example, whose derivatives the
            estimate is the mean of. `None` computes all.
        seed: What they are drawn from.

    Returns:
        Sums of the squared derivatives, shape `(batch,)`.

    Source:
        Rifai et al. (2011), equation 1; the estimate is that of Hutchinson (1990).
    """
    features = ops.convert_to_tensor(features)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(features)
        codes = encoder(features)
    if n_projections is None:
        return _squares(tape.batch_jacobian(codes, features))
    drawn = [
        _squares(tape.gradient(codes, features, output_gradients=_signs(codes, seed)))
        for _ in range(n_projections)
    ]
    return sum(drawn) / n_projections


def _signs(codes: Tensor, seed: keras.random.SeedGenerator | None) -> Tensor:
    """Draw -1 or 1 for each number of the codes."""
    ones = keras.random.randint(ops.shape(codes), 0, 2, seed=seed)
    return ops.cast(2 * ones - 1, codes.dtype)


def _squares(derivatives: Tensor) -> Tensor:
    """Sum the squares over all axes but the first."""
    return ops.sum(ops.square(derivatives), axis=tuple(range(1, len(derivatives.shape))))
