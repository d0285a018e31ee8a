"""The recipe that a model's name alone stands for."""

from dataclasses import replace

from kmusic.datasets.sampling import TripletConfig
from kmusic.datasets.tags import TagConfig
from kmusic.features.augment import AugmentConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.mfcc import MFCCConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.features.waveform import WaveformConfig
from kmusic.models.ali import ALIConfig
from kmusic.models.ali_encoder import ALIEncoderConfig
from kmusic.models.artist_dcnn import ArtistDCNNConfig
from kmusic.models.autoencoders import AEConfig, CAEConfig, VAEConfig
from kmusic.models.beta_vae import BetaVAEConfig
from kmusic.models.coala import COALAConfig
from kmusic.models.composer_baselines import (
    ComposerCNNConfig,
    ComposerLSTMConfig,
    FeedForwardConfig,
)
from kmusic.models.crnn import CRNNConfig
from kmusic.models.parallel_cnn_rnn import ParallelCNNRNNConfig
from kmusic.models.pca import PCAConfig
from kmusic.models.residual_cnn import ResidualCNNConfig
from kmusic.models.seq2seq import Seq2SeqAudioConfig, Seq2SeqMelConfig
from kmusic.models.siamese import SiameseConfig
from kmusic.models.statistics import StatisticsConfig
from kmusic.models.tag_contrastive import TagContrastiveConfig
from kmusic.models.wavenet import WaveNetConfig
from kmusic.training.optimizers import AdamConfig, SGDConfig
from kmusic.training.probe import ForestConfig, LogisticConfig, MLPConfig, SVMConfig
from kmusic.training.recipe import EarlyStopping, Plateau, Recipe

GENRES = Recipe(
    frontend=LogMelConfig(n_fft=2_048, hop_length=604, reference="max", top_db=80.0),
    excerpt_seconds=3.5,
    model=ResidualCNNConfig(),
    scaling=ScalingConfig(),
    augment=AugmentConfig(semitones=2.0, stretch=(0.9, 1.1)),
    optimizer=AdamConfig(learning_rate=2e-4),
    batch_size=16,
    excerpts_per_track=4,
    epochs=30,
    early_stopping=EarlyStopping(monitor="val_accuracy", patience=10),
    batch_norm_momentum=0.9,
)

ARTISTS = Recipe(
    frontend=LogMelConfig(n_fft=1_024, hop_length=512, power=1.0, scale="log10"),
    excerpt_seconds=2.995,
    model=ArtistDCNNConfig(),
    target="artist",
    scaling=ScalingConfig(per="global"),
    optimizer=SGDConfig(learning_rate=0.015, decay=1e-6),
    rate_falls=Plateau(monitor="val_loss", patience=3),
    batch_size=16,
    epochs=50,
    early_stopping=EarlyStopping(monitor="val_loss", patience=8),
    batch_norm_momentum=0.9,
)

COMPOSERS = Recipe(
    frontend=LogMelConfig(n_fft=2_048, n_mels=64, fmax=8_000.0, reference="max", top_db=80.0),
    excerpt_seconds=10.0,
    model=ComposerCNNConfig(),
    scaling=ScalingConfig(per="global"),
    epochs=50,
    early_stopping=EarlyStopping(monitor="val_accuracy", patience=10),
    batch_norm_momentum=0.9,
)
COMPOSER_CROPS = replace(
    COMPOSERS,
    model=ALIEncoderConfig(),
    scaling=ScalingConfig(kind="fixed", offset=-80.0, spread=80.0),
)
COMPOSER_CODES = replace(
    COMPOSERS,
    model=AEConfig(),
    target=None,
    probe=LogisticConfig(),
    early_stopping=EarlyStopping(monitor="val_loss", patience=10),
)

TAGS = TagConfig(min_tracks=5, epochs=300)  # few tracks need many passes
PATCHES = Recipe(
    frontend=LogMelConfig(
        n_fft=1_024, n_mels=96, window="hamming", power=1.0, scale="log", log_offset=1.1921e-7
    ),
    excerpt_seconds=95 * 512 / 22_050,  # 96 frames
    model=TagContrastiveConfig(),
    target=None,
    tags=TAGS,
    probe=MLPConfig(),
    scaling=ScalingConfig(kind="minmax", per="band", clip=True),
    crop="frames",
    batch_size=64,
    epochs=100,
    early_stopping=EarlyStopping(monitor="val_loss", patience=10),
)

