"""What a run says of tracks: one vector and one row of probabilities each."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import pandas as pd

from kmusic.datasets.reading import Problems
from kmusic.evaluation.embeddings import Embeddings, SegmentOutputs, average_over_tracks
from kmusic.models import embedder
from kmusic.training.runs import Run
from kmusic.types import Array


@dataclass(frozen=True)
class Heard:
    """What a run says of tracks.

    Attributes:
        embeddings: The tracks that could be heard whole, and their vectors.
        probabilities: Of each class, float32, shape `(n_tracks, n_classes)`; `None` if the run
            learned no target.
        problems: What was wrong with the others.
    """

    embeddings: Embeddings
    probabilities: Array | None
    problems: dict[str, str]


def hear(
    run: Run,
    tracks: pd.DataFrame,
    *,
    advance: Callable[[float], Any] = lambda _: None,
    keep_segments: list[SegmentOutputs] | None = None,
) -> Heard:
    """Listen once to all consecutive excerpts of tracks, and average.

    Args:
        run: Trained run.
        tracks: Track table.
        advance: Called with the share of all the sound that was just heard.
        keep_segments: Where the vectors of the segments are put besides.

    Returns:
        Vectors and probabilities of the tracks.
    """
    parts = embedder(run.model)
    outputs = [parts.output, run.model.output] if run.labels else [parts.output]
    problems = Problems()
    heard, means = average_over_tracks(
        keras.Model(parts.input, outputs),
        tracks,
        run.recipe,
        problems,
        advance=advance,
        keep_segments=keep_segments,
    )
    embeddings = Embeddings(heard, means[0], run.front_end, model_hash(run))
    return Heard(embeddings, means[1] if run.labels else None, problems.as_dict())


def model_hash(run: Run) -> str:
    """Give twelve hexadecimal digits that tell a trained model from any other."""
    digest = hashlib.sha256((run.folder / "model.keras").read_bytes())
    return digest.hexdigest()[:12]
