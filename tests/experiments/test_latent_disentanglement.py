"""The systems of latent disentanglement are those of their source."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kmusic.features.front_ends import build_front_end
from kmusic.features.mel import LogMelConfig, mel_filter_bank
from kmusic.features.scaling import ScalingConfig
from kmusic.features.waveform import WaveformConfig
from kmusic.layers.causal import CausalStack, dilations
from kmusic.models.beta_vae import BetaVAEConfig
from kmusic.models.seq2seq import Seq2SeqAudioConfig, Seq2SeqMelConfig
from kmusic.models.wavenet import PUBLISHED, WaveNetConfig
from kmusic.training.defaults import DEFAULTS
from kmusic.training.optimizers import AdamConfig, build_rate
from kmusic.training.probe import ForestConfig, LogisticConfig
from kmusic.training.recipe import EarlyStopping, PaperFigure
from kmusic.training.recipe_files import recipes_of

FOLDER = Path(__file__).parents[2] / "experiments/latent_disentanglement"
FIGURES = {"seq2seq_audio": 0.45, "seq2seq_mel": 0.32, "beta_vae": 0.30, "supervised_cnn": 0.43}
ON_MEL = ("seq2seq_mel", "beta_vae", "supervised_cnn")
FOREST, LOGISTIC = ForestConfig(n_estimators=200, max_depth=20), LogisticConfig(standardize=True)
SIZES = ("kernel_size", "residual_channels", "gate_channels", "skip_channels", "weight_norm")
TRAINING_TRACKS = 6_400  # of fma_small's official split


def recipes(stem):
    return recipes_of(FOLDER / f"{stem}.py")


# What is heard


def test_a_wavenet_hears_the_public_codes_spectrogram_and_scales_each_band():
    for recipe in recipes("wavenet").values():
        assert recipe.frontend == LogMelConfig(
            sample_rate=8_000,
            n_fft=512,  # 64 ms
            hop_length=128,
            n_mels=80,
            fmin=125.0,
            fmax=7_600.0,
            power=1.0,
            scale="db",  # twenty times its logarithm, before the scaling
            floor=1e-10,
            top_db=None,
        )
        assert recipe.scaling == ScalingConfig(kind="standard", per="band")
        assert (recipe.target, recipe.crop, recipe.augment) == (None, "waveform", None)


def test_the_last_16_of_a_wavenets_80_bands_are_empty():
    config = recipes("wavenet")["published"].frontend
    heard = mel_filter_bank(config).any(axis=1)
    assert np.flatnonzero(~heard).tolist() == [*range(64, 80)]
    sound = np.random.default_rng(0).uniform(-1, 1, (1, 2_000)).astype(np.float32)
    features = build_front_end(config)(sound).numpy()
    np.testing.assert_array_equal(features[..., 64:], -200.0)  # dB of the floor
    assert (features[..., :64] > -200.0).all()


def test_a_wavenet_hears_47_hops_at_once():
    for recipe in recipes("wavenet").values():
        assert recipe.excerpt_samples == 47 * 128 == 6_016
        assert np.prod(recipe.model.upsampling) == recipe.frontend.hop_length
        assert recipe.model.upsampling == (4, 4, 4, 2)


@pytest.mark.parametrize("stem", ON_MEL)
def test_other_nets_hear_64_frames_of_128_bands_as_in_the_public_code(stem):
    for recipe in recipes(stem).values():
        assert recipe.frontend == LogMelConfig(
            sample_rate=16_000,
            n_fft=2_048,
            hop_length=512,
            n_mels=128,
            reference="max",
            top_db=80.0,
        )
        assert recipe.frontend.n_frames(recipe.excerpt_samples) == 64
        assert recipe.scaling == ScalingConfig(kind="standard", per="band")
        assert (recipe.crop, recipe.augment) == ("frames", None)


def test_raw_sound_has_codes_of_three_lengths():
    models = {name: recipe.model for name, recipe in recipes("seq2seq_audio").items()}
    assert models == {str(n): Seq2SeqAudioConfig(units=n) for n in (8, 16, 32)}
    for recipe in recipes("seq2seq_audio").values():
        assert recipe.frontend == WaveformConfig(sample_rate=8_000)
        assert recipe.frontend.n_frames(recipe.excerpt_samples) == 800
        assert recipe.scaling == ScalingConfig(kind="standard", per="global")
        assert (recipe.target, recipe.crop, recipe.augment) == (None, "frames", None)


# What hears it


def test_the_published_wavenet_has_the_sizes_of_the_public_code_and_another_is_small():
    small, published = recipes("wavenet").values()
    assert list(recipes("wavenet")) == ["small", "published"]
    assert small.model == WaveNetConfig()
    sizes = WaveNetConfig(
        n_layers=36,
        n_stacks=4,
        kernel_size=3,
        residual_channels=128,
        gate_channels=256,
        skip_channels=128,
        upsampling=(4, 4, 4, 2),
        weight_norm=True,
    )
    assert published.model == PUBLISHED == sizes


def test_the_small_wavenet_is_as_small_as_its_recipe_says():
    small = recipes("wavenet")["small"].model
    assert small.receptive_field == 1_021
    stack = CausalStack(
        dilations=dilations(small.n_layers, small.n_stacks),
        **{name: getattr(small, name) for name in SIZES},
    )
    stack.build((None, None), (None, None, 80))
    upsampling = 80 * 80 + 3 * 9 + 5  # a mixture of bands, and a filter a stage
    assert stack.count_params() + upsampling == 267_392


def test_a_beta_vae_has_100_latent_coordinates_under_either_pressure():
    models = {name: recipe.model for name, recipe in recipes("beta_vae").items()}
    beta = BetaVAEConfig(latent_dim=100, pressure="beta", beta=1.0)
    grows = {"gamma": 10.0, "capacity": 25.0, "growth_steps": 20_000}
    assert models == {
        "beta": beta,
        "capacity": BetaVAEConfig(latent_dim=100, pressure="capacity", **grows),
        "logistic": beta,
    }


def test_the_capacity_grows_over_half_of_the_training_on_fma_small():
    recipe = recipes("beta_vae")["capacity"]
    steps = TRAINING_TRACKS * recipe.excerpts_per_track // recipe.batch_size * recipe.epochs
    assert recipe.model.growth_steps == steps // 2
    assert recipe.early_stopping is None


def test_a_mel_spectrogram_becomes_512_numbers():
    assert list(recipes("seq2seq_mel")) == ["mel", "logistic"]
    for recipe in recipes("seq2seq_mel").values():
        assert recipe.model == Seq2SeqMelConfig(units=512)


def test_the_supervised_net_ends_in_2_by_2_maps_of_64_filters_and_names_eight_genres():
    (recipe,) = recipes("supervised_cnn").values()
    stages = recipe.model.stages
    assert [stage.filters for stage in stages] == [16, 32, 64]
    assert {stage.kernel for stage in stages} == {(3, 3)}
    assert np.prod([stage.pool for stage in stages], axis=0).tolist() == [64 // 2, 128 // 2]
    assert (recipe.model.n_classes, recipe.target, recipe.probe) == (8, "label", None)


# How it is trained and judged


def test_the_published_wavenet_learns_a_chunk_a_step_at_a_rate_that_warms_up():
    recipe = recipes("wavenet")["published"]
    assert recipe.optimizer == AdamConfig(learning_rate=1e-3, warmup_steps=4_000, amsgrad=True)
    assert (recipe.batch_size, recipe.epochs, recipe.early_stopping) == (1, 50, None)
    assert recipe.excerpts_per_track == 48_128 // recipe.excerpt_samples  # of the first 6 s
    rate, steps = build_rate(recipe.optimizer), np.array([1, 400, 4_000, 16_000])
    expected = 1e-3 * np.sqrt(4_000) * np.minimum(steps * 4_000**-1.5, steps**-0.5)
    np.testing.assert_allclose([float(rate(step - 1)) for step in steps], expected, rtol=1e-6)
    assert expected.max() == expected[2] == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("stem", "settings", "patience"),
    [
        ("seq2seq_audio", (128, 8, 50), 5),
        ("seq2seq_mel", (128, 8, 50), 5),
        ("beta_vae", (32, 4, 50), 10),
        ("supervised_cnn", (32, 4, 50), 10),
    ],
)
def test_the_others_are_trained_as_their_docstrings_say(stem, settings, patience):
    monitor = "val_accuracy" if stem == "supervised_cnn" else "val_loss"
    for name, recipe in recipes(stem).items():
        assert recipe.optimizer == AdamConfig(learning_rate=1e-3)
        assert (recipe.batch_size, recipe.excerpts_per_track, recipe.epochs) == settings
        if name != "capacity":
            assert recipe.early_stopping == EarlyStopping(monitor=monitor, patience=patience)


@pytest.mark.parametrize("stem", ["seq2seq_audio", "seq2seq_mel", "beta_vae"])
def test_genres_are_named_by_the_papers_forest_or_by_a_regression(stem):
    for name, recipe in recipes(stem).items():
        assert recipe.probe == (LOGISTIC if name == "logistic" else FOREST)
        assert recipe.target is None


@pytest.mark.parametrize("stem", FIGURES)
def test_a_system_aims_at_the_printed_figure(stem):
    for recipe in recipes(stem).values():
        assert recipe.paper == PaperFigure(
            place="table 1", metric="accuracy", value=FIGURES[stem], data="fma_small"
        )


def test_a_wavenet_aims_at_no_figure_because_none_was_printed():
    for recipe in recipes("wavenet").values():
        assert recipe.paper is None
        assert recipe.probe == LOGISTIC


@pytest.mark.parametrize(
    ("stem", "name"),
    [("wavenet", "small"), ("beta_vae", "beta"), ("seq2seq_audio", "8"), ("seq2seq_mel", "mel")],
)
def test_a_models_name_alone_asks_for_nearly_its_recipe(stem, name):
    """Beside the paper's figure, batches and patience are those of other defaults."""
    ours, short = recipes(stem)[name], DEFAULTS[stem]
    own = ("paper", "batch_size", "excerpts_per_track", "early_stopping")
    assert replace(ours, **{field: getattr(short, field) for field in own}) == short
