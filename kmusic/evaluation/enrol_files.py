"""Listen to the tracks of an enrolment, and keep it in the run's folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from kmusic.atomic import write_arrays
from kmusic.datasets.table import read_tracks
from kmusic.evaluation.embeddings import Embeddings
from kmusic.evaluation.enrolment import (
    ENROLLED,
    HELD_OUT,
    STRANGERS,
    UNKNOWN,
    Enrolment,
    empty_enrolment,
)
from kmusic.evaluation.predictions import Heard, hear, model_hash
from kmusic.models import embedder
from kmusic.training.runs import Run

FILE = "enrolled.npz"
PARTS = {"": ENROLLED, "held_out_": HELD_OUT}
"""By the beginning of their arrays' names, what the file says of enrolled and held-out tracks."""

SHOWN = 3


def enrol(
    run: Run,
    known: Enrolment,
    name: str,
    tracks: pd.DataFrame,
    *,
    advance: Callable[[float], Any] = lambda _: None,
) -> tuple[Enrolment, dict[str, str]]:
    """Listen to tracks and add them to a name.

    Args:
        run: Trained run.
        known: What is enrolled so far.
        name: Name to enrol, known or new.
        tracks: Track table.
        advance: Called with the share of all the sound that was just heard.

    Returns:
        What is enrolled now, and what was wrong with tracks that could not be heard.

    Raises:
        ValueError: If no track can be heard, or the name is not free.
    """
    require_free(name, run)
    heard = _heard(run, tracks, f"PATHS must hold a readable track; got {len(tracks)}", advance)
    return known.with_tracks(name, heard.embeddings), heard.problems


def require_free(name: str, run: Run) -> None:
    """Refuse a name that an answer could not be told from another by.

    Raises:
        ValueError: If it is empty, "unknown", or a class that the run has learned.
    """
    if name.strip().lower() in ("", UNKNOWN) or name in run.labels:
        raise ValueError(
            f"NAME must not be empty, {UNKNOWN!r} or a class that RUN has learned; got {name!r}."
        )


def held_out_tracks(run: Run, table: str | Path | None = None) -> pd.DataFrame:
    """List the tracks of strangers that a threshold is calibrated on.

    Args:
        run: Trained run.
        table: Track table. `None` takes those rows of the run's own whose group and artist it
            was neither trained nor validated on; the files of other rows need not be there.

    Returns:
        Track table with `label`, which may be empty, and `artist`, filled from the label, else
        the group.

    Raises:
        TrackTableError: If the table breaks rules.
        ValueError: If the run's own table has no such row.
    """
    tracks = _own_strangers(run) if table is None else read_tracks(table)
    labels = tracks.get("label", pd.Series(np.nan, tracks.index, dtype=object))
    artists = tracks.get("artist", labels).fillna(labels).fillna(tracks["group"])
    return tracks.assign(artist=artists.astype(str), label=labels.fillna("").astype(str))


def hold_out(
    run: Run,
    known: Enrolment,
    tracks: pd.DataFrame,
    *,
    advance: Callable[[float], Any] = lambda _: None,
) -> tuple[Enrolment, dict[str, str]]:
    """Listen to strangers, and calibrate on them in place of those held out before.

    Args:
        run: Trained run.
        known: What is enrolled.
        tracks: Table of `held_out_tracks`.
        advance: Called with the share of all the sound that was just heard.

    Returns:
        The enrolment, and what was wrong with tracks that could not be heard.

    Raises:
        ValueError: If none can be heard.
    """
    refusal = f"{STRANGERS}; got {len(tracks)} that cannot be read"
    heard = _heard(run, tracks, refusal, advance)
    return known.with_held_out(heard.embeddings), heard.problems


def write_enrolment(run: Run, enrolment: Enrolment) -> None:
    """Write `enrolled.npz` into the run's folder as plain arrays, whole or not at all.

    Args:
        run: Trained run.
        enrolment: What to write: `vectors`, `name`, `path` and `start` of the enrolled tracks;
            `vectors`, `artist`, `label` and `path` of the held-out ones behind `held_out_`;
            `false_accepts`, `fixed` (NaN if it is not), `front_end` and `model`.
    """
    arrays = {
        "false_accepts": np.array(enrolment.false_accepts),
        "fixed": np.array(np.nan if enrolment.fixed is None else enrolment.fixed),
        "front_end": np.array(enrolment.enrolled.front_end),
        "model": np.array(enrolment.enrolled.model),
    }
    for part, (prefix, columns) in zip(
        (enrolment.enrolled, enrolment.held_out), PARTS.items(), strict=True
    ):
        arrays[f"{prefix}vectors"] = part.vectors
        for column in columns:
            dtype = float if column == "start" else str
            arrays[prefix + column] = np.asarray(part.tracks[column], dtype=dtype)
    write_arrays(run.folder / FILE, arrays)


def read_enrolment(run: Run) -> Enrolment:
    """Read what is enrolled in a run, which may be nothing; nothing in the file is executed.

    Raises:
        ValueError: If the file is not one of an enrolment, or is of another model.
    """
    path, front_end, model = run.folder / FILE, run.front_end, model_hash(run)
    if not path.is_file():
        return empty_enrolment(front_end, model, embedder(run.model).output.shape[-1])
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        written = str(arrays["front_end"]), str(arrays["model"])
        parts = []
        for prefix, columns in PARTS.items():
            tracks = pd.DataFrame({name: arrays[prefix + name] for name in columns})
            parts.append(Embeddings(tracks, arrays[f"{prefix}vectors"], *written))
        fixed, false_accepts = float(arrays["fixed"]), float(arrays["false_accepts"])
        enrolment = Enrolment(
            enrolled=parts[0],
            held_out=parts[1],
            false_accepts=false_accepts,
            fixed=None if np.isnan(fixed) else fixed,
        )
    except (KeyError, TypeError, ValueError, EOFError, BadZipFile) as error:
        raise ValueError(f"{path} must be written by `kmusic enroll`; {error}.") from error
    if written != (front_end, model):
        raise ValueError(
            f"{path} must be of the run's own front end and model, but the run was retrained "
            f"since: delete the file and enrol again; got {written}, not {(front_end, model)}."
        )
    return enrolment


def _heard(run: Run, tracks: pd.DataFrame, refusal: str, advance: Callable[[float], Any]) -> Heard:
    """Listen to tracks; refuse them, with the first reasons, if none can be heard."""
    heard = hear(run, tracks, advance=advance)
    if heard.embeddings.tracks.empty:
        raise ValueError(f"{refusal}: {dict([*heard.problems.items()][:SHOWN])}.")
    return heard


def _own_strangers(run: Run) -> pd.DataFrame:
    """List the rows of the run's own table whose group and artist it has not seen."""
    try:
        own = read_tracks(run.folder / "tracks.csv", must_exist=False)
    except FileNotFoundError as error:
        raise ValueError(f"{STRANGERS}; {error}") from error
    seen = own["split"].isin(("train", "validation"))
    known = seen  # by the table's rule with all of their group
    if "artist" in own:
        known = seen | own["artist"].isin(own.loc[seen, "artist"].dropna())
    if known.all():
        raise ValueError(f"{STRANGERS}; RUN has seen all {len(own)} tracks of its own.")
    return own[~known].reset_index(drop=True)
