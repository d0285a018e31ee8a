"""Recurrent composer classifier, Yanchenko (2019), "LSTM many-to-one model".

Run:
    kmusic tracks symphonies RECORDINGS --out symphonies.csv
    kmusic train experiments/symphony2vec/lstm.py --tracks symphonies.csv --run runs/lstm
    kmusic evaluate runs/lstm

Paper: accuracy 0.252131 from mel-spectrograms and 0.251171 from MFCCs and from chromagrams of 10 s
of symphonies by five composers (table 3).

Recipes are named by what the net hears: in training 11 random chunks of 36 frames of each clip, as
many as the public code cuts, and after it 11 in a row, which are judged together. The code judges
each by itself. `published` takes from it the last output as the scores, a cross-entropy that
applies a second softmax to the probabilities, features standardised by the mean and deviation of
training and test clips together, which are written here as it has them, and for mel-spectrograms
and MFCCs a lower learning rate with a weight decay.

The figures are those of always naming Haydn, 25.1 % of the test clips: the code reads each batch
with its axes mixed up, so that a sequence is made of several clips. Here the recurrence steps
through the frames of one. The paper's clips are drawn one by one, so that a movement has clips on
both sides; here a recording is on one. Its figure for mel-spectrograms is of 768 of its 3,842 test
clips, of which 25.65 % are Haydn's.
"""

from dataclasses import replace

from kmusic.features.chroma import ChromaConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.mfcc import MFCCConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.composer_baselines import ComposerLSTMConfig
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
    model=ComposerLSTMConfig(n_classes=5),
    target="label",
    scaling=ScalingConfig(kind="standard", per="global"),
    optimizer=AdamConfig(learning_rate=1e-3),
    batch_size=32,
    excerpts_per_track=11,
    epochs=10,
    early_stopping=None,
    paper=PaperFigure(place="table 3", metric="accuracy", value=0.252131, data=DATA),
)
MFCC = replace(
    MEL,
    frontend=MFCCConfig(sample_rate=22_050, n_fft=2_048, hop_length=512, n_mfcc=13),
    paper=PaperFigure(place="table 3", metric="accuracy", value=0.251171, data=DATA),
)
CHROMA = replace(MFCC, frontend=ChromaConfig(sample_rate=22_050, n_fft=2_048, hop_length=512))
SLOWLY = AdamConfig(learning_rate=1e-4, weight_decay=1e-5)


def published(recipe: Recipe, mean: float, deviation: float) -> Recipe:
    """Give what the public code does, with the statistics of its features."""
    return replace(
        recipe,
        model=ComposerLSTMConfig(n_classes=5, head=False),
        scaling=ScalingConfig(kind="fixed", offset=mean, spread=deviation),
        loss="double_softmax",
    )


RECIPES = {
    "mel": MEL,
    "mfcc": MFCC,
    "chroma": CHROMA,
    "mel-published": published(replace(MEL, optimizer=SLOWLY), -39.2555344360, 16.7637749998),
    "mfcc-published": published(replace(MFCC, optimizer=SLOWLY), -15.3513137704, 104.4164497835),
    "chroma-published": published(CHROMA, 0.2806374888, 0.2942439307),
}
