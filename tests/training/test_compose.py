from dataclasses import replace

import keras
import numpy as np
import pytest

from kmusic.audio.signals import noise
from kmusic.features.augment import SIX_COPIES, AugmentConfig, AugmentWaveform
from kmusic.features.front_ends import build_front_end
from kmusic.features.mfcc import MFCCConfig
from kmusic.models import embedder
from kmusic.models.pca import PCAConfig
from kmusic.models.residual_cnn import ResidualCNNConfig
from kmusic.training.compose import compose

RATE = 8_000
LIVELY = AugmentConfig(stretch=(0.9, 1.25), noise_db=-10.0, time_masks=2, time_mask_frames=4)
MASKS = AugmentConfig(time_masks=2, time_mask_frames=4)


@pytest.fixture(scope="module")
def waveforms():
    """Three excerpts of noise, shape `(3, 4_000)`."""
    return np.stack([noise(0.5, RATE, seed) for seed in range(3)])


@pytest.fixture(scope="module")
def lively(tiny):
    """What `tiny` composes to when it is augmented."""
    return compose(replace(tiny, augment=LIVELY))


def test_without_cached_frames_the_learner_is_the_model(lively):
    assert lively.learner is lively.model
    assert lively.learner_front_end is lively.front_end


@pytest.mark.parametrize("frontend", [None, MFCCConfig(sample_rate=RATE, n_fft=512, n_mfcc=10)])
def test_cached_frames_give_a_learner_on_spectra_that_equals_the_model(tiny, waveforms, frontend):
    frontend = frontend or tiny.frontend
    composition = compose(replace(tiny, crop="frames", augment=MASKS, frontend=frontend))
    composition.scaling.adapt([build_front_end(frontend)(waveforms).numpy()])
    composition.model.set_weights(composition.learner.get_weights())
    spectra = build_front_end(frontend).spectrum(waveforms)
    expected = composition.learner(spectra)
    # The same float32 operations on the same numbers; probabilities lie in [0, 1].
    np.testing.assert_allclose(composition.model(waveforms), expected, atol=1e-6)


