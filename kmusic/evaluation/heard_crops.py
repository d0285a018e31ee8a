"""What a model takes at once of the tracks that it is judged by."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from keras import ops

from kmusic.audio.files import AudioError
from kmusic.datasets.pipelines import WaveformReader
from kmusic.datasets.reading import Problems, in_threads
from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import Scaling
from kmusic.features.waveform import WaveformConfig
from kmusic.layers.crops import is_sounding
from kmusic.training.recipe import Recipe
from kmusic.training.runs import Run
from kmusic.types import Array, Tensor

MOST_TRACKS = 200
EXCERPTS_AT_ONCE = 16
CROPS_AT_ONCE = 128

Rows: TypeAlias = npt.NDArray[np.int64]
Restored: TypeAlias = Callable[[Array], Array]


@dataclass(frozen=True, kw_only=True)
class HeardCrops:
    """Crops of judged tracks, as a model takes them.

    Attributes:
        tracks: The tracks of which the first excerpt was to be heard, numbered from 0.
        track: Row of each crop's track, int64, shape `(n_crops,)`.
        crops: Features as the model takes them, scaled, shape `(n_crops, n_frames, n_bands)`.
        restored: What brings features like these back to `unit`.
        unit: Of restored features: "dB", "amplitude" of raw sound, "feature", or "scaled feature"
            if bands or frames were scaled each by its own statistics.
        hop_seconds: Distance between frames, in seconds.
        first_band: Number of the lowest band of a crop.
    """

    tracks: pd.DataFrame
    track: Rows
    crops: Array
    restored: Restored
    unit: str
    hop_seconds: float
    first_band: int


def hear_crops(run: Run, tracks: pd.DataFrame, *, seed: int = 0) -> HeardCrops | None:
    """Read the first excerpts of tracks, and cut them into what a model takes at once.

    That is pieces of the excerpt, or all of it. Those whose frames are all alike, such as the
    silence that fills up a short track, are left out.

    Args:
        run: Trained run.
        tracks: Readable tracks with `start` and `seconds`. If there are more than 200, so many are
            drawn. Those whose first excerpt is silent or cannot be read are left out.
        seed: Makes the draw repeatable.

    Returns:
        The crops; `None` if the model neither reconstructs nor has a posterior, or there is no
        crop.
    """
    judged = hasattr(run.model, "reconstruct") or hasattr(run.model, "posterior")
    if not (judged and hasattr(run.model, "originals")):
        return None
    if len(tracks) > MOST_TRACKS:
        rng = np.random.default_rng(seed)
        tracks = tracks.iloc[np.sort(rng.choice(len(tracks), MOST_TRACKS, replace=False))]
    tracks = tracks.reset_index(drop=True)
    track, crops = _crops_of(run, tracks)
    if not len(track):
        return None
    restored, unit = _restoring(run)
    frontend = run.recipe.frontend
    return HeardCrops(
        tracks=tracks,
        track=track,
        crops=crops,
        restored=restored,
        unit=unit,
        hop_seconds=frontend.hop_length / frontend.sample_rate,
        first_band=run.model.crops.config.first_band if hasattr(run.model, "crops") else 0,
    )


def in_batches(function: Callable[[Array], Tensor], crops: Array) -> Array:
    """Call a function of a model on crops, a few at once, and join what it gives."""
    starts = range(0, len(crops), CROPS_AT_ONCE)
    return np.concatenate([as_array(function(crops[i : i + CROPS_AT_ONCE])) for i in starts])


def as_array(tensor: Tensor) -> Array:
    """Give the values of a tensor, float32."""
    return np.asarray(ops.convert_to_numpy(tensor), np.float32)


def _crops_of(run: Run, tracks: pd.DataFrame) -> tuple[Rows, Array]:
    """Give the crops of the first excerpt of each track, and the row of each one's track."""
    rows, crops = [np.empty(0, np.int64)], []
    for waveforms, heard in _excerpts(run.recipe, tracks):
        cut = as_array(run.model.originals(waveforms))
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


def _restoring(run: Run) -> tuple[Restored, str]:
    """Give what brings crops back to the unit of the features, and the unit.

    Where bands or frames have statistics of their own, crops stay scaled.
    """
    frontend = run.recipe.frontend
    unit = "amplitude" if type(frontend) is WaveformConfig else "feature"
    if type(frontend) is LogMelConfig and frontend.scale == "db":
        unit = "dB"
    scalings = [layer for layer in run.model.front_end.layers if isinstance(layer, Scaling)]
    if not scalings:
        return lambda crops: crops, unit
    offset, spread = (as_array(weight) for weight in (scalings[0].offset, scalings[0].scale))
    if np.ptp(offset) or np.ptp(spread):
        return lambda crops: crops, "scaled feature"
    return lambda crops: spread.min() * crops + offset.min(), unit
