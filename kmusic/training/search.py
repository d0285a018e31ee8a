"""A search: its folder, what it looks for, and the tracks that its trials see."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial

from kmusic.datasets.clips import clip_name, row_keys
from kmusic.datasets.splits import assign_folds
from kmusic.datasets.table import read_tracks, write_tracks
from kmusic.training.oracles import ENDED, ORACLES, TRIALS, Oracle, build_oracle
from kmusic.training.plans import divided, stratified_by
from kmusic.training.recipe import Recipe, higher_is_better
from kmusic.training.recipe_files import override
from kmusic.training.runs import write_json
from kmusic.training.spaces import Space, find_space
from kmusic.training.trials import Outcome, TrialRecord, read_outcome

SPACE, TRACKS, TABLES, SEARCH = "space.py", "tracks.csv", "tables", "search.json"
LOCK = "lock"


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """What decides a search, its space and its tracks apart.

    Attributes:
        objective: What is looked for: a column of `history.csv`, in the epoch whose weights are
            kept, or what is measured after training (`kmusic.evaluation.objectives`).
        tuner: "random", "bayesian" or "hyperband".
        trials: Trials after which it ends.
        epochs: Most epochs of a trial. `None` takes those of the recipe.
        fold: Fold of the table that is kept aside as the side test. `None` keeps the table's split.
        folds: Folds that the objective is the mean over. `None` takes the table's validation side.
        settings: Changes of every trial's recipe, as `--set` has them.
        seed: Makes divisions, choices of points and trainings repeatable.
        function: Name of the space's function.
    """

    objective: str
    tuner: str = "bayesian"
    trials: int = 30
    epochs: int | None = None
    fold: int | None = None
    folds: int | None = None
    settings: tuple[str, ...] = ()
    seed: int = 0
    function: str = "space"

    def __post_init__(self) -> None:
        """Reject what cannot be searched."""
        if self.tuner not in ORACLES:
            raise ValueError(f"tuner must be one of {[*ORACLES]}; got {self.tuner!r}.")
        for name in ("trials", "epochs"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}.")
        if self.folds is not None and self.folds < 2:
            raise ValueError(f"folds must be at least 2; got {self.folds}.")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed must lie in [0, 2 ** 31); got {self.seed}.")


@dataclass(frozen=True)
class Search:
    """A search that was begun.

    Attributes:
        folder: Where it lies: `search.json`, `space.py` (a copy), `tracks.csv` (all sides),
            `tables/` (what trials see, without the side test) and `trials/`.
        config: What decides it.
        space: The space, from the copy.
    """

    folder: Path
    config: SearchConfig
    space: Space

    def recipe(self, hyperparameters: HyperParameters) -> Recipe:
        """Give the recipe of a point, as `kmusic train` takes it.

        Raises:
            RecipeError: If the space gives none, or a setting does not fit it.
        """
        return _recipe(self.space, hyperparameters, self.config)

    def trial_folder(self, number: str) -> Path:
        """Give the folder of a trial."""
        return self.folder / TRIALS / f"trial_{number}"

    def trial_folders(self) -> list[Path]:
        """List the folders of the trials that have begun, by number."""
        files = (self.folder / TRIALS).glob("trial_*/trial.json")
        # As numbers: 8 is followed by 09 where a search of 9 trials went on to more than 9.
        return sorted((file.parent for file in files), key=lambda f: int(f.name.split("_")[1]))

    def tables(self) -> dict[str, pd.DataFrame]:
        """Read what each training of a trial sees, by name; the files must be there."""
        files = (self.folder / TABLES).glob("*.csv")
        in_order = sorted(files, key=lambda file: (len(file.name), file.name))  # fold-10 at last
        return {file.stem: read_tracks(file) for file in in_order}

    def build_oracle(self, defaults: Recipe) -> Oracle:
        """Build the search's oracle, not yet told of space and trials, from its first recipe."""
        config = self.config
        return build_oracle(
            config.tuner,
            self.folder,
            objective=config.objective,
            higher_is_better=higher_is_better(config.objective),
            trials=config.trials,
            epochs=defaults.epochs,
            seed=config.seed,
        )

    def load_oracle(self) -> Oracle:
        """Load the oracle as it was written last."""
        oracle = self.build_oracle(self.recipe(HyperParameters()))
        oracle.reload()
        return oracle

    def records(self) -> list[TrialRecord]:
        """Read the trials that have ended, by number."""
        folders = self.trial_folders()
        trials = [Trial.load(str(folder / "trial.json")) for folder in folders]
        return [
            TrialRecord(
                number=int(trial.trial_id),
                values=trial.hyperparameters.values,
                outcome=read_outcome(folder) or Outcome(),
            )
            for folder, trial in zip(folders, trials, strict=True)
            if trial.status in ENDED
        ]

    def problems(self) -> dict[str, str]:
        """Read what was wrong with tracks, as all trials tell it."""
        found: dict[str, str] = {}
        for folder in self.trial_folders():
            for file in sorted(folder.glob("*/problems.json")):
                found |= json.loads(file.read_text(encoding="utf-8"))
        return found


