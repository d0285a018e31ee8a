"""Basic artist DCNN, Park, Lee, Park, Ha and Nam (2018), sections 2.1, 3.1.1 and 3.3.

Run:
    kmusic tracks msd:5000 MSD --out msd5000.csv
    kmusic train experiments/artist_labels/basic.py --tracks msd5000.csv --run runs/basic
    kmusic tracks gtzan GTZAN --out gtzan.csv
    kmusic evaluate runs/basic --tracks gtzan.csv --probe knn --probe linear_softmax --seeds 10

Paper: MAP 0.4968 on GTZAN, fault-filtered, with 5,000 artists (table 1).

Recipes are named by the number of artists. `published` is what the public code does: it makes a
dropout layer that its training graph does not use. Neither batch size nor penalty is in the paper;
both are the code's.
"""

from dataclasses import replace

from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.artist_dcnn import ArtistDCNNConfig
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
    model=ArtistDCNNConfig(n_classes=5_000, dropout=0.5),
    target="artist",
    n_artists=5_000,
    scaling=ScalingConfig(kind="standard", per="global"),
    optimizer=SGDConfig(learning_rate=0.015, decay=1e-6, momentum=0.9, nesterov=True),
    rate_falls=Plateau(monitor="val_loss", patience=1, factor=0.2),
    batch_size=15,
    epochs=1_000,
    early_stopping=EarlyStopping(monitor="val_loss", patience=6),
    paper=PaperFigure(place="table 1", metric="MAP", value=0.4968, data="GTZAN, fault-filtered"),
)


def with_artists(n_artists: int) -> Recipe:
    """Give the recipe for another number of artists; the paper prints its MAP as a curve alone."""
    model = replace(PAPER.model, n_classes=n_artists)
    return replace(PAPER, model=model, n_artists=n_artists, paper=None)


RECIPES = {
    "5000": PAPER,
    "500": with_artists(500),
    "1000": with_artists(1_000),
    "2000": with_artists(2_000),
    "10000": replace(
        with_artists(10_000),
        paper=PaperFigure(
            place="table 4",
            metric="accuracy of a linear softmax",
            value=0.7076,
            data="GTZAN, fault-filtered",
        ),
    ),
    "published": replace(PAPER, model=ArtistDCNNConfig(n_classes=5_000, dropout=0.0)),
}
