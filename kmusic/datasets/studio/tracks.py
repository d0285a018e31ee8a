"""Tracks of the studio corpus, composed and played from their path alone."""

from pathlib import Path

import numpy as np
import soxr

from kmusic.datasets.studio.addresses import parse_address
from kmusic.datasets.studio.composition import compose
from kmusic.datasets.studio.mixing import SAMPLE_RATE, render
from kmusic.datasets.studio.production import draw_production
from kmusic.datasets.studio.songs import draw_song
from kmusic.types import Array


def is_studio_path(path: str | Path) -> bool:
    """Say whether a path names a track of the corpus and not a file."""
    return str(path).startswith("studio:")


def compose_track(uri: str, sample_rate: int = SAMPLE_RATE) -> Array:
    """Compose and play a track of the corpus.

    Args:
        uri: A `path` of the corpus' table; it says everything that the track depends on.
        sample_rate: In Hz. The track is synthesised at 22,050 Hz and resampled to others.

    Returns:
        Mono waveform in [-1, 1], float32, shape `(round(seconds * sample_rate),)`; the same on
        every call.

    Raises:
        ValueError: If `uri` is no path of the corpus, or the rate is not positive.
    """
    if sample_rate <= 0:
        raise ValueError(f"sample_rate must be positive; got sample_rate={sample_rate}.")
    address = parse_address(uri)
    song = draw_song(address.seed, address.genre, address.artist, address.track)
    production = draw_production(address.seed, address.genre, address.artist)
    waveform = render(compose(song, address.seconds), song, production, address.seconds)
    if sample_rate == SAMPLE_RATE:
        return waveform
    n = round(address.seconds * sample_rate)
    resampled = soxr.resample(waveform, SAMPLE_RATE, sample_rate, quality="HQ")[:n]
    return np.pad(resampled, (0, n - len(resampled))).clip(-1.0, 1.0)
