"""What a model makes of sound that it hears, and what it generates by itself."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.evaluation.heard_crops import (
    CROPS_AT_ONCE,
    HeardCrops,
    Restored,
    Rows,
    as_array,
    in_batches,
)
from kmusic.evaluation.latent import (
    BandStatistics,
    Correlation,
    SourceRetrieval,
    band_statistics,
    correlation,
    retrieval_of_sources,
)
from kmusic.training.runs import Run
from kmusic.types import Array

AMONG = 100
POINTS = 16
FEWEST_TO_CORRELATE = 3


@dataclass(frozen=True, kw_only=True)
class Generation:
    """What a model generates by itself, and where it lays what it hears.

    Attributes:
        crops: Generated crops, as many as were heard, in the unit of those, shape
            `(n_crops, n_frames, n_bands)`.
        bands: How near the bands of generated crops come to those of heard ones.
        norms: Length of the latent code of each heard crop, shape `(n_crops,)`.
        loudness: Mean of each heard crop, in its unit, shape `(n_crops,)`.
        correlation: Of the two; `None` if there are fewer than 3 crops.
        line: Crops along a line through the latent space, shape `(n_points, n_frames, n_bands)`.
        line_values: What all coordinates of each point are, from 0 to 1.
    """

    crops: Array
    bands: BandStatistics
    norms: Array
    loudness: Array
    correlation: Correlation | None
    line: Array
    line_values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Reconstructions:
    """Crops of judged tracks and what a model made of them.

    Attributes:
        unit: Of the crops: "dB", "feature", or "scaled feature" if bands or frames were scaled each
            by its own statistics.
        hop_seconds: Distance between frames, in seconds.
        first_band: Number of the lowest band of a crop.
        tracks: The tracks of which the first excerpt was to be heard, numbered from 0.
        track: Row of each crop's track, int64, shape `(n_crops,)`.
        originals: Shape `(n_crops, n_frames, n_bands)`.
        copies: What was made of each, same shape.
        mean_squared_error: Between the two, a value, in the square of the unit.
        standardised_error: The same of the features as the model hears them, whose values had mean
            0 and deviation 1 over the training tracks; `None` if the recipe scales otherwise.
        forced_error: As `standardised_error`, of what the model makes where it is told each right
            value after its guess; `None` also if it cannot be told.
        sources: How often a copy is nearest to its original; `None` if there is one crop alone.
        generation: What the model generates; `None` if it does not.
    """

    unit: str
    hop_seconds: float
    first_band: int
    tracks: pd.DataFrame
    track: Rows
    originals: Array
    copies: Array
    mean_squared_error: float
    standardised_error: float | None
    forced_error: float | None
    sources: SourceRetrieval | None
    generation: Generation | None

    def to_json(self) -> dict[str, Any]:
        """Give the figures, without the crops, as plain values that `json.dumps` takes."""
        made = self.generation
        loudness = made.correlation if made else None
        return {
            "unit": self.unit,
            "n_tracks": len(np.unique(self.track)),
            "n_crops": len(self.track),
            "mean_squared_error": self.mean_squared_error,
            "standardised_error": self.standardised_error,
            "forced_error": self.forced_error,
            "sources": self.sources.to_json() if self.sources else None,
            "generation": made.bands.to_json() if made else None,
            "loudness": loudness.to_json() if loudness else None,
        }


def judge_reconstructions(run: Run, heard: HeardCrops, *, seed: int = 0) -> Reconstructions | None:
    """Let a model reconstruct what it heard, and generate as much if it can.

    Sources are looked for among 100 crops: one of each track, drawn, if there are as many tracks;
    else as many of each as make 100, if it has them, so that other crops of its own track are among
    them.

    Args:
        run: Trained run.
        heard: Crops of judged tracks with `group`.
        seed: Makes draws, generated crops and intervals repeatable.

    Returns:
        Crops and figures; `None` if the model does not reconstruct.

    Source:
        Yanchenko (2019), figures 6 to 9, shows reconstructions and generated crops and reads them
        by eye; what is measured here is not in the paper.
    """
    if not hasattr(run.model, "reconstruct"):
        return None
    crops, track, restored = heard.crops, heard.track, heard.restored
    made = in_batches(run.model.reconstruct, crops)
    originals, copies = restored(crops), restored(made)
    groups = heard.tracks["group"].to_numpy()[track]
    few, sources, generation = _few_of_each(track, np.random.default_rng(seed)), None, None
    if len(few) > 1:
        compared = originals[few], copies[few], groups[few]
        sources = retrieval_of_sources(*compared, n_among=AMONG, seed=seed)
    if hasattr(run.model, "generate"):
        generation = _generation(run.model, crops, restored, groups, seed)
    standard = run.recipe.scaling is not None and run.recipe.scaling.kind == "standard"
    forces = standard and hasattr(run.model, "force")
    return Reconstructions(
        unit=heard.unit,
        hop_seconds=heard.hop_seconds,
        first_band=heard.first_band,
        tracks=heard.tracks,
        track=track,
        originals=originals,
        copies=copies,
        mean_squared_error=_squared_error(originals, copies),
        standardised_error=_squared_error(crops, made) if standard else None,
        forced_error=_squared_error(crops, in_batches(run.model.force, crops)) if forces else None,
        sources=sources,
        generation=generation,
    )


def _squared_error(originals: Array, copies: Array) -> float:
    """Give the mean squared error of a value."""
    return float(np.square(originals - copies).mean(dtype=np.float64))


def _generation(
    model: keras.Model, crops: Array, restored: Restored, groups: npt.NDArray[Any], seed: int
) -> Generation:
    """Let a model generate as many crops as it has heard, and say how near they come."""
    heard, n_crops = restored(crops), len(crops)
    generated = [
        as_array(model.generate(min(CROPS_AT_ONCE, n_crops - first), seed + first))
        for first in range(0, n_crops, CROPS_AT_ONCE)
    ]
    made = restored(np.concatenate(generated))
    norms = np.linalg.norm(in_batches(model.infer, crops), axis=1)
    loudness = heard.mean(axis=(1, 2))
    enough = n_crops >= FEWEST_TO_CORRELATE
    return Generation(
        crops=made,
        bands=band_statistics(heard, made),
        norms=norms,
        loudness=loudness,
        correlation=correlation(norms, loudness, groups, seed=seed) if enough else None,
        line=restored(as_array(model.interpolate(POINTS))),
        line_values=tuple(np.linspace(0.0, 1.0, POINTS).tolist()),
    )


def _few_of_each(track: Rows, rng: np.random.Generator) -> Rows:
    """Draw one crop of each track, or as many as make `AMONG`."""
    rows = np.unique(track)
    n_each = -(-AMONG // len(rows))
    drawn = [rng.permutation(np.flatnonzero(track == row))[:n_each] for row in rows]
    return np.sort(np.concatenate(drawn))
