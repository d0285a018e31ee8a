"""Convolutional composer classifier, Yanchenko (2019), "CNN Architecture" and table 2.

Run:
    kmusic tracks symphonies RECORDINGS --out symphonies.csv
    kmusic train experiments/symphony2vec/cnn.py --tracks symphonies.csv --run runs/composer_cnn
    kmusic evaluate runs/composer_cnn

Paper: accuracy 0.557292 from mel-spectrograms, 0.528371 from MFCCs and 0.368558 from chromagrams of
10 s of symphonies by five composers (table 3).

Recipes are named by what the net hears. `published` is what the public code does: on
mel-spectrograms other poolings than table 2 prints, a cross-entropy that applies a second softmax
to the probabilities, and features standardised by the mean and deviation of training and test clips
together, which are written here as it has them. The text prints a weight decay of 10e-5; the code's
1e-5 is taken.

The paper's clips are drawn one by one, so that a movement has clips on both sides; here a recording
is on one. Its figure for mel-spectrograms is of 768 of its 3,842 test clips, of which 25.65 % are
Haydn's.
"""

from dataclasses import replace

from kmusic.features.chroma import ChromaConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.mfcc import MFCCConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.composer_baselines import (
    CHROMA_STAGES,
    MEL_STAGES,
    MEL_STAGES_PUBLISHED,
    MFCC_STAGES,
    ComposerCNNConfig,
)
from kmusic.training.optimizers import AdamConfig
from kmusic.training.recipe import PaperFigure, Recipe

DATA = "symphonies of five composers"

MEL = Recipe(
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
    model=ComposerCNNConfig(n_classes=5, stages=MEL_STAGES),
    target="label",
    scaling=ScalingConfig(kind="standard", per="global"),
    optimizer=AdamConfig(learning_rate=1e-3, weight_decay=1e-5),
    batch_size=32,
    epochs=10,
    early_stopping=None,
    batch_norm_momentum=0.9,
    paper=PaperFigure(place="table 3", metric="accuracy", value=0.557292, data=DATA),
)
MFCC = replace(
    MEL,
    frontend=MFCCConfig(sample_rate=22_050, n_fft=2_048, hop_length=512, n_mfcc=13),
    model=ComposerCNNConfig(n_classes=5, stages=MFCC_STAGES),
    paper=PaperFigure(place="table 3", metric="accuracy", value=0.528371, data=DATA),
)
CHROMA = replace(
    MEL,
    frontend=ChromaConfig(sample_rate=22_050, n_fft=2_048, hop_length=512),
    model=ComposerCNNConfig(n_classes=5, stages=CHROMA_STAGES),
    paper=PaperFigure(place="table 3", metric="accuracy", value=0.368558, data=DATA),
)
MEL_POOLED_AS_PUBLISHED = replace(
    MEL, model=ComposerCNNConfig(n_classes=5, stages=MEL_STAGES_PUBLISHED)
)


def published(recipe: Recipe, mean: float, deviation: float) -> Recipe:
    """Give what the public code does, with the statistics of its features."""
    return replace(
        recipe,
        scaling=ScalingConfig(kind="fixed", offset=mean, spread=deviation),
        loss="double_softmax",
    )


RECIPES = {
    "mel": MEL,
    "mfcc": MFCC,
    "chroma": CHROMA,
    "mel-published": published(MEL_POOLED_AS_PUBLISHED, -39.2555344360, 16.7637749998),
    "mfcc-published": published(MFCC, -15.3513137704, 104.4164497835),
    "chroma-published": published(CHROMA, 0.2806374888, 0.2942439307),
}
