"""What the dimensions of a model's latent space tell and do."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from keras import ops

from kmusic.evaluation.heard_crops import HeardCrops, as_array, in_batches
from kmusic.losses.divergence import divergence_by_dimension
from kmusic.training.runs import Run
from kmusic.types import Array

ACTIVE = 0.01
MOST_TRAVERSED = 8
VALUES = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)

Numbers: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LatentSpace:
    """How much each dimension of a latent space tells, and what moving along it does.

    Attributes:
        n_tracks: Tracks whose first excerpt was heard.
        n_codes: Codes that these gave.
        divergence: Kullback-Leibler divergence of each dimension's posterior from the standard
            normal prior, in nats, mean over the codes, shape `(latent_dim,)`.
        centre: Median over the codes of each dimension's posterior mean, shape `(latent_dim,)`.
        dimensions: Those of greatest divergence, 8 at most, the greatest first.
        values: What each of them is set to, in deviations of the prior.
        traversals: What the centre stands for with one dimension set to one value, in `unit`, shape
            `(n_dimensions, n_values, n_frames, n_bands)`.
        unit: Of the traversals.
        hop_seconds: Distance between frames, in seconds.
        first_band: Number of the lowest band.
    """

    n_tracks: int
    n_codes: int
    divergence: Numbers
    centre: Array
    dimensions: tuple[int, ...]
    values: tuple[float, ...]
    traversals: Array
    unit: str
    hop_seconds: float
    first_band: int

    @property
    def n_active(self) -> int:
        """Number of dimensions that tell more than 0.01 nats."""
        return int((self.divergence > ACTIVE).sum())

    def to_json(self) -> dict[str, Any]:
        """Give the figures, without the traversals, as plain values that `json.dumps` takes."""
        return {
            "n_tracks": self.n_tracks,
            "n_codes": self.n_codes,
            "latent_dim": len(self.divergence),
            "n_active": self.n_active,
            "active_above": ACTIVE,
            "divergence": float(self.divergence.sum()),
            "divergence_of_dimensions": self.divergence.tolist(),
            "traversed": list(self.dimensions),
        }


def judge_latent_space(run: Run, heard: HeardCrops) -> LatentSpace | None:
    """Measure what each dimension of a posterior tells, and move along those that tell most.

    Args:
        run: Trained run.
        heard: Crops of judged tracks.

    Returns:
        Figures and traversals; `None` if the model has no posterior to be asked for.

    Source:
        Traversals as in Burgess et al. (2018), figure 2, from the median code in place of one
        track's. The bound of 0.01 nats is our own choice.
    """
    if not (hasattr(run.model, "posterior") and hasattr(run.model, "decode")):
        return None
    joined = in_batches(lambda crops: ops.stack(run.model.posterior(crops), axis=1), heard.crops)
    mean, log_var = joined[:, 0], joined[:, 1]  # (n_codes, latent_dim)
    divergence = as_array(divergence_by_dimension(mean, log_var)).mean(axis=0, dtype=np.float64)
    centre = np.median(mean, axis=0)
    dimensions = np.argsort(-divergence, kind="stable")[:MOST_TRAVERSED]
    codes = np.tile(centre, (len(dimensions), len(VALUES), 1))
    for row, dimension in enumerate(dimensions):
        codes[row, :, dimension] = VALUES
    decoded = heard.restored(in_batches(run.model.decode, codes.reshape(-1, len(centre))))
    return LatentSpace(
        n_tracks=len(np.unique(heard.track)),
        n_codes=len(mean),
        divergence=divergence,
        centre=centre,
        dimensions=tuple(dimensions.tolist()),
        values=VALUES,
        traversals=decoded.reshape(len(dimensions), len(VALUES), *decoded.shape[1:]),
        unit=heard.unit,
        hop_seconds=heard.hop_seconds,
        first_band=heard.first_band,
    )
