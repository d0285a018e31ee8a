"""The recipes of adversarially learned inference, held to tables 5 to 7 and the public code."""

from pathlib import Path

import pytest

from kmusic.features.scaling import ScalingConfig
from kmusic.layers.crops import CropConfig
from kmusic.training.compose import compose
from kmusic.training.optimizers import AdamConfig
from kmusic.training.probe import LogisticConfig
from kmusic.training.recipe_files import recipes_of

FILE = Path(__file__).parents[2] / "experiments/symphony2vec/ali.py"
RECIPES = recipes_of(FILE)
PAPER = ("128", "256", "40")


def test_recipes_are_named_by_the_latent_length_and_as_published():
    assert list(RECIPES) == ["128", "256", "40", "128-published"]
    assert [recipe.model.latent_dim for recipe in RECIPES.values()] == [128, 256, 40, 128]


@pytest.mark.parametrize(
    ("name", "figure"),
    [("128", 0.2867), ("256", 0.2991), ("40", 0.2867), ("128-published", 0.2867)],
)
def test_a_recipe_aims_at_the_printed_figure(name, figure):
    paper = RECIPES[name].paper
    assert (paper.place, paper.metric, paper.value) == ("table 7", "accuracy", figure)


@pytest.mark.parametrize("name", PAPER)
def test_the_paper_judges_without_normalisation_and_learns_in_one_step(name):
    recipe, model = RECIPES[name], RECIPES[name].model
    assert (model.discriminator_norm, model.output_map) == (False, False)
    assert (model.noise, model.waits_at, model.vector) == (0.0, None, "mean")
    assert model.dropout == 0.2
    assert model.crop == CropConfig(n_frames=32, n_bands=32, first_frame=None, n_random=1)
    assert recipe.scaling == ScalingConfig(kind="fixed", offset=-80.0, spread=80.0)
    assert recipe.optimizer == AdamConfig(learning_rate=1e-5, beta_1=0.9, beta_2=0.999)
    assert recipe.probe == LogisticConfig(standardize=True)


def test_the_public_codes_options_are_those_of_its_recipe():
    recipe, model = RECIPES["128-published"], RECIPES["128-published"].model
    assert (model.discriminator_norm, model.output_map) == (True, True)
    assert (model.noise, model.waits_at, model.dropout) == (0.1, 3.5, 0.2)
    assert model.noise_steps == 50 * 84  # batches of 64 in 5,366 clips
    assert model.vector == "mean_and_log_sigma"
    assert (model.crop.first_frame, model.crop.n_random) == (32, None)
    assert recipe.optimizer == AdamConfig(learning_rate=1e-5, beta_1=0.5, beta_2=0.999)
    assert recipe.probe == LogisticConfig(standardize=False)


@pytest.mark.parametrize("name", RECIPES)
def test_all_hear_the_mel_of_ten_seconds_and_train_50_epochs_to_the_last(name):
    recipe, c = RECIPES[name], RECIPES[name].frontend
    assert (c.sample_rate, c.n_fft, c.hop_length, c.n_mels, c.fmax) == (22_050, 2_048, 512, 64, 8e3)
    assert (c.reference, c.top_db, recipe.excerpt_seconds) == ("max", 80.0, 10.0)
    assert (recipe.target, recipe.early_stopping) == (None, None)
    assert (recipe.epochs, recipe.batch_size) == (50, 64)


def test_the_published_game_has_the_parameters_of_its_code():
    composition = compose(RECIPES["128-published"])
    assert composition.front_end.output_shape == (None, 431, 64)
    assert composition.network_parameters[1] == 3_182_560 + 1_241_184 + 5_215_937
