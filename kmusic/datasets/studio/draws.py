"""Random numbers addressed by name: any row's draw is known without drawing the rows before it."""

import zlib
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Words: TypeAlias = npt.NDArray[np.uint64]


class Draws:
    """Draws for many rows at once, each a pure function of the row's numbers and a name.

    Args:
        numbers: What identifies a row, such as seed, artist and track; not negative. Single
            numbers go with every row of the arrays beside them.

    Source:
        Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators", the
        mixer of SplitMix64, used as a hash of a counter.
    """

    def __init__(self, *numbers: int | Integers) -> None:
        """Hash the numbers of every row."""
        state = np.zeros(1, np.uint64)
        for number in numbers:
            state = _mixed(state + np.atleast_1d(np.asarray(number)).astype(np.uint64))
        self._state = state

    def words(self, name: str) -> Words:
        """Give 64 random bits a row, uint64, shape `(rows,)`."""
        return _mixed(self._state ^ np.uint64(zlib.crc32(name.encode())))

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> Floats:
        """Give a number in `[low, high)` a row, float64, shape `(rows,)`."""
        share = (self.words(name) >> np.uint64(11)) * 2.0**-53
        return np.asarray(low + (high - low) * share, np.float64)

    def pick(self, name: str, weights: tuple[float, ...]) -> Integers:
        """Give an index into `weights` a row, drawn in their proportion, shape `(rows,)`."""
        edges = np.cumsum(weights)
        return np.searchsorted(edges[:-1] / edges[-1], self.uniform(name), side="right")

    def number(self, name: str, low: float, high: float) -> float:
        """Give the first row's number in `[low, high)`."""
        return float(self.uniform(name, low, high)[0])


def _mixed(words: Words) -> Words:
    """Scatter every bit of 64-bit words over all bits."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
