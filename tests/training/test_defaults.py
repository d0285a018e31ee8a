import pytest

from kmusic.models import BUILDERS
from kmusic.training.defaults import DEFAULTS


def test_every_model_has_a_default_recipe():
    assert set(DEFAULTS) == set(BUILDERS)


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_the_default_recipe_is_of_the_model_as_it_comes(name):
    config, _ = BUILDERS[name]
    assert DEFAULTS[name].model == config()


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_defaults_hear_the_same_so_that_systems_compare(name):
    heard = [(recipe.frontend, recipe.excerpt_seconds) for recipe in DEFAULTS.values()]
    assert (DEFAULTS[name].frontend, DEFAULTS[name].excerpt_seconds) == heard[0]


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_classes_are_named_by_the_model_or_by_a_probe(name):
    names_classes = hasattr(DEFAULTS[name].model, "n_classes")
    assert (DEFAULTS[name].target is not None) == names_classes
    assert (DEFAULTS[name].probe is None) == names_classes
