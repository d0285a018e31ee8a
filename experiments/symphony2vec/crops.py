"""Composer classifiers of 32 x 32 crops, Yanchenko (2019), "ALI Composer Classification".

Run:
    kmusic tracks symphonies RECORDINGS --out symphonies.csv
    kmusic train experiments/symphony2vec/crops.py --tracks symphonies.csv --run runs/crops
    kmusic evaluate runs/crops

Paper: accuracy 0.3581 of the feed-forward net and 0.4063 of the ALI encoder with a softmax behind
it, from 32 frames of 32 mel bands of symphonies by five composers (text above table 7).

Both hear the lowest 32 of 64 bands: in training a random crop of each clip, after it 13 in a row,
which are judged together. Decibels are scaled to [0, 1] as for ALI. The public code has neither, so
the settings are those of the paper's feed-forward net for the one and of its CNN for the other, and
the number of epochs is that of ALI.
"""

from dataclasses import replace

from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.layers.crops import CropConfig
from kmusic.models.ali_encoder import ALIEncoderConfig
from kmusic.models.composer_baselines import FeedForwardConfig
from kmusic.training.optimizers import AdamConfig
from kmusic.training.recipe import PaperFigure, Recipe

DATA = "symphonies of five composers"
SQUARE = CropConfig(n_frames=32, n_bands=32)

FEED_FORWARD = Recipe(
    frontend=LogMelConfig(
        sample_rate=22_050,
        n_fft=2_048,
        hop_length=512,
        n_mels=64,
        fmax=8_000.0,
        reference="max",
        top_db=80.0,
    ),
    excerpt_seconds=10.0,  # 431 frames
    model=FeedForwardConfig(n_classes=5, crop=SQUARE),
    target="label",
    scaling=ScalingConfig(kind="fixed", offset=-80.0, spread=80.0),
    optimizer=AdamConfig(learning_rate=1e-4, weight_decay=1e-5),
    batch_size=32,
    epochs=50,
    early_stopping=None,
    batch_norm_momentum=0.9,
    paper=PaperFigure(place="text above table 7", metric="accuracy", value=0.3581, data=DATA),
)

RECIPES = {
    "feed_forward": FEED_FORWARD,
    "ali_encoder": replace(
        FEED_FORWARD,
        model=ALIEncoderConfig(n_classes=5, crop=SQUARE),
        optimizer=AdamConfig(learning_rate=1e-3, weight_decay=1e-5),
        paper=PaperFigure(place="text above table 7", metric="accuracy", value=0.4063, data=DATA),
    ),
}
