"""Embed many tracks into one file, some at a time, so that a stopped run can go on."""

import hashlib
import json
import shutil
from collections.abc import Callable
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kmusic.atomic import write_arrays
from kmusic.evaluation.embeddings import (
    Embeddings,
    SegmentOutputs,
    read_embeddings,
    write_embeddings,
)
from kmusic.evaluation.predictions import hear, model_hash
from kmusic.training.runs import Run, write_json

TRACKS_A_PART = 256
SHOWN = 3


def embed_to_file(
    run: Run,
    tracks: pd.DataFrame,
    out: str | Path,
    *,
    segments: bool = False,
    tracks_a_part: int = TRACKS_A_PART,
    advance: Callable[[float], Any] = lambda _: None,
) -> tuple[Embeddings, dict[str, str]]:
    """Embed tracks and write them to one file.

    Parts are kept in a folder beside `out` until all are there. A call that was stopped goes on
    with the part it was at, if run and tracks are the same.

    Args:
        run: Trained run.
        tracks: Track table.
        out: File to write, ending in `.npz`.
        segments: Whether to write `<out>.segments.npz` too: `track`, `start` and `vectors` of
            every segment.
        tracks_a_part: Tracks to embed before they are kept.
        advance: Called with the share of all tracks that was just embedded.

    Returns:
        The embeddings, and what was wrong with tracks that are not among them.

    Raises:
        ValueError: If `out` does not end in `.npz` or no track could be embedded.
    """
    out = Path(out)
    if out.suffix != ".npz":
        raise ValueError(f"--out must end in .npz; got {out}.")
    if tracks.empty:
        raise ValueError("the track table must have a row to embed; it has none.")
    folder = out.with_name(f".{out.stem}.{_identity(run, tracks, segments, tracks_a_part)}.parts")
    parts: list[Embeddings] = []
    pieces: list[dict[str, Any]] = []
    problems: dict[str, str] = {}
    for number, first in enumerate(range(0, len(tracks), tracks_a_part)):
        rows = tracks.iloc[first : first + tracks_a_part].reset_index(drop=True)
        file = folder / f"{number:06d}.npz"
        share = len(rows) / len(tracks)
        if file.is_file():
            advance(share)
        else:
            _embed_part(run, rows, file, segments, partial(_scaled, advance, share))
        parts.append(read_embeddings(file))
        problems |= json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        if segments:
            with np.load(file.with_suffix(".segments.npz")) as arrays:
                rows_before = sum(len(part.tracks) for part in parts[:-1])
                pieces.append({**arrays, "track": arrays["track"] + rows_before})
    embeddings = reduce(Embeddings.joined, parts)
    if embeddings.tracks.empty:
        shutil.rmtree(folder)
        shown = dict([*problems.items()][:SHOWN])
        raise ValueError(f"a track must be readable; got {len(tracks)} that are not: {shown}.")
    write_embeddings(out, embeddings)
    if segments:
        names = ("track", "start", "vectors")
        joined = {name: np.concatenate([piece[name] for piece in pieces]) for name in names}
        write_arrays(out.with_suffix(".segments.npz"), joined)
    shutil.rmtree(folder)
    return embeddings, problems


def _identity(run: Run, tracks: pd.DataFrame, segments: bool, tracks_a_part: int) -> str:
    """Give twelve hexadecimal digits that tell what is asked for from anything else."""
    settings = repr((model_hash(run), run.front_end, segments, tracks_a_part))
    asked = settings + tracks.to_csv(index=False)
    return hashlib.sha256(asked.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _embed_part(
    run: Run, rows: pd.DataFrame, file: Path, segments: bool, advance: Callable[[float], Any]
) -> None:
    """Embed some tracks; the file of their vectors is written last."""
    kept: list[SegmentOutputs] | None = [] if segments else None
    heard = hear(run, rows, advance=advance, keep_segments=kept)
    write_json(file.with_suffix(".json"), heard.problems)
    if kept is not None:
        write_arrays(file.with_suffix(".segments.npz"), _segment_arrays(kept, heard.embeddings))
    write_embeddings(file, heard.embeddings)


def _segment_arrays(kept: list[SegmentOutputs], embeddings: Embeddings) -> dict[str, Any]:
    """Number segments by the rows of the tracks that were heard whole, in order of time."""
    places = embeddings.tracks["place"].to_numpy()
    track = np.concatenate([np.zeros(0, np.int64), *(piece.track for piece in kept)])
    start = np.concatenate([np.zeros(0, np.float32), *(piece.start for piece in kept)])
    dim = embeddings.vectors.shape[1]
    vectors = np.concatenate([np.zeros((0, dim), np.float32), *(piece.output for piece in kept)])
    order = np.lexsort([start, track])
    order = order[np.isin(track[order], places)]
    return {
        "track": np.searchsorted(places, track[order]),
        "start": start[order],
        "vectors": vectors[order],
    }


def _scaled(advance: Callable[[float], Any], share: float, done: float) -> None:
    """Advance by a share of a share."""
    advance(share * done)
