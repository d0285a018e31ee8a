"""Find, change, write and read recipes."""

import importlib.util
import json
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from kmusic.features.augment import AugmentConfig
from kmusic.features.front_ends import FRONT_ENDS
from kmusic.features.scaling import ScalingConfig
from kmusic.layers.blocks import ResidualStage
from kmusic.models import BUILDERS
from kmusic.training.defaults import DEFAULTS
from kmusic.training.optimizers import AdamConfig, SGDConfig
from kmusic.training.recipe import EarlyStopping, PaperFigure, Recipe

CONFIGS: dict[str, type[Any]] = {
    config.__name__: config
    for config in [
        Recipe,
        AdamConfig,
        AugmentConfig,
        EarlyStopping,
        PaperFigure,
        ResidualStage,
        ScalingConfig,
        SGDConfig,
        *FRONT_ENDS,
        *(config for config, _ in BUILDERS.values()),
    ]
}


class RecipeError(ValueError):
    """A recipe that cannot be found or changed as asked."""


def find_recipe(reference: str) -> Recipe:
    """Find a recipe by file, file and name, or model.

    Args:
        reference: `file.py`, `file.py:name`, `recipe.json`, or a model's name for its default.

    Raises:
        RecipeError: If there is no such recipe; the message says which there are.
    """
    if reference in DEFAULTS:
        return DEFAULTS[reference]
    file, _, name = reference.partition(":")
    path = Path(file)
    if path.suffix not in (".py", ".json") or not path.is_file():
        raise RecipeError(
            f"RECIPE must be an existing .py or .json file, or one of {sorted(DEFAULTS)}; "
            f"got {reference!r}."
        )
    if path.suffix == ".json":
        return read_recipe(path)
    recipes = recipes_of(path)
    chosen = name or next(iter(recipes))
    if chosen not in recipes:
        raise RecipeError(f"{path} must hold the recipe named; got {name!r} of {list(recipes)}.")
    return recipes[chosen]


def recipes_of(path: Path) -> dict[str, Recipe]:
    """Give the recipes of a Python file by name: `RECIPES`, or `RECIPE` under its own name.

    Raises:
        RecipeError: If the file holds neither.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    recipes = getattr(module, "RECIPES", None) or {"RECIPE": getattr(module, "RECIPE", None)}
    if not isinstance(recipes, dict) or not all(isinstance(r, Recipe) for r in recipes.values()):
        raise RecipeError(f"{path} must hold RECIPE, or RECIPES = {{name: Recipe, ...}}.")
    return recipes


def override(recipe: Recipe, settings: list[str]) -> Recipe:
    """Change single fields of a recipe.

    Args:
        recipe: Recipe to start from.
        settings: Changes such as `model.embedding_dim=64`, `epochs=5` or `augment=null`; values
            are JSON, or else text.

    Raises:
        RecipeError: If a field is unknown or a value does not fit it.
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise RecipeError(f"--set must be field=value; got {setting!r}.")
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        *configs, field = name.split(".")
        place = changes
        for config in configs:
            place = place.setdefault(config, {})
        place[field] = value
    return _replaced(recipe, changes, "")


def _replaced(config: Any, changes: Mapping[str, Any], prefix: str) -> Any:
    """Change fields together, so that those which belong together are judged together."""
    known = {field.name for field in fields(config)} if is_dataclass(config) else set()
    new = {}
    for name, value in changes.items():
        whole = prefix + name
        if name not in known:
            raise RecipeError(f"--set {whole}: field must be one of {sorted(known)}; got {name!r}.")
        old = getattr(config, name)
        if isinstance(value, dict):
            new[name] = _replaced(old, value, whole + ".")
        else:
            hint = typing.get_type_hints(type(config))[name]
            new[name] = _fitted(value, old, typing.get_args(hint) or (hint,), whole)
    try:
        return replace(config, **new)
    except ValueError as error:
        raise RecipeError(f"--set {prefix}{', '.join(new)}: {error}") from error


def _fitted(value: Any, old: Any, allowed: tuple[Any, ...], whole: str) -> Any:
    """Give a JSON value the type of the field: tuples from lists, floats from integers."""
    if isinstance(old, tuple) and isinstance(value, list):
        return tuple(value)
    if float in allowed and type(value) is int:
        return float(value)
    if value is None and type(None) in allowed:
        return None
    kinds = tuple(kind for kind in allowed if isinstance(kind, type))
    if kinds and type(value) not in kinds:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise RecipeError(f"--set {whole}: value must be {names}; got {value!r}.")
    return value


def to_json(config: Any) -> Any:
    """Describe a config and those inside it in JSON types, each with its class."""
    if is_dataclass(config):
        described = {field.name: to_json(getattr(config, field.name)) for field in fields(config)}
        return {"class": type(config).__name__, **described}
    if isinstance(config, tuple):
        return [to_json(part) for part in config]
    return config


def from_json(described: Any) -> Any:
    """Rebuild what `to_json` described.

    Raises:
        RecipeError: If it names a class that no recipe is made of, or fields it does not have.
    """
    if isinstance(described, list):
        return tuple(from_json(part) for part in described)
    if not isinstance(described, Mapping):
        return described
    settings = {name: from_json(value) for name, value in described.items()}
    name = settings.pop("class", None)
    if name not in CONFIGS:
        raise RecipeError(f"class must be one of {sorted(CONFIGS)}; got {name!r}.")
    try:
        return CONFIGS[name](**settings)
    except TypeError as error:
        raise RecipeError(f"{name} does not have these fields: {error}.") from error


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe from the JSON file that a run folder holds.

    Raises:
        RecipeError: If the file does not describe a recipe.
    """
    try:
        recipe = from_json(json.loads(Path(path).read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise RecipeError(f"{path} must be JSON; {error}.") from error
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"{path} must describe a Recipe; got {type(recipe).__name__}.")
    return recipe
