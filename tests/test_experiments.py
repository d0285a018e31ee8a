"""Every experiment is a document that runs."""

import ast
from dataclasses import replace
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kmusic.datasets.sampling import TripletConfig
from kmusic.features.augment import apply_copies
from kmusic.models.statistics import StatisticsConfig
from kmusic.training.compose import compose
from kmusic.training.optimizers import AdamConfig, SGDConfig
from kmusic.training.probe import KNNConfig, SVMConfig
from kmusic.training.recipe import LOSSES, EarlyStopping, Plateau
from kmusic.training.recipe_files import from_json, recipes_of, to_json

FOLDER = Path(__file__).parents[1] / "experiments"
FILES = sorted(FOLDER.rglob("*.py"))
RECIPES = [(file, name) for file in FILES for name in recipes_of(file)]
COUNTED = [
    (file, name)
    for file, name in RECIPES
    if isinstance(recipes_of(file)[name].model, StatisticsConfig)
]
GENRE_METHODS = ("cnn", "crnn", "knn", "parallel_cnn_rnn", "svm")
PCA = 128 * 128 + 128 * 128 * 15  # a mean and a direction a component
ARTIST_LABELS = ("basic", "siamese", "tags")
TRUNK = 265_984
AVERAGES = 2 * (4 * 128 + 256)  # moving averages of the trunk, which are not trained
SIZES = ["500", "1000", "2000", "5000", "10000"]


def named(case):
    return "-".join(Path(str(part)).stem for part in case)


def genres(stem, name):
    return recipes_of(FOLDER / f"genre_methods/{stem}.py")[name]


def artists(stem, name):
    return recipes_of(FOLDER / f"artist_labels/{stem}.py")[name]


def light_or_slow(case):
    """Mark what has tens of millions of weights as slow."""
    file, name = case
    whole_spectra = file.stem in ("ae", "cae", "vae") and name.startswith("mel")
    heavy = whole_spectra or name == "1152-4h"
    return pytest.param(case, marks=pytest.mark.slow) if heavy else case


@cache
def composed(file, name):
    return compose(recipes_of(file)[name])


def training_batch(recipe, size):
    """Give noise and targets as a training batch brings them: copies are changed already."""
    augment, samples = recipe.augment, recipe.excerpt_samples
    reads = augment.reads(samples) if augment else samples
    together = (2 + recipe.triplets.n_negatives,) if recipe.triplets else ()
    shape = (size, *together, reads)
    sound = np.random.default_rng(0).uniform(-0.3, 0.3, shape).astype(np.float32)
    if recipe.triplets:
        return tf.constant(sound), tf.tile(tf.maximum(tf.range(*together) - 1, 0)[None], (size, 1))
    if recipe.tags:
        numbers = tf.constant([[1, 2, 3], [2, 3, 0], [1, 0, 0], [0, 0, 0]])  # of words
        return tf.constant(sound), tf.gather(numbers, tf.range(size) % 4)
    target = tf.one_hot(np.arange(size) % 3, 3)
    if not augment or not augment.copies:
        return tf.constant(sound), target
    copies = [augment.copies[number % len(augment.copies)] for number in range(size)]
    semitones = tf.constant([copy.semitones for copy in copies])
    stretch = tf.constant([copy.stretch for copy in copies])
    rate = recipe.frontend.sample_rate
    return apply_copies(sound, semitones, stretch, samples, rate), target


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


