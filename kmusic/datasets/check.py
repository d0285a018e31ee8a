"""Decode every track of a table and list what is wrong with it."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from kmusic.audio.files import AudioError, Examination, examine
from kmusic.datasets.clips import MICROSECONDS, ends, row_names, starts
from kmusic.datasets.reading import MINIMUM_SECONDS, SILENT_PEAK, in_threads
from kmusic.datasets.studio.tracks import is_studio_path

FINDINGS = ("broken", "silent", "short", "duplicate")


def check_tracks(
    tracks: pd.DataFrame,
    *,
    minimum_seconds: float = MINIMUM_SECONDS,
    advance: Callable[[], Any] = lambda: None,
) -> pd.DataFrame:
    """Decode each file once, and find those that training should not see, or which of their parts.

    Args:
        tracks: Track table with absolute paths.
        minimum_seconds: Files, and parts of them, that are shorter than this are found `short`.
        advance: Called after each file, for a progress bar.

    Returns:
        One row a finding, in the order of the files in the table: `path`, `finding` (one of
        `FINDINGS`) and `detail`. A finding of a file is of all its rows; of a row alone, `path`
        is what `row_names` calls it. The second of two files of equal sound is the `duplicate`.
    """
    names, begin, end = row_names(tracks), starts(tracks), ends(tracks)
    paths = tracks["path"].unique().tolist()
    rows = pd.Series(range(len(tracks))).groupby(tracks["path"].to_numpy()).indices
    first_with: dict[str, str] = {}
    findings = []

    def look(path: str) -> Examination | AudioError | None:
        try:
            parts = [*zip(begin[rows[path]], end[rows[path]], strict=True)]
            return None if is_studio_path(path) else examine(path, parts)
        except AudioError as error:
            return error
        finally:
            advance()

    for path, seen in zip(paths, in_threads(look, paths), strict=True):
        if isinstance(seen, AudioError):
            findings.append((path, "broken", seen.reason))
        elif seen is None:  # the studio is never found wanting
            continue
        elif fault := _fault(seen.seconds, seen.peak, minimum_seconds):
            findings.append((path, *fault))
        elif (first := first_with.setdefault(seen.digest, path)) != path:
            findings.append((path, "duplicate", f"same sound as {first}"))
        else:
            for row, peak in zip(rows[path], seen.part_peaks, strict=True):
                seconds = min(end[row], seen.seconds) - begin[row]
                if fault := _fault(seconds, peak, minimum_seconds):
                    findings.append((names[row], *fault))
    return pd.DataFrame(findings, columns=["path", "finding", "detail"])


def _fault(seconds: float, peak: float, minimum_seconds: float) -> tuple[str, str] | None:
    """Give finding and detail of sound that is too short or silent."""
    seconds = max(0.0, round(seconds, MICROSECONDS))
    if seconds < minimum_seconds:
        return "short", f"{seconds:.3f} s, at least {minimum_seconds} s wanted"
    if peak < SILENT_PEAK:
        return "silent", f"peak {peak:.1e}, at least {SILENT_PEAK:g} wanted"
    return None
