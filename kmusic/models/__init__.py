"""A file a system, or a few that are one idea; this table finds them by name.

What a system can do besides is told by its methods. One that reconstructs has `originals`, from
sound to the features it takes at once, and `reconstruct`, from these to their like; and `force`, if
it can be told each value of the features after its guess. One that infers distributions has
`posterior`, from features to means and logarithms of variances of latent vectors, and `decode`,
from those to features. One that plays has `vocode`, from features to sound. One that generates has
`infer`, from features to latent vectors, `generate`, as many features as it is asked for by a seed,
and `interpolate`, features along a line through the latent space. One that aligns sound with tags
has `align_sound`, from embeddings to the space that both share, `align_tags`, from numbers of words
to the same, and `weigh_tags`, the share of each word in it.

A config says with `besides` what its training sees besides sound, if that is not a target.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import keras

from kmusic.models.ali import ALIConfig, build_ali
from kmusic.models.ali_encoder import ALIEncoderConfig, build_ali_encoder
from kmusic.models.artist_dcnn import ArtistDCNNConfig, build_artist_dcnn
from kmusic.models.autoencoders import (
    AEConfig,
    CAEConfig,
    VAEConfig,
    build_ae,
    build_cae,
    build_vae,
)
from kmusic.models.beta_vae import BetaVAEConfig, build_beta_vae
from kmusic.models.coala import COALAConfig, build_coala
from kmusic.models.composer_baselines import (
    ComposerCNNConfig,
    ComposerLSTMConfig,
    FeedForwardConfig,
    build_composer_cnn,
    build_composer_lstm,
    build_feed_forward,
)
from kmusic.models.crnn import CRNNConfig, build_crnn
from kmusic.models.parallel_cnn_rnn import ParallelCNNRNNConfig, build_parallel_cnn_rnn
from kmusic.models.pca import PCAConfig, build_pca
from kmusic.models.residual_cnn import ResidualCNNConfig, build_residual_cnn
from kmusic.models.seq2seq import (
    Seq2SeqAudioConfig,
    Seq2SeqMelConfig,
    build_seq2seq_audio,
    build_seq2seq_mel,
)
from kmusic.models.siamese import SiameseConfig, build_siamese
from kmusic.models.statistics import StatisticsConfig, build_statistics
from kmusic.models.tag_contrastive import TagContrastiveConfig, build_tag_contrastive
from kmusic.models.wavenet import WaveNetConfig, build_wavenet

Builder: TypeAlias = Callable[[Any, keras.Model], keras.Model]

BUILDERS: dict[str, tuple[type[Any], Builder]] = {
    "ae": (AEConfig, build_ae),
    "ali": (ALIConfig, build_ali),
    "ali_encoder": (ALIEncoderConfig, build_ali_encoder),
    "artist_dcnn": (ArtistDCNNConfig, build_artist_dcnn),
    "beta_vae": (BetaVAEConfig, build_beta_vae),
    "cae": (CAEConfig, build_cae),
    "coala": (COALAConfig, build_coala),
    "composer_cnn": (ComposerCNNConfig, build_composer_cnn),
    "composer_lstm": (ComposerLSTMConfig, build_composer_lstm),
    "crnn": (CRNNConfig, build_crnn),
    "feed_forward": (FeedForwardConfig, build_feed_forward),
    "parallel_cnn_rnn": (ParallelCNNRNNConfig, build_parallel_cnn_rnn),
    "pca": (PCAConfig, build_pca),
    "residual_cnn": (ResidualCNNConfig, build_residual_cnn),
    "seq2seq_audio": (Seq2SeqAudioConfig, build_seq2seq_audio),
    "seq2seq_mel": (Seq2SeqMelConfig, build_seq2seq_mel),
    "siamese": (SiameseConfig, build_siamese),
    "statistics": (StatisticsConfig, build_statistics),
    "tag_contrastive": (TagContrastiveConfig, build_tag_contrastive),
    "vae": (VAEConfig, build_vae),
    "wavenet": (WaveNetConfig, build_wavenet),
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
