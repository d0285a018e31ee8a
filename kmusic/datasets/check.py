"""Decode every track of a table and list what is wrong with it."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from kmusic.audio.files import AudioError, examine
from kmusic.datasets.reading import MINIMUM_SECONDS, SILENT_PEAK, in_threads
from kmusic.datasets.studio.tracks import is_studio_path

FINDINGS = ("broken", "silent", "short", "duplicate")


def check_tracks(
    tracks: pd.DataFrame,
    *,
    minimum_seconds: float = MINIMUM_SECONDS,
    advance: Callable[[], Any] = lambda: None,
) -> pd.DataFrame:
    """Decode whole files and find those that training should not see.

    Args:
        tracks: Track table with absolute paths.
        minimum_seconds: Files shorter than this are found `short`.
        advance: Called after each file, for a progress bar.

    Returns:
        One row a finding, in the order of the table: `path`, `finding` (one of `FINDINGS`) and
        `detail`. The second of two files of equal sound is the `duplicate`.
    """
    paths = [path for path in tracks["path"].unique() if not is_studio_path(path)]
    first_with: dict[str, str] = {}
    findings = []

    def look(path: str) -> tuple[str, str, str] | str:
        """Give a finding of this file alone, or the digest of its sound."""
        try:
            seen = examine(path)
        except AudioError as error:
            return path, "broken", error.reason
        finally:
            advance()
        if seen.seconds < minimum_seconds:
            return path, "short", f"{seen.seconds:.3f} s, at least {minimum_seconds} s wanted"
        if seen.peak < SILENT_PEAK:
            return path, "silent", f"peak {seen.peak:.1e}, at least {SILENT_PEAK:g} wanted"
        return seen.digest

    for path, seen in zip(paths, in_threads(look, paths), strict=True):
        if isinstance(seen, tuple):
            findings.append(seen)
        elif seen in first_with:
            findings.append((path, "duplicate", f"same sound as {first_with[seen]}"))
        else:
            first_with[seen] = path
    return pd.DataFrame(findings, columns=["path", "finding", "detail"])
