"""A run that aligns sound with tags, as vectors and numbers."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from kmusic.datasets.tags import TagConfig, Vocabulary, read_vocabulary
from kmusic.evaluation.retrieval import nearest, unit_rows
from kmusic.training.runs import Run
from kmusic.types import Array, Tensor

BATCH_SIZE = 256

UNWANTED = 0.5
"""Share of the unwanted words that is taken away: with all of it, what is far from them outweighs
what is wanted (`docs/results/tag_embeddings.md`)."""

Words = Sequence[str]


def aligns(run: Run) -> bool:
    """Whether a run aligns sound with tags."""
    return hasattr(run.model, "align_tags")


class AlignedRun:
    """What a run says of sound and of words, in the space that the two share.

    Attributes:
        vocabulary: The words that it has learned.
        config: How tags become words.

    Raises:
        ValueError: If the run does not align sound with tags.
    """

    vocabulary: Vocabulary
    config: TagConfig

    def __init__(self, run: Run) -> None:
        if not aligns(run) or run.recipe.tags is None:
            raise ValueError(
                "RUN must align sound with tags, as tag_contrastive does; "
                f"got {type(run.recipe.model).__name__} in {run.folder}."
            )
        self._model: keras.Model = run.model
        self.vocabulary, self.config = read_vocabulary(run.folder), run.recipe.tags

    def sound(self, vectors: npt.ArrayLike) -> Array:
        """Lay embeddings of sound, shape `(n, embedding_dim)`, into the space, `(n, dim)`."""
        return _in_batches(self._model.align_sound, np.asarray(vectors, np.float32))

    def tags(self, lists: Sequence[Words]) -> Array:
        """Lay words of the vocabulary, a list of them each, into the space.

        Of more words than the run hears at once, it hears as many as its `TagConfig` says.

        Args:
            lists: The words.

        Returns:
            Vectors, float32, shape `(n, dim)`.

        Raises:
            ValueError: If a list holds no word of the vocabulary.
        """
        numbers = self.numbers(lists)
        if not numbers.any(axis=1).all():
            row = int(np.argmin(numbers.any(axis=1)))
            raise ValueError(
                f"each list must hold a word that the run has learned; got {[*lists[row]]}."
            )
        return self.numbered_tags(numbers)

    def numbered_tags(self, numbers: npt.NDArray[np.int32]) -> Array:
        """Lay words by their numbers, shape `(n, n_slots)`, 0 for none, into the space."""
        return _in_batches(self._model.align_tags, numbers)

    def describe(self, vectors: npt.ArrayLike, top: int) -> list[dict[str, float]]:
        """Give the words that are nearest to sound, each by itself.

        Args:
            vectors: Embeddings of sound, finite, shape `(n, embedding_dim)`.
            top: Words to give, at least 1.

        Returns:
            For each, the words and the cosine of each with the sound, the nearest first.
        """
        words = self.vocabulary.words
        told = self.tags([[word] for word in words])
        found = (nearest(told, sound, top) for sound in self.sound(vectors))
        return [
            {words[row]: float(cosine) for row, cosine in zip(rows, cosines, strict=True)}
            for rows, cosines in found
        ]

    def weights(self, words: Words) -> dict[str, float]:
        """Say how much each of some words weighs in the attention among them.

        Args:
            words: Words of the vocabulary.

        Returns:
            Shares by word, the heaviest first; they add up to 1.
        """
        numbers = self.numbers([words])
        shares = _in_batches(self._model.weigh_tags, numbers)[0]
        pairs = zip(numbers[0].tolist(), shares.tolist(), strict=True)
        weighed = {self.vocabulary.words[n - 1]: share for n, share in pairs if n}
        return dict(sorted(weighed.items(), key=lambda pair: -pair[1]))

    def query(self, wanted: Words, unwanted: Words = ()) -> Array:
        """Give the direction of what is wanted, away from what is not.

        Args:
            wanted: Words of the vocabulary.
            unwanted: Others. One of the two must be there.

        Returns:
            The unit vector of the wanted words less `UNWANTED` of that of the unwanted, shape
            `(dim,)`.

        Raises:
            ValueError: If there is no word, or more of a side than the run hears at once.
        """
        most = self.config.max_tags
        for words in (wanted, unwanted):
            if most is not None and len(words) > most:
                raise ValueError(f"a query may hold {most} words a side; got {', '.join(words)}.")
        against = -UNWANTED if wanted else -1.0
        sides = [(words, weight) for words, weight in ((wanted, 1.0), (unwanted, against)) if words]
        vectors = unit_rows(self.tags([words for words, _ in sides]))
        return np.asarray(np.array([weight for _, weight in sides], np.float32) @ vectors)

    def numbers(self, lists: Sequence[Words]) -> npt.NDArray[np.int32]:
        """Number words as the run hears them, int32, shape `(n, n_slots)`, 0 where there is none.

        Words that it has not learned are left out.
        """
        return self.vocabulary.numbers([[*words] for words in lists], self.config)


def _in_batches(function: Callable[[npt.NDArray[Any]], Tensor], rows: npt.NDArray[Any]) -> Array:
    """Apply a model to rows, a few at a time."""
    starts = range(0, max(len(rows), 1), BATCH_SIZE)
    parts = [ops.convert_to_numpy(function(rows[i : i + BATCH_SIZE])) for i in starts]
    return np.concatenate(parts).astype(np.float32)
