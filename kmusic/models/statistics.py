"""Means and deviations of the features over time: what any learned representation must beat."""

from dataclasses import dataclass
from typing import Literal

import keras
from keras import layers, ops


@dataclass(frozen=True, kw_only=True)
class StatisticsConfig:
    """Which statistics.

    Attributes:
        spread: What stands behind each band's mean: its "deviation", or its "variance", as in the
            public code of Favory et al. (2020).
    """

    spread: Literal["deviation", "variance"] = "deviation"

    def __post_init__(self) -> None:
        """Reject what is no statistic."""
        if self.spread not in ("deviation", "variance"):
            raise ValueError(f'spread must be "deviation" or "variance"; got {self.spread!r}.')


def build_statistics(config: StatisticsConfig, front_end: keras.Model) -> keras.Model:
    """Build the statistics on a front end; nothing of them is trained or fitted.

    Args:
        config: Which statistics.
        front_end: Model from sound to features of shape `(batch, n_frames, n_bands)`.

    Returns:
        An uncompiled model from the front end's input to the mean of each band over the frames,
        then its spread, shape `(batch, 2 * n_bands)`, in layer `"embedding"`.

    Source:
        Favory et al. (2020), section 3.1, the MFCCs with means and standard deviations.
    """
    features = front_end.output
    spread = ops.std if config.spread == "deviation" else ops.var
    moments = [ops.mean(features, axis=1), spread(features, axis=1)]
    x = layers.Concatenate(dtype="float32", name="embedding")(moments)
    return keras.Model(front_end.input, x, name="statistics")
