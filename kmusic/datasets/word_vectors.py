"""Vectors of words: fitted on the words that tracks bear, or read from a file."""

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kmusic.types import Array


def fit_word_vectors(
    lists: Sequence[Sequence[str]],
    words: Sequence[str],
    *,
    dim: int,
    window: int,
    negative: int,
    epochs: int,
    seed: int,
) -> Array:
    """Fit a continuous bag of words, so that words which stand beside the same words come near.

    Args:
        lists: Words of each track.
        words: The vocabulary. Other words of the tracks are passed over before the fit. Each is
            in one of the lists at least; one that always stands alone keeps the vector it began
            with.
        dim: Size of a vector.
        window: Words to either side that are the context of a word.
        negative: Wrong words that each right one is held against.
        epochs: Passes over the lists.
        seed: Makes the vectors repeat to the last bit, in another process as well.

    Returns:
        One vector a word, not normalised, float32, shape `(n_words, dim)`.

    Source:
        Mikolov et al. (2013), the continuous bag of words, as gensim has it: other settings are
        its defaults (words that are frequent are passed over at random, rate 0.025 to 0.0001).
        Favory et al. (2020), section 3.1. They fitted on all words and then took those of the
        vocabulary.
    """
    from gensim.models.word2vec import Word2Vec  # a second to import

    known = frozenset(words)
    sentences = [[word for word in track if word in known] for track in lists]
    model = Word2Vec(
        [track for track in sentences if track],
        vector_size=dim,
        window=window,
        min_count=1,
        negative=negative,
        sg=0,
        epochs=epochs,
        seed=seed,
        workers=1,  # two would race for the order of the words
    )
    return np.stack([model.wv[word] for word in words]).astype(np.float32)


def read_word_vectors(path: str | Path, words: Sequence[str], *, dim: int) -> dict[str, Array]:
    """Read the vectors of some words from a file in word2vec's text format.

    The file is read line by line, so that it may be larger than memory. A word that stands in it
    twice has the vector that comes first.

    Args:
        path: UTF-8 text, compressed if its name ends in `.gz`. Its first line says how many words
            follow and how many numbers each has; each further line is a word and its numbers,
            parted by one blank.
        words: Words to look for, spelled as in the file.
        dim: Size that a vector must have.

    Returns:
        The vector of each of the words that is there, in the order of `words`, float32, shape
        `(dim,)`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is broken, or its vectors are of another size or not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"the file of word vectors must exist; got {path}.")
    opened = gzip.open if path.suffix == ".gz" else open
    number = 1
    vectors: dict[str, Array] = {}
    try:
        with opened(path, "rt", encoding="utf-8", newline="\n") as lines:
            n_words, size = map(int, next(lines, "").split())
            if size == dim:
                wanted = frozenset(words)
                for line in lines:
                    number += 1
                    word, *values = line.rstrip().split(" ")
                    if word in wanted and word not in vectors:
                        vectors[word] = _vector(values, dim)
                if number != n_words + 1:
                    raise ValueError(f"the first line says {n_words} words")
    except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"word vectors must be in word2vec's text format; got {path}, line {number}: {error}."
        ) from error
    if size != dim:
        raise ValueError(
            f"word vectors must have the {dim} numbers that the model takes; got {size} in {path}."
        )
    return {word: vectors[word] for word in words if word in vectors}


def _vector(values: Sequence[str], dim: int) -> Array:
    if len(values) != dim:
        raise ValueError(f"{len(values)} numbers, not {dim}")
    vector = np.array(values, np.float32)
    if not np.isfinite(vector).all():
        raise ValueError("a number that is not finite")
    return vector
