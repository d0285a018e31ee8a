"""A small corpus, a small recipe, and what became of the two."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
import soundfile as sf

from kmusic.audio.signals import noise, tone
from kmusic.datasets.sampling import TripletConfig
from kmusic.datasets.table import checked
from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.residual_cnn import ResidualCNNConfig
from kmusic.models.siamese import SiameseConfig
from kmusic.training.fit import train
from kmusic.training.optimizers import AdamConfig
from kmusic.training.recipe import EarlyStopping, Recipe

RATE = 8_000


@pytest.fixture(scope="session")
def tiny():
    """Recipe of two convolutions on half a second."""
    return Recipe(
        frontend=LogMelConfig(sample_rate=RATE, n_fft=512, hop_length=256, n_mels=32),
        excerpt_seconds=0.5,
        model=ResidualCNNConfig(embedding_dim=8, stages=()),
        scaling=ScalingConfig(),
        optimizer=AdamConfig(learning_rate=0.01),
        batch_size=4,
        excerpts_per_track=2,
        epochs=3,
        early_stopping=EarlyStopping(monitor="val_loss", patience=3),
    )


@pytest.fixture(scope="session")
def tracks(tmp_path_factory):
    """Low and high tones: 8 training tracks of 0.5 s, 2 validation and 2 test tracks of 1.25 s."""
    folder = tmp_path_factory.mktemp("tones")
    rows = []
    for number in range(12):
        label, hz = (("low", 200), ("high", 1_500))[number % 2]
        seconds = 0.5 if number < 8 else 1.25
        path = folder / f"{number}.wav"
        sound = tone(hz * (1 + number / 60), seconds, RATE) + 0.2 * noise(seconds, RATE, number)
        sf.write(path, sound, RATE)
        split = "train" if number < 8 else "validation" if number < 10 else "test"
        rows.append({"path": str(path), "label": label, "split": split})
    return checked(pd.DataFrame(rows))


@pytest.fixture(scope="session")
def nearer(tiny):
    """Recipe of the Siamese net on the first two artists."""
    return replace(
        tiny,
        frontend=LogMelConfig(sample_rate=RATE, n_fft=512, hop_length=31, n_mels=16),
        model=SiameseConfig(),
        target=None,
        n_artists=2,
        triplets=TripletConfig(n_negatives=1),
        optimizer=AdamConfig(learning_rate=1e-3),
    )


@pytest.fixture(scope="session")
def singers(tracks):
    """The tones as tracks of two artists; parts of some are of a third and of none."""
    artists = tracks["label"].replace({"low": "Ada", "high": "Bea"})
    parts = tracks.iloc[[0, 2, 8, 10]].assign(artist=["Cy", None, "Cy", "Cy"], start=0.1)
    both = pd.concat([tracks.assign(artist=artists), parts], ignore_index=True)
    return checked(both.assign(split=both["split"].replace("test", "validation")))


@pytest.fixture(scope="session")
def trained(tiny, tracks, tmp_path_factory):
    """A finished run, its problems, and the shares of the work that were reported."""
    shares = []
    folder = tmp_path_factory.mktemp("trained")
    run, problems = train(tiny, tracks, folder, report=lambda _, share: shares.append(share))
    return SimpleNamespace(run=run, folder=folder, problems=problems.as_dict(), shares=shares)
