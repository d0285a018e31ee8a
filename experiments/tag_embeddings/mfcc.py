"""Statistics of MFCCs, the low anchor of Favory et al. (2020), table 1.

Run:
    kmusic tracks gtzan GTZAN --out gtzan.csv
    kmusic train experiments/tag_embeddings/mfcc.py --tracks gtzan.csv --run runs/mfcc
    kmusic evaluate runs/mfcc --probe mlp --seeds 10

Paper: accuracy 0.498 on GTZAN, 0.658 on UrbanSound8K and 0.626 on NSynth, means of 10 seeds
(table 1).

Nothing is trained: 20 coefficients, their first and second derivatives over five frames, and the
mean and deviation of each over time, 120 numbers. A track is heard in excerpts of 4 s, as long as
a clip of UrbanSound8K or NSynth, and their numbers averaged. `published` takes variances, at
22,000 Hz, as the public code does.
"""

from dataclasses import replace

from kmusic.features.mfcc import MFCCConfig
from kmusic.models.statistics import StatisticsConfig
from kmusic.training.probe import MLPConfig
from kmusic.training.recipe import PaperFigure, Recipe

PAPER = Recipe(
    frontend=MFCCConfig(n_mfcc=20, deltas=2, delta_width=5, delta_mode="nearest"),
    excerpt_seconds=4.0,
    model=StatisticsConfig(spread="deviation"),
    target=None,
    probe=MLPConfig(),
    epochs=1,
    early_stopping=None,
    paper=PaperFigure(place="table 1", metric="accuracy", value=0.498, data="GTZAN"),
)

RECIPES = {
    "paper": PAPER,
    "published": replace(
        PAPER,
        frontend=replace(PAPER.frontend, sample_rate=22_000),
        model=StatisticsConfig(spread="variance"),
    ),
}
