"""Tag-label DCNN, Park, Lee, Park, Ha and Nam (2018), sections 2.3, 3.1.2 and 3.3.

Run:
    kmusic tracks msd:tags MSD --out msdtags.csv
    kmusic train experiments/artist_labels/tags.py --tracks msdtags.csv --run runs/tags
    kmusic tracks gtzan GTZAN --out gtzan.csv
    kmusic evaluate runs/tags --tracks gtzan.csv --probe knn --probe linear_softmax --seeds 10

Paper: MAP 0.5508 on GTZAN, fault-filtered, with as many songs as 5,000 artists have (table 1).

The network of `basic.py` with a sigmoid for each of 50 tags of Last.fm, those that Choi et al.
(2016) keep. The recipe is named after the set of artists that it is held against: it learns from as
many songs as 5,000 artists have, 90,000. `published` is without dropout, as in `basic.py`.
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
    model=ArtistDCNNConfig(n_classes=50, output="sigmoid", dropout=0.5),
    target="tags",
    loss="binary_crossentropy",
    scaling=ScalingConfig(kind="standard", per="global"),
    optimizer=SGDConfig(learning_rate=0.015, decay=1e-6, momentum=0.9, nesterov=True),
    rate_falls=Plateau(monitor="val_loss", patience=1, factor=0.2),
    batch_size=15,
    epochs=1_000,
    early_stopping=EarlyStopping(monitor="val_loss", patience=6),
    paper=PaperFigure(place="table 1", metric="MAP", value=0.5508, data="GTZAN, fault-filtered"),
)

RECIPES = {
    "5000": PAPER,
    "published": replace(
        PAPER, model=ArtistDCNNConfig(n_classes=50, output="sigmoid", dropout=0.0)
    ),
}
