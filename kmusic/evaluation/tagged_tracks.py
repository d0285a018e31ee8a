"""What a run that aligns sound with tags makes of tracks that bear tags."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.datasets.tags import read_tag_lists
from kmusic.evaluation.aligned import AlignedRun
from kmusic.evaluation.cross_modal import CrossModalReport, cross_modal_report
from kmusic.evaluation.folds import Fold
from kmusic.evaluation.probes import ProbeResult, evaluate_probe
from kmusic.types import Array

Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TaggedTracks:
    """Tracks and their tags in the space that the two share.

    Attributes:
        known: Whether a track bears a word that the run has learned, shape `(n_tracks,)`.
        numbers: Its words by number, 0 for none, int32, shape `(n_tracks, n_slots)`.
        sound: Vector of its sound, float32, shape `(n_tracks, dim)`.
        tags: Vector of its tags, same shape; zeros where none is known.
    """

    known: Rows
    numbers: npt.NDArray[np.int32]
    sound: Array
    tags: Array


def align_tracks(aligned: AlignedRun, tracks: pd.DataFrame, vectors: npt.ArrayLike) -> TaggedTracks:
    """Lay tracks and their tags into the space that the two share.

    Args:
        aligned: Run.
        tracks: Track table with `tags`.
        vectors: Embedding of each track, shape `(n_tracks, embedding_dim)`.
    """
    numbers = aligned.numbers(read_tag_lists(tracks, aligned.config))
    known = np.asarray(numbers.any(axis=1))
    sound = aligned.sound(vectors)
    tags = np.zeros_like(sound)
    tags[known] = aligned.numbered_tags(numbers[known])
    return TaggedTracks(known, numbers, sound, tags)


def judge_alignment(
    tagged: TaggedTracks, judged: Rows, groups: npt.NDArray[Any], *, seed: int = 0
) -> CrossModalReport | None:
    """Judge how judged tracks and their tags find each other.

    Args:
        tagged: Tracks.
        judged: Which of them are judged, shape `(n_tracks,)`.
        groups: Group of each track, shape `(n_tracks,)`.
        seed: Makes pools and intervals repeatable.

    Returns:
        The figures; `None` if fewer than two of them bear known tags.
    """
    rows = judged & tagged.known
    if np.count_nonzero(rows) < 2:
        return None
    return cross_modal_report(
        tagged.sound[rows],
        tagged.tags[rows],
        tagged.numbers[rows],
        groups=groups[rows],
        n_untagged=int((judged & ~tagged.known).sum()),
        seed=seed,
    )


def probe_tags(
    tagged: TaggedTracks,
    name: str,
    targets: npt.NDArray[np.int64],
    folds: Sequence[Fold],
    **settings: Any,
) -> ProbeResult | None:
    """Fit and judge a probe on the tags of tracks alone; those without known tags are skipped.

    Args:
        tagged: Tracks.
        name: Name of the probe.
        targets: Class of each track, shape `(n_tracks,)`.
        folds: Which of them it is fitted and judged on.
        **settings: What else `evaluate_probe` takes.

    Returns:
        The result, "`name` of tags", whose protocol counts the rows skipped; `None` if too few
        are left to fit or judge a fold.

    Source:
        Favory et al. (2020), table 1, last column.
    """
    kept = [Fold(*(rows[tagged.known[rows]] for rows in fold)) for fold in folds]
    if any(len(np.unique(targets[f.train])) < 2 or not len(f.test) for f in kept):
        return None
    result = evaluate_probe(name, tagged.tags, targets, kept, **settings)
    skipped = [
        sum(len(rows) for rows in fold) - sum(len(rows) for rows in left)
        for fold, left in zip(folds, kept, strict=True)
    ]
    told = result.protocol | {"of": "tags", "n_without_tags": skipped}
    return replace(result, name=f"{name} of tags", protocol=told)
