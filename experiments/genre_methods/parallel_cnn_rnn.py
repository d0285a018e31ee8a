"""Parallel CNN-RNN, Bjelikj, Garcia, Jordan and Alonso (2020), sections 3.2 and 4.3.

Run:
    kmusic train experiments/genre_methods/parallel_cnn_rnn.py --tracks fma_small.csv --run runs/p

Paper: accuracy 0.525 on FMA small, the official split (table 3, 420 of 800 tracks; section 4.3
prints 52.25 %).

`paper` is what the text describes: the residual CNN's tower beside an embedding of each frame, a
recurrence over time and attention. `published` is what the public code does: a wider tower, no
embedding, no attention, and a recurrence that steps over mel bands.
"""

from dataclasses import replace

from kmusic.features.augment import SIX_COPIES, AugmentConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.layers.blocks import ResidualStage
from kmusic.models.parallel_cnn_rnn import ParallelCNNRNNConfig
from kmusic.training.optimizers import AdamConfig
from kmusic.training.recipe import EarlyStopping, PaperFigure, Recipe

PAPER = Recipe(
    frontend=LogMelConfig(
        sample_rate=22_050, n_fft=2_048, hop_length=604, n_mels=128, reference="max", top_db=80.0
    ),
    excerpt_seconds=3.5,  # 77,175 samples, 128 frames; 3 s would give 110
    model=ParallelCNNRNNConfig(n_classes=8),
    target="label",
    augment=AugmentConfig(semitones=2.0, stretch=(0.9, 1.1)),
    scaling=ScalingConfig(kind="standard", per="band"),
    optimizer=AdamConfig(learning_rate=1e-3),
    batch_size=32,
    excerpts_per_track=6,  # the original and five copies
    epochs=50,
    early_stopping=EarlyStopping(monitor="val_accuracy", patience=20),
    batch_norm_momentum=0.9,
    paper=PaperFigure(place="table 3", metric="accuracy", value=0.525, data="fma_small"),
)

RECIPES = {
    "paper": PAPER,
    "published": replace(
        PAPER,
        place=0.585,  # 15.5 s into clips of 30 s
        model=ParallelCNNRNNConfig(
            n_classes=8,
            stages=(
                ResidualStage(
                    filters=(128, 256), bottleneck=16, initializers=("he_uniform", "he_uniform")
                ),
                ResidualStage(filters=(512, 512), bottleneck=32),
                ResidualStage(filters=(512, 128), bottleneck=64),
            ),
            frame_embedding=None,
            attention_units=None,
            recurrent_axis="mel",
        ),
        augment=AugmentConfig(copies=SIX_COPIES),
        scaling=None,
        batch_norm_momentum=None,
        excerpts_per_track=1,
    ),
}
