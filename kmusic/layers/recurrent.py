"""Maps as sequences for recurrent layers."""

from keras import layers

from kmusic.types import Tensor

RECURRENT_AXES = ("time", "mel")


def require_recurrent_axis(axis: str) -> None:
    """Raise `ValueError` unless a recurrence can step over this axis."""
    if axis not in RECURRENT_AXES:
        raise ValueError(f"recurrent_axis must be one of {RECURRENT_AXES}; got {axis!r}.")


def sequence_over(axis: str, maps: Tensor) -> Tensor:
    """Lay maps out as a sequence whose steps are frames or bands.

    Args:
        axis: "time" or "mel".
        maps: Maps, shape `(batch, frames, bands, channels)`.

    Returns:
        Steps, shape `(batch, frames, bands * channels)` over "time", or
        `(batch, bands, frames * channels)` over "mel".
    """
    if axis == "mel":
        maps = layers.Permute((2, 1, 3))(maps)  # (B, M, T, C)
    steps, *rest = maps.shape[1:]
    return layers.Reshape((steps, rest[0] * rest[1]))(maps)
