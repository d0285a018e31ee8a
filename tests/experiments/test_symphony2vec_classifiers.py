"""The composer classifiers of Symphony2vec are those of their source."""

from functools import cache
from pathlib import Path

import pytest

from kmusic.features.scaling import ScalingConfig
from kmusic.layers.crops import CropConfig
from kmusic.training.compose import compose
from kmusic.training.optimizers import AdamConfig
from kmusic.training.recipe_files import recipes_of

FOLDER = Path(__file__).parents[2] / "experiments/symphony2vec"
STEMS = ("feed_forward", "cnn", "lstm")
HEARD = {"mel": 64, "mfcc": 13, "chroma": 12}
NAMES = [*HEARD, *(f"{heard}-published" for heard in HEARD)]
STATISTICS = {
    "mel": (-39.2555344360, 16.7637749998),
    "mfcc": (-15.3513137704, 104.4164497835),
    "chroma": (0.2806374888, 0.2942439307),
}
CORRECT = {  # of 3,842 clips, and for mel-spectrograms of 768; the LSTM's, of 11 times as many
    "feed_forward": {"mel": 402 / 768, "mfcc": 2_223 / 3_842, "chroma": 1_484 / 3_842},
    "cnn": {"mel": 428 / 768, "mfcc": 2_030 / 3_842, "chroma": 1_416 / 3_842},
    "lstm": {"mel": 2_130 / 8_448, "mfcc": 965 / 3_842, "chroma": 965 / 3_842},
}
FAST, SLOW = AdamConfig(learning_rate=1e-3), AdamConfig(learning_rate=1e-4, weight_decay=1e-5)


def recipes(stem):
    return recipes_of(FOLDER / f"{stem}.py")


@cache
def composed(stem, name):
    """Give the front end's shape, and all and trainable parameters; the net itself is let go."""
    composition = compose(recipes(stem)[name])
    return composition.front_end.output_shape, composition.network_parameters


@pytest.mark.parametrize("stem", STEMS)
def test_a_classifier_is_described_by_what_it_hears_and_then_as_published(stem):
    assert list(recipes(stem)) == NAMES


def test_crops_are_heard_by_two_nets():
    assert list(recipes("crops")) == ["feed_forward", "ali_encoder"]


@pytest.mark.parametrize(
    ("stem", "name", "parameters"),
    [
        ("feed_forward", "mel", 28_923_653),
        ("feed_forward", "mfcc", 6_415_109),
        ("feed_forward", "chroma", 5_973_765),
        ("feed_forward", "mel-published", 28_948_613),
        ("feed_forward", "mfcc-published", 6_440_069),
        ("feed_forward", "chroma-published", 5_998_725),
        ("cnn", "mel", 41_644),
        ("cnn", "mfcc", 400_884),
        ("cnn", "chroma", 400_834),
        ("cnn", "mel-published", 75_244),
        ("cnn", "mfcc-published", 400_884),
        ("cnn", "chroma-published", 400_834),
        # Less the second bias of each gate of two recurrences; the text's have a dense layer.
        ("lstm", "mel", 1_660 - 2 * 4 * 5 + 5 * 5 + 5),
        ("lstm", "mfcc", 640 - 2 * 4 * 5 + 5 * 5 + 5),
        ("lstm", "chroma", 620 - 2 * 4 * 5 + 5 * 5 + 5),
        ("lstm", "mel-published", 1_660 - 2 * 4 * 5),
        ("lstm", "mfcc-published", 640 - 2 * 4 * 5),
        ("lstm", "chroma-published", 620 - 2 * 4 * 5),
        ("crops", "feed_forward", 28_923_653 - (431 * 64 - 32 * 32) * 1_024),
    ],
)
def test_a_classifier_has_the_trainable_parameters_of_its_source(stem, name, parameters):
    assert composed(stem, name)[1][1] == parameters


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stem", STEMS)
def test_classifiers_hear_431_frames(stem, name):
    assert composed(stem, name)[0] == (None, 431, HEARD[name.removesuffix("-published")])


