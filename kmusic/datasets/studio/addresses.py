"""Paths of tracks that are composed when they are read."""

import re
from dataclasses import dataclass

from kmusic.datasets.studio.genres import GENRES

USUAL_SECONDS = 12.0
SECONDS = (1.0, 3_600.0)
RULE = (
    "A studio path must be studio:<seed>/<genre>/<artist>/<track> or the same with "
    "?seconds=<1 to 3600> behind it, with plain whole numbers"
)
PATTERN = re.compile(
    r"studio:(?P<seed>\d{1,18})/(?P<genre>[a-z]+)/(?P<artist>\d{1,9})/(?P<track>\d{1,9})"
    r"(\?seconds=(?P<seconds>\d{1,4}(\.\d+)?))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Address:
    """What a track is composed from; `str` gives the path.

    Attributes:
        seed: Seed of the corpus.
        genre: Name in `GENRES`.
        artist: Which artist of the genre.
        track: Which song of the artist.
        seconds: Length of the track.
    """

    seed: int
    genre: str
    artist: int
    track: int
    seconds: float = USUAL_SECONDS

    def __str__(self) -> str:
        """Write the path; the usual length stays unwritten."""
        length = "" if self.seconds == USUAL_SECONDS else f"?seconds={float(self.seconds)!r}"
        return f"studio:{self.seed}/{self.genre}/{self.artist}/{self.track}{length}"


def parse_address(uri: str) -> Address:
    """Read a path of the corpus.

    Args:
        uri: As `str` of an `Address` writes it.

    Returns:
        The address.

    Raises:
        ValueError: If `uri` is written otherwise or names an unknown genre.
    """
    match = PATTERN.fullmatch(uri)
    if match is None:
        raise ValueError(f"{RULE}; got {uri!r}.")
    seconds = float(match["seconds"] or USUAL_SECONDS)
    if not SECONDS[0] <= seconds <= SECONDS[1]:
        raise ValueError(f"{RULE}; got {uri!r}.")
    if match["genre"] not in GENRES:
        raise ValueError(f"The genre must be one of {', '.join(GENRES)}; got {uri!r}.")
    return Address(
        int(match["seed"]), match["genre"], int(match["artist"]), int(match["track"]), seconds
    )
