"""Names that a run knows without retraining: prototypes in the space of its embeddings."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.evaluation.embeddings import Embeddings
from kmusic.evaluation.retrieval import unit_rows
from kmusic.types import Array

UNKNOWN = "unknown"
ENROLLED = ("name", "path", "start")
HELD_OUT = ("artist", "label", "path")
STRANGERS = "the threshold needs tracks of strangers: give --held-out TABLE or --threshold VALUE"
# Tracks compared with all names at a time.
BLOCK = 1_024
# The cosine of a track that is heard again may differ by this.
SAME = 1e-5

Cosines: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Naming:
    """What the enrolled names say of tracks.

    Attributes:
        names: The nearest name if it is near enough, else "unknown", shape `(n_tracks,)`.
        nearest: The nearest names, the nearest first and ties by the alphabet, shape
            `(n_tracks, k)`.
        cosines: Their similarities, in [-1, 1], float64, shape `(n_tracks, k)`.
    """

    names: npt.NDArray[np.str_]
    nearest: npt.NDArray[np.str_]
    cosines: Cosines


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """Tracks that bear names, tracks of strangers, and the rule that tells them apart.

    Attributes:
        enrolled: Rows with `name`, `path` and `start` (seconds), and vectors of length 1.
        held_out: Rows with `artist`, `label` and `path`, and vectors of length 1.
        false_accepts: Share of the held-out tracks that may be given a name, in [0, 1).
        fixed: Threshold that a person chose, in [-1, 1]. `None` has it calibrated.
    """

    enrolled: Embeddings
    held_out: Embeddings
    false_accepts: float = 0.05
    fixed: float | None = None

    def __post_init__(self) -> None:
        """Reject rules that mean nothing."""
        if not 0 <= self.false_accepts < 1:
            raise ValueError(f"false accepts must lie in [0, 1); got {self.false_accepts}.")
        if self.fixed is not None and not -1 <= self.fixed <= 1:
            raise ValueError(f"threshold must lie in [-1, 1]; got {self.fixed}.")
        first, second = [(x.front_end, x.model) for x in (self.enrolled, self.held_out)]
        if first != second:
            raise ValueError(
                "enrolled and held-out tracks must share front end and model; "
                f"got {first} and {second}."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The enrolled names, sorted."""
        return tuple(sorted(set(self.enrolled.tracks["name"])))

    @property
    def lacks_held_out(self) -> bool:
        """Whether the threshold is to be calibrated and nothing was held out to do it with."""
        return self.fixed is None and self.held_out.tracks.empty

    def with_tracks(self, name: str, embeddings: Embeddings) -> "Enrolment":
        """Add tracks to a name, known or new.

        A path counts once under a name (a table's parts of it, by their start); the newer vector
        wins.

        Args:
            name: Name to enrol.
            embeddings: Vectors of its tracks, of any length.

        Raises:
            ValueError: If front end or model are not those of the enrolled tracks.
        """
        paths = [os.path.normpath(path) for path in embeddings.tracks["path"]]
        new = _units(embeddings, embeddings.tracks.assign(name=name, path=paths), ENROLLED)
        joined = self.enrolled.joined(new)
        return replace(self, enrolled=_only(joined, ~joined.tracks.duplicated(keep="last")))

    def without(self, name: str) -> "Enrolment":
        """Take a name and its tracks away.

        Raises:
            ValueError: If it is not enrolled.
        """
        if name not in self.names:
            raise ValueError(f"NAME must be one of the enrolled {[*self.names]}; got {name!r}.")
        return replace(self, enrolled=_only(self.enrolled, self.enrolled.tracks["name"] != name))

    def with_held_out(self, embeddings: Embeddings) -> "Enrolment":
        """Hold out tracks in place of those held out before.

        Args:
            embeddings: Vectors of any length; rows with `artist`, `label` and `path`.

        Raises:
            ValueError: If front end or model are not those of the enrolled tracks.
        """
        return replace(self, held_out=_units(embeddings, embeddings.tracks, HELD_OUT))

    def prototypes(self) -> Array:
        """Give the mean vector of each name's tracks, scaled to length 1.

        Returns:
            Rows in the order of `names`, float32, shape `(n_names, embedding_dim)`.
        """
        rows, names = pd.factorize(self.enrolled.tracks["name"], sort=True)
        sums = np.zeros((len(names), self.enrolled.vectors.shape[1]))
        np.add.at(sums, rows, self.enrolled.vectors)
        return unit_rows(sums)  # scaled to length 1, a sum and a mean are one

    def impostors(self) -> npt.NDArray[np.bool_]:
        """Mark the held-out tracks that every enrolled name would be wrong for.

        Returns:
            Whether neither artist, label nor path is enrolled, shape `(n_held_out,)`.
        """
        tracks = self.held_out.tracks
        known = tracks["path"].isin(self.enrolled.tracks["path"])
        known |= tracks["artist"].isin(self.names) | tracks["label"].isin(self.names)
        return ~known.to_numpy(dtype=bool)

    def impostor_scores(self) -> Cosines:
        """Give each impostor's greatest cosine to a prototype, float64, `(n_impostors,)`."""
        blocks = _cosines(self.held_out.vectors[self.impostors()], self.prototypes())
        return np.concatenate([cosines.max(axis=1) for cosines in blocks])

    def threshold(self) -> float:
        """Give the least cosine at which a track is given a name.

        Raises:
            ValueError: If it is not fixed and there is no impostor to calibrate it on.
        """
        if self.fixed is not None:
            return self.fixed
        if not self.impostors().any():
            known = f"{len(self.held_out.tracks)} held-out track(s), all of enrolled names"
            raise ValueError(f"{STRANGERS}; got {known}.")
        return calibrated_threshold(self.impostor_scores(), self.false_accepts)

    def name_tracks(self, vectors: npt.ArrayLike, k: int = 1) -> Naming:
        """Name tracks by the nearest prototype, where it is near enough.

        Args:
            vectors: Embeddings of any length, shape `(n_tracks, embedding_dim)`.
            k: Number of nearest names to list, at least 1; cut to the names there are.

        Raises:
            ValueError: If nothing is enrolled, or there is no threshold.
        """
        if not self.names:
            raise ValueError("a name must be enrolled to name tracks by it; got none.")
        threshold, orders, largest = self.threshold(), [], []
        for block in _cosines(unit_rows(vectors), self.prototypes()):
            orders.append(np.argsort(-block, axis=1, kind="stable")[:, :k])
            largest.append(np.take_along_axis(block, orders[-1], axis=1))
        nearest, cosines = np.array(self.names)[np.concatenate(orders)], np.concatenate(largest)
        names = np.where(cosines[:, 0] >= threshold, nearest[:, 0], UNKNOWN)
        return Naming(names, nearest, cosines)

    def to_json(self) -> dict[str, Any]:
        """Give names, threshold and what it rests on as plain values that `json.dumps` takes."""
        counts = self.enrolled.tracks["name"].value_counts()
        strangers = self.held_out.tracks[self.impostors()]
        return {
            "enrolled": {name: int(counts[name]) for name in self.names},
            "threshold": self.threshold() if self.names else None,
            "fixed": self.fixed is not None,
            "false_accepts": self.false_accepts,
            "held_out": {"tracks": len(strangers), "artists": strangers["artist"].nunique()},
        }