def test_the_same_seed_gives_the_same_weights(tiny):
    first, second = (compose(tiny).model.get_weights() for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_gives_other_weights(tiny):
    kernels = [compose(replace(tiny, seed=seed)).model.trainable_weights[0] for seed in (0, 1)]
    assert not np.array_equal(*kernels)


def test_mixed_precision_reaches_the_network_and_not_the_features(tiny):
    composition = compose(replace(tiny, precision="mixed_bfloat16", augment=LIVELY))
    dtypes = {type(layer).__name__: layer.output.dtype for layer in composition.model.layers}
    features = {"AugmentWaveform", "LogMelSpectrogram", "Scaling", "MaskSpectrum"}
    assert {dtypes[name] for name in features} == {"float32"}
    assert dtypes["Conv2D"] == "bfloat16"
    assert composition.model.output.dtype == "float32"


def test_features_on_a_mixed_precision_model_equal_those_on_a_plain_one(tiny, waveforms):
    mixed = compose(replace(tiny, precision="mixed_bfloat16")).front_end(waveforms)
    np.testing.assert_array_equal(mixed, compose(tiny).front_end(waveforms))


def test_the_policy_of_keras_is_left_as_it_was(tiny):
    compose(replace(tiny, precision="mixed_bfloat16"))
    assert keras.config.dtype_policy().name == "float32"


def test_the_policy_of_keras_is_left_as_it_was_when_building_fails(tiny):
    no_system = replace(tiny, precision="mixed_bfloat16", model=tiny.optimizer)
    with pytest.raises(TypeError, match=r"model must be one of \[.*\]; got AdamConfig"):
        compose(no_system)
    assert keras.config.dtype_policy().name == "float32"


def test_the_tracks_decide_the_number_of_classes(tiny):
    assert compose(tiny, 5).model.output.shape == (None, 5)


def test_the_model_has_as_many_words_as_the_vocabulary(aligning):
    composition = compose(replace(aligning, crop="frames"), 5)
    for model in (composition.model, composition.learner):
        (table,) = model.tag_encoder.get_layer("word_vectors").get_weights()
        assert table.shape == (6, 8)  # one behind those of the words, for none


def test_the_config_decides_where_there_are_no_tracks(tiny):
    recipe = replace(tiny, model=ResidualCNNConfig(n_classes=3, stages=()))
    assert compose(recipe).model.output.shape == (None, 3)


@pytest.mark.parametrize(
    ("target", "output"), [("label", "softmax"), ("artist", "softmax"), ("tags", "sigmoid")]
)
def test_the_target_decides_the_activation(tiny, target, output):
    model = compose(replace(tiny, target=target)).model
    assert model.get_layer("probabilities").activation.__name__ == output


def test_training_hears_a_longer_excerpt_and_gives_as_many_frames(lively, tiny):
    longer = np.stack([noise(0.625, RATE, seed) for seed in range(2)])
    assert LIVELY.reads(tiny.excerpt_samples) == longer.shape[1]  # a quarter faster at most
    features = lively.front_end(longer, training=True)
    assert features.shape == (2, tiny.frontend.n_frames(4_000), 32)


def test_training_changes_what_is_heard_each_time(lively, waveforms):
    first, second = (lively.front_end(waveforms, training=True).numpy() for _ in range(2))
    assert not np.array_equal(first, second)


def test_nothing_is_changed_outside_training(lively, tiny, waveforms):
    plain = build_front_end(tiny.frontend)(waveforms)
    np.testing.assert_array_equal(lively.front_end(waveforms), plain)


def test_copies_are_not_changed_again_in_the_model(tiny, waveforms):
    copied = compose(replace(tiny, augment=AugmentConfig(copies=SIX_COPIES))).front_end
    plain = build_front_end(tiny.frontend)(waveforms)
    np.testing.assert_array_equal(copied(waveforms, training=True), plain)


def test_the_waveform_is_changed_before_and_the_spectrum_after_the_front_end(lively):
    names = [type(layer).__name__ for layer in lively.front_end.layers]
    order = ["InputLayer", "AugmentWaveform", "LogMelSpectrogram", "Scaling", "MaskSpectrum"]
    assert names == order


def test_cached_frames_are_masked_only_while_training(tiny):
    learner = compose(replace(tiny, crop="frames", augment=MASKS)).learner
    names = [type(layer).__name__ for layer in learner.layers[:4]]
    assert names == ["InputLayer", "Compress", "Scaling", "MaskSpectrum"]
    assert not any(isinstance(layer, AugmentWaveform) for layer in learner.layers)


@pytest.mark.parametrize(("momentum", "expected"), [(None, 0.99), (0.5, 0.5), (0.0, 0.0)])
@pytest.mark.parametrize("crop", ["waveform", "frames"])
def test_the_recipe_decides_how_fast_moving_averages_follow(tiny, crop, momentum, expected):
    composition = compose(replace(tiny, crop=crop, batch_norm_momentum=momentum))
    for model in (composition.model, composition.learner):
        layers = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
        assert layers
        assert {layer.momentum for layer in layers} == {expected}


@pytest.mark.parametrize("crop", ["waveform", "frames"])
def test_what_has_a_training_of_its_own_is_composed_as_the_others(nearer, waveforms, crop):
    recipe = replace(nearer, crop=crop, batch_norm_momentum=0.5)
    composition = compose(recipe)
    composition.scaling.adapt([build_front_end(recipe.frontend)(waveforms).numpy()])
    composition.model.set_weights(composition.learner.get_weights())
    heard = waveforms
    if crop == "frames":
        heard = build_front_end(recipe.frontend).spectrum(waveforms)
    expected = composition.learner(heard)
    # The same float32 operations on the same numbers.
    np.testing.assert_allclose(composition.model(waveforms), expected, rtol=1e-5, atol=1e-6)
    for model in (composition.model, composition.learner):
        averaged = [
            layer
            for layer in embedder(model).layers
            if isinstance(layer, keras.layers.BatchNormalization)
        ]
        assert [layer.momentum for layer in averaged] == [0.5] * 5
        assert any(layer is composition.scaling for layer in embedder(composition.learner).layers)


def test_front_ends_give_what_the_network_hears(tiny, nearer, waveforms):
    for recipe in (tiny, nearer):
        composition = compose(replace(recipe, crop="frames"))
        spectra = build_front_end(recipe.frontend).spectrum(waveforms)
        np.testing.assert_allclose(
            composition.learner_front_end(spectra), composition.front_end(waveforms), atol=1e-4
        )  # dB


def test_a_recipe_without_scaling_has_no_statistics(tiny):
    assert compose(replace(tiny, scaling=None)).scaling is None


def test_published_counts_leave_the_statistics_of_the_features_out(tiny):
    composition = compose(tiny)
    scaled, plain = composition.network_parameters, compose(replace(tiny, scaling=None)).model
    assert composition.model.count_params() == scaled[0] + 2 * 32  # offset and scale of 32 bands
    trainable = sum(weight.numpy().size for weight in plain.trainable_weights)
    assert scaled == (plain.count_params(), trainable)


def test_a_system_that_names_no_classes_gives_its_representation(tiny, waveforms):
    config = PCAConfig(n_components=2)
    composition = compose(replace(tiny, scaling=None, target=None, model=config))
    assert composition.learner is composition.model
    assert composition.model(waveforms).shape == (3, 2)
    np.testing.assert_array_equal(
        embedder(composition.model)(waveforms), composition.model(waveforms)
    )


def test_what_is_fitted_counts_as_parameters_but_not_as_trainable(tiny):
    recipe = replace(tiny, scaling=None, target=None, model=PCAConfig(n_components=2))
    n_values = tiny.frontend.n_frames(4_000) * 32
    assert compose(recipe).network_parameters == (n_values * (1 + 2), 0)  # mean and directions
