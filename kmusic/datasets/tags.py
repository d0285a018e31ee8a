"""Words that sound is aligned with: from the tags of tracks to a vocabulary."""

import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.atomic import write_arrays, write_text
from kmusic.datasets.tag_words import Compounds, Singular, words_of
from kmusic.datasets.targets import names_per_track
from kmusic.datasets.word_vectors import fit_word_vectors, read_word_vectors
from kmusic.types import Array

Keep: TypeAlias = Literal["rarest", "first"]


@dataclass(frozen=True, kw_only=True)
class TagConfig:
    """How a table's tags become words that sound is aligned with.

    Attributes:
        min_tracks: Training tracks that must bear a word of the vocabulary.
        max_share: Share of the training tracks that may bear it, in `(0, 1]`.
        n_words: Words of the vocabulary at most, those of most tracks.
        max_tags: Words kept of a track at most. `None` keeps all.
        keep: Which are kept of a track with more: the "rarest" among the training tracks, or the
            "first" of the vocabulary (published).
        singular: How plurals become singulars. "guarded" leaves words alone that inflect garbles;
            "inflect" gives what releases 3 to 5 gave (published): police is "polouse", bass "bas".
        compounds: What becomes of a tag that holds anything but letters (hip-hop, Dog_bark, drum
            kit): "split" gives its words, "drop" nothing (published).
        vectors: File of word vectors in word2vec's text format. `None` fits them.
        window: Words to either side that are the context of a word, when vectors are fitted.
        negative: Wrong words that each right one is held against.
        epochs: Passes over the training tracks.

    Source:
        Favory et al. (2020), section 3.1. The paper does not say which 10 tags are kept of a
        track with more; the public code keeps those of lowest number.
    """

    min_tracks: int = 10
    max_share: float = 0.7
    n_words: int = 1_000
    max_tags: int | None = 10
    keep: Keep = "rarest"
    singular: Singular = "guarded"
    compounds: Compounds = "split"
    vectors: str | None = None
    window: int = 100
    negative: int = 5
    epochs: int = 5

    def __post_init__(self) -> None:
        """Reject settings that no vocabulary can have."""
        for name in ("min_tracks", "n_words", "max_tags", "window", "negative", "epochs"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"tags.{name} must be at least 1; got {value}.")
        if not 0 < self.max_share <= 1:
            raise ValueError(f"tags.max_share must lie in (0, 1]; got {self.max_share}.")
        for name, kinds in (("keep", Keep), ("singular", Singular), ("compounds", Compounds)):
            value, choices = getattr(self, name), get_args(kinds)
            if value not in choices:
                raise ValueError(f"tags.{name} must be one of {[*choices]}; got {value!r}.")


def process_tags(tags: Iterable[str], config: TagConfig) -> list[str]:
    """Give the words of some tags: lower case, singular, without stop words.

    Args:
        tags: Tags as people wrote them.
        config: How they become words.

    Returns:
        The words in order of first appearance, each once.
    """
    words = (
        word
        for tag in tags
        for word in words_of(tag, singular=config.singular, compounds=config.compounds)
    )
    return list(dict.fromkeys(words))


