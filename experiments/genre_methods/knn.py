"""k-NN on principal components, Bjelikj, Garcia, Jordan and Alonso (2020), sections 3.1 and 4.

Run:
    kmusic train experiments/genre_methods/knn.py --tracks fma_small.csv --run runs/knn
    kmusic evaluate runs/knn

Paper: accuracy 0.305 on FMA small, the official split (section 4).

The representation is the first 15 principal components of the standardised mel-spectrogram; eight
neighbours vote by their nearness. `paper` averages a track's components over all its excerpts;
`published` hears one excerpt of each track, as the public code does, and asks 18 neighbours.
"""

from dataclasses import replace

from kmusic.features.augment import SIX_COPIES, AugmentConfig
from kmusic.features.mel import LogMelConfig
from kmusic.models.pca import PCAConfig
from kmusic.training.probe import KNNConfig
from kmusic.training.recipe import PaperFigure, Recipe

PAPER = Recipe(
    frontend=LogMelConfig(
        sample_rate=22_050, n_fft=2_048, hop_length=604, n_mels=128, reference="max", top_db=80.0
    ),
    excerpt_seconds=3.5,  # 77,175 samples, 128 frames; 3 s would give 110
    model=PCAConfig(n_components=15),
    target=None,
    probe=KNNConfig(n_neighbors=8, weights="distance"),
    augment=AugmentConfig(semitones=2.0, stretch=(0.9, 1.1)),
    excerpts_per_track=6,  # the original and five copies
    epochs=1,
    early_stopping=None,
    paper=PaperFigure(place="section 4", metric="accuracy", value=0.305, data="fma_small"),
)

RECIPES = {
    "paper": PAPER,
    "published": replace(
        PAPER,
        place=0.585,  # 15.5 s into clips of 30 s
        probe=KNNConfig(n_neighbors=18, weights="distance"),
        augment=AugmentConfig(copies=SIX_COPIES),
        excerpts_per_track=1,
    ),
}
