"""Contractive autoencoder, Yanchenko (2019), "Embedding Architectures" and table 4.

Run:
    kmusic tracks symphonies RECORDINGS --out symphonies.csv
    kmusic train experiments/symphony2vec/cae.py --tracks symphonies.csv --run runs/cae
    kmusic evaluate runs/cae

Paper: accuracy 0.3438 from mel-spectrograms, 0.3665 from MFCCs and 0.4060 from chromagrams of 10 s
of symphonies by five composers, by logistic regression on codes of 40 numbers (table 4).

Recipes are named by what the net hears. `published` is what the public code does, and in part the
text: an output that ends in tanh, features standardised by the mean and deviation of training and
test clips together, which are written here as it has them, and a regression on codes that are not
scaled. The text prints a weight decay of 10e-5; the code's 1e-5 is taken.

Not repeated: the code's penalty is the root of a sum of derivatives of the codes' sum, and has no
gradient, so that its nets are plain autoencoders with another seed. Here it is the squared norm of
the encoder's Jacobian, and teaches. With mel-spectrograms a step then takes seven to
eight times as long as the plain autoencoder's on a CPU; `--set model.n_projections=1` estimates the
norm in less than twice the time (`benchmarks/contraction.py`).

The paper's clips are drawn one by one, so that a movement has clips on both sides; here a recording
is on one. Its figure for mel-spectrograms is of 768 of its 3,842 test clips, of which 25.65 % are
Haydn's.
"""

from dataclasses import replace

from kmusic.features.chroma import ChromaConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.mfcc import MFCCConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.autoencoders import CAEConfig
from kmusic.training.optimizers import AdamConfig
from kmusic.training.probe import LogisticConfig
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
    model=CAEConfig(latent_dim=40, contraction=1e-4),
    target=None,
    probe=LogisticConfig(standardize=True),
    scaling=ScalingConfig(kind="standard", per="global"),
    optimizer=AdamConfig(learning_rate=1e-3, weight_decay=1e-5),
    batch_size=32,
    epochs=10,
    early_stopping=None,
    paper=PaperFigure(place="table 4", metric="accuracy", value=0.3438, data=DATA),
)
MFCC = replace(
    MEL,
    frontend=MFCCConfig(sample_rate=22_050, n_fft=2_048, hop_length=512, n_mfcc=13),
    paper=PaperFigure(place="table 4", metric="accuracy", value=0.3665, data=DATA),
)
CHROMA = replace(
    MEL,
    frontend=ChromaConfig(sample_rate=22_050, n_fft=2_048, hop_length=512),
    paper=PaperFigure(place="table 4", metric="accuracy", value=0.4060, data=DATA),
)


def published(recipe: Recipe, mean: float, deviation: float) -> Recipe:
    """Give what the public code does, with the statistics of its features."""
    return replace(
        recipe,
        model=replace(recipe.model, output="tanh"),
        probe=LogisticConfig(standardize=False),
        scaling=ScalingConfig(kind="fixed", offset=mean, spread=deviation),
    )


RECIPES = {
    "mel": MEL,
    "mfcc": MFCC,
    "chroma": CHROMA,
    "mel-published": published(MEL, -39.2555344360, 16.7637749998),
    "mfcc-published": published(MFCC, -15.3513137704, 104.4164497835),
    "chroma-published": published(CHROMA, 0.2806374888, 0.2942439307),
}
