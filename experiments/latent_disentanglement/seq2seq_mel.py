"""Sequence-to-sequence autoencoder of mel-spectrograms, Qasemi et al. (2019), section 5.3.

Run:
    kmusic tracks fma fma_small --out fma.csv
    kmusic train experiments/latent_disentanglement/seq2seq_mel.py --tracks fma.csv --run runs/mel
    kmusic evaluate runs/mel

Paper: accuracy 0.32 on fma_small, 0.99 in training ("Seq2Seq-AE-Mel", table 1). A random guess
among eight genres is 0.125.

`mel` has the genres named by a random forest of 200 trees of depth 20, `logistic` by a logistic
regression: the paper names both and does not say which one the table shows.

An LSTM hears the frames; its last output, 512 numbers, is the code, from which a second LSTM and a
linear layer restore the frames. Features are those of the only trace in the public code: 16 kHz,
n_fft 2,048, hop 512, 128 bands, decibels below the maximum, here of the chunk, there of the clip.

The paper does not say, and here was chosen: chunks of 64 frames, 2.0 s; bands scaled each to mean
0 and deviation 1; how the second LSTM gets the code, here in every frame, and nothing is forced;
Adam at 1e-3 with batches of 128; eight chunks of each track an epoch; at most 50 epochs, the best
of them by the error in validation; and the mean over its chunks as a song's vector. Table 2 has an
error of 0.66 for "Seq2Seq-AE" and lays it on long sequences; on what scale it does not say. Ours is
of standardised bands, where a model that gives every band's mean has an error of 1.
"""

from dataclasses import replace

from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.seq2seq import Seq2SeqMelConfig
from kmusic.training.optimizers import AdamConfig
from kmusic.training.probe import ForestConfig, LogisticConfig
from kmusic.training.recipe import EarlyStopping, PaperFigure, Recipe

MEL = Recipe(
    frontend=LogMelConfig(
        sample_rate=16_000,
        n_fft=2_048,
        hop_length=512,
        n_mels=128,
        reference="max",
        top_db=80.0,
    ),
    excerpt_seconds=63 * 512 / 16_000,  # 64 frames
    model=Seq2SeqMelConfig(units=512),
    target=None,
    probe=ForestConfig(n_estimators=200, max_depth=20),
    scaling=ScalingConfig(kind="standard", per="band"),
    optimizer=AdamConfig(learning_rate=1e-3),
    crop="frames",
    batch_size=128,
    excerpts_per_track=8,
    epochs=50,
    early_stopping=EarlyStopping(monitor="val_loss", patience=5),
    paper=PaperFigure(place="table 1", metric="accuracy", value=0.32, data="fma_small"),
)

RECIPES = {"mel": MEL, "logistic": replace(MEL, probe=LogisticConfig())}
