"""The embeddings without adversaries of Symphony2vec are those of their source."""

from functools import cache
from pathlib import Path

import pytest

from kmusic.features.scaling import ScalingConfig
from kmusic.models.autoencoders import AEConfig, CAEConfig, VAEConfig
from kmusic.models.pca import PCAConfig
from kmusic.training.compose import compose
from kmusic.training.optimizers import AdamConfig
from kmusic.training.probe import LogisticConfig
from kmusic.training.recipe import Milestones
from kmusic.training.recipe_files import recipes_of

FOLDER = Path(__file__).parents[2] / "experiments/symphony2vec"
STEMS = ("ae", "cae", "vae", "pca")
HEARD = {"mel": 64, "mfcc": 13, "chroma": 12}
NAMES = [*HEARD, *(f"{heard}-published" for heard in HEARD)]
STATISTICS = {
    "mel": (-39.2555344360, 16.7637749998),
    "mfcc": (-15.3513137704, 104.4164497835),
    "chroma": (0.2806374888, 0.2942439307),
}
FIGURES = {
    "ae": {"mel": 0.3477, "mfcc": 0.3941, "chroma": 0.3943},
    "cae": {"mel": 0.3438, "mfcc": 0.3665, "chroma": 0.4060},
    "vae": {"mel": 0.3685, "mfcc": 0.4545, "chroma": 0.3873},
    "pca": {"mel": 0.2824, "mfcc": 0.3665, "chroma": 0.3589},
}
MODELS = {
    "ae": (AEConfig(latent_dim=40), AEConfig(latent_dim=40, output="tanh")),
    "cae": (
        CAEConfig(latent_dim=40, contraction=1e-4),
        CAEConfig(latent_dim=40, contraction=1e-4, output="tanh"),
    ),
    "vae": (
        VAEConfig(latent_dim=40),
        VAEConfig(latent_dim=40, likelihood="bernoulli", vector="mean_and_log_var"),
    ),
    "pca": (PCAConfig(n_components=40, standardize=False),) * 2,
}


def recipes(stem):
    return recipes_of(FOLDER / f"{stem}.py")


@cache
def composed(stem, name):
    """Give the features' shape, all and trainable parameters, and the embedding's length."""
    composition = compose(recipes(stem)[name])
    model = composition.model
    embedder = getattr(model, "embedder", model)
    shape, parameters = composition.front_end.output_shape, composition.network_parameters
    return shape, parameters, embedder.output_shape[-1]


@pytest.mark.parametrize("stem", STEMS)
def test_an_embedding_is_described_by_what_it_hears_and_then_as_published(stem):
    assert list(recipes(stem)) == NAMES


@pytest.mark.parametrize(
    ("stem", "name", "parameters", "trainable"),
    [
        ("ae", "chroma", 11_987_804, True),
        ("cae", "mfcc-published", 12_870_923, True),
        ("vae", "chroma-published", 11_992_964, True),
        ("vae", "mfcc", 12_876_083, True),
        ("ae", "mel", 57_909_992, True),
        ("vae", "mel", 57_915_152, True),
        # A mean and a direction a component.
        ("pca", "chroma", 431 * 12 * (1 + 40), False),
        ("pca", "mel", 431 * 64 * (1 + 40), False),
    ],
)
def test_an_embedding_has_the_parameters_of_its_source(stem, name, parameters, trainable):
    shape, counted, _ = composed(stem, name)
    assert counted == (parameters, parameters if trainable else 0)
    assert shape == (None, 431, HEARD[name.removesuffix("-published")])


@pytest.mark.parametrize(
    ("stem", "name", "length"),
    [
        ("ae", "chroma", 40),
        ("cae", "mfcc-published", 40),
        ("vae", "mfcc", 40),
        ("vae", "chroma-published", 80),  # means and logarithms of variances
        ("pca", "chroma", 40),
    ],
)
def test_an_embedding_is_as_long_as_in_its_source(stem, name, length):
    assert composed(stem, name)[2] == length


@pytest.mark.parametrize("stem", STEMS)
def test_front_ends_are_those_of_the_public_code(stem):
    for name, recipe in recipes(stem).items():
        front_end = recipe.frontend
        settings = (front_end.sample_rate, front_end.n_fft, front_end.hop_length)
        assert settings == (22_050, 2_048, 512)
        assert front_end.n_bands == HEARD[name.removesuffix("-published")]
        assert recipe.excerpt_seconds == 10.0
        if name.startswith("mel"):
            assert (front_end.fmax, front_end.scale) == (8_000.0, "db")
            assert (front_end.reference, front_end.top_db) == ("max", 80.0)
        elif name.startswith("mfcc"):
            assert (front_end.n_mels, front_end.fmax, front_end.deltas) == (128, None, 0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stem", STEMS)
def test_an_embedding_is_the_texts_and_then_the_codes(stem, name):
    assert recipes(stem)[name].model == MODELS[stem][name.endswith("-published")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stem", STEMS)
def test_features_are_scaled_by_what_is_trained_on_or_as_published(stem, name):
    scaling = recipes(stem)[name].scaling
    if not name.endswith("-published"):
        assert scaling == ScalingConfig(kind="standard", per="global")
    elif stem == "vae":  # its cross-entropies want features in [0, 1]
        assert scaling == ScalingConfig(kind="minmax", per="global", clip=True)
    else:
        offset, spread = STATISTICS[name.removesuffix("-published")]
        assert scaling == ScalingConfig(kind="fixed", offset=offset, spread=spread)


@pytest.mark.parametrize(
    ("stem", "optimizer", "epochs"),
    [
        ("ae", AdamConfig(learning_rate=1e-3, weight_decay=1e-5), 10),
        ("cae", AdamConfig(learning_rate=1e-3, weight_decay=1e-5), 10),
        ("vae", AdamConfig(learning_rate=1e-3), 100),
        ("pca", AdamConfig(), 1),  # fitted, not trained
    ],
)
def test_an_embedding_is_trained_as_its_source_says(stem, optimizer, epochs):
    for name, recipe in recipes(stem).items():
        falls = stem == "vae" and name.endswith("-published")
        assert (recipe.optimizer, recipe.epochs) == (optimizer, epochs)
        assert recipe.rate_falls == (Milestones(epochs=(5,), factor=0.1) if falls else None)
        assert (recipe.batch_size, recipe.early_stopping) == (32, None)
        assert (recipe.target, recipe.augment, recipe.place) == (None, None, None)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stem", STEMS)
def test_composers_are_named_by_a_regression_on_scaled_vectors_or_as_published(stem, name):
    scaled = not name.endswith("-published")
    assert recipes(stem)[name].probe == LogisticConfig(standardize=scaled)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stem", STEMS)
def test_an_embedding_aims_at_the_printed_figure(stem, name):
    paper = recipes(stem)[name].paper
    assert (paper.place, paper.metric) == ("table 4", "accuracy")
    assert paper.value == FIGURES[stem][name.removesuffix("-published")]
    assert paper.data == "symphonies of five composers"
