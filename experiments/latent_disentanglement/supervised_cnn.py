"""Supervised baseline, Qasemi, Vu, Pham and Shbita (2019), section 6.1.

Run:
    kmusic train experiments/latent_disentanglement/supervised_cnn.py --tracks fma.csv --run runs/nn
    kmusic evaluate runs/nn

Paper: accuracy 0.43 on FMA small, 0.58 on its training tracks (table 1).

The paper says no more of it than that it is a CNN, trained with labels on the mel-spectrogram. Ours
is small on purpose: three convolutions of 3 x 3 with batch normalisation and pooling, down to 2 x 2
maps of 64 filters, and one hidden layer. It hears what the other systems of the paper hear: 64
frames of 128 bands, 2 s, scaled by the training tracks. A track's class is the likeliest in the
mean over its excerpts.
"""

from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.composer_baselines import ComposerCNNConfig, ConvStage
from kmusic.training.optimizers import AdamConfig
from kmusic.training.recipe import EarlyStopping, PaperFigure, Recipe


def stage(filters: int, pool: tuple[int, int]) -> ConvStage:
    """Give a convolution of 3 x 3 that keeps the size of the maps, and its pooling."""
    return ConvStage(filters=filters, kernel=(3, 3), strides=(1, 1), padding=(1, 1), pool=pool)


RECIPE = Recipe(
    frontend=LogMelConfig(
        sample_rate=16_000, n_fft=2_048, hop_length=512, n_mels=128, reference="max", top_db=80.0
    ),
    excerpt_seconds=63 * 512 / 16_000,  # 64 frames
    model=ComposerCNNConfig(
        n_classes=8,
        stages=(stage(16, (2, 4)), stage(32, (4, 4)), stage(64, (4, 4))),
        units=(128,),
    ),
    target="label",
    scaling=ScalingConfig(kind="standard", per="band"),
    optimizer=AdamConfig(learning_rate=1e-3),
    crop="frames",
    batch_size=32,
    excerpts_per_track=4,
    epochs=50,
    early_stopping=EarlyStopping(monitor="val_accuracy", patience=10),
    batch_norm_momentum=0.9,
    paper=PaperFigure(place="table 1", metric="accuracy", value=0.43, data="fma_small"),
)
