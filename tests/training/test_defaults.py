import pytest

from kmusic.models import BUILDERS
from kmusic.training.defaults import DEFAULTS


def test_every_model_has_a_default_recipe():
    assert set(DEFAULTS) == set(BUILDERS)


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_the_default_recipe_is_of_the_model_as_it_comes(name):
    config, _ = BUILDERS[name]
    assert DEFAULTS[name].model == config()


@pytest.mark.parametrize(
    "family",
    [("crnn", "parallel_cnn_rnn", "pca", "residual_cnn"), ("artist_dcnn", "siamese")],
    ids=["genres", "artists"],
)
def test_defaults_of_a_family_hear_the_same_so_that_systems_compare(family):
    first, *others = ((DEFAULTS[name].frontend, DEFAULTS[name].excerpt_seconds) for name in family)
    assert all(other == first for other in others)


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_a_system_learns_classes_or_triplets_or_is_asked_by_a_probe(name):
    recipe = DEFAULTS[name]
    names_classes = hasattr(recipe.model, "n_classes")
    assert (recipe.target is not None) == names_classes
    assert [names_classes, bool(recipe.triplets), bool(recipe.probe)].count(True) == 1
