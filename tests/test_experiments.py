"""Every experiment is a document that runs."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kmusic.training.compose import compose
from kmusic.training.recipe_files import from_json, recipes_of, to_json

FOLDER = Path(__file__).parents[1] / "experiments"
FILES = sorted(FOLDER.rglob("*.py"))
RECIPES = [(file, name) for file in FILES for name in recipes_of(file)]


def named(case):
    return "-".join(Path(str(part)).stem for part in case)


def test_there_are_experiments():
    assert FILES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_docstring_names_command_and_figure(file):
    docstring = ast.get_docstring(ast.parse(file.read_text()))
    assert f"kmusic train {file.relative_to(FOLDER.parent).as_posix()}" in docstring
    assert "\nPaper: " in docstring


@pytest.mark.parametrize("case", RECIPES, ids=named)
def test_a_recipe_survives_its_json(case):
    file, name = case
    recipe = recipes_of(file)[name]
    assert from_json(to_json(recipe)) == recipe


@pytest.mark.parametrize("case", RECIPES, ids=named)
def test_a_recipe_builds(case):
    file, name = case
    recipe = recipes_of(file)[name]
    model = compose(recipe).model
    silence = np.zeros((1, recipe.excerpt_samples), np.float32)
    assert np.isfinite(model(silence).numpy()).all()


@pytest.mark.slow
@pytest.mark.parametrize("case", RECIPES, ids=named)
def test_a_recipe_takes_a_training_step(case):
    file, name = case
    recipe = replace(recipes_of(file)[name], seed=1)
    composition = compose(recipe, 3)
    samples = recipe.augment.reads(recipe.excerpt_samples) if recipe.augment else None
    sound = np.random.default_rng(0).uniform(-0.3, 0.3, (4, samples or recipe.excerpt_samples))
    composition.model.compile("adam", recipe.loss)
    before = composition.model.get_weights()[-1].copy()
    loss = composition.model.train_on_batch(sound.astype(np.float32), np.eye(3)[[0, 1, 2, 0]])
    assert np.isfinite(loss)
    assert not np.array_equal(before, composition.model.get_weights()[-1])