@pytest.mark.parametrize("case", [light_or_slow(case) for case in RECIPES], ids=named)
def test_a_recipe_builds(case):
    file, name = case
    silence = np.zeros((1, recipes_of(file)[name].excerpt_samples), np.float32)
    assert np.isfinite(composed(file, name).model(silence).numpy()).all()


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in RECIPES if case not in COUNTED], ids=named)
def test_a_recipe_takes_a_training_step(case):
    file, name = case
    whole = recipes_of(file)[name]
    recipe = replace(whole, seed=1)
    if file.parent.name not in ("symphony2vec", "latent_disentanglement"):
        # The published C-RNN takes 20 GMAC an example on a whole excerpt; artists' nets need one.
        seconds = 1.0 if file.parent.name == "genre_methods" else whole.excerpt_seconds
        small = replace(whole.frontend, n_mels=32)
        recipe = replace(recipe, frontend=small, excerpt_seconds=seconds)
    model = compose(recipe, 3).model
    size = min(16, recipe.batch_size) if model.trainable_weights else 48
    sound, target = training_batch(recipe, size)
    before = model.get_weights()[-1].copy()
    if not model.trainable_weights:
        embedding = model.get_layer("embedding")
        vectors = keras.Model(model.input, embedding.input)(sound, training=True)
        embedding.adapt([vectors.numpy()])
    else:
        model.compile("adam", LOSSES[recipe.loss] if recipe.target else None)
        batches = tf.data.Dataset.from_tensors((sound, target))
        history = model.fit(batches, shuffle=False, verbose=0).history
        losses = [history[each] for each in history if each.endswith("loss")]
        assert losses
        assert np.isfinite(losses).all()
    keras.backend.clear_session()
    assert not np.array_equal(before, model.get_weights()[-1])


@pytest.mark.parametrize("stem", GENRE_METHODS)
def test_a_genre_method_is_described_first_and_then_as_published(stem):
    assert list(recipes_of(FOLDER / f"genre_methods/{stem}.py")) == ["paper", "published"]


def test_there_are_five_genre_methods():
    files = (FOLDER / "genre_methods").glob("*.py")
    assert tuple(sorted(file.stem for file in files)) == GENRE_METHODS


@pytest.mark.parametrize(
    ("stem", "name", "parameters"),
    [
        ("cnn", "paper", (1_099_784, 1_095_800)),
        ("cnn", "published", (1_099_784, 1_095_800)),
        ("crnn", "published", (463_801, 462_843)),
        # The recurrence hears 137 maps of one band, not 119 frames of one map.
        ("crnn", "paper", (463_801 + 3 * 68 * 18, 462_843 + 3 * 68 * 18)),
        ("parallel_cnn_rnn", "published", (7_148_136, 7_139_304)),
        ("knn", "paper", (PCA, 0)),
        ("knn", "published", (PCA, 0)),
        ("svm", "paper", (PCA, 0)),
        ("svm", "published", (PCA, 0)),
    ],
)
def test_a_genre_method_has_the_parameters_of_its_source(stem, name, parameters):
    composition = composed(FOLDER / f"genre_methods/{stem}.py", name)
    assert composition.network_parameters == parameters


def test_the_parallel_net_of_the_text_has_the_residual_cnns_tower():
    cnn, parallel = (
        composed(FOLDER / f"genre_methods/{stem}.py", "paper").network_parameters[0]
        for stem in ("cnn", "parallel_cnn_rnn")
    )
    dense = 1_024 * 128 + 128 + 4 * 128 + 128 * 8 + 8 + 4 * 8  # behind the tower, normalised
    embedding = 128 * 64 + 64
    recurrence = 2 * (3 * 64 * (64 + 64) + 2 * 3 * 64)
    attention = 128 * 64 + 64 + 64
    assert parallel == cnn - dense + embedding + recurrence + attention + 1_152 * 8 + 8


@pytest.mark.parametrize("name", ["paper", "published"])
@pytest.mark.parametrize("stem", GENRE_METHODS)
def test_genre_methods_hear_128_frames_of_128_bands(stem, name):
    front_end = composed(FOLDER / f"genre_methods/{stem}.py", name).front_end
    assert front_end.output_shape == (None, 128, 128)


@pytest.mark.parametrize("name", ["paper", "published"])
@pytest.mark.parametrize("stem", GENRE_METHODS)
def test_genre_methods_hear_decibels_below_the_maximum_of_the_excerpt(stem, name):
    front_end = genres(stem, name).frontend
    assert (front_end.sample_rate, front_end.n_fft, front_end.hop_length) == (22_050, 2_048, 604)
    assert (front_end.scale, front_end.reference, front_end.top_db) == ("db", "max", 80.0)


