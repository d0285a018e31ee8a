"""Small collections of recordings, and a recipe and runs small enough for tests."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import soundfile as sf

from kmusic.audio.files import read_waveform
from kmusic.audio.signals import noise, tone
from kmusic.datasets.folder import folder_tracks
from kmusic.datasets.splits import split_by_fold
from kmusic.datasets.table import checked
from kmusic.features.mel import LogMelConfig
from kmusic.layers.blocks import ResidualStage
from kmusic.models.residual_cnn import ResidualCNNConfig
from kmusic.training.fit import train
from kmusic.training.optimizers import AdamConfig
from kmusic.training.recipe import EarlyStopping, Recipe
from kmusic.training.runs import Run

RATE = 16_000
RECIPE = Recipe(
    frontend=LogMelConfig(sample_rate=RATE, n_fft=512, hop_length=256, n_mels=32),
    excerpt_seconds=0.5,
    model=ResidualCNNConfig(embedding_dim=8, stages=(ResidualStage(filters=(4, 4), bottleneck=2),)),
    optimizer=AdamConfig(learning_rate=0.01),
    batch_size=8,
    epochs=2,
    early_stopping=EarlyStopping(patience=2),
)
SIDES = ("train", "train", "validation", "test")
_KEPT = TemporaryDirectory(prefix="kmusic-tests-")


def write_collection(root: Path) -> Path:
    """Write 16 tones of 0.9 to 1.65 s: 2 labels x 4 artists x 2 tracks, as label/artist/file."""
    for place, label in enumerate(("high", "low")):
        for artist in range(4):
            folder = root / label / f"{label} {artist}"
            folder.mkdir(parents=True)
            for number, suffix in enumerate(("wav", "flac")):
                seed = 8 * place + 2 * artist + number
                seconds = 0.9 + 0.05 * seed
                hz = (3_000.0, 200.0)[place] * 1.1**artist
                sound = tone(hz, seconds, RATE) + 0.1 * noise(seconds, RATE, seed)
                sf.write(folder / f"{number}.{suffix}", sound, RATE)
    return root


def collection_table(root: Path) -> pd.DataFrame:
    """Give the table of a collection: artists 0 and 1 train, 2 validates, 3 tests; 2 folds."""
    tracks = checked(folder_tracks(root))
    artist = tracks["artist"].str[-1].astype(int)
    return tracks.assign(split=artist.map(dict(enumerate(SIDES))), fold=1 + artist % 2)


def spoil(folder: Path) -> dict[str, str]:
    """Put six bad files into a folder, and give by name a word of what is wrong with each."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty.wav").touch()
    (folder / "text.mp3").write_text("These are words, not sound. " * 20)
    sf.write(folder / "truncated.flac", noise(2.0, RATE), RATE)
    whole = (folder / "truncated.flac").read_bytes()
    (folder / "truncated.flac").write_bytes(whole[: len(whole) // 2])
    sf.write(folder / "silent.wav", np.zeros(RATE), RATE)
    sf.write(folder / "nan.wav", np.full(RATE, np.nan, np.float32), RATE, subtype="FLOAT")
    sf.write(folder / "blink.wav", tone(440.0, 0.02, RATE), RATE)
    return {
        "blink.wav": "short",
        "empty.wav": "empty",
        "nan.wav": "NaN",
        "silent.wav": "silent",
        "text.mp3": "not audio",
        "truncated.flac": "truncated",
    }


def enrich(folder: Path) -> list[str]:
    """Put two odd but good files into a folder: 8 channels at 96 kHz, and a name in Cyrillic."""
    folder.mkdir(parents=True, exist_ok=True)
    wide = np.stack([tone(250.0 + 10 * i, 1.0, 96_000) for i in range(8)], axis=1)
    sf.write(folder / "wide.wav", wide, 96_000)
    sf.write(folder / "Подмосковные вечера.flac", tone(300.0, 1.0, RATE), RATE)
    return ["wide.wav", "Подмосковные вечера.flac"]


@cache
def collection() -> Path:
    """Write the collection once for all tests; none of them may change it."""
    return write_collection(Path(_KEPT.name) / "music")


@cache
def trained() -> Run:
    """Train the recipe once for all tests; none of them may change the run's folder."""
    run, problems = train(RECIPE, collection_table(collection()), Path(_KEPT.name) / "run")
    assert not problems.as_dict()
    return run


@cache
def fold_runs() -> Path:
    """Train the recipe once a fold, in `fold-1` and `fold-2` of the folder given."""
    folder = Path(_KEPT.name) / "folds"
    tracks = collection_table(collection())
    for fold in (1, 2):
        part = split_by_fold(tracks, fold, validation=0.5)
        train(replace(RECIPE, epochs=1), part, folder / f"fold-{fold}")
    return folder


def segments_by_hand(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Cut a track into padded segments, `(n_segments, samples)`, and give each one's weight."""
    samples = RECIPE.excerpt_samples
    waveform = read_waveform(path, RATE)
    pieces = [waveform[i : i + samples] for i in range(0, len(waveform), samples)]
    padded = np.stack([np.pad(piece, (0, samples - len(piece))) for piece in pieces])
    return padded, np.array([len(piece) / samples for piece in pieces])


def assert_same_vectors(actual: np.ndarray, expected: np.ndarray) -> None:
    """Hold vectors to 1e-5 of the largest number: rounding alone, as the order of sums has it."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
