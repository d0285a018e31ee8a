"""Adversarially learned inference, Yanchenko (2019), tables 5 to 7, after Dumoulin et al. (2017).

Run:
    kmusic tracks symphonies RECORDINGS --out symphonies.csv
    kmusic train experiments/symphony2vec/ali.py --tracks symphonies.csv --run runs/ali
    kmusic evaluate runs/ali

Paper: accuracy 0.2867 with 128 latent numbers (table 7), where the majority class has about 0.25.

Recipes are named by the length of the latent vector. The representation of an excerpt is the
posterior mean, averaged over its consecutive crops of 32 frames and the lowest 32 mel bands; while
training the frames are drawn. Decibels from 80 below the excerpt's maximum to the maximum become 0
to 1, what the generator's sigmoid can reach. Both sides learn in one simultaneous step.

`128-published` is what the public code does, as far as it can be wanted: frames 32 to 63 alone, its
normalisation, after which the generator reaches only -39 to -22 dB, a batch-normalised
discriminator that waits while the generator loses 3.5 or more, noise on its crops, a bias for each
position, mean and log-sigma joined, and an unscaled regression. Not repeated: a split by clip, the
discriminator's step before the generator's through one graph, and batch statistics while vectors
are read. The code's passes, 50 over each of three parts of the training clips, are here 50 over all
of them.
"""

from dataclasses import replace

from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.layers.crops import CropConfig
from kmusic.models.ali import ALIConfig
from kmusic.training.optimizers import AdamConfig
from kmusic.training.probe import LogisticConfig
from kmusic.training.recipe import PaperFigure, Recipe

SYMPHONIES = "symphonies of five composers"


def table_7(value: float) -> PaperFigure:
    """Give a figure of the test row of table 7."""
    return PaperFigure(place="table 7", metric="accuracy", value=value, data=SYMPHONIES)


PAPER = Recipe(
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
    model=ALIConfig(
        latent_dim=128,
        crop=CropConfig(n_frames=32, n_bands=32, first_band=0),
        dropout=0.2,
        discriminator_norm=False,
        output_map=False,
        waits_at=None,
    ),
    target=None,
    probe=LogisticConfig(standardize=True),
    scaling=ScalingConfig(kind="fixed", offset=-80.0, spread=80.0),
    optimizer=AdamConfig(learning_rate=1e-5, beta_1=0.9, beta_2=0.999),
    batch_size=64,
    epochs=50,
    early_stopping=None,
    batch_norm_momentum=0.9,
    paper=table_7(0.2867),
)

RECIPES = {
    "128": PAPER,
    "256": replace(PAPER, model=replace(PAPER.model, latent_dim=256), paper=table_7(0.2991)),
    "40": replace(PAPER, model=replace(PAPER.model, latent_dim=40), paper=table_7(0.2867)),
    "128-published": replace(
        PAPER,
        model=ALIConfig(
            latent_dim=128,
            crop=CropConfig(n_frames=32, n_bands=32, first_frame=32, n_random=None),
            vector="mean_and_log_sigma",
            dropout=0.2,
            discriminator_norm=True,
            output_map=True,
            noise=0.1,
            noise_steps=4_200,  # 50 epochs of 84 batches
            waits_at=3.5,
        ),
        probe=LogisticConfig(standardize=False),
        scaling=ScalingConfig(kind="fixed", offset=-39.2555344360, spread=16.7637749998),
        optimizer=AdamConfig(learning_rate=1e-5, beta_1=0.5, beta_2=0.999),
    ),
}