@pytest.mark.parametrize(
    ("stem", "name", "place", "figure"),
    [
        ("cnn", "paper", "table 2", 402 / 800),
        ("cnn", "published", "table 2", 402 / 800),
        ("crnn", "paper", "table 1", 0.4112),
        ("crnn", "published", "figure 5", 323 / 800),
        ("parallel_cnn_rnn", "paper", "table 3", 420 / 800),
        ("parallel_cnn_rnn", "published", "table 3", 420 / 800),
        ("knn", "paper", "section 4", 0.305),
        ("knn", "published", "section 4", 0.305),
        ("svm", "paper", "section 4", 0.33),
        ("svm", "published", "section 4", 0.33),
    ],
)
def test_a_genre_method_aims_at_the_printed_figure(stem, name, place, figure):
    paper = genres(stem, name).paper
    assert (paper.place, paper.metric, paper.value, paper.data) == (
        place,
        "accuracy",
        figure,
        "fma_small",
    )


@pytest.mark.parametrize(
    ("stem", "name", "adam", "batch_size", "epochs", "patience", "loss"),
    [
        ("cnn", "paper", (2e-4, 2e-4 / 30), 16, 30, 10, "categorical_crossentropy"),
        ("cnn", "published", (2e-4, 2e-4 / 30), 16, 30, 7, "binary_crossentropy"),
        ("crnn", "paper", (1e-3, 0.0), 32, 50, 10, "categorical_crossentropy"),
        ("crnn", "published", (1e-3, 0.0), 32, 30, 10, "categorical_crossentropy"),
        ("parallel_cnn_rnn", "paper", (1e-3, 0.0), 32, 50, 20, "categorical_crossentropy"),
        ("parallel_cnn_rnn", "published", (1e-3, 0.0), 32, 50, 20, "categorical_crossentropy"),
    ],
)
def test_a_genre_net_is_trained_as_its_source_says(
    stem, name, adam, batch_size, epochs, patience, loss
):
    recipe = genres(stem, name)
    assert recipe.optimizer == AdamConfig(learning_rate=adam[0], decay=adam[1])
    assert (recipe.batch_size, recipe.epochs, recipe.loss) == (batch_size, epochs, loss)
    assert recipe.early_stopping.monitor == "val_accuracy"
    assert recipe.early_stopping.patience == patience


@pytest.mark.parametrize(
    ("stem", "name", "probe"),
    [
        ("knn", "paper", KNNConfig(n_neighbors=8, weights="distance")),
        ("knn", "published", KNNConfig(n_neighbors=18, weights="distance")),
        ("svm", "paper", SVMConfig(penalty=1.0)),
        ("svm", "published", SVMConfig(penalty=1.0)),
    ],
)
def test_a_genre_baseline_asks_the_classifier_of_its_source(stem, name, probe):
    assert genres(stem, name).probe == probe


@pytest.mark.parametrize("stem", GENRE_METHODS)
def test_the_published_excerpt_begins_15_and_a_half_seconds_into_a_clip(stem):
    recipe = genres(stem, "published")
    start = recipe.place * (30.0 - recipe.excerpt_seconds)
    assert start == pytest.approx(15.5, abs=0.01)  # s; the place has three digits


@pytest.mark.parametrize(
    ("stem", "names"),
    [
        ("basic", ["5000", "500", "1000", "2000", "10000", "published"]),
        ("siamese", ["5000", "500", "1000", "2000", "10000", "published"]),
        ("tags", ["5000", "published"]),
    ],
)
def test_an_artist_model_is_described_first_and_then_by_size_and_as_published(stem, names):
    assert list(recipes_of(FOLDER / f"artist_labels/{stem}.py")) == names


def test_there_are_three_artist_models():
    files = (FOLDER / "artist_labels").glob("*.py")
    assert tuple(sorted(file.stem for file in files)) == ARTIST_LABELS


@pytest.mark.parametrize(
    ("stem", "name", "parameters"),
    [
        ("basic", "500", 394_484),
        ("basic", "1000", 522_984),
        ("basic", "2000", 779_984),
        ("basic", "5000", 1_550_984),
        ("basic", "10000", 2_835_984),
        ("basic", "published", 1_550_984),
        ("siamese", "5000", TRUNK),
        ("siamese", "published", TRUNK),
        ("tags", "5000", TRUNK + 256 * 50 + 50),
        ("tags", "published", TRUNK + 256 * 50 + 50),
    ],
)
def test_an_artist_model_has_the_parameters_of_its_source(stem, name, parameters):
    composition = composed(FOLDER / f"artist_labels/{stem}.py", name)
    assert composition.network_parameters == (parameters, parameters - AVERAGES)


