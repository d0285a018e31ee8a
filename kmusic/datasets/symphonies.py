"""Track tables of symphonies, ten-second clips of their recordings, and the published split."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.audio.files import AudioError, describe_file
from kmusic.datasets.folder import audio_files
from kmusic.datasets.reading import Problems, in_threads

CLIP_SECONDS = 10.0

PUBLISHED_COUNTS = {
    "Beethoven": 1_748,
    "Brahms": 908,
    "Haydn": 1_925,
    "Sibelius": 1_386,
    "Tchaikovsky": 1_698,
}
"""Clips of each composer, in the order of their numbers, in the code that Yanchenko published."""

PUBLISHED_SEED = 17

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class BootstrapSplit:
    """Clips that are trained on, some of them several times, and those that are not.

    Attributes:
        classes: Class of each clip, by its place in the counts, int64, shape `(n_clips,)`.
        train: Rows drawn, in the order of the draw and with repetitions, int64, `(n_train,)`.
        test: Rows never drawn, ascending, int64, `(n_test,)`.
        shuffled_test: The same in the order in which they were cut to shards.
    """

    classes: Rows
    train: Rows
    test: Rows
    shuffled_test: Rows

    def shards(self, n_shards: int = 5) -> list[tuple[Rows, Rows]]:
        """Cut both sides to shards of nearly one size, the larger ones first.

        Args:
            n_shards: Number of shards; the published code has five, for mel spectra alone.

        Returns:
            Training and test rows of each shard.
        """
        sides = (np.array_split(rows, n_shards) for rows in (self.train, self.shuffled_test))
        return [*zip(*sides, strict=True)]


def symphony_tracks(root: str | Path, problems: Problems | None = None) -> pd.DataFrame:
    """List the consecutive ten-second clips of recordings that lie in their composers' folders.

    Args:
        root: Folder. `root/Haydn/Symphony 88/1 Adagio.flac` is by Haydn; any number of folders
            may lie between composer and recording, or none.
        problems: Where recordings are noted that give no clip: those that are shorter, and those
            whose header cannot be read.

    Returns:
        Rows sorted by path and start: `path` (absolute), `label` (the composer), `group` (the
        recording, as its path below `root`, so that all its clips lie on one side), `album` (its
        folder below `root`, missing if that is the composer's own; no column if all are),
        `start` and `duration`, in seconds. A tail that fills no clip has no row.

    Raises:
        FileNotFoundError: If `root` is not a folder.
        ValueError: If there is no audio file below it, one lies in no composer's folder, or none
            gives a clip.

    Source:
        Yanchenko (2019), Symphony2vec, section on data. The published code leaves out the last
        full clip of each recording besides; it is kept here. The paper divides clips, so that
        those of one movement are trained and tested on; here a movement lies on one side.
    """
    problems = Problems() if problems is None else problems
    root = Path(root).absolute()
    recordings = audio_files(root)
    if stray := [path for path in recordings if path.parent == root]:
        raise ValueError(f"every recording must lie in its composer's folder; got {stray[0]}.")
    rows = []
    for path, n_clips in zip(recordings, in_threads(_clips_or_fault, recordings), strict=True):
        if isinstance(n_clips, str):
            problems.add(path, n_clips)
            continue
        rows += [_described(path, root) | {"start": CLIP_SECONDS * i} for i in range(n_clips)]
    if not rows:
        raise ValueError(
            f"ROOT must hold recordings of {CLIP_SECONDS:g} s or more, as composer/recording; "
            f"got {root} with none that can be used of {len(recordings)}."
        )
    tracks = pd.DataFrame(rows).assign(duration=CLIP_SECONDS)
    return tracks.dropna(axis="columns", how="all")


def bootstrap_split(
    counts: Sequence[int], n_train: int | None = None, *, seed: int = PUBLISHED_SEED
) -> BootstrapSplit:
    """Draw training clips with replacement; the others are tested on.

    For comparison with the published figures alone: clips of one recording fall on both sides,
    and a clip may be trained on several times, which no track table allows.

    Args:
        counts: Clips of each class; clips are numbered class after class.
        n_train: Clips to draw. `None` means 70 % of them, rounded up.
        seed: What makes the draw repeatable.

    Returns:
        The rows of both sides.

    Raises:
        ValueError: If a count is negative, or `n_train` is below 1 or leaves nothing to draw from.

    Source:
        Published code of Yanchenko (2019): NumPy's legacy generator, seeded with 17, draws 5,366
        of 7,665 clips and then shuffles the 3,842 that it never drew. Table 1 has its shares.
    """
    n_clips = sum(counts)
    n_train = -(-7 * n_clips // 10) if n_train is None else n_train
    if min(counts, default=0) < 0 or n_clips < 1 or n_train < 1:
        raise ValueError(
            "counts must not be negative, and some clip be there and drawn; "
            f"got counts={[*counts]}, n_train={n_train}."
        )
    legacy = np.random.RandomState(seed)
    train = legacy.choice(n_clips, n_train)
    test = np.setdiff1d(np.arange(n_clips), train)
    shuffled = test.copy()
    legacy.shuffle(shuffled)
    return BootstrapSplit(
        classes=np.repeat(np.arange(len(counts)), counts),
        train=train,
        test=test,
        shuffled_test=shuffled,
    )


def _clips_or_fault(path: Path) -> int | str:
    """Count the full clips of a recording, by its header, or say why there is none."""
    try:
        seconds = describe_file(path).seconds
    except AudioError as error:
        return error.reason
    if seconds < CLIP_SECONDS:
        return f"too short: {seconds:.3f} s, at least {CLIP_SECONDS:g} s needed"
    return int(seconds // CLIP_SECONDS)


def _described(path: Path, root: Path) -> dict[str, str | None]:
    """Say what the clips of a recording have in common."""
    place = path.relative_to(root)
    album = place.parent.as_posix() if len(place.parts) > 2 else None
    return {
        "path": str(path),
        "label": place.parts[0],
        "group": place.as_posix(),
        "album": album,
    }
