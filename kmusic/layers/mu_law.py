"""Samples as whole numbers, fine where sound is soft and coarse where it is loud."""

import math

from keras import ops

from kmusic.types import Tensor

N_CODES = 256
"""Codes of a sample, 8 bit."""


def mu_law_encode(waveform: Tensor) -> Tensor:
    """Code samples by their logarithm, fine near zero and coarse where they are loud.

    Args:
        waveform: In [-1, 1]; what lies outside is clipped.

    Returns:
        Codes from 0 to 255, int32, same shape. Silence is 127.

    Source:
        ITU-T G.711 with mu = 255, cut to whole numbers as in the public code of Qasemi et al.
        (2019), so that 255 stands for 1.0 alone.
    """
    mu = N_CODES - 1.0
    x = ops.clip(ops.cast(waveform, "float32"), -1.0, 1.0)
    companded = ops.sign(x) * ops.log1p(mu * ops.abs(x)) / math.log1p(mu)
    return ops.cast(ops.floor((companded + 1.0) / 2.0 * mu), "int32")


def mu_law_decode(codes: Tensor) -> Tensor:
    """Give the samples that codes stand for.

    Args:
        codes: From 0 to 255.

    Returns:
        The middle of what `mu_law_encode` gives each code, on its scale, in [-1, 1], float32, same
        shape. 127 becomes 0.
    """
    mu = N_CODES - 1.0
    companded = ops.minimum((2.0 * ops.cast(codes, "float32") + 1.0) / mu - 1.0, 1.0)
    return ops.sign(companded) * ops.expm1(ops.abs(companded) * math.log1p(mu)) / mu