def begin_search(
    folder: str | Path,
    space: Space,
    tracks: pd.DataFrame,
    config: SearchConfig,
    *,
    again: bool = False,
) -> Search:
    """Write the folder of a new search.

    Args:
        folder: Where it goes, new or empty.
        space: What is searched.
        tracks: Track table. Without `split` it is split by group; rows of "test" are kept aside.
        config: What decides it.
        again: Whether the folder may hold what a beginning that was killed has left.

    Returns:
        The search; no trial has begun.

    Raises:
        FileExistsError: If the folder is in use.
        RecipeError: If the space gives no recipe at its defaults or under one of its conditions.
        ValueError: If the tracks cannot be divided, a setting is also a hyperparameter, or the
            tuner needs more trials.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()) and not again:
        raise FileExistsError(f"--out must be new, or go on with --resume; got {folder}.")
    defaults = _recipe(space, HyperParameters(), config)
    whole, tables = _divided(defaults, tracks, config)
    search = Search(folder, config, replace(space, file=folder / SPACE))
    oracle = search.build_oracle(defaults)
    if config.trials < oracle.fewest_trials:
        raise ValueError(
            f"--trials must be at least {oracle.fewest_trials} for {config.tuner}, so that the "
            f"best of those with few epochs can go on; got {config.trials}."
        )
    space.explore(oracle)
    searched = {each.name for each in oracle.get_space().space}
    if both := searched & {setting.partition("=")[0] for setting in config.settings}:
        raise ValueError(f"--set must not change what is searched; got {sorted(both)}.")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(space.file, folder / SPACE)
    write_tracks(whole, folder / TRACKS)
    for name, table in tables.items():
        write_tracks(table, folder / TABLES / f"{name}.csv")
    oracle.save()
    write_json(folder / SEARCH, asdict(config))  # last: from now on there is a search
    return search


def open_search(folder: str | Path) -> Search:
    """Open a search that was begun.

    Raises:
        FileNotFoundError: If the folder holds none.
    """
    folder = Path(folder)
    if not (folder / SEARCH).is_file():
        raise FileNotFoundError(f"a search must have been begun by `kmusic tune`; got {folder}.")
    told = json.loads((folder / SEARCH).read_text(encoding="utf-8"))
    config = SearchConfig(**{**told, "settings": tuple(told["settings"])})
    return Search(folder, config, find_space(f"{folder / SPACE}:{config.function}"))


def resume_search(
    folder: str | Path, space: Space, tracks: pd.DataFrame, config: SearchConfig
) -> Search:
    """Open a search to go on with it, with more trials if need be.

    Args:
        folder: Folder of the search.
        space: The space that it has.
        tracks: The tracks that it has.
        config: What decides it; there may be more `trials`.

    Raises:
        FileNotFoundError: If the folder holds none.
        ValueError: If it is another search.
    """
    search = open_search(folder)
    if replace(search.config, trials=config.trials) != config:
        wanted, own = asdict(config), asdict(search.config)
        others = {name: value for name, value in own.items() if value != wanted[name]}
        raise ValueError(f"--resume must go on with the search's own settings, {others}.")
    if config.trials < search.config.trials:
        raise ValueError(
            f"--trials must be those of the search, or more, {search.config.trials}; "
            f"got {config.trials}."
        )
    if search.space.file.read_bytes() != space.file.read_bytes():
        raise ValueError(f"--resume must go on with the search's own space; {space.file} changed.")
    begun = read_tracks(search.folder / TRACKS, must_exist=False)
    whole, _ = _divided(search.recipe(HyperParameters()), tracks, config)
    if changed := {*row_keys(begun, "split")} ^ {*row_keys(whole, "split")}:
        raise ValueError(
            "--resume must go on with the search's own tracks, on their sides; got others, such as "
            f"{clip_name(*min(changed)[:2])}."
        )
    write_json(search.folder / SEARCH, asdict(config))
    return replace(search, config=config)


@contextmanager
def leading(folder: Path) -> Iterator[None]:
    """Lead a search while a block runs, as nobody else may.

    Raises:
        ValueError: If another process does.
    """
    with (folder / LOCK).open("w") as lock:
        try:  # the lock goes with the process, however that ends
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"a search is led by one process; another leads {folder}.") from error
        yield


def _recipe(space: Space, hyperparameters: HyperParameters, config: SearchConfig) -> Recipe:
    recipe = override(space.recipe(hyperparameters), config.settings)
    epochs = hyperparameters.values.get("tuner/epochs", config.epochs) or recipe.epochs
    return replace(recipe, seed=config.seed, epochs=epochs)


def _divided(
    recipe: Recipe, tracks: pd.DataFrame, config: SearchConfig
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Divide a table as the search keeps it, and into what trials see, which holds no test row."""
    (whole,) = divided(recipe, tracks, fold=config.fold).values()
    seen = whole[whole["split"] != "test"].reset_index(drop=True)
    if config.folds is None:
        if not {"train", "validation"} <= {*seen["split"]}:
            raise ValueError(
                "tracks must have rows for train and for validation, or --folds; "
                f"got {whole['split'].value_counts().to_dict()}."
            )
        return whole, {"validation": seen}
    seen = assign_folds(seen, config.folds, stratify=stratified_by(recipe), seed=config.seed)
    held_out = {f"fold-{n}": seen["fold"] == n for n in range(1, config.folds + 1)}
    return whole, {
        name: seen.assign(split=np.where(rows, "validation", "train"))
        for name, rows in held_out.items()
    }
