import pytest

from kmusic.models import BUILDERS
from kmusic.training.defaults import DEFAULTS


def test_every_model_has_a_default_recipe():
    assert set(DEFAULTS) == set(BUILDERS)


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_the_default_recipe_is_of_the_model_it_is_named_after(name):
    assert type(DEFAULTS[name].model) is BUILDERS[name][0]
