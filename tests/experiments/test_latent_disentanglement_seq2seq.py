"""The sequence-to-sequence autoencoders of latent disentanglement are those of their source."""

from pathlib import Path

import pytest

from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.features.waveform import WaveformConfig
from kmusic.models.seq2seq import Seq2SeqAudioConfig, Seq2SeqMelConfig
from kmusic.training.optimizers import AdamConfig
from kmusic.training.probe import ForestConfig, LogisticConfig
from kmusic.training.recipe import EarlyStopping, PaperFigure
from kmusic.training.recipe_files import recipes_of

FOLDER = Path(__file__).parents[2] / "experiments/latent_disentanglement"
FIGURES = {"seq2seq_audio": 0.45, "seq2seq_mel": 0.32}


def recipes(stem):
    return recipes_of(FOLDER / f"{stem}.py")


def test_raw_sound_has_codes_of_three_lengths():
    models = {name: recipe.model for name, recipe in recipes("seq2seq_audio").items()}
    assert models == {str(n): Seq2SeqAudioConfig(units=n) for n in (8, 16, 32)}
    for recipe in recipes("seq2seq_audio").values():
        assert recipe.frontend == WaveformConfig(sample_rate=8_000)
        assert recipe.frontend.n_frames(recipe.excerpt_samples) == 800
        assert recipe.scaling == ScalingConfig(kind="standard", per="global")
        assert recipe.probe == ForestConfig(n_estimators=200, max_depth=20)


def test_mel_spectrograms_are_those_of_the_public_code_with_two_classifiers():
    forest, logistic = recipes("seq2seq_mel").values()
    assert list(recipes("seq2seq_mel")) == ["mel", "logistic"]
    assert forest.probe == ForestConfig(n_estimators=200, max_depth=20)
    assert logistic.probe == LogisticConfig()
    for recipe in (forest, logistic):
        assert recipe.model == Seq2SeqMelConfig(units=512)
        assert recipe.frontend == LogMelConfig(
            sample_rate=16_000, n_fft=2_048, n_mels=128, reference="max", top_db=80.0
        )
        assert recipe.frontend.n_frames(recipe.excerpt_samples) == 64
        assert recipe.scaling == ScalingConfig(kind="standard", per="band")


@pytest.mark.parametrize("stem", FIGURES)
def test_they_are_trained_alike_and_aim_at_the_printed_figure(stem):
    for recipe in recipes(stem).values():
        assert recipe.optimizer == AdamConfig(learning_rate=1e-3)
        assert (recipe.batch_size, recipe.excerpts_per_track, recipe.epochs) == (128, 8, 50)
        assert recipe.early_stopping == EarlyStopping(monitor="val_loss", patience=5)
        assert (recipe.target, recipe.crop, recipe.augment) == (None, "frames", None)
        assert recipe.paper == PaperFigure(
            place="table 1", metric="accuracy", value=FIGURES[stem], data="fma_small"
        )