def empty_enrolment(front_end: str, model: str, embedding_dim: int) -> Enrolment:
    """Give the enrolment of nobody, into the space of a model."""
    parts = []
    for columns in (ENROLLED, HELD_OUT):
        dtypes = {name: float if name == "start" else str for name in columns}
        tracks = pd.DataFrame({name: np.zeros(0, dtype) for name, dtype in dtypes.items()})
        vectors = np.zeros((0, embedding_dim), np.float32)
        parts.append(Embeddings(tracks, vectors, front_end, model))
    return Enrolment(enrolled=parts[0], held_out=parts[1])


def calibrated_threshold(scores: npt.ArrayLike, false_accepts: float) -> float:
    """Give the least threshold that at most a share of impostors reaches.

    It lies above the greatest score that has to be refused by as much as the score of that
    track may differ when it is heard again. Equal scores are accepted or refused together.

    Args:
        scores: Score of each impostor, at least one, shape `(n_impostors,)`.
        false_accepts: The share, in [0, 1).
    """
    falling = np.sort(np.asarray(scores, dtype=float))[::-1]
    shares = np.arange(1, len(falling) + 1) / len(falling)
    return float(falling[np.count_nonzero(shares <= false_accepts)]) + SAME


def _cosines(units: Array, prototypes: Array) -> Iterator[Cosines]:
    """Yield the cosines of a block of tracks to all prototypes, `(block, n_names)`."""
    for first in range(0, max(len(units), 1), BLOCK):
        block = units[first : first + BLOCK].astype(float)
        yield np.clip(block @ prototypes.T.astype(float), -1.0, 1.0)


def _units(embeddings: Embeddings, tracks: pd.DataFrame, columns: tuple[str, ...]) -> Embeddings:
    """Scale vectors to length 1, and keep some columns of what is said of their tracks."""
    units = unit_rows(embeddings.vectors)
    return Embeddings(tracks[[*columns]], units, embeddings.front_end, embeddings.model)


def _only(embeddings: Embeddings, kept: pd.Series) -> Embeddings:
    """Keep some of the rows."""
    tracks = embeddings.tracks[kept].reset_index(drop=True)
    return replace(embeddings, tracks=tracks, vectors=embeddings.vectors[kept.to_numpy(bool)])
