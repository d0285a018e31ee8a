"""One file a system; this table finds them by name."""

from collections.abc import Callable
from typing import Any, TypeAlias

import keras

from kmusic.models.artist_dcnn import ArtistDCNNConfig, build_artist_dcnn
from kmusic.models.crnn import CRNNConfig, build_crnn
from kmusic.models.parallel_cnn_rnn import ParallelCNNRNNConfig, build_parallel_cnn_rnn
from kmusic.models.pca import PCAConfig, build_pca
from kmusic.models.residual_cnn import ResidualCNNConfig, build_residual_cnn
from kmusic.models.siamese import SiameseConfig, build_siamese

Builder: TypeAlias = Callable[[Any, keras.Model], keras.Model]

BUILDERS: dict[str, tuple[type[Any], Builder]] = {
    "artist_dcnn": (ArtistDCNNConfig, build_artist_dcnn),
    "crnn": (CRNNConfig, build_crnn),
    "parallel_cnn_rnn": (ParallelCNNRNNConfig, build_parallel_cnn_rnn),
    "pca": (PCAConfig, build_pca),
    "residual_cnn": (ResidualCNNConfig, build_residual_cnn),
    "siamese": (SiameseConfig, build_siamese),
}


def build(config: Any, front_end: keras.Model) -> keras.Model:
    """Build the system that a config belongs to.

    Args:
        config: Config of a system in `BUILDERS`.
        front_end: Model from sound to features.

    Returns:
        An uncompiled model from the front end's input.

    Raises:
        TypeError: If the config belongs to no system.
    """
    for config_class, builder in BUILDERS.values():
        if type(config) is config_class:
            return builder(config, front_end)
    known = sorted(config_class.__name__ for config_class, _ in BUILDERS.values())
    raise TypeError(f"model must be one of {known}; got {type(config).__name__}.")


def embedder(model: keras.Model) -> keras.Model:
    """Give the model from waveform to representation.

    Args:
        model: A system from `build`. One with an own `train_step` offers `embedder` itself.

    Returns:
        Model from `(batch, samples)` to `(batch, embedding_dim)`.
    """
    if hasattr(model, "embedder"):
        return model.embedder
    return keras.Model(model.input, model.get_layer("embedding").output, name="embedder")