@pytest.mark.parametrize("stem", ARTIST_LABELS)
def test_artist_models_hear_129_frames_of_128_bands_of_magnitudes(stem):
    for name, recipe in recipes_of(FOLDER / f"artist_labels/{stem}.py").items():
        c = recipe.frontend
        assert composed(FOLDER / f"artist_labels/{stem}.py", name).front_end.output_shape == (
            None,
            129,
            128,
        )
        assert (c.sample_rate, c.n_fft, c.hop_length, c.power) == (22_050, 1_024, 512, 1.0)
        assert (c.scale, c.gain, recipe.scaling.per) == ("log10", 10.0, "global")


@pytest.mark.parametrize("name", SIZES)
def test_recipes_of_artists_are_named_by_their_number(name):
    assert artists("basic", name).n_artists == artists("siamese", name).n_artists == int(name)
    assert artists("basic", name).model.n_classes == int(name)


@pytest.mark.parametrize(("stem", "rate"), [("basic", 0.015), ("siamese", 0.1), ("tags", 0.015)])
def test_an_artist_model_is_trained_as_its_source_says(stem, rate):
    sgd = SGDConfig(learning_rate=rate, decay=1e-6, momentum=0.9, nesterov=True)
    for recipe in recipes_of(FOLDER / f"artist_labels/{stem}.py").values():
        assert recipe.optimizer == sgd
        assert recipe.rate_falls == Plateau(monitor="val_loss", patience=1, factor=0.2)
        assert recipe.early_stopping == EarlyStopping(monitor="val_loss", patience=6)
        assert (recipe.batch_size, recipe.epochs, recipe.augment) == (15, 1_000, None)


@pytest.mark.parametrize(
    ("stem", "target", "loss", "output"),
    [
        ("basic", "artist", "categorical_crossentropy", "softmax"),
        ("tags", "tags", "binary_crossentropy", "sigmoid"),
    ],
)
def test_artists_exclude_each_other_and_tags_do_not(stem, target, loss, output):
    for recipe in recipes_of(FOLDER / f"artist_labels/{stem}.py").values():
        assert (recipe.target, recipe.loss, recipe.model.output) == (target, loss, output)


@pytest.mark.parametrize("stem", ARTIST_LABELS)
def test_half_of_the_vector_is_dropped_and_as_published_nothing(stem):
    for name, recipe in recipes_of(FOLDER / f"artist_labels/{stem}.py").items():
        assert recipe.model.dropout == (0.0 if name == "published" else 0.5)
        assert recipe.model.l2 == 1e-5


@pytest.mark.parametrize("name", [*SIZES, "published"])
def test_the_siamese_net_is_held_against_four_negatives_by_a_margin(name):
    recipe, published = artists("siamese", name), name == "published"
    assert recipe.triplets == TripletConfig(n_negatives=4, distinct=not published)
    assert recipe.model.margin == 0.4
    assert recipe.model.reduction == ("sum" if published else "mean")


@pytest.mark.parametrize(
    ("stem", "name", "place", "metric", "figure"),
    [
        ("basic", "5000", "table 1", "MAP", 0.4968),
        ("basic", "10000", "table 4", "accuracy of a linear softmax", 0.7076),
        ("basic", "published", "table 1", "MAP", 0.4968),
        ("siamese", "5000", "table 1", "MAP", 0.5510),
        ("siamese", "10000", "table 4", "accuracy of a linear softmax", 0.7203),
        ("siamese", "published", "table 4", "accuracy of a linear softmax", 0.7203),
        ("tags", "5000", "table 1", "MAP", 0.5508),
        ("tags", "published", "table 1", "MAP", 0.5508),
    ],
)
def test_an_artist_model_aims_at_the_printed_figure(stem, name, place, metric, figure):
    paper = artists(stem, name).paper
    assert (paper.place, paper.metric, paper.value) == (place, metric, figure)
    assert paper.data == "GTZAN, fault-filtered"


@pytest.mark.parametrize("stem", ["basic", "siamese"])
def test_sizes_that_the_paper_shows_in_a_curve_alone_aim_at_no_figure(stem):
    assert [artists(stem, name).paper for name in ("500", "1000", "2000")] == [None] * 3
