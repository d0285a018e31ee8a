"""Where track tables come from."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from kmusic.datasets import gtzan
from kmusic.datasets.fma import fma_tracks
from kmusic.datasets.folder import folder_tracks
from kmusic.datasets.freesound import freesound_tracks
from kmusic.datasets.mirdata import mirdata_tracks
from kmusic.datasets.msd import msd_tracks
from kmusic.datasets.nsynth import nsynth_tracks
from kmusic.datasets.symphonies import symphony_tracks
from kmusic.datasets.urbansound8k import urbansound8k_tracks


@dataclass(frozen=True, kw_only=True)
class Source:
    """A kind of collection that can be listed.

    Attributes:
        rows: Function of a folder and of where problems are noted, giving rows with absolute
            paths. It may bring `split` and `fold` of its own. Where the source needs an argument,
            that comes first.
        argument: What stands behind the name and a colon, in capitals; empty if nothing does.
        fixed_split: Why no other split than its own may be drawn, as a clause; `None` if one may.
    """

    rows: Callable[..., pd.DataFrame]
    argument: str = ""
    fixed_split: str | None = None


SOURCES: dict[str, Source] = {
    "folder": Source(rows=lambda root, _: folder_tracks(root)),
    "fma": Source(rows=fma_tracks),
    "gtzan": Source(rows=gtzan.gtzan_tracks, fixed_split=gtzan.FIXED_SPLIT),
    "msd": Source(rows=msd_tracks, argument="SUBSET"),
    "nsynth": Source(rows=nsynth_tracks, argument="SUBSET"),
    "urbansound8k": Source(rows=urbansound8k_tracks),
    "freesound": Source(rows=freesound_tracks),
    "symphonies": Source(rows=symphony_tracks),
    "mirdata": Source(rows=mirdata_tracks, argument="NAME"),
}
"""By name: what can be listed; each notes the tracks that it leaves out."""


def find_source(name: str) -> Source:
    """Find a source of track tables by its name.

    Args:
        name: A key of `SOURCES`, with its argument behind a colon where it needs one, as in
            `"mirdata:tinysol"`.

    Returns:
        The source, without the need of an argument.

    Raises:
        ValueError: If there is no such source, or an argument is missing or too many.
    """
    key, colon, argument = name.partition(":")
    source = SOURCES.get(key)
    if source is None or (not argument if source.argument else colon):
        known = ", ".join(
            f"{key}:{source.argument}" if source.argument else key
            for key, source in SOURCES.items()
        )
        raise ValueError(f"SOURCE must be studio or one of {known}; got {name!r}.")
    if not argument:
        return source
    return replace(source, rows=partial(source.rows, argument), argument="")
