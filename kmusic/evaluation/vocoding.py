"""Sound that a run plays, from the features of sound that it hears."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from kmusic.atomic import replacing
from kmusic.datasets.reading import read_track
from kmusic.features.front_ends import build_front_end
from kmusic.features.scaling import Scaling
from kmusic.training.runs import Run
from kmusic.types import Array


def require_vocoder(run: Run) -> None:
    """Raise `ValueError` unless a run plays sound."""
    if not hasattr(run.model, "vocode"):
        raise ValueError(f"RUN must play sound, as a WaveNet does; got {run.model.name}.")


def vocode_track(
    run: Run,
    path: str,
    *,
    start: float = 0.0,
    seconds: float = 2.0,
    seed: int = 0,
    temperature: float = 1.0,
    advance: Callable[[float], Any] = lambda _: None,
) -> tuple[Array, Array]:
    """Let a run play what it hears of a track.

    Args:
        run: Trained run whose model has `vocode`.
        path: Audio file or path of the studio corpus.
        start: Where to begin, in seconds.
        seconds: How much to hear and to play; less if the track ends before.
        seed: Makes the draws repeatable.
        temperature: What logits are divided by before a sample is drawn; less is surer.
        advance: Called with the share that was just played; they add up to 1.

    Returns:
        What was heard and what was played, each mono in [-1, 1] at the recipe's sampling rate,
        float32, shape `(samples,)`.

    Raises:
        AudioError: If the track cannot be read.
        ValueError: If the model plays nothing.
    """
    require_vocoder(run)
    config = run.recipe.frontend
    waveform = read_track(path, config.sample_rate, start, seconds)
    features = build_front_end(config)(waveform[None])
    for layer in run.model.front_end.layers:
        if isinstance(layer, Scaling):
            features = layer(features)
    settings = {"seed": seed, "temperature": temperature, "advance": advance}
    played = run.model.vocode(features, len(waveform), **settings)
    return waveform, played.numpy()[0]


def write_wav(path: str | Path, waveform: Array, sample_rate: int) -> Path:
    """Write mono sound in [-1, 1] as a WAV file of 16 bits, whole or not at all."""
    with replacing(path) as draft, draft.open("wb") as file:
        soundfile.write(file, np.asarray(waveform), sample_rate, "PCM_16", format="WAV")
    return Path(path)
