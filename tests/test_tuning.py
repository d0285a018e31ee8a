"""Every search space is a document that runs, and every point of it a recipe that builds."""

import ast
import json
from dataclasses import fields
from functools import cache, reduce
from pathlib import Path

import pytest
from keras_tuner import HyperParameters, Objective
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.oracles import RandomSearchOracle

from kmusic.models import BUILDERS
from kmusic.models.tag_contrastive import TagContrastiveConfig
from kmusic.training.compose import compose
from kmusic.training.defaults import DEFAULTS
from kmusic.training.optimizers import AdamConfig, build_optimizer
from kmusic.training.recipe import Recipe
from kmusic.training.recipe_files import from_json, to_json
from kmusic.training.spaces import find_space

FOLDER = Path(__file__).parents[1] / "tuning"
FILES = sorted(FOLDER.glob("*.py"))
NAMES = [file.stem for file in FILES]
SEARCHED = {
    "ali",
    "artist_dcnn",
    "beta_vae",
    "crnn",
    "parallel_cnn_rnn",
    "residual_cnn",
    "siamese",
    "tag_contrastive",
}
FRONT_END = {"frontend.n_mels", "frontend.hop_length"}
MEASURED = {"probe_accuracy", "retrieval_map", "tag_recall"}  # after training
LOSS_COMPARES_NOT = {  # what its loss is made of is searched for
    "ali": "probe_accuracy",
    "beta_vae": "probe_accuracy",
    "siamese": "retrieval_map",
    "tag_contrastive": "tag_recall",
}
N_POINTS = 15
SLOW = pytest.mark.slow
ENDS = {"least": 0.0, "greatest": 1.0}

WORDS = {
    "altered": lambda r: r.augment is not None and r.augment.alters_waveform,
    "attends": lambda r: attention_of(r.model) is not None,
    "decays": lambda r: r.optimizer.decay > 0,
    "drawn": lambda r: r.triplets.n_negatives > 0,
    "mask_share": lambda r: r.augment.frequency_mask_bands / r.frontend.n_mels,
    "masked": lambda r: r.augment is not None and r.augment.alters_spectrum,
    "method": lambda r: "adam" if isinstance(r.optimizer, AdamConfig) else "sgd",
    "pace": lambda r: (
        r.optimizer.learning_rate / (0.001 if WORDS["method"](r) == "adam" else 0.015)
    ),
    "stretch": lambda r: r.augment.stretch[1] - 1,
    "waits": lambda r: r.model.waits_at is not None,
    "width": lambda r: n_filters(r.model) / n_filters(type(r.model)()),
}
"""What a parameter that is no field of a recipe says of it."""


def attention_of(model):
    """Give how large a model's attention is; `None` if it has none."""
    return model.n_heads if isinstance(model, TagContrastiveConfig) else model.attention_units


def n_filters(model):
    """Count the filters of all layers that a width is said of."""
    if hasattr(model, "stages"):
        return sum(sum(stage.filters) + stage.bottleneck for stage in model.stages)
    return sum(model.filters)


@cache
def space_of(name):
    return find_space(str(FOLDER / f"{name}.py"))


def recipe_at(name, values):
    """Give the recipe where some parameters have values and the others defaults; and all values."""
    hp = HyperParameters()
    hp.values.update(values)
    return space_of(name).function(hp), hp.values


@cache
def parameters_of(name):
    """Give all parameters of a space, those under conditions behind what they depend on."""
    hp = HyperParameters()
    space_of(name).function(hp)
    return tuple(hp.space)


@cache
def random_points(name, folder):
    """Draw points as KerasTuner does."""
    oracle = RandomSearchOracle(Objective("score", "max"), max_trials=N_POINTS, seed=1)
    oracle.verbose = 0
    BaseTuner(oracle, space_of(name).function, directory=folder, project_name=name)
    return [oracle.create_trial(str(n)).hyperparameters for n in range(N_POINTS)]


def end_of(name, end):
    """Give the recipe where all parameters are at their least, or all at their greatest."""
    return recipe_at(name, {p.name: p.prob_to_value(ENDS[end]) for p in parameters_of(name)})[0]


def tells(recipe, name):
    """Say what a recipe has where a parameter of this name stands."""
    first, *rest = name.split(".")
    if first not in {field.name for field in fields(Recipe)}:
        return WORDS[name](recipe)
    return reduce(getattr, rest, getattr(recipe, first))


def require_built(recipe):
    """Build all that a training would begin with."""
    composition = compose(recipe, n_named=3)
    assert composition.model.trainable_weights
    build_optimizer(recipe.optimizer)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for KerasTuner's files."""
    return tmp_path_factory.mktemp("searches")


conditional = pytest.mark.parametrize(
    ("name", "parameter"),
    [
        pytest.param(name, parameter, id=f"{name}-{parameter.name}")
        for name in NAMES
        for parameter in parameters_of(name)
        if parameter.conditions
    ],
)


def test_every_model_that_is_searched_has_a_space():
    assert set(NAMES) == SEARCHED
    assert set(BUILDERS) >= SEARCHED


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_docstring_names_command_and_paper(file):
    docstring = ast.get_docstring(ast.parse(file.read_text()))
    assert f"\nRun:\n    kmusic tune tuning/{file.name} --tracks " in docstring
    assert "\nPaper: " in docstring


