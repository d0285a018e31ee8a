"""C-RNN, Bjelikj, Garcia, Jordan and Alonso (2020), sections 3.2 and 4.2.

Run:
    kmusic train experiments/genre_methods/crnn.py --tracks fma_small.csv --run runs/crnn

Paper: accuracy 0.4112 on FMA small, the official split (table 1). The matrix that is printed beside
it, figure 5, counts 0.40375, and the public code's notebook says that this is the published net.

`paper` is what the text describes: poolings that narrow the mel axis to one band, and a recurrence
that hears all maps of each frame, one after the other. `published` is what the public code does:
poolings that step by one and so narrow nothing, only the first of 137 maps kept, and a recurrence
that steps over mel bands. Of its last convolution 136 filters learn nothing.
"""

from dataclasses import replace

from kmusic.features.augment import SIX_COPIES, AugmentConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.crnn import CRNNConfig
from kmusic.training.optimizers import AdamConfig
from kmusic.training.recipe import EarlyStopping, PaperFigure, Recipe

PAPER = Recipe(
    frontend=LogMelConfig(
        sample_rate=22_050, n_fft=2_048, hop_length=604, n_mels=128, reference="max", top_db=80.0
    ),
    excerpt_seconds=3.5,  # 77,175 samples, 128 frames; 3 s would give 110
    model=CRNNConfig(n_classes=8),
    target="label",
    augment=AugmentConfig(semitones=2.0, stretch=(0.9, 1.1)),
    scaling=ScalingConfig(kind="standard", per="band"),
    optimizer=AdamConfig(learning_rate=1e-3),
    batch_size=32,
    excerpts_per_track=6,  # the original and five copies
    epochs=50,
    early_stopping=EarlyStopping(monitor="val_accuracy", patience=10),
    batch_norm_momentum=0.9,
    paper=PaperFigure(place="table 1", metric="accuracy", value=0.4112, data="fma_small"),
)

RECIPES = {
    "paper": PAPER,
    "published": replace(
        PAPER,
        place=0.585,  # 15.5 s into clips of 30 s
        model=CRNNConfig(
            n_classes=8,
            pools=((2, 2), (3, 3), (4, 4), (4, 4)),
            pool_stride=1,
            n_maps=1,
            recurrent_axis="mel",
        ),
        augment=AugmentConfig(copies=SIX_COPIES),
        scaling=None,
        batch_norm_momentum=None,
        excerpts_per_track=1,
        epochs=30,
        paper=PaperFigure(place="figure 5", metric="accuracy", value=0.40375, data="fma_small"),
    ),
}
