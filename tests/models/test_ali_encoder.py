"""The encoder as a classifier."""

import keras
import numpy as np
import pytest

from kmusic.layers.ali_networks import ali_encoder
from kmusic.layers.crops import CropConfig
from kmusic.models import embedder
from kmusic.models.ali_encoder import ALIEncoderConfig, build_ali_encoder

FEATURES = np.random.default_rng(0).uniform(0, 1, (2, 70, 40)).astype(np.float32)


def on_features():
    features = keras.Input(FEATURES.shape[1:])
    front_end = keras.Model(features, keras.layers.Identity()(features))
    return build_ali_encoder(ALIEncoderConfig(n_classes=3, latent_dim=4), front_end)


def test_the_vector_is_the_mean_of_what_the_encoder_gives_of_each_crop():
    model = on_features()
    crop = keras.Input((32, 32))
    encoder = keras.Model(crop, ali_encoder(crop, 8))
    encoder.set_weights(model.get_weights()[: len(encoder.weights)])
    each = [encoder(FEATURES[:, start : start + 32, :32]).numpy() for start in (0, 32)]
    vectors = embedder(model)(FEATURES).numpy()
    assert vectors.shape == (2, 2 * 4)
    np.testing.assert_allclose(vectors, np.mean(each, axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"n_classes": 0}, "n_classes must be positive"),
        ({"output": "tanh"}, "output must be"),
        ({"latent_dim": 0}, "latent_dim must be positive; got 0"),
        ({"crop": CropConfig()}, "crop must have 32 frames and 32 bands"),
    ],
)
def test_what_no_classifier_can_be_is_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        ALIEncoderConfig(**settings)