@pytest.mark.parametrize("name", NAMES)
def test_no_range_stands_without_a_reason(name):
    docstring = space_of(name).function.__doc__
    reasons, _ = docstring.split("Args:")
    assert {p.name for p in parameters_of(name) if f"`{p.name}`" not in reasons} == set()


@pytest.mark.parametrize("name", NAMES)
def test_the_objective_compares_trials(name):
    objective = space_of(name).objective
    assert objective == LOSS_COMPARES_NOT.get(name, "val_accuracy")
    assert f"`{objective}`" in space_of(name).function.__doc__
    assert (objective in MEASURED) == (DEFAULTS[name].target is None)


@pytest.mark.parametrize("name", NAMES)
def test_the_defaults_are_the_default_recipe(name):
    assert recipe_at(name, {})[0] == DEFAULTS[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_space_has_a_dozen_parameters_at_most_and_those_of_the_front_end(name):
    names = [parameter.name for parameter in parameters_of(name)]
    assert len(names) == len(set(names))
    assert 6 <= len(names) <= 12
    assert set(names) >= FRONT_END


@pytest.mark.parametrize("name", NAMES)
def test_a_default_is_a_value_that_can_be_drawn(name):
    for parameter in parameters_of(name):
        drawn = parameter.prob_to_value(parameter.value_to_prob(parameter.default))
        assert drawn == pytest.approx(parameter.default), parameter.name


@pytest.mark.parametrize("name", NAMES)
def test_a_space_is_a_function_of_its_point_alone(name, folder):
    for point in random_points(name, folder):
        before = dict(point.values)
        assert space_of(name).function(point) == space_of(name).function(point)
        assert point.values == before


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_has_the_values_of_its_point(name, folder):
    for point in random_points(name, folder):
        recipe = space_of(name).function(point)
        assert isinstance(recipe, Recipe)
        for parameter, value in point.values.items():
            # Filters are whole numbers, of some hundred in all.
            close = pytest.approx(value, rel=0.01) if isinstance(value, float) else value
            assert tells(recipe, parameter) == close, parameter


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_of_any_point_survives_its_json(name, folder):
    for point in random_points(name, folder):
        recipe = space_of(name).function(point)
        assert from_json(json.loads(json.dumps(to_json(recipe)))) == recipe


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_changes_the_recipe(name):
    for parameter in parameters_of(name):
        asked = {c.name: c.values[0] for c in parameter.conditions}
        ends = [parameter.prob_to_value(end) for end in ENDS.values()]
        recipes = [recipe_at(name, {**asked, parameter.name: end})[0] for end in ends]
        assert recipes[0] != recipes[1], parameter.name


@conditional
def test_a_parameter_is_absent_where_its_condition_does_not_hold(name, parameter):
    parents = {p.name: p for p in parameters_of(name)}
    for condition in parameter.conditions:
        ends = [parents[condition.name].prob_to_value(end) for end in ENDS.values()]
        for value in set(ends) - set(condition.values):
            assert parameter.name not in recipe_at(name, {condition.name: value})[1]
        assert set(ends) - set(condition.values)


@conditional
def test_a_parameter_is_there_where_its_condition_holds(name, parameter):
    asked = {c.name: c.values[0] for c in parameter.conditions}
    assert parameter.name in recipe_at(name, asked)[1]


@pytest.mark.parametrize("name", NAMES)
def test_every_space_has_a_condition(name):
    assert any(parameter.conditions for parameter in parameters_of(name))


@pytest.mark.parametrize("name", ["artist_dcnn", "crnn", "parallel_cnn_rnn", "residual_cnn"])
def test_what_accuracy_is_counted_over_is_as_long_in_every_trial(name, folder):
    recipes = [space_of(name).function(point) for point in random_points(name, folder)]
    assert {recipe.excerpt_seconds for recipe in recipes} == {DEFAULTS[name].excerpt_seconds}


@pytest.mark.parametrize(
    ("name", "n_frames"), [("beta_vae", 64), ("siamese", 129), ("tag_contrastive", 96)]
)
def test_an_excerpt_has_as_many_frames_whatever_the_hop(name, n_frames, folder):
    for point in random_points(name, folder):
        recipe = space_of(name).function(point)
        assert recipe.frontend.n_frames(recipe.excerpt_samples) == n_frames


def test_a_pressure_that_grows_is_not_stopped_where_it_was_least():
    still, growing = (recipe_at("beta_vae", {"model.growth_steps": n})[0] for n in (0, 200))
    assert still.early_stopping == DEFAULTS["beta_vae"].early_stopping
    assert growing.early_stopping is None


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_corner_builds(name, end):
    require_built(end_of(name, end))


@pytest.mark.parametrize("number", [0, 1, *(pytest.param(n, marks=SLOW) for n in range(2, 4))])
@pytest.mark.parametrize("name", NAMES)
def test_a_random_point_builds(name, number, folder):
    require_built(space_of(name).function(random_points(name, folder)[number]))
