"""A small corpus, a small recipe, and what became of the two."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
import soundfile as sf

from kmusic.audio.signals import noise, tone
from kmusic.datasets.sampling import TripletConfig
from kmusic.datasets.table import checked
from kmusic.datasets.tags import TagConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.layers.patch_networks import PatchConfig
from kmusic.models.residual_cnn import ResidualCNNConfig
from kmusic.models.siamese import SiameseConfig
from kmusic.models.tag_contrastive import TagContrastiveConfig
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
def songs(tmp_path_factory):
    """Four training tracks of 1.5 s of noise, each its own class, and two more that validate."""
    folder = tmp_path_factory.mktemp("songs")
    for number in range(6):
        sf.write(folder / f"{number}.wav", noise(1.5, RATE, number), RATE, subtype="FLOAT")
    paths = [str(folder / f"{number}.wav") for number in range(6)]
    sides = ["train"] * 4 + ["validation"] * 2
    labels = ["a", "b", "c", "d", "b", "e"]
    return checked(pd.DataFrame({"path": paths, "label": labels, "split": sides}))


@pytest.fixture(scope="session")
def choir(songs):
    """Six tracks that train and validate: two of each of two artists, one of a third, one of none.

    The training tracks are of other artists than the same tracks as validation tracks.
    """
    sides = [songs.assign(artist=[*names, None]) for names in ("XXYYZ", "UVUVW")]
    both = pd.concat(sides, ignore_index=True)
    return both.assign(split=["train"] * 6 + ["validation"] * 6)


@pytest.fixture(scope="session")
def triplets(tiny):
    """A recipe of an anchor, a positive and two negatives."""
    drawn = TripletConfig(n_negatives=2)
    return replace(tiny, model=SiameseConfig(), target=None, triplets=drawn)


@pytest.fixture(scope="session")
def worded(songs):
    """The songs with tags: two training tracks and the last validation track have no known one."""
    cells = ["Piano; dark pianos", None, "bright; piano", "the", "strange; dark", "strange"]
    return songs.assign(tags=cells)


@pytest.fixture(scope="session")
def bursts(tmp_path_factory):
    """Soft noise of 2 s with one loud burst each: 4 training tracks, 2 to validate."""
    folder = tmp_path_factory.mktemp("bursts")
    for number, at in enumerate((0.0, 0.6, 1.1, 1.3, 0.3, 0.9)):
        sound, first = 1e-3 * noise(2.0, RATE, number), round(at * RATE)
        sound[first : first + 800] += noise(0.1, RATE, number)
        sf.write(folder / f"{number}.wav", sound, RATE, subtype="FLOAT")
    paths = [str(folder / f"{number}.wav") for number in range(6)]
    sides = ["train"] * 4 + ["validation"] * 2
    return checked(pd.DataFrame({"path": paths, "label": [*"abcdab"], "split": sides}))


@pytest.fixture(scope="session")
def aligning(tiny):
    """Recipe of two halvings of 16 frames and bands, aligned with words of 8 numbers."""
    return replace(
        tiny,
        frontend=LogMelConfig(sample_rate=RATE, n_fft=512, hop_length=256, n_mels=16),
        excerpt_seconds=15 * 256 / RATE,
        model=TagContrastiveConfig(word_dim=8, patch=PatchConfig(n_filters=4, n_blocks=2)),
        target=None,
        tags=TagConfig(min_tracks=1, max_share=1.0, max_tags=3),
        scaling=ScalingConfig(kind="minmax", clip=True),
    )


@pytest.fixture(scope="session")
def tagged(tracks):
    """The tones with tags; a training track of each kind and a validation track have none."""
    cells = {"low": "low; deep", "high": "high"}
    tags = tracks["label"].map(cells).where(~tracks.index.isin([6, 7, 9]))
    return tracks.assign(tags=tags.where(tracks["split"] != "test", "secret"))


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
