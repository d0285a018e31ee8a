"""The recipe that a model's name alone stands for."""

from kmusic.features.augment import AugmentConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.residual_cnn import ResidualCNNConfig
from kmusic.training.optimizers import AdamConfig
from kmusic.training.recipe import EarlyStopping, Recipe

DEFAULTS: dict[str, Recipe] = {
    "residual_cnn": Recipe(
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
    ),
}
