"""Variational autoencoder, Yanchenko (2019), "Embedding Architectures" and table 4.

Run:
    kmusic tracks symphonies RECORDINGS --out symphonies.csv
    kmusic train experiments/symphony2vec/vae.py --tracks symphonies.csv --run runs/vae
    kmusic evaluate runs/vae

Paper: accuracy 0.3685 from mel-spectrograms, 0.4545 from MFCCs and 0.3873 from chromagrams of 10 s
of symphonies by five composers, by logistic regression on latent means of 40 numbers (table 4).

Recipes are named by what the net hears. The likelihood of standardised features is Gaussian.
`published` is what the public code does, as far as it can be wanted: an output that ends in a
sigmoid (the text says tanh) and is judged by cross-entropy, a rate that falls to a tenth after five
epochs, and a regression, not scaled, on means and logarithms of variances together, 80 numbers
where the table says 40.

Not repeated: the code takes cross-entropies of standardised features, whose targets leave [0, 1]
and whose loss has no floor, down to -1e7; here features are scaled to [0, 1] first.

The paper's clips are drawn one by one, so that a movement has clips on both sides; here a recording
is on one. Its figure for mel-spectrograms is of 768 of its 3,842 test clips, of which 25.65 % are
Haydn's.
"""

from dataclasses import replace

from kmusic.features.chroma import ChromaConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.mfcc import MFCCConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.autoencoders import VAEConfig
from kmusic.training.optimizers import AdamConfig
from kmusic.training.probe import LogisticConfig
from kmusic.training.recipe import Milestones, PaperFigure, Recipe

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
    model=VAEConfig(latent_dim=40),
    target=None,
    probe=LogisticConfig(standardize=True),
    scaling=ScalingConfig(kind="standard", per="global"),
    optimizer=AdamConfig(learning_rate=1e-3),
    batch_size=32,
    epochs=100,
    early_stopping=None,
    paper=PaperFigure(place="table 4", metric="accuracy", value=0.3685, data=DATA),
)
MFCC = replace(
    MEL,
    frontend=MFCCConfig(sample_rate=22_050, n_fft=2_048, hop_length=512, n_mfcc=13),
    paper=PaperFigure(place="table 4", metric="accuracy", value=0.4545, data=DATA),
)
CHROMA = replace(
    MEL,
    frontend=ChromaConfig(sample_rate=22_050, n_fft=2_048, hop_length=512),
    paper=PaperFigure(place="table 4", metric="accuracy", value=0.3873, data=DATA),
)


def published(recipe: Recipe) -> Recipe:
    """Give what the public code does, on features that its likelihood is made for."""
    return replace(
        recipe,
        model=VAEConfig(latent_dim=40, likelihood="bernoulli", vector="mean_and_log_var"),
        probe=LogisticConfig(standardize=False),
        scaling=ScalingConfig(kind="minmax", per="global", clip=True),
        rate_falls=Milestones(epochs=(5,), factor=0.1),
    )


RECIPES = {
    "mel": MEL,
    "mfcc": MFCC,
    "chroma": CHROMA,
    "mel-published": published(MEL),
    "mfcc-published": published(MFCC),
    "chroma-published": published(CHROMA),
}
