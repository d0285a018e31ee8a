"""Residual CNN, Bjelikj, Garcia, Jordan and Alonso (2020), sections 3.2 and 4.1.

Run:
    kmusic train experiments/genre_methods/cnn.py --tracks fma_small.csv --run runs/cnn

Paper: accuracy 0.5025 on FMA small, the official split (table 2).

`paper` is what the text describes, with what it leaves open filled in: a new excerpt and newly
drawn pitch and tempo for each example, and features standardised with the training excerpts'
statistics, as its conclusion says. `published` is what the public code does: one excerpt of each
track, six fixed copies of the training set (here all are changed as the text means them),
unscaled decibels, binary cross-entropy on the softmax and patience 7.
"""

from dataclasses import replace

from kmusic.features.augment import SIX_COPIES, AugmentConfig
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
    batch_norm_momentum=0.9,
    paper=PaperFigure(place="table 2", metric="accuracy", value=0.5025, data="fma_small"),
)

RECIPES = {
    "paper": PAPER,
    "published": replace(
        PAPER,
        place=0.585,  # 15.5 s into clips of 30 s
        augment=AugmentConfig(copies=SIX_COPIES),
        scaling=None,
        batch_norm_momentum=None,
        excerpts_per_track=1,
        loss="binary_crossentropy",
        early_stopping=EarlyStopping(monitor="val_accuracy", patience=7),
    ),
}
