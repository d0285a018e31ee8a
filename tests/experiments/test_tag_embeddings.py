"""The tag embeddings are those of their source, and answer as the published weights do."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kmusic.features.scaling import ScalingConfig
from kmusic.layers.tag_networks import attention_over_tags, set_word_vectors
from kmusic.models.coala import COALAConfig
from kmusic.models.statistics import StatisticsConfig
from kmusic.models.tag_contrastive import TagContrastiveConfig
from kmusic.training.compose import compose
from kmusic.training.optimizers import SGDConfig
from kmusic.training.recipe_files import recipes_of

FOLDER = Path(__file__).parents[2] / "experiments/tag_embeddings"
ALIGNED = ["w2v", "coala"]
VARIANTS = {
    "128-1h": (128, 1, "ae_w2v_128_self_1h"),
    "1152-1h": (1_152, 1, "ae_w2v_1152_self_1h"),
    "128-4h": (128, 4, "ae_w2v_128_self_4h"),
    "1152-4h": (1_152, 4, "ae_w2v_1152_self_4h"),
    "128-mean": (128, None, "ae_w2v_128_mean"),
    "1152-mean": (1_152, None, "ae_w2v_1152_mean"),
}
PUBLISHED = ["128-1h-published", "128-mean-published"]
N_SLOTS = 10


def recipes(stem):
    return recipes_of(FOLDER / f"{stem}.py")


@cache
def sizes(stem, name):
    """Give the features' shape, the trainable parameters, and the embedding's length."""
    composition = compose(replace(recipes(stem)[name], crop="waveform"))  # or it is built twice
    embedder = getattr(composition.model, "embedder", composition.model)
    trainable = composition.network_parameters[1]
    return composition.front_end.output_shape[1:], trainable, embedder.output_shape[-1]


def read(shared, name):
    return json.loads((shared / "reference" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("stem", "names"),
    [
        ("w2v", [*VARIANTS, *PUBLISHED]),
        ("coala", ["paper", "no-reconstruction"]),
        ("mfcc", ["paper", "published"]),
    ],
)
def test_an_embedding_is_described_by_its_words_and_then_as_published(stem, names):
    assert list(recipes(stem)) == names


# Sizes


@pytest.mark.parametrize(
    ("stem", "name", "trainable"),
    [
        ("w2v", "128-1h", 1_202_304 + 1_052_163 + 65_792),
        ("w2v", "128-mean-published", 1_202_304 + 1_052_163 + 16_640),
        # No layer normalisation, two projections, and an autoencoder of words (test_tag_networks).
        (
            "coala",
            "paper",
            1_054_848 - 2 * 1_152 + 1_052_163 + 2 * 1_152**2 + 1_370_496 + 1_370_040,
        ),
        ("mfcc", "paper", 0),
    ],
)
def test_a_system_has_the_parameters_of_its_source(stem, name, trainable):
    assert sizes(stem, name)[1] == trainable


@pytest.mark.parametrize(
    ("stem", "name", "shape", "length"),
    [
        ("w2v", "128-1h", (96, 96), 1_152),
        ("w2v", "128-mean-published", (96, 96), 1_152),
        ("coala", "paper", (96, 96), 1_152),
        ("mfcc", "paper", (1 + 4 * 22_050 // 512, 60), 120),
        ("mfcc", "published", (1 + 4 * 22_000 // 512, 60), 120),
    ],
)
def test_what_is_heard_and_how_long_an_embedding_is(stem, name, shape, length):
    heard, _, long = sizes(stem, name)
    assert (heard, long) == (shape, length)


# Settings


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_has_the_words_and_heads_of_its_name(name):
    word_dim, n_heads, _ = VARIANTS[name]
    expected = TagContrastiveConfig(word_dim=word_dim, n_heads=n_heads)
    assert recipes("w2v")[name].model == expected


def test_sound_is_restored_with_weight_5_and_aligned_with_10():
    for stem in ALIGNED:
        model = next(iter(recipes(stem).values())).model
        assert (model.reconstruction_weight, model.contrastive_weight) == (5.0, 10.0)
        assert (model.temperature, model.epsilon) == (0.1, 0.0)
    assert recipes("coala")["paper"].model == COALAConfig(tag_weight=5.0)
    alone = recipes("coala")["no-reconstruction"].model
    assert alone == COALAConfig(reconstruction_weight=0.0, tag_weight=0.0)


@pytest.mark.parametrize("stem", ALIGNED)
def test_patches_are_log_magnitudes_of_96_mel_bands(stem):
    for name, recipe in recipes(stem).items():
        published = name.endswith("-published")
        c = recipe.frontend
        assert (c.n_fft, c.hop_length, c.n_mels, c.power, c.scale) == (1_024, 512, 96, 1.0, "log")
        assert (c.sample_rate, c.window) == ((22_000, "hann") if published else (22_050, "hamming"))
        per = ScalingConfig(kind="minmax", per="band", clip=True)
        assert recipe.scaling == (ScalingConfig(kind="minmax", per="frame") if published else per)
        assert (recipe.place, recipe.crop) == ("loudest", "frames")


@pytest.mark.parametrize("stem", ALIGNED)
def test_training_is_that_of_the_source(stem):
    for recipe in recipes(stem).values():
        assert recipe.optimizer == SGDConfig(learning_rate=5e-3, momentum=0.0, nesterov=False)
        assert (recipe.batch_size, recipe.epochs, recipe.early_stopping) == (128, 200, None)
        assert (recipe.target, recipe.augment, recipe.triplets) == (None, None, None)


@pytest.mark.parametrize("stem", ALIGNED)
def test_tags_are_the_1000_words_of_most_tracks(stem):
    for name, recipe in recipes(stem).items():
        tags, published = recipe.tags, name.endswith("-published")
        assert (tags.min_tracks, tags.max_share, tags.n_words) == (10, 0.7, 1_000)
        assert tags.max_tags == (10 if stem == "w2v" else None)
        assert (tags.window, tags.negative, tags.epochs) == (100, 5, 5)
        kept = ("first", "inflect", "drop") if published else ("rarest", "guarded", "split")
        assert (tags.keep, tags.singular, tags.compounds) == kept


@pytest.mark.parametrize("name", PUBLISHED)
def test_as_published_padding_asks_and_the_loss_is_bounded(name):
    model = recipes("w2v")[name].model
    assert (model.padding_asks, model.epsilon) == (True, 1e-5)


def test_the_anchor_is_120_statistics_of_20_coefficients():
    for name, recipe in recipes("mfcc").items():
        c = recipe.frontend
        assert (c.n_mfcc, c.deltas, c.delta_width, c.delta_mode) == (20, 2, 5, "nearest")
        published = name == "published"
        assert recipe.model == StatisticsConfig(spread="variance" if published else "deviation")
        assert c.sample_rate == (22_000 if published else 22_050)


# Held to what was published


@pytest.mark.parametrize(
    ("stem", "name", "file", "system"),
    [
        *(("w2v", name, "tag_embeddings", system) for name, (*_, system) in VARIANTS.items()),
        ("w2v", PUBLISHED[0], "tag_embeddings", "ae_w2v_128_self_1h"),
        ("w2v", PUBLISHED[1], "tag_embeddings", "ae_w2v_128_mean"),
        ("coala", "paper", "coala", "ae_c_200"),
        ("coala", "no-reconstruction", "coala", "e_c_200"),
        ("mfcc", "paper", "coala", "mfcc"),
        ("mfcc", "published", "coala", "mfcc"),
    ],
)
def test_the_printed_figure_is_the_mean_of_the_published_runs(shared, stem, name, file, system):
    paper = recipes(stem)[name].paper
    runs = read(shared, f"{file}_results.json")["GTZAN"][system]
    assert len(runs) == 10
    assert paper.value == pytest.approx(np.mean(runs), abs=6e-4)  # printed to a thousandth
    assert (paper.metric, paper.data) == ("accuracy", "GTZAN")


def published_network(shared, kind, n_heads):
    """Load a published tag encoder; its matrices are (out, in)."""
    with np.load(shared / f"reference/tag_encoder_128_{kind}.npz") as stored:
        published = dict(stored)
    table = published["embeddings.weight"]
    assert table.shape == (1_000 + 1, 128)
    assert not table[0].any()
    model = attention_over_tags(1_000, 128, n_heads, padding_asks=True, dropout=0.1)
    set_word_vectors(model, table[1:])
    names = ["w_qs", "w_ks", "w_vs", "fc"] if n_heads else ["fc"]
    ends = [published["layer_norm.weight"], published["layer_norm.bias"]]
    values = [*(published[f"{name}.weight"].T for name in names), *ends]
    for weight, value in zip(model.trainable_weights, values, strict=True):
        weight.assign(value)
    return model


@pytest.mark.parametrize(("kind", "n_heads"), [("mean", None), ("1head", 1)])
def test_the_published_tag_encoder_answers_as_published(shared, kind, n_heads):
    model = published_network(shared, kind, n_heads)
    number = {word: int(row) + 1 for row, word in read(shared, "tag_vocabulary.json").items()}
    cases = read(shared, "tag_encoder_expected.json")[kind]
    rows = [sorted(number[word] for word in case["tags"]) for case in cases]
    slots = np.int32([[*row, *[0] * (N_SLOTS - len(row))] for row in rows])
    expected = [case["output"] for case in cases]
    np.testing.assert_allclose(model(slots)[0], expected, atol=1e-5)  # float32 against float64
