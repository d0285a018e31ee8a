"""What a learner is shown: tracks of a table, and what is to be learned of them."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import pandas as pd

from kmusic.datasets.pipelines import Draw, EachTrack, steps_per_epoch
from kmusic.datasets.places import at_loudest, at_place, copied
from kmusic.datasets.reading import Problems, open_tracks
from kmusic.datasets.sampling import Triplets
from kmusic.datasets.tags import Vocabulary, fit_vocabulary, read_tag_lists
from kmusic.datasets.targets import class_codes, target_matrix, target_names
from kmusic.training.callbacks import Report
from kmusic.training.recipe import Recipe


@dataclass(frozen=True)
class Material:
    """What a learner is shown.

    Attributes:
        recipe: What is trained.
        labels: Names of the classes.
        train: Readable training tracks, with `start` and `seconds`; of copies, each a row.
        examples: Which excerpts of those an epoch hears.
        validation: Readable validation tracks whose classes are all known; may be empty.
        problems: What was wrong with the others.
        vocabulary: The words that sound is aligned with; `None` without `recipe.tags`.
    """

    recipe: Recipe
    labels: tuple[str, ...]
    train: pd.DataFrame
    examples: Draw
    validation: pd.DataFrame
    problems: Problems
    vocabulary: Vocabulary | None = None

    @property
    def n_named(self) -> int | None:
        """Number of the classes or words that the model's size depends on, if any."""
        return len(self.vocabulary.words if self.vocabulary else self.labels) or None

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch."""
        recipe = self.recipe
        return steps_per_epoch(
            self.examples.n_examples, recipe.batch_size, recipe.excerpts_per_track
        )

    def targets(self, tracks: pd.DataFrame) -> npt.NDArray[Any] | None:
        """Give what is to be learned of tracks.

        Returns:
            Shape `(n_tracks, n_classes)`; of triplets the number of each track's class,
            `(n_tracks,)`; of tags the numbers of its words, 0 where there is none,
            `(n_tracks, n_places)`; `None` if nothing is named.
        """
        if self.vocabulary and self.recipe.tags:
            config = self.recipe.tags
            return self.vocabulary.numbers(read_tag_lists(tracks, config), config)
        if self.recipe.triplets:
            return class_codes(tracks, self.recipe.triplets.column)
        if self.recipe.target is None:
            return None
        return target_matrix(tracks, self.recipe.target, self.labels)


def gather_material(
    recipe: Recipe,
    tracks: pd.DataFrame,
    *,
    vocabulary: Vocabulary | None = None,
    report: Report | None = None,
) -> Material:
    """Open the tracks of a table that a recipe learns from.

    Args:
        recipe: What is trained.
        tracks: Track table with `split`.
        vocabulary: Words to align sound with. `None` takes those of the training tracks.
        report: Told how much was heard, where the loudest excerpts are looked for.

    Raises:
        ValueError: If no training track can be read, or no example be drawn from those.
    """
    if "split" not in tracks:
        raise ValueError("the track table must have a column 'split' to train on; it has none.")
    problems = Problems()
    train = open_tracks(tracks[tracks["split"] == "train"], problems)
    validation = open_tracks(tracks[tracks["split"] == "validation"], problems)
    _require_one(train, problems)
    if recipe.triplets:
        train, validation = (
            side[class_codes(side, recipe.triplets.column) >= 0].reset_index(drop=True)
            for side in (train, validation)
        )
    if recipe.tags and vocabulary is None:
        lists = read_tag_lists(train, recipe.tags)
        dim = getattr(recipe.model, "word_dim", None)
        vocabulary = fit_vocabulary(lists, recipe.tags, dim=dim, seed=recipe.seed)
    labels: tuple[str, ...] = ()
    if recipe.target is not None:
        labels = target_names(train, recipe.target)
        known = target_matrix(validation, recipe.target, labels).any(axis=1)
        validation = validation[known].reset_index(drop=True)
    copies = recipe.augment.copies if recipe.augment else ()
    read_seconds = samples_read(recipe) / recipe.frontend.sample_rate
    if recipe.place == "loudest":
        sides = ((train, read_seconds), (validation, recipe.excerpt_seconds))
        train, validation = _loudest(recipe, sides, problems, report)
        _require_one(train, problems)
    train = copied(train, copies, recipe.place, recipe.excerpt_seconds, read_seconds)
    return Material(
        recipe,
        labels,
        train,
        draw_examples(recipe, train),
        at_place(validation, recipe.place, recipe.excerpt_seconds),
        problems,
        vocabulary,
    )


def _loudest(
    recipe: Recipe,
    sides: tuple[tuple[pd.DataFrame, float], ...],
    problems: Problems,
    report: Report | None,
) -> list[pd.DataFrame]:
    """Cut the tracks of both sides to their loudest excerpts of so many seconds."""
    heard, total = itertools.count(1), sum(len(tracks) for tracks, _ in sides)

    def advance() -> None:
        if report:
            report(f"looking for the loudest excerpts, track {next(heard)} of {total}", 0.0)

    return [
        at_loudest(tracks, recipe.frontend, seconds, problems, advance) for tracks, seconds in sides
    ]


def _require_one(train: pd.DataFrame, problems: Problems) -> None:
    if train.empty:
        raise ValueError(
            f"there must be a readable training track; got none.{first_problems(problems)}"
        )


def first_problems(problems: Problems) -> str:
    """Tell the first problems, to end an error's line with."""
    reasons = list(problems.as_dict().items())[:3]
    return "".join(f" {path}: {reason}." for path, reason in reasons)


def draw_examples(
    recipe: Recipe, tracks: pd.DataFrame, anchors: npt.ArrayLike | None = None
) -> Draw:
    """Say which excerpts of tracks make an example; of triplets these rows are anchors."""
    if not recipe.triplets:
        return EachTrack(len(tracks))
    classes = class_codes(tracks, recipe.triplets.column)
    return Triplets(classes, recipe.triplets, anchors)


def samples_read(recipe: Recipe) -> int:
    """Say how much of a recording becomes an excerpt in training."""
    samples = recipe.excerpt_samples
    return recipe.augment.reads(samples) if recipe.augment else samples