@pytest.mark.parametrize("stem", [*STEMS, "crops"])
def test_front_ends_are_those_of_the_public_code(stem):
    for name, recipe in recipes(stem).items():
        front_end = recipe.frontend
        assert (front_end.sample_rate, front_end.n_fft, front_end.hop_length) == (
            22_050,
            2_048,
            512,
        )
        assert recipe.excerpt_seconds == 10.0
        if name.startswith("mel") or stem == "crops":
            assert (front_end.n_mels, front_end.fmax, front_end.scale) == (64, 8_000.0, "db")
            assert (front_end.reference, front_end.top_db) == ("max", 80.0)
        elif name.startswith("mfcc"):
            assert (front_end.n_mels, front_end.fmax, front_end.deltas) == (128, None, 0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stem", STEMS)
def test_features_are_standardised_by_what_is_trained_on_or_as_published(stem, name):
    heard, published = name.removesuffix("-published"), name.endswith("-published")
    recipe = recipes(stem)[name]
    if published:
        offset, spread = STATISTICS[heard]
        assert recipe.scaling == ScalingConfig(kind="fixed", offset=offset, spread=spread)
    else:
        assert recipe.scaling == ScalingConfig(kind="standard", per="global")
    assert recipe.loss == ("double_softmax" if published else "categorical_crossentropy")


@pytest.mark.parametrize(
    ("stem", "name", "optimizer"),
    [
        *(("feed_forward", name, SLOW) for name in NAMES),
        *(("cnn", name, AdamConfig(learning_rate=1e-3, weight_decay=1e-5)) for name in NAMES),
        *(("lstm", name, FAST) for name in (*HEARD, "chroma-published")),
        ("lstm", "mel-published", SLOW),
        ("lstm", "mfcc-published", SLOW),
        ("crops", "feed_forward", SLOW),
        ("crops", "ali_encoder", AdamConfig(learning_rate=1e-3, weight_decay=1e-5)),
    ],
)
def test_a_classifier_is_trained_as_its_source_says(stem, name, optimizer):
    recipe = recipes(stem)[name]
    assert recipe.optimizer == optimizer
    assert (recipe.batch_size, recipe.epochs) == (32, 50 if stem == "crops" else 10)
    assert (recipe.target, recipe.early_stopping, recipe.rate_falls) == ("label", None, None)
    # The share that torch keeps where it is not told; the LSTM normalises nothing.
    assert recipe.batch_norm_momentum == (None if stem == "lstm" else 0.9)
    assert (recipe.probe, recipe.augment, recipe.place) == (None, None, None)


def test_the_lstm_hears_a_clip_in_eleven_chunks_an_epoch():
    for recipe in recipes("lstm").values():
        chunk = recipe.model.chunk
        assert chunk == CropConfig(n_frames=36)
        assert recipe.excerpts_per_track * chunk.n_random == 431 // chunk.n_frames == 11


def test_crops_are_the_lowest_32_bands_of_decibels_between_0_and_1():
    for recipe in recipes("crops").values():
        assert recipe.model.crop == CropConfig(n_frames=32, n_bands=32, first_band=0)
        assert recipe.scaling == ScalingConfig(kind="fixed", offset=-80.0, spread=80.0)
        assert (recipe.loss, recipe.excerpts_per_track) == ("categorical_crossentropy", 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stem", STEMS)
def test_a_classifier_aims_at_the_printed_figure(stem, name):
    paper = recipes(stem)[name].paper
    correct = CORRECT[stem][name.removesuffix("-published")]
    assert paper.value == pytest.approx(correct, abs=1e-6)  # printed with six digits
    assert (paper.place, paper.metric) == ("table 3", "accuracy")
    assert paper.data == "symphonies of five composers"


@pytest.mark.parametrize(("name", "value"), [("feed_forward", 0.3581), ("ali_encoder", 0.4063)])
def test_a_net_of_crops_aims_at_the_figure_in_the_text(name, value):
    paper = recipes("crops")[name].paper
    assert (paper.place, paper.metric, paper.value) == ("text above table 7", "accuracy", value)
    assert paper.data == "symphonies of five composers"
