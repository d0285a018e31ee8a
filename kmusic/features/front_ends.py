"""Which config stands for which front end, and the second stage by itself."""

import hashlib
import json
from dataclasses import asdict
from typing import Any, Self, TypeAlias

import keras

from kmusic.features.chroma import ChromaConfig, Chromagram
from kmusic.features.mel import LogMelConfig, LogMelSpectrogram
from kmusic.features.mfcc import MFCC, MFCCConfig
from kmusic.features.spectrogram import FrontEnd
from kmusic.features.waveform import RawWaveform, WaveformConfig
from kmusic.types import Tensor

FrontEndConfig: TypeAlias = LogMelConfig | ChromaConfig | MFCCConfig | WaveformConfig

FRONT_ENDS: dict[type[Any], type[Any]] = {
    LogMelConfig: LogMelSpectrogram,
    ChromaConfig: Chromagram,
    MFCCConfig: MFCC,
    WaveformConfig: RawWaveform,
}


def build_front_end(config: FrontEndConfig) -> FrontEnd:
    """Build the layer that a config describes.

    Raises:
        ValueError: If no front end belongs to the config's class.
    """
    if type(config) not in FRONT_ENDS:
        names = [config_type.__name__ for config_type in FRONT_ENDS]
        raise ValueError(f"A front end's config must be one of {names}; got {config!r}.")
    layer: FrontEnd = FRONT_ENDS[type(config)](config)
    return layer


def front_end_hash(config: FrontEndConfig) -> str:
    """Give twelve hexadecimal digits that tell a front end from any other.

    Embeddings of different hashes do not compare.
    """
    settings = {k: float(v) if isinstance(v, int) else v for k, v in asdict(config).items()}
    text = json.dumps([type(config).__name__, settings], sort_keys=True)  # 2 and 2.0 are one power
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@keras.saving.register_keras_serializable("kmusic")
class Compress(keras.layers.Layer):
    """Apply the second stage of a front end, to spectra that were computed before.

    Args:
        config: Settings of the front end.
        kwargs: Passed to Keras.

    Call arguments:
        spectrum: First stage of the front end, shape `(batch, frames, n_raw_bands)`.

    Returns:
        Features, float32, shape `(batch, frames, n_bands)`.
    """

    def __init__(self, config: FrontEndConfig, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.config = config
        self._compress = build_front_end(config).compress

    def call(self, spectrum: Tensor) -> Tensor:
        """Compute the features of spectra, shape `(batch, frames, n_raw_bands)`."""
        return self._compress(spectrum)

    def compute_output_shape(self, spectrum_shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        """Give `(batch, frames, n_bands)`."""
        batch, frames, _ = spectrum_shape
        return batch, frames, self.config.n_bands

    def get_config(self) -> dict[str, Any]:
        """Describe the layer in JSON types."""
        front_end = type(self.config).__name__
        return {**super().get_config(), "front_end": front_end, "config": asdict(self.config)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild the layer from its description."""
        by_name = {config_type.__name__: config_type for config_type in FRONT_ENDS}
        settings = by_name[config.pop("front_end")](**config.pop("config"))
        return cls(settings, **config)
