"""Where in a track the sound is."""

import math

import numpy as np

from kmusic.types import Array


def loudest_excerpt(energies: Array, n_frames: int, step: int = 12) -> int:
    """Find the excerpt of most energy.

    Args:
        energies: Energy of each frame, in any unit that adds up, shape `(frames,)`.
        n_frames: Frames of an excerpt.
        step: Distance between the excerpts that are compared, in frames.

    Returns:
        Number of its first frame, a multiple of `step`; the earliest of several alike, and 0 where
        there are no more frames than one excerpt has.

    Raises:
        ValueError: If a size is not positive.

    Source:
        Favory et al. (2020), section 3.1; its public code moves 96 frames on by 12.
    """
    if min(n_frames, step) < 1:
        raise ValueError(f"n_frames and step must be positive; got {n_frames} and {step}.")
    values = np.asarray(energies, np.float64).tolist()
    firsts = range(0, max(1, len(values) - n_frames + 1), step)
    # Sums that are not rounded on the way: sound that does not change has its first excerpt.
    return max(firsts, key=lambda first: math.fsum(values[first : first + n_frames]))
