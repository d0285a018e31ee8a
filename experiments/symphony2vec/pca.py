"""Principal components, Yanchenko (2019), "Embedding Architectures" and table 4.

Run:
    kmusic tracks symphonies RECORDINGS --out symphonies.csv
    kmusic train experiments/symphony2vec/pca.py --tracks symphonies.csv --run runs/pca
    kmusic evaluate runs/pca

Paper: accuracy 0.2824 from mel-spectrograms, 0.3665 from MFCCs and 0.3589 from chromagrams of 10 s
of symphonies by five composers, by logistic regression on 40 components (table 4).

Recipes are named by what is projected. `published` is what the public code does: features
standardised by the mean and deviation of training and test clips together, which are written here
as it has them, and a regression on components that are not scaled.

Not repeated: the code fits other components to the test clips, so that a coordinate means one thing
in training and another in the test; from mel-spectrograms even six sets. Here they are fitted to
the training clips alone. The figure from MFCCs is that of the contractive autoencoder once more;
the public notebook has 0.3490.

The paper's clips are drawn one by one, so that a movement has clips on both sides; here a recording
is on one.
"""

from dataclasses import replace

from kmusic.features.chroma import ChromaConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.mfcc import MFCCConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.pca import PCAConfig
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
    model=PCAConfig(n_components=40, standardize=False),
    target=None,
    probe=LogisticConfig(standardize=True),
    scaling=ScalingConfig(kind="standard", per="global"),
    batch_size=32,
    epochs=1,
    early_stopping=None,
    paper=PaperFigure(place="table 4", metric="accuracy", value=0.2824, data=DATA),
)
MFCC = replace(
    MEL,
    frontend=MFCCConfig(sample_rate=22_050, n_fft=2_048, hop_length=512, n_mfcc=13),
    paper=PaperFigure(place="table 4", metric="accuracy", value=0.3665, data=DATA),
)
CHROMA = replace(
    MEL,
    frontend=ChromaConfig(sample_rate=22_050, n_fft=2_048, hop_length=512),
    paper=PaperFigure(place="table 4", metric="accuracy", value=0.3589, data=DATA),
)


def published(recipe: Recipe, mean: float, deviation: float) -> Recipe:
    """Give what the public code does, with the statistics of its features."""
    return replace(
        recipe,
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
