"""What a model makes of sound that it hears, and what it generates by itself."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
from keras import ops

from kmusic.audio.files import AudioError
from kmusic.datasets.pipelines import WaveformReader
from kmusic.datasets.reading import Problems, in_threads
from kmusic.evaluation.latent import (
    BandStatistics,
    Correlation,
    SourceRetrieval,
    band_statistics,
    correlation,
    retrieval_of_sources,
)
from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import Scaling
from kmusic.layers.crops import is_sounding
from kmusic.training.recipe import Recipe
from kmusic.training.runs import Run
from kmusic.types import Array, Tensor

MOST_TRACKS = 200
EXCERPTS_AT_ONCE = 16
CROPS_AT_ONCE = 128
AMONG = 100
POINTS = 16
FEWEST_TO_CORRELATE = 3

Rows: TypeAlias = npt.NDArray[np.int64]
Restored: TypeAlias = Callable[[Array], Array]


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
            "sources": self.sources.to_json() if self.sources else None,
            "generation": made.bands.to_json() if made else None,
            "loudness": loudness.to_json() if loudness else None,
        }


def judge_reconstructions(
    run: Run, tracks: pd.DataFrame, *, seed: int = 0
) -> Reconstructions | None:
    """Let a model reconstruct the first excerpt of tracks, and generate as much if it can.

    Crops are what the model takes at once: pieces of the excerpt, or all of it. Those whose frames
    are all alike, such as the silence that fills up a short track, are left out. Sources are looked
    for among 100 crops: one of each track, drawn, if there are as many tracks; else as many of each
    as make 100, if it has them, so that other crops of its own track are among them.

    Args:
        run: Trained run.
        tracks: Readable tracks with `start`, `seconds` and `group`. If there are more than 200, so
            many are drawn. Those whose first excerpt is silent or cannot be read are left out.
        seed: Makes draws, generated crops and intervals repeatable.

    Returns:
        Crops and figures; `None` if the model does not reconstruct, or there is no crop.

    Source:
        Yanchenko (2019), figures 6 to 9, shows reconstructions and generated crops and reads them
        by eye; what is measured here is not in the paper.
    """
    if not hasattr(run.model, "reconstruct"):
        return None
    rng = np.random.default_rng(seed)
    if len(tracks) > MOST_TRACKS:
        tracks = tracks.iloc[np.sort(rng.choice(len(tracks), MOST_TRACKS, replace=False))]
    tracks = tracks.reset_index(drop=True)
    track, crops = _crops_of(run, tracks)
    if not len(track):
        return None
    restored, unit = _restoring(run)
    originals, copies = restored(crops), restored(_in_batches(run.model.reconstruct, crops))
    groups = tracks["group"].to_numpy()[track]
    few, sources, generation = _few_of_each(track, rng), None, None
    if len(few) > 1:
        compared = originals[few], copies[few], groups[few]
        sources = retrieval_of_sources(*compared, n_among=AMONG, seed=seed)
    if hasattr(run.model, "generate"):
        generation = _generation(run.model, crops, restored, groups, seed)
    frontend = run.recipe.frontend
    return Reconstructions(
        unit=unit,
        hop_seconds=frontend.hop_length / frontend.sample_rate,
        first_band=run.model.crops.config.first_band if hasattr(run.model, "crops") else 0,
        tracks=tracks,
        track=track,
        originals=originals,
        copies=copies,
        mean_squared_error=float(np.square(originals - copies).mean(dtype=np.float64)),
        sources=sources,
        generation=generation,
    )


def _generation(
    model: keras.Model, crops: Array, restored: Restored, groups: npt.NDArray[Any], seed: int
) -> Generation:
    """Let a model generate as many crops as it has heard, and say how near they come."""
    heard, n_crops = restored(crops), len(crops)
    generated = [
        _array(model.generate(min(CROPS_AT_ONCE, n_crops - first), seed + first))
        for first in range(0, n_crops, CROPS_AT_ONCE)
    ]
    made = restored(np.concatenate(generated))
    norms = np.linalg.norm(_in_batches(model.infer, crops), axis=1)
    loudness = heard.mean(axis=(1, 2))
    enough = n_crops >= FEWEST_TO_CORRELATE
    return Generation(
        crops=made,
        bands=band_statistics(heard, made),
        norms=norms,
        loudness=loudness,
        correlation=correlation(norms, loudness, groups, seed=seed) if enough else None,
        line=restored(_array(model.interpolate(POINTS))),
        line_values=tuple(np.linspace(0.0, 1.0, POINTS).tolist()),
    )


def _crops_of(run: Run, tracks: pd.DataFrame) -> tuple[Rows, Array]:
    """Give the crops of the first excerpt of each track, and the row of each one's track."""
    rows, crops = [np.empty(0, np.int64)], []
    for waveforms, heard in _excerpts(run.recipe, tracks):
        cut = _array(run.model.originals(waveforms))
        varies = ops.convert_to_numpy(is_sounding(cut))
        rows.append(np.repeat(heard, len(cut) // len(heard))[varies])
        crops.append(cut[varies])
    return np.concatenate(rows), np.concatenate(crops) if crops else np.empty(0, np.float32)


def _excerpts(recipe: Recipe, tracks: pd.DataFrame) -> Iterator[tuple[Array, Rows]]:
    """Read first excerpts, a few at once, `(n, samples)`, and the row of each."""
    rate, samples = recipe.frontend.sample_rate, recipe.excerpt_samples
    reader = WaveformReader(tracks, sample_rate=rate, samples=samples, problems=Problems())

    def read(row: int) -> Array | None:
        try:
            return reader.read(row, 0.0)
        except AudioError:
            return None

    for first in range(0, len(tracks), EXCERPTS_AT_ONCE):
        rows = range(first, min(first + EXCERPTS_AT_ONCE, len(tracks)))
        found = dict(zip(rows, in_threads(read, rows), strict=True))
        good = {row: excerpt for row, excerpt in found.items() if excerpt is not None}
        if good:
            yield np.stack([*good.values()]), np.array([*good], np.int64)


def _few_of_each(track: Rows, rng: np.random.Generator) -> Rows:
    """Draw one crop of each track, or as many as make `AMONG`."""
    rows = np.unique(track)
    n_each = -(-AMONG // len(rows))
    drawn = [rng.permutation(np.flatnonzero(track == row))[:n_each] for row in rows]
    return np.sort(np.concatenate(drawn))


def _restoring(run: Run) -> tuple[Restored, str]:
    """Give what brings crops back to the unit of the features, and the unit.

    Where bands or frames have statistics of their own, crops stay scaled.
    """
    frontend = run.recipe.frontend
    unit = "dB" if type(frontend) is LogMelConfig and frontend.scale == "db" else "feature"
    scalings = [layer for layer in run.model.front_end.layers if isinstance(layer, Scaling)]
    if not scalings:
        return lambda crops: crops, unit
    offset, spread = (_array(weight) for weight in (scalings[0].offset, scalings[0].scale))
    if np.ptp(offset) or np.ptp(spread):
        return lambda crops: crops, "scaled feature"
    return lambda crops: spread.min() * crops + offset.min(), unit


def _in_batches(function: Callable[[Array], Tensor], crops: Array) -> Array:
    starts = range(0, len(crops), CROPS_AT_ONCE)
    return np.concatenate([_array(function(crops[i : i + CROPS_AT_ONCE])) for i in starts])


def _array(tensor: Tensor) -> Array:
    return np.asarray(ops.convert_to_numpy(tensor), np.float32)
