"""Sequence-to-sequence autoencoders, of raw sound and of mel spectrograms."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from kmusic.layers.sequences import FeedbackDecoder, repeating_decoder
from kmusic.losses.reconstruction import mean_squared_error
from kmusic.models.autoencoders import Autoencoder
from kmusic.types import Tensor


@dataclass(frozen=True, kw_only=True)
class Seq2SeqAudioConfig:
    """Settings of the sequence-to-sequence autoencoder of raw sound.

    Attributes:
        units: Units of encoder and decoder, a GRU each; the code, the representation, is as long.
    """

    units: int = 8

    def __post_init__(self) -> None:
        """Reject a recurrence without a unit."""
        _require_units(self.units)


@dataclass(frozen=True, kw_only=True)
class Seq2SeqMelConfig:
    """Settings of the sequence-to-sequence autoencoder of mel spectrograms.

    Attributes:
        units: Units of encoder and decoder, an LSTM each; the code, the representation, is as long.
    """

    units: int = 512

    def __post_init__(self) -> None:
        """Reject a recurrence without a unit."""
        _require_units(self.units)


def build_seq2seq_audio(config: Seq2SeqAudioConfig, front_end: keras.Model) -> keras.Model:
    """Build the sequence-to-sequence autoencoder of raw sound on a front end.

    Args:
        config: Settings.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`; here
            a frame is meant to be a sample.

    Returns:
        An uncompiled `Seq2Seq`, whose `embedder` ends in layer `"embedding"`, shape
        `(batch, units)`.

    Source:
        Qasemi et al. (2019), section 5.1 and figure 1: a GRU, its last state, a GRU that begins
        with it and a linear layer. With 8, 16 and 32 units the two recurrences have 528, 1,824 and
        6,720 parameters on one band; the linear layer has a weight a unit and a bias besides.
    """
    n_frames, n_bands = front_end.output_shape[1:]
    features = keras.Input((n_frames, n_bands), name="features")
    code = layers.GRU(config.units, dtype="float32")(features)
    encoder = keras.Model(features, code, name="encoder")
    decoder = FeedbackDecoder(config.units, n_bands, name="decoder")
    decoder.build((None, config.units))
    return Seq2Seq(front_end, encoder, decoder, name="seq2seq_audio")


def build_seq2seq_mel(config: Seq2SeqMelConfig, front_end: keras.Model) -> keras.Model:
    """Build the sequence-to-sequence autoencoder of mel spectrograms on a front end.

    Args:
        config: Settings.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`.

    Returns:
        An uncompiled `Autoencoder`, whose `embedder` ends in layer `"embedding"`, shape
        `(batch, units)`.

    Source:
        Qasemi et al. (2019), section 5.3: an LSTM to a vector of 512 and another one back, by mean
        squared error. On 128 bands the encoder has 1,312,768 parameters. How the second LSTM gets
        the vector is not said; here it hears it in every frame, and nothing is forced.
    """
    shape = front_end.output_shape[1:]
    features = keras.Input(shape, name="features")
    x = layers.LSTM(config.units)(features)
    code = layers.Identity(dtype="float32", name="code")(x)
    encoder = keras.Model(features, code, name="encoder")
    decoder = repeating_decoder(shape, config.units)
    return Autoencoder(front_end, encoder, decoder, name="seq2seq_mel")


@keras.saving.register_keras_serializable("kmusic")
class Seq2Seq(Autoencoder):
    """Learn codes from which sequences can be restored step by step.

    In training the decoder is told each right value after its guess. Left alone, it hears its own
    guesses: so are features reconstructed, and so it is judged besides where it does not train.

    Args:
        front_end: Model from sound to features.
        encoder: Model from features to codes.
        decoder: `FeedbackDecoder` from codes to features.
        kwargs: Passed to Keras.

    Call arguments:
        heard: What the front end takes, shape `(batch, ...)`.

    Returns:
        Its features as they are restored from codes alone, shape `(batch, n_frames, n_bands)`.
    """

    figures = ("loss", "reconstruction", "free_running")

    def decode(self, code: Tensor) -> Tensor:
        """Give the features that codes, shape `(batch, units)`, stand for; they alone are seen."""
        return self.decoder(code, n_steps=self.front_end.output_shape[1])

    def force(self, features: Tensor) -> Tensor:
        """Restore features by a decoder that is told each right value after its guess.

        Args:
            features: Shape `(batch, n_frames, n_bands)`.

        Returns:
            Same shape.
        """
        return self.decoder.force(self.encoder(features), features)

    def judge(self, features: Tensor, target: Any, training: bool) -> dict[str, Tensor]:
        """Give the loss of features and its parts, each the mean over the batch.

        Args:
            features: Shape `(batch, n_frames, n_bands)`.
            target: Not looked at.
            training: Whether to leave out "free_running", which training has no use for.

        Returns:
            Mean squared errors of a value: "loss" and "reconstruction" where the decoder is told
            the right values, "free_running" where it hears its own.
        """
        del target
        error = mean_squared_error(features, self.force(features))
        figures = {"loss": error, "reconstruction": error}
        if training:
            return figures
        return figures | {"free_running": mean_squared_error(features, self.reconstruct(features))}


def _require_units(units: int) -> None:
    if units < 1:
        raise ValueError(f"units must be positive; got {units}.")