def read_tag_lists(tracks: pd.DataFrame, config: TagConfig) -> list[list[str]]:
    """Give the words of each track's tags.

    Args:
        tracks: Track table with a column "tags", in which semicolons part the tags.
        config: How tags become words.

    Returns:
        The words of each track; none where the cell is missing.

    Raises:
        ValueError: If the table lacks the column.
    """
    return [process_tags(tags, config) for tags in names_per_track(tracks, "tags")]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The words that sound is aligned with.

    Attributes:
        words: The words, in the order that gives them their numbers.
        counts: Training tracks that bear each.
        vectors: Vector of each, float32, shape `(n_words, dim)`; `None` where none is needed.
    """

    words: tuple[str, ...]
    counts: tuple[int, ...]
    vectors: Array | None

    def numbers(self, lists: Sequence[Sequence[str]], config: TagConfig) -> npt.NDArray[np.int32]:
        """Number the words of tracks.

        Args:
            lists: Words of each track. Those out of the vocabulary are left out.
            config: How many are kept of a track, and which.

        Returns:
            The numbers of each track's words in ascending order, then zeros, int32, shape
            `(n_tracks, n_slots)`. The word at place `i` has the number `i + 1`. `n_slots` is
            `config.max_tags`, or if that is `None` what the track with most words takes, and 1
            at least.
        """
        number = {word: place + 1 for place, word in enumerate(self.words)}
        rows = [sorted({number[word] for word in words if word in number}) for words in lists]
        if config.max_tags is not None and config.keep == "rarest":
            rows = [sorted(row, key=lambda n: self.counts[n - 1]) for row in rows]
        rows = [sorted(row[: config.max_tags]) for row in rows]
        n_slots = config.max_tags or max([1, *map(len, rows)])
        table = np.zeros((len(rows), n_slots), np.int32)
        for slots, row in zip(table, rows, strict=True):
            slots[: len(row)] = row
        return table


def fit_vocabulary(
    lists: Sequence[Sequence[str]], config: TagConfig, *, dim: int | None, seed: int
) -> Vocabulary:
    """Take the vocabulary from the words of the training tracks, and a vector for each.

    Words come in the order in which the tracks bring them, those of one track by the alphabet.
    Those that a file of vectors lacks are left out before the most frequent are taken.

    Args:
        lists: Words of each training track, each once.
        config: Which words are taken, and where their vectors come from.
        dim: Size of a vector. `None` takes none, from a file neither.
        seed: Makes fitted vectors repeat.

    Raises:
        ValueError: If no word is left, or the file of vectors is broken or of another size.

    Source:
        Favory et al. (2020), section 3.1; the order is that of the published vocabulary.
    """
    counts = Counter(word for words in lists for word in sorted(set(words)))
    most = config.max_share
    held = [w for w, n in counts.items() if n >= config.min_tracks and n / len(lists) <= most]
    if not held:
        raise ValueError(_nothing_left(counts, len(lists), config))
    given: dict[str, Array] = {}
    if dim is not None and config.vectors is not None:
        given = read_word_vectors(config.vectors, held, dim=dim)
        if not given:
            raise ValueError(
                f"a word of the vocabulary must have a vector in tags.vectors={config.vectors}; "
                f"all {len(held)} lack one: {', '.join(held[:5])}{' ...' if held[5:] else ''}."
            )
        held = [*given]
    frequent = set(sorted(held, key=lambda word: -counts[word])[: config.n_words])
    words = tuple(word for word in held if word in frequent)
    vectors = np.stack([given[word] for word in words]) if given else None
    if dim is not None and not given:
        vectors = fit_word_vectors(
            lists,
            words,
            dim=dim,
            window=config.window,
            negative=config.negative,
            epochs=config.epochs,
            seed=seed,
        )
    return Vocabulary(words, tuple(counts[word] for word in words), vectors)


def _nothing_left(counts: Counter[str], n_tracks: int, config: TagConfig) -> str:
    if not counts:
        return f"the tags of the training tracks must hold a word; got none in {n_tracks} tracks."
    word, count = counts.most_common(1)[0]
    return (
        f"a word of the vocabulary must be of at least {config.min_tracks} of the {n_tracks} "
        f"training tracks and at most {config.max_share:.0%} of them; got none among "
        f"{len(counts)} words, the most frequent, {word!r}, being of {count} "
        f"({count / n_tracks:.1%}). Lower tags.min_tracks or raise tags.max_share."
    )


def write_vocabulary(folder: str | Path, vocabulary: Vocabulary) -> None:
    """Write a vocabulary into a folder: `vocabulary.json`, and its vectors `vocabulary.npz`."""
    folder = Path(folder)
    dim = None
    if vocabulary.vectors is not None:
        dim = vocabulary.vectors.shape[1]
        write_arrays(folder / "vocabulary.npz", {"vectors": vocabulary.vectors})
    described = {"words": vocabulary.words, "counts": vocabulary.counts, "dim": dim}
    text = json.dumps(described, indent=1, ensure_ascii=False)
    write_text(folder / "vocabulary.json", text + "\n")


def read_vocabulary(folder: str | Path) -> Vocabulary:
    """Read a vocabulary from the folder that it was written to.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a file is broken.
    """
    file = Path(folder) / "vocabulary.json"
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
        words, counts = tuple(described["words"]), tuple(described["counts"])
        dim = described["dim"]
        if {*map(type, words)} != {str} or {*map(type, counts)} != {int}:
            raise ValueError("words are text and counts whole numbers")
        if not len(words) == len(counts) == len(set(words)):
            raise ValueError(f"got {len(words)} words and {len(counts)} counts")
        if dim is None:
            return Vocabulary(words, counts, None)
        file = file.with_suffix(".npz")
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            vectors = arrays["vectors"].astype(np.float32)
        if vectors.shape != (len(words), dim):
            raise ValueError(f"got vectors of shape {vectors.shape} for {len(words)} words")
    except (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{file} must hold a vocabulary that kmusic wrote; {error}.") from error
    return Vocabulary(words, counts, vectors)
