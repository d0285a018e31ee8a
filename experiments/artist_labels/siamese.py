"""Siamese artist DCNN, Park, Lee, Park, Ha and Nam (2018), sections 2.2, 3.1.1 and 3.3.

Run:
    kmusic tracks msd:5000 MSD --out msd5000.csv
    kmusic train experiments/artist_labels/siamese.py --tracks msd5000.csv --run runs/siamese
    kmusic tracks gtzan GTZAN --out gtzan.csv
    kmusic evaluate runs/siamese --tracks gtzan.csv --probe knn --probe linear_softmax --seeds 10

Paper: MAP 0.5510 on GTZAN, fault-filtered, with 5,000 artists (table 1).

Recipes are named by the number of artists. `published` is what the public code does: no dropout,
the loss summed over the batch too, and negatives that are any songs of other artists. The weights
that go with it, of 10,000 artists, are read by `kmusic import ismir2018-artist`; they were trained
for 46 epochs while the rate fell eight times.
"""

from dataclasses import replace

from kmusic.datasets.sampling import TripletConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.siamese import SiameseConfig
from kmusic.training.optimizers import SGDConfig
from kmusic.training.recipe import EarlyStopping, PaperFigure, Plateau, Recipe

PAPER = Recipe(
    frontend=LogMelConfig(
        sample_rate=22_050,
        n_fft=1_024,
        hop_length=512,
        n_mels=128,
        power=1.0,
        scale="log10",
        gain=10.0,
    ),
    excerpt_seconds=2.995,  # 129 frames; ten of them fill 30 s
    model=SiameseConfig(margin=0.4, reduction="mean", dropout=0.5),
    target=None,
    n_artists=5_000,
    triplets=TripletConfig(column="artist", n_negatives=4, distinct=True),
    scaling=ScalingConfig(kind="standard", per="global"),
    optimizer=SGDConfig(learning_rate=0.1, decay=1e-6, momentum=0.9, nesterov=True),
    rate_falls=Plateau(monitor="val_loss", patience=1, factor=0.2),
    batch_size=15,
    epochs=1_000,
    early_stopping=EarlyStopping(monitor="val_loss", patience=6),
    paper=PaperFigure(place="table 1", metric="MAP", value=0.5510, data="GTZAN, fault-filtered"),
)
TEN_THOUSAND = replace(
    PAPER,
    n_artists=10_000,
    paper=PaperFigure(
        place="table 4",
        metric="accuracy of a linear softmax",
        value=0.7203,
        data="GTZAN, fault-filtered",
    ),
)

RECIPES = {
    "5000": PAPER,
    "500": replace(PAPER, n_artists=500, paper=None),
    "1000": replace(PAPER, n_artists=1_000, paper=None),
    "2000": replace(PAPER, n_artists=2_000, paper=None),
    "10000": TEN_THOUSAND,
    "published": replace(
        TEN_THOUSAND,
        model=SiameseConfig(margin=0.4, reduction="sum", dropout=0.0),
        triplets=TripletConfig(column="artist", n_negatives=4, distinct=False),
    ),
}
