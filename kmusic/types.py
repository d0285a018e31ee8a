"""Names for the two kinds of number arrays that cross function borders."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float32]
"""A NumPy array, float32 unless a docstring says otherwise."""

Tensor: TypeAlias = Any
"""A TensorFlow or Keras tensor; neither library publishes a usable type."""
