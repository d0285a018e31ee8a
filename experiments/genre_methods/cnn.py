"""Residual CNN, Bjelikj, Garcia, Jordan and Alonso (2020), sections 3.2 and 4.1.

Run:
    kmusic train experiments/genre_methods/cnn.py --tracks fma_small.csv --run runs/cnn

Paper: accuracy 0.5025 on FMA small, the official split (table 2).

`paper` is what the text describes, with what it leaves open filled in: a new excerpt and newly
drawn pitch and tempo for each example, and features standardised with the training excerpts'
statistics, as its conclusion says. `published` is what the public code does: no augmentation in
the graph, unscaled decibels, binary cross-entropy on the softmax and patience 7.
"""

from dataclasses import replace

from kmusic.features.augment import AugmentConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.residual_cnn import ResidualCNNConfig
from kmusic.training.optimizers import AdamConfig
from kmusic.training.recipe import EarlyStopping, PaperFigure, Recipe

PAPER = Recipe(
    frontend=LogMelConfig(
        sample_rate=22_050, n_fft=2_048, hop_length=604, n_mels=128, reference="max", top_db=80.0
    ),
    excerpt_seconds=3.5,  # 77,175 samples, 128 frames; 3 s would give 110
    model=ResidualCNNConfig(n_classes=8),
    target="label",
    augment=AugmentConfig(semitones=2.0, stretch=(0.9, 1.1)),
    scaling=ScalingConfig(kind="standard", per="band"),
    optimizer=AdamConfig(learning_rate=2e-4, decay=2e-4 / 30),
    batch_size=16,
    excerpts_per_track=6,  # the original and five copies
    epochs=30,
    early_stopping=EarlyStopping(monitor="val_accuracy", patience=10),
    paper=PaperFigure(place="table 2", metric="accuracy", value=0.5025, data="fma_small"),
)

RECIPES = {
    "paper": PAPER,
    "published": replace(
        PAPER,
        augment=None,
        scaling=None,
        loss="binary_crossentropy",
        early_stopping=EarlyStopping(monitor="val_accuracy", patience=7),
    ),
}
