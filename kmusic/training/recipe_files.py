"""Find, change, write and read recipes."""

import importlib.util
import json
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from kmusic.datasets.sampling import TripletConfig
from kmusic.datasets.tags import TagConfig
from kmusic.features.augment import AugmentConfig, Copy
from kmusic.features.front_ends import FRONT_ENDS
from kmusic.features.scaling import ScalingConfig
from kmusic.layers.blocks import ResidualStage
from kmusic.layers.crops import CropConfig
from kmusic.layers.patch_networks import PatchConfig
from kmusic.models import BUILDERS
from kmusic.models.composer_baselines import ConvStage
from kmusic.training.defaults import DEFAULTS
from kmusic.training.optimizers import AdamConfig, SGDConfig
from kmusic.training.probe import ForestConfig, KNNConfig, LogisticConfig, MLPConfig, SVMConfig
from kmusic.training.recipe import EarlyStopping, Milestones, PaperFigure, Plateau, Recipe

CONFIGS: dict[str, type[Any]] = {
    config.__name__: config
    for config in [
        Recipe,
        AdamConfig,
        AugmentConfig,
        ConvStage,
        Copy,
        CropConfig,
        EarlyStopping,
        ForestConfig,
        KNNConfig,
        LogisticConfig,
        Milestones,
        MLPConfig,
        PaperFigure,
        PatchConfig,
        Plateau,
        ResidualStage,
        ScalingConfig,
        SGDConfig,
        SVMConfig,
        TagConfig,
        TripletConfig,
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
        RecipeError: If the file does not run or holds neither.
    """
    module = run_file(path)
    recipes = getattr(module, "RECIPES", None) or {"RECIPE": getattr(module, "RECIPE", None)}
    if not isinstance(recipes, dict) or not all(isinstance(r, Recipe) for r in recipes.values()):
        raise RecipeError(f"{path} must hold RECIPE, or RECIPES = {{name: Recipe, ...}}.")
    return recipes


def run_file(path: Path) -> types.ModuleType:
    """Run a Python file, and give what it holds.

    Raises:
        RecipeError: If it does not run.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise RecipeError(f"{path} must run; {type(error).__name__}: {error}.") from error
    return module


def override(recipe: Recipe, settings: Sequence[str]) -> Recipe:
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
            if not isinstance(place, dict):
                raise RecipeError(f"--set {name}: {config} must not be set as well; got {place!r}.")
        place[field] = value
    return _replaced(recipe, changes, "")


def _replaced(config: Any, changes: Mapping[str, Any], prefix: str) -> Any:
    """Change fields together, so that those which belong together are judged together."""
    known = {field.name for field in fields(config)} if is_dataclass(config) else set()
    if not known:
        raise RecipeError(
            f"--set {prefix[:-1]}: value must be a config to have fields; got {config!r}."
        )
    new = {}
    for name, value in changes.items():
        whole = prefix + name
        if name not in known:
            raise RecipeError(f"--set {whole}: field must be one of {sorted(known)}; got {name!r}.")
        if isinstance(value, dict):
            new[name] = _replaced(getattr(config, name), value, whole + ".")
        else:
            new[name] = _fitted(value, typing.get_type_hints(type(config))[name], whole)
    try:
        return replace(config, **new)
    except ValueError as error:
        raise RecipeError(f"--set {prefix}{', '.join(new)}: {error}") from error


def _fitted(value: Any, hint: Any, whole: str) -> Any:
    """Give a JSON value a type of the field: tuples from lists, floats from integers."""
    kinds = _kinds(hint)
    if float in kinds and type(value) is int:
        return float(value)
    for kind in kinds:
        if typing.get_origin(kind) is tuple and isinstance(value, list):
            return tuple(_fitted(part, typing.get_args(kind)[0], whole) for part in value)
    if type(value) not in kinds:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise RecipeError(f"--set {whole}: value must be {names}; got {value!r}.")
    return value


def _kinds(hint: Any) -> tuple[Any, ...]:
    """Give the types that a hint allows; for a choice of words, that of the words."""
    if typing.get_origin(hint) is typing.Literal:
        return tuple({type(word) for word in typing.get_args(hint)})
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(kind for part in typing.get_args(hint) for kind in _kinds(part))
    return (hint,)


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
