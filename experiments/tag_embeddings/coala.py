"""COALA, Favory et al. (2020b), beside the systems of Favory et al. (2020), table 1.

Run:
    kmusic tracks freesound FREESOUND --out freesound.csv
    kmusic train experiments/tag_embeddings/coala.py --tracks freesound.csv --run runs/coala
    kmusic tracks gtzan GTZAN --out gtzan.csv
    kmusic evaluate runs/coala --tracks gtzan.csv --probe mlp --seeds 10

Paper: accuracy 0.607 on GTZAN, 0.727 on UrbanSound8K and 0.731 on NSynth, means of 10 seeds
(table 1).

Two autoencoders, of sound and of which of 1,000 words a sound bears, whose embeddings are aligned
by a projection each. All tags of a sound count. `no-reconstruction` learns from the alignment
alone, which COALA's own table gives 0.589 on GTZAN.
"""

from dataclasses import replace

from kmusic.datasets.tags import TagConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.coala import COALAConfig
from kmusic.training.optimizers import SGDConfig
from kmusic.training.probe import MLPConfig
from kmusic.training.recipe import PaperFigure, Recipe

PAPER = Recipe(
    frontend=LogMelConfig(
        sample_rate=22_050,
        n_fft=1_024,
        hop_length=512,
        n_mels=96,
        window="hamming",
        power=1.0,
        scale="log",
        log_offset=1.1921e-7,
    ),
    excerpt_seconds=95 * 512 / 22_050,  # 96 frames
    place="loudest",
    model=COALAConfig(reconstruction_weight=5.0, tag_weight=5.0, contrastive_weight=10.0),
    target=None,
    probe=MLPConfig(),
    tags=TagConfig(min_tracks=10, max_share=0.7, n_words=1_000, max_tags=None),
    scaling=ScalingConfig(kind="minmax", per="band", clip=True),
    optimizer=SGDConfig(learning_rate=5e-3, momentum=0.0, nesterov=False),
    crop="frames",
    batch_size=128,
    epochs=200,
    early_stopping=None,
    paper=PaperFigure(place="table 1", metric="accuracy", value=0.607, data="GTZAN"),
)

RECIPES = {
    "paper": PAPER,
    "no-reconstruction": replace(
        PAPER,
        model=replace(PAPER.model, reconstruction_weight=0.0, tag_weight=0.0),
        paper=PaperFigure(place="COALA, table 2", metric="accuracy", value=0.589, data="GTZAN"),
    ),
}