FRAMES = Recipe(
    frontend=LogMelConfig(sample_rate=16_000, n_fft=2_048, reference="max", top_db=80.0),
    excerpt_seconds=63 * 512 / 16_000,  # 64 frames
    model=BetaVAEConfig(),
    target=None,
    probe=ForestConfig(),
    scaling=ScalingConfig(),
    crop="frames",
    excerpts_per_track=4,
    epochs=50,
    early_stopping=EarlyStopping(monitor="val_loss", patience=10),
)
SAMPLES = Recipe(
    frontend=LogMelConfig(
        sample_rate=8_000, n_fft=512, hop_length=128, n_mels=80, fmin=125.0, fmax=7_600.0, power=1.0
    ),
    excerpt_seconds=0.752,  # 47 hops
    model=WaveNetConfig(),
    target=None,
    probe=LogisticConfig(),
    scaling=ScalingConfig(),
    optimizer=AdamConfig(learning_rate=2e-3, warmup_steps=200, amsgrad=True),
    batch_size=8,
    excerpts_per_track=2,
    epochs=20,
    early_stopping=EarlyStopping(monitor="val_loss", patience=5),
)

DEFAULTS: dict[str, Recipe] = {
    "ae": COMPOSER_CODES,
    "ali": replace(
        COMPOSER_CROPS,
        model=ALIConfig(),
        target=None,
        probe=LogisticConfig(),
        optimizer=AdamConfig(learning_rate=2e-4, beta_1=0.5),
        epochs=100,
        early_stopping=None,
    ),
    "ali_encoder": COMPOSER_CROPS,
    "artist_dcnn": ARTISTS,
    "beta_vae": FRAMES,
    "cae": replace(COMPOSER_CODES, model=CAEConfig()),
    "coala": replace(PATCHES, model=COALAConfig(), tags=replace(TAGS, max_tags=None)),
    "composer_cnn": COMPOSERS,
    "composer_lstm": replace(COMPOSERS, model=ComposerLSTMConfig(), excerpts_per_track=4),
    "crnn": replace(GENRES, model=CRNNConfig(), optimizer=AdamConfig()),
    "feed_forward": replace(
        COMPOSERS, model=FeedForwardConfig(), optimizer=AdamConfig(learning_rate=1e-4)
    ),
    "parallel_cnn_rnn": replace(GENRES, model=ParallelCNNRNNConfig(), optimizer=AdamConfig()),
    "pca": replace(
        GENRES,
        model=PCAConfig(),
        scaling=None,
        augment=None,
        target=None,
        probe=SVMConfig(),
        epochs=1,
        early_stopping=None,
    ),
    "residual_cnn": GENRES,
    "seq2seq_audio": replace(
        FRAMES,
        frontend=WaveformConfig(),
        excerpt_seconds=0.1,  # 800 samples
        model=Seq2SeqAudioConfig(),
        scaling=ScalingConfig(per="global"),
        batch_size=128,
        excerpts_per_track=8,
    ),
    "seq2seq_mel": replace(FRAMES, model=Seq2SeqMelConfig()),
    "siamese": replace(
        ARTISTS,
        model=SiameseConfig(),
        target=None,
        triplets=TripletConfig(),
        optimizer=SGDConfig(learning_rate=0.1, decay=1e-6),
    ),
    "statistics": Recipe(
        frontend=MFCCConfig(deltas=2, delta_width=5, delta_mode="nearest"),
        excerpt_seconds=4.0,
        model=StatisticsConfig(),
        target=None,
        probe=MLPConfig(),
        epochs=1,
        early_stopping=None,
    ),
    "tag_contrastive": PATCHES,
    "vae": replace(COMPOSER_CODES, model=VAEConfig()),
    "wavenet": SAMPLES,
}
