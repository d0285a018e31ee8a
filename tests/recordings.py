"""Small collections of recordings, and recipes and runs small enough for tests."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd
import soundfile as sf

from kmusic.audio.signals import noise, tone
from kmusic.datasets.splits import assign_folds, split_by_group
from kmusic.datasets.table import checked
from kmusic.features.mel import LogMelConfig
from kmusic.layers.blocks import ResidualStage
from kmusic.models.residual_cnn import ResidualCNNConfig
from kmusic.training.fit import train
from kmusic.training.optimizers import AdamConfig
from kmusic.training.recipe import EarlyStopping, Recipe

RATE = 16_000
RECIPE = Recipe(
    frontend=LogMelConfig(sample_rate=RATE, n_fft=512, hop_length=256, n_mels=32),
    excerpt_seconds=0.5,
    model=ResidualCNNConfig(
        embedding_dim=8, stages=(ResidualStage(filters=(4, 4), bottleneck=2),)
    ),
    optimizer=AdamConfig(learning_rate=0.01),
    batch_size=8,
    epochs=2,
    early_stopping=EarlyStopping(patience=2),
)


def write_collection(root: Path) -> None:
    """Write 16 tones of 0.9 to 1.7 s: 2 labels x 4 artists x 2 tracks, as label/artist/file."""
    for place, label in enumerate(("low", "high")):
        for artist in range(4):
            folder = root / label / f"{label} {artist}"
            folder.mkdir(parents=True)
            for number in range(2):
                seed = 8 * place + 2 * artist + number
                seconds = 0.9 + 0.05 * seed
                hz = (200.0, 3_000.0)[place] * 1.1**artist
                sound = tone(hz, seconds, RATE) + 0.1 * noise(seconds, RATE, seed)
                sf.write(folder / f"{number}.{('wav', 'flac')[number]}", sound, RATE)


def spoil(folder: Path) -> dict[str, str]:
    """Put seven bad files into a folder.

    Returns:
        By file name, a word of what is wrong with it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty.wav").touch()
    (folder / "text.mp3").write_text("These are words, not sound. " * 20)
    sf.write(folder / "whole.flac", noise(2.0, RATE), RATE)
    whole = (folder / "whole.flac").read_bytes()
    (folder / "whole.flac").unlink()
    (folder / "truncated.flac").write_bytes(whole[: len(whole) // 2])
    sf.write(folder / "silent.wav", np.zeros(RATE), RATE)
    sf.write(folder / "nan.wav", np.full(RATE, np.nan, np.float32), RATE, subtype="FLOAT")
    sf.write(folder / "blink.wav", tone(440.0, 0.02, RATE), RATE)
    return {
        "empty.wav": "empty",
        "text.mp3": "not audio",
        "truncated.flac": "truncated",
        "silent.wav": "silent",
        "nan.wav": "NaN",
        "blink.wav": "short",
    }


def enrich(folder: Path) -> list[str]:
    """Put two odd but good files into a folder: 8 channels at 96 kHz, and a name in Cyrillic."""
    folder.mkdir(parents=True, exist_ok=True)
    wide = np.stack([tone(250.0 + 10 * i, 1.0, 96_000) for i in range(8)], axis=1)
    sf.write(folder / "wide.wav", wide, 96_000)
    sf.write(folder / "Подмосковные вечера.flac", tone(300.0, 1.0, RATE), RATE)
    return ["wide.wav", "Подмосковные вечера.flac"]
