"""The encoder of adversarially learned inference as a classifier."""

from dataclasses import dataclass

import keras
from keras import layers

from kmusic.layers.ali_networks import SQUARE, ali_encoder, require_square
from kmusic.layers.crops import CropConfig, Crops, MeanOverCrops
from kmusic.layers.heads import probabilities, require_head


@dataclass(frozen=True, kw_only=True)
class ALIEncoderConfig:
    """Settings of the encoder as a classifier.

    Attributes:
        n_classes: Number of classes.
        output: Activation of the last layer: "softmax" for one class a track, "sigmoid" for tags.
        latent_dim: Half the length of the encoder's output, the representation.
        crop: Which crops of 32 frames and 32 bands are learned and heard.
    """

    n_classes: int = 5
    output: str = "softmax"
    latent_dim: int = 128
    crop: CropConfig = SQUARE

    def __post_init__(self) -> None:
        """Reject what no classifier can be."""
        require_head(self.n_classes, self.output)
        require_square(self.crop)
        if self.latent_dim < 1:
            raise ValueError(f"latent_dim must be positive; got {self.latent_dim}.")


def build_ali_encoder(config: ALIEncoderConfig, front_end: keras.Model) -> keras.Model:
    """Build the encoder with a softmax layer on a front end.

    Args:
        config: Settings.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`.

    Returns:
        An uncompiled model from the front end's input to probabilities, shape
        `(batch, n_classes)`. Layer `"embedding"` holds the encoder's output, averaged over an
        excerpt's crops, shape `(batch, 2 * latent_dim)`.

    Source:
        Yanchenko (2019), the text above table 7.
    """
    features = front_end.output
    crops = Crops(config.crop)(features)
    code = ali_encoder(crops, 2 * config.latent_dim)
    x = MeanOverCrops(name="embedding", dtype="float32")([code, crops, features])
    x = layers.Dense(config.n_classes)(x)
    return keras.Model(front_end.input, probabilities(x, config.output), name="ali_encoder")
