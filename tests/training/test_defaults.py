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
    [
        ("crnn", "parallel_cnn_rnn", "pca", "residual_cnn"),
        ("artist_dcnn", "siamese"),
        ("coala", "tag_contrastive"),
    ],
    ids=["genres", "artists", "tags"],
)
def test_defaults_of_a_family_hear_the_same_so_that_systems_compare(family):
    first, *others = ((DEFAULTS[name].frontend, DEFAULTS[name].excerpt_seconds) for name in family)
    assert all(other == first for other in others)


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_a_system_learns_one_thing_and_a_probe_names_classes_where_it_does_not(name):
    recipe = DEFAULTS[name]
    names_classes = hasattr(recipe.model, "n_classes")
    assert (recipe.target is not None) == names_classes
    taught = [names_classes, bool(recipe.triplets), bool(recipe.tags)]
    assert taught.count(True) <= 1
    assert bool(recipe.probe) == (not names_classes and not recipe.triplets)


@pytest.mark.parametrize("name", ["coala", "tag_contrastive"])
def test_the_default_patch_of_an_aligning_system_can_be_halved(name):
    recipe = DEFAULTS[name]
    n_frames = recipe.frontend.n_frames(recipe.excerpt_samples)
    assert recipe.model.patch.maps((n_frames, recipe.frontend.n_bands)) == (3, 3, 128)
