"""Search spaces: functions that say which recipe a point stands for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from keras_tuner import HyperParameters
from keras_tuner.engine.base_tuner import BaseTuner

from kmusic.training.oracles import Oracle
from kmusic.training.recipe import Recipe
from kmusic.training.recipe_files import RecipeError, run_file

ALMOST_ONE = 1 - 1e-9  # at 1 KerasTuner may give a value beyond a range


@dataclass(frozen=True)
class Space:
    """A search space.

    Attributes:
        file: The Python file that holds it.
        name: What its function is called there.
        function: From hyperparameters to a recipe.
        objective: What the file says is to be looked for; `None` if it says nothing.
    """

    file: Path
    name: str
    function: Callable[[HyperParameters], Any]
    objective: str | None

    def recipe(self, hyperparameters: HyperParameters) -> Recipe:
        """Give the recipe of a point.

        Raises:
            RecipeError: If the function raises, or gives no recipe.
        """
        try:
            recipe = self.function(hyperparameters)
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise RecipeError(f"{self.name} of {self.file} must give a recipe; {told}") from error
        if not isinstance(recipe, Recipe):
            raise RecipeError(
                f"{self.name} of {self.file} must give a Recipe; got {type(recipe).__name__}."
            )
        return recipe

    def explore(self, oracle: Oracle) -> None:
        """Tell an oracle all hyperparameters, those under conditions too; nothing is written.

        Args:
            oracle: The oracle.

        Raises:
            RecipeError: If the function fails at the defaults or under a condition, or asks for no
                hyperparameter that can have two values.
        """
        own = oracle._directory, oracle._project_name
        with TemporaryDirectory() as aside:
            # KerasTuner's tuner asks for recipes until each condition was true once.
            BaseTuner(oracle, hypermodel=self.recipe, directory=aside)
        oracle._set_project_dir(*own)
        space = oracle.get_space().space
        if all(each.prob_to_value(0.0) == each.prob_to_value(ALMOST_ONE) for each in space):
            raise RecipeError(
                f"{self.name} of {self.file} must ask for a hyperparameter of two values or more; "
                f"got {[each.name for each in space]}."
            )


def find_space(reference: str) -> Space:
    """Find a search space.

    Args:
        reference: `file.py`, whose function is called `space`, or `file.py:name`.

    Raises:
        RecipeError: If there is no such file or function.
    """
    file, _, name = reference.partition(":")
    path, name = Path(file), name or "space"
    if path.suffix != ".py" or not path.is_file():
        raise RecipeError(f"SPACE must be an existing file.py, or file.py:name; got {reference!r}.")
    module = run_file(path)
    function = getattr(module, name, None)
    if not callable(function):
        raise RecipeError(f"{path} must hold a function {name}(hp); got {function!r}.")
    return Space(path, name, function, getattr(module, "OBJECTIVE", None))
