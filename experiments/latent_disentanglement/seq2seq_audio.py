"""Sequence-to-sequence autoencoder of raw sound, Qasemi et al. (2019), section 5.1.

Run:
    kmusic tracks fma fma_small --out fma.csv
    kmusic train experiments/latent_disentanglement/seq2seq_audio.py --tracks fma.csv --run runs/s2s
    kmusic evaluate runs/s2s

Paper: accuracy 0.45 on fma_small, 0.85 in training ("Naive Seq2Seq-AE", table 1). Its text speaks
of figures around 0.3 all the same, though this one is the best of the table, above the supervised
net's 0.43. A random guess among eight genres is 0.125.

Recipes are named by the units of both recurrences, which the code is as long as. The paper saw no
"significant improvement in any over the rest" and does not say which one the table shows.

A GRU hears the samples one by one; its last state is the code. A second one begins with the code
as its state and is told each right sample after its guess ("teacher forcing"). Left alone it hears
its own guesses: both errors are in `history.csv`, as "reconstruction" and "free_running", the
latter in validation only, and printed by `kmusic evaluate`. A decoder that is told the sample
before can do well with any code, since sound changes little within 0.125 ms.

The paper does not say, and here was chosen: 8 kHz, as in the public code of its WaveNet; chunks of
0.1 s, 800 samples, where it has "chunks with equal length"; one scale for all samples, mean 0 and
deviation 1; Adam at 1e-3 with batches of 128; eight chunks of each track an epoch; at most 50
epochs, the best of them by the error in validation; the mean over its chunks as a song's vector;
and the random forest of the two classifiers it names. Table 2 has an error of 0.66 for
"Seq2Seq-AE", without saying of which model or on what scale; ours is of standardised samples.
"""

from dataclasses import replace

from kmusic.features.scaling import ScalingConfig
from kmusic.features.waveform import WaveformConfig
from kmusic.models.seq2seq import Seq2SeqAudioConfig
from kmusic.training.optimizers import AdamConfig
from kmusic.training.probe import ForestConfig
from kmusic.training.recipe import EarlyStopping, PaperFigure, Recipe

SMALLEST = Recipe(
    frontend=WaveformConfig(sample_rate=8_000),
    excerpt_seconds=0.1,  # 800 samples
    model=Seq2SeqAudioConfig(units=8),
    target=None,
    probe=ForestConfig(n_estimators=200, max_depth=20),
    scaling=ScalingConfig(kind="standard", per="global"),
    optimizer=AdamConfig(learning_rate=1e-3),
    crop="frames",  # a track is decoded once, not eight times an epoch
    batch_size=128,
    excerpts_per_track=8,
    epochs=50,
    early_stopping=EarlyStopping(monitor="val_loss", patience=5),
    paper=PaperFigure(place="table 1", metric="accuracy", value=0.45, data="fma_small"),
)

RECIPES = {
    str(units): replace(SMALLEST, model=Seq2SeqAudioConfig(units=units)) for units in (8, 16, 32)
}
