"""The one-dimensional convolutions that the systems of the artist-label paper share."""

import math

from keras import initializers, layers, regularizers

from kmusic.types import Tensor

STAGES = ((128, 4, 4), (128, 4, 4), (128, 4, 4), (128, 2, 2), (256, 1, 1))
"""Filters, kernel length and pooling of each stage, in frames."""


def artist_trunk(features: Tensor, l2: float = 1e-5) -> Tensor:
    """Slide over time with whole spectra, and average what is left of it.

    Args:
        features: Shape `(batch, n_frames, n_bands)`, at least 128 frames.
        l2: Weight of the squared kernels in the loss.

    Returns:
        The representation, in the layer `"embedding"`, shape `(batch, 256)`, not negative.

    Raises:
        ValueError: If there are fewer frames.

    Source:
        Park et al. (2018), section 2.1 and figure 1, whose "five convolution and max pooling
        layers" pool by 4, 4, 4 and 2; the fifth stage and the average see one frame of the 129
        that the paper has. The penalty on kernels is that of the public code. 265,984 parameters
        with 128 bands, moving averages included.
    """
    least = math.prod(pool for _, _, pool in STAGES)
    if features.shape[1] < least:
        raise ValueError(f"excerpts must have at least {least} frames; got {features.shape[1]}.")
    x = features
    for n_filters, kernel, pool in STAGES:
        x = layers.Conv1D(
            n_filters,
            kernel,
            padding="same",
            kernel_initializer=initializers.HeUniform(),
            kernel_regularizer=regularizers.L2(l2) if l2 else None,
        )(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        if pool > 1:
            x = layers.MaxPooling1D(pool)(x)
    # Float32, since distances between vectors are taken outside the network.
    return layers.GlobalAveragePooling1D(dtype="float32", name="embedding")(x)


def require_trunk(dropout: float, l2: float) -> None:
    """Raise `ValueError` unless a trunk can be trained so."""
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must lie in [0, 1); got {dropout}.")
    if l2 < 0:
        raise ValueError(f"l2 must not be negative; got {l2}.")
