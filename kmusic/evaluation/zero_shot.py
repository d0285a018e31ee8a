"""Classes named by their names alone, without an example of any."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.datasets.tags import TagConfig, Vocabulary, process_tags
from kmusic.evaluation.aligned import AlignedRun
from kmusic.evaluation.naming import named_table
from kmusic.evaluation.retrieval import unit_rows
from kmusic.evaluation.tag_queries import Found, look_up


@dataclass(frozen=True)
class NamedClasses:
    """Classes, and the words that stand for them.

    Attributes:
        found: By name of a class, what the vocabulary has of it.
    """

    found: dict[str, Found]

    def to_json(self) -> dict[str, Any]:
        """Give the words as plain values that `json.dumps` takes."""
        return {name: _plain(found) for name, found in self.found.items()}


def read_classes(
    names: Iterable[object], vocabulary: Vocabulary, config: TagConfig
) -> NamedClasses:
    """Find the words of classes in their names, such as "Dog bark" or "music/jazz-electronic".

    Args:
        names: Names of classes; those that occur again count once.
        vocabulary: What a run has learned.
        config: How it was learned.

    Returns:
        The classes in the order of the alphabet. Words that nothing is near to are left out, and
        told, if another word of the class is known.

    Raises:
        ValueError: If of some classes no word is known; all of them are named.
    """
    splitting = replace(config, compounds="split")
    found = {
        name: look_up(process_tags([name], splitting), vocabulary, config)
        for name in sorted({str(name) for name in names})
    }
    if unknown := [name for name, part in found.items() if not part.words]:
        raise ValueError(
            "each class must bear a word near to one that the run has learned (its "
            f"vocabulary.json); got {len(unknown)} of {len(found)} without: {', '.join(unknown)}."
        )
    return NamedClasses(found)


def name_tracks(
    aligned: AlignedRun, classes: NamedClasses, tracks: pd.DataFrame, vectors: npt.ArrayLike
) -> pd.DataFrame:
    """Name the class of each track whose words are nearest to its sound, by cosine.

    Args:
        aligned: Run.
        classes: Classes to choose from.
        tracks: Tracks with `label`; those whose label is missing are left out.
        vectors: Embedding of each track, shape `(n_tracks, embedding_dim)`.

    Returns:
        What they are and what they were named, as `named_table` has it.

    Source:
        Favory et al. (2020), section 5, name it as work to come.
    """
    known = tracks["label"].notna().to_numpy()
    words = unit_rows(aligned.tags([found.words for found in classes.found.values()]))
    cosines = unit_rows(aligned.sound(np.asarray(vectors)[known])) @ words.T  # (n, n_classes)
    named = np.array([*classes.found], dtype=object)[cosines.argmax(axis=1)]
    return named_table(tracks[known], named, "label")


def _plain(found: Found) -> dict[str, Any]:
    """Give what a vocabulary has of words as plain values; what is empty is left out."""
    stood_in = {word: [*forms] for word, forms in found.stood_in.items()}
    parts = {"words": [*found.words], "stood_in": stood_in, "missing": [*found.missing]}
    return {name: value for name, value in parts.items() if value}
