"""Which recipes are trained, in which folders, and on which sides of a table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from kmusic.datasets.clips import clip_name, row_keys
from kmusic.datasets.splits import first_artists, split_by_fold, split_by_group
from kmusic.datasets.table import read_tracks
from kmusic.training.recipe import Recipe
from kmusic.training.recipe_files import read_recipe, recipes_of


@dataclass(frozen=True)
class Plan:
    """The training of a recipe with one seed.

    Attributes:
        folder: Where its figures go: the run folder, or the folder of a run a fold.
        recipe: What is trained.
        runs: By run folder, its track table with `split`.
    """

    folder: Path
    recipe: Recipe
    runs: dict[Path, pd.DataFrame]

    @property
    def by_fold(self) -> bool:
        """Whether there is a run a fold."""
        return [*self.runs] != [self.folder]

    def check(self) -> None:
        """Hold the runs that were begun to the plan.

        Raises:
            ValueError: If a folder holds a run of another recipe, or of tracks on other sides.
        """
        for place, tracks in self.runs.items():
            if not (place / "recipe.json").is_file():
                continue
            if read_recipe(place / "recipe.json") != self.recipe:
                raise ValueError(f"a run must go on with its own recipe; got another for {place}.")
            own = read_tracks(place / "tracks.csv", must_exist=False)
            begun, planned = ({*row_keys(each, "split")} for each in (own, tracks))
            if begun != planned:
                raise ValueError(
                    "a run must go on with its own tracks, on their sides; got others for "
                    f"{place}, such as {clip_name(*min(begun ^ planned)[:2])}."
                )


def find_recipes(experiments: str | Path, only: Sequence[str] = ()) -> dict[str, Recipe]:
    """Find the recipes of a paper.

    Args:
        experiments: Folder of experiment files, or one file.
        only: Names of files without `.py`, of recipes, or `file:recipe`. Empty means all.

    Returns:
        Recipes by `file:recipe`, files by name, recipes in the order of their file.

    Raises:
        ValueError: If there is no such file, or no such recipe.
    """
    place = Path(experiments)
    files = sorted(place.glob("*.py")) if place.is_dir() else [place]
    files = [file for file in files if file.suffix == ".py" and file.is_file()]
    if not files:
        raise ValueError(f"EXPERIMENTS must be a .py file or a folder of some; got {place}.")
    found = {(file.stem, name): r for file in files for name, r in recipes_of(file).items()}
    answers = {(file, name): {file, name, f"{file}:{name}"} for file, name in found}
    unknown = set(only) - set().union(*answers.values())
    if unknown:
        raise ValueError(
            "--only must name a file, a recipe or file:recipe of "
            f"{[':'.join(key) for key in found]}; got {sorted(unknown)}."
        )
    return {
        ":".join(key): recipe
        for key, recipe in found.items()
        if not only or answers[key] & set(only)
    }


def plan_seeds(
    folder: str | Path,
    recipe: Recipe,
    tracks: pd.DataFrame,
    n_seeds: int,
    *,
    fold: int | None = None,
    folds: bool = False,
) -> list[Plan]:
    """Plan the training of a recipe with several seeds, from its own on, in `seed-N`.

    Args:
        folder: Where the seeds' folders go.
        recipe: What is trained.
        tracks: Track table. All seeds divide it as the first does, so that they compare.
        n_seeds: Number of seeds.
        fold: The only fold to hold out.
        folds: Whether to hold out each fold in turn.

    Returns:
        A plan a seed.

    Raises:
        ValueError: If a fold is asked for that the table does not have.
    """
    sides = divided(recipe, tracks, fold=fold, folds=folds)
    plans = []
    for seed in range(recipe.seed, recipe.seed + n_seeds):
        place = Path(folder) / f"seed-{seed}"
        runs = {place / name: part for name, part in sides.items()}
        plans.append(Plan(place, replace(recipe, seed=seed), runs))
    return plans


def divided(
    recipe: Recipe, tracks: pd.DataFrame, *, fold: int | None = None, folds: bool = False
) -> dict[str, pd.DataFrame]:
    """Divide a table for each run of a recipe: by fold if asked, else as it is split.

    Args:
        recipe: What is trained. Its target's shares are kept, its seed makes the draw repeatable,
            and it may learn from the first artists alone.
        tracks: Track table. Without `split` it is split by group.
        fold: The only fold to hold out.
        folds: Whether to hold out each fold in turn, in `fold-N`.

    Returns:
        Tables with `split` by the run's place below its folder; "" is the folder itself.

    Raises:
        ValueError: If a fold is asked for that the table does not have, or one and all, or there
            are too few artists.
    """
    sides = _sides(recipe, tracks, fold, folds)
    return {place: first_artists(part, recipe.n_artists) for place, part in sides.items()}


def stratified_by(recipe: Recipe) -> str:
    """Name the column whose shares a division keeps."""
    return recipe.target if recipe.target in ("label", "artist") else "label"


def _sides(
    recipe: Recipe, tracks: pd.DataFrame, fold: int | None, folds: bool
) -> dict[str, pd.DataFrame]:
    if folds and fold is not None:
        raise ValueError(f"--folds holds out each fold, --fold one; got both, --fold {fold}.")
    stratify = stratified_by(recipe)
    if folds or fold is not None:
        if "fold" not in tracks:
            raise ValueError(
                f"tracks must have a column 'fold' to train by fold; got {list(tracks.columns)}."
            )
        every = sorted(tracks["fold"].dropna().unique().tolist())
        return {
            f"fold-{number}" if folds else "": split_by_fold(
                tracks, number, stratify=stratify, seed=recipe.seed
            )
            for number in (every if fold is None else [fold])
        }
    if "split" in tracks:
        return {"": tracks}
    return {"": split_by_group(tracks, stratify=stratify, seed=recipe.seed)}
