"""Where track tables come from."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from kmusic.datasets.fma import fma_tracks
from kmusic.datasets.folder import folder_tracks
from kmusic.datasets.reading import Problems

Source: TypeAlias = Callable[[Path, Problems], pd.DataFrame]

SOURCES: dict[str, Source] = {
    "folder": lambda root, _: folder_tracks(root),
    "fma": fma_tracks,
}
"""By name: what lists the tracks below a folder, and notes those that it leaves out."""

MIRDATA = "mirdata:"


def find_source(name: str) -> Source:
    """Find a source of track tables by its name.

    Args:
        name: A key of `SOURCES`, or `mirdata:NAME` for a data set that mirdata knows.

    Returns:
        Function of a folder and of where problems are noted, giving rows with absolute paths. It
        may bring `split` and `fold` of its own.

    Raises:
        ValueError: If there is no such source.
    """
    if name.startswith(MIRDATA) and name != MIRDATA:
        from kmusic.datasets.mirdata import mirdata_tracks

        return partial(mirdata_tracks, name.removeprefix(MIRDATA))
    if name not in SOURCES:
        known = ", ".join([*SOURCES, "mirdata:NAME"])
        raise ValueError(f"SOURCE must be studio or one of {known}; got {name!r}.")
    return SOURCES[name]
