"""Anchors, positives and negatives from a table of any size, drawn anew each epoch."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kmusic.types import Tensor

ANCHORS_AT_ONCE = 1_024


@dataclass(frozen=True, kw_only=True)
class TripletConfig:
    """Which tracks belong together, and what an anchor is held against.

    Attributes:
        column: Column of the track table whose rows belong together.
        n_negatives: Negatives of an anchor. 0 draws none: the positives of the other classes in
            the batch stand for them.
        distinct: Whether the negatives of an anchor are of as many different classes, each class
            as likely; else they are different tracks of any other classes, each track as likely.
    """

    column: str = "artist"
    n_negatives: int = 4
    distinct: bool = True

    def __post_init__(self) -> None:
        """Reject a number that cannot be drawn."""
        if self.n_negatives < 0:
            raise ValueError(f"n_negatives must not be negative; got {self.n_negatives}.")


class Triplets:
    """Draw the tracks of examples: an anchor, a positive, and negatives.

    In a lap every track that has another one of its class is the anchor once, in the order of the
    epoch. Its positive is any other track of its class. All is drawn by arithmetic on whole blocks
    of anchors, nothing is rejected and drawn again, and memory holds the order alone.

    Args:
        classes: Class of each track, whole numbers from 0, shape `(n_tracks,)`.
        config: What is drawn.
        anchors: Rows that are anchors, if they are not alone in their class. `None` means all.

    Raises:
        ValueError: If no class has two tracks, or there are too few to draw negatives from.

    Source:
        Park et al. (2018), section 2.2.
    """

    def __init__(
        self,
        classes: npt.ArrayLike,
        config: TripletConfig,
        anchors: npt.ArrayLike | None = None,
    ) -> None:
        codes = np.unique(np.asarray(classes), return_inverse=True)[1].ravel().astype(np.int64)
        counts = np.bincount(codes)
        # Tracks are numbered class by class here, so that a class is a range of numbers.
        rows = np.argsort(codes, kind="stable")
        self._rows = tf.constant(rows, tf.int64)
        self._class_of = tf.constant(np.sort(codes), tf.int64)
        self._count = tf.constant(counts, tf.int64)
        self._first = tf.constant(np.cumsum(counts) - counts, tf.int64)
        paired = np.repeat(counts, counts) > 1
        self._anchors = np.flatnonzero(
            paired if anchors is None else paired & np.isin(rows, anchors)
        )
        if not len(self._anchors):
            raise ValueError(
                f"some {config.column} must have two tracks for triplets; got none that has."
            )
        _require_enough(counts, config)
        self._config = config
        self.n_examples = len(self._anchors)

    def lap(self, key: Tensor, number: Tensor) -> tf.data.Dataset:
        """Draw the examples of a lap.

        Args:
            key: What makes the epoch repeatable, int64 `(2,)`.
            number: Of the lap in its epoch. All laps have the same order.

        Returns:
            Elements `(tracks, places)`: int64 rows and float32 places in `[0, 1)`, both of shape
            `(2 + n_negatives,)`: anchor, positive, negatives.
        """
        order = tf.random.experimental.stateless_shuffle(tf.constant(self._anchors, tf.int64), key)
        own = tf.random.fold_in(key, number)

        def block(number: Tensor, anchors: Tensor) -> tuple[Tensor, Tensor]:
            of_block = tf.random.fold_in(own, number)
            rows = self.draw(anchors, of_block)
            places = tf.random.stateless_uniform(tf.shape(rows), tf.random.fold_in(of_block, 2))
            return rows, places

        blocks = tf.data.Dataset.from_tensor_slices(order).batch(ANCHORS_AT_ONCE).enumerate()
        return blocks.map(block, num_parallel_calls=2, deterministic=True).unbatch()

    def draw(self, anchors: Tensor, key: Tensor) -> Tensor:
        """Draw the tracks that belong to anchors.

        Args:
            anchors: Anchors as numbered here, class by class, int64 `(n,)`.
            key: What makes the draw repeatable, int64 `(2,)`.

        Returns:
            Rows of the table, int64, shape `(n, 2 + n_negatives)`.
        """
        own = tf.gather(self._class_of, anchors)
        first, count = tf.gather(self._first, own), tf.gather(self._count, own)
        step = draw_distinct(count - 1, 1, tf.random.fold_in(key, 0))[:, 0]
        positive = first + (anchors - first + 1 + step) % count
        columns = [anchors[:, None], positive[:, None]]
        if self._config.n_negatives:
            columns.append(self._negatives(own, tf.random.fold_in(key, 1)))
        return tf.gather(self._rows, tf.concat(columns, axis=1))

    def _negatives(self, own: Tensor, key: Tensor) -> Tensor:
        """Draw negatives of anchors of these classes, as numbered here, `(n, n_negatives)`."""
        n_negatives, n_classes = self._config.n_negatives, tf.size(self._count, tf.int64)
        if self._config.distinct:
            others = draw_distinct(tf.fill(tf.shape(own), n_classes - 1), n_negatives, key)
            others += tf.cast(others >= own[:, None], tf.int64)
            first, count = tf.gather(self._first, others), tf.gather(self._count, others)
            share = tf.random.stateless_uniform(tf.shape(others), tf.random.fold_in(key, 1))
            return first + _below(count, tf.cast(share, tf.float64))
        first, count = (tf.gather(each, own)[:, None] for each in (self._first, self._count))
        total = tf.size(self._rows, tf.int64)
        tracks = draw_distinct(total - count[:, 0], n_negatives, key)
        return tracks + count * tf.cast(tracks >= first, tf.int64)


def draw_distinct(limits: Tensor, n_drawn: int, key: Tensor) -> Tensor:
    """Draw different whole numbers below limits, every ordered choice as likely.

    Each draw is a rank among the numbers that are left; stepping over those taken, from the least
    on, turns it into a number.

    Args:
        limits: Numbers to draw from, at least `n_drawn` each, int64 `(n,)`.
        n_drawn: How many to draw for each limit.
        key: What makes the draw repeatable, int64 `(2,)`.

    Returns:
        Numbers from 0 to the limit, without it, int64, shape `(n, n_drawn)`.
    """
    shape = (tf.shape(limits)[0], n_drawn)
    shares = tf.random.stateless_uniform(shape, key, dtype=tf.float64)
    drawn: list[Tensor] = []
    for number in range(n_drawn):
        rank = _below(limits - number, shares[:, number])
        if drawn:
            for taken in tf.unstack(tf.sort(tf.stack(drawn, axis=1), axis=1), axis=1):
                rank += tf.cast(rank >= taken, tf.int64)
        drawn.append(rank)
    return tf.stack(drawn, axis=1)


def _below(limits: Tensor, shares: Tensor) -> Tensor:
    """Turn shares in `[0, 1)` into whole numbers below limits."""
    return tf.cast(tf.floor(shares * tf.cast(limits, tf.float64)), tf.int64)


def _require_enough(counts: npt.NDArray[np.int64], config: TripletConfig) -> None:
    wanted, n_classes = max(1, config.n_negatives), len(counts)
    others = counts.sum() - counts.max(initial=0)
    if not (n_classes > wanted if config.distinct else others >= wanted):
        raise ValueError(
            f"triplets need more than n_negatives={config.n_negatives} of {config.column}, or "
            "with distinct=False as many tracks of others; "
            f"got {n_classes} with {counts.sum()} tracks."
        )
