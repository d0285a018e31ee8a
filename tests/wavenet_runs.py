"""A small WaveNet as a run, or another net, which has learned nothing."""

from pathlib import Path

import pandas as pd

from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.wavenet import WaveNetConfig
from kmusic.training.compose import compose
from kmusic.training.recipe import Recipe
from kmusic.training.runs import Run, begin_run, finish_run, load_run

RATE = 4_000
RECIPE = Recipe(
    frontend=LogMelConfig(sample_rate=RATE, n_fft=64, hop_length=32, n_mels=6),
    excerpt_seconds=0.1,
    model=WaveNetConfig(
        n_layers=4,
        n_stacks=2,
        residual_channels=4,
        gate_channels=8,
        skip_channels=6,
        upsampling=(8, 4),
    ),
    target=None,
    scaling=ScalingConfig(),
    early_stopping=None,
)


def write_run(folder: Path, recipe: Recipe = RECIPE) -> Run:
    """Write the run of a network as it was drawn, with a scale that is not 1."""
    composition = compose(recipe)
    composition.scaling.scale.assign(composition.scaling.scale * 20.0)
    begin_run(folder, recipe, (), pd.DataFrame({"path": [], "split": []}))
    finish_run(folder, composition.model)
    return load_run(folder)
