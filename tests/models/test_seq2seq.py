"""Sequence-to-sequence autoencoders, held to recurrences in plain numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kmusic.models import embedder
from kmusic.models.autoencoders import Autoencoder
from kmusic.models.seq2seq import (
    Seq2Seq,
    Seq2SeqAudioConfig,
    Seq2SeqMelConfig,
    build_seq2seq_audio,
    build_seq2seq_mel,
)
from tests.layers.test_sequences import decoded_by_hand, gru_step, lstm_step, with_biases

UNITS, FRAMES = 4, 9
AUDIO, MEL = Seq2SeqAudioConfig(units=UNITS), Seq2SeqMelConfig(units=UNITS)
BUILD = {Seq2SeqAudioConfig: build_seq2seq_audio, Seq2SeqMelConfig: build_seq2seq_mel}
BANDS = {Seq2SeqAudioConfig: 1, Seq2SeqMelConfig: 3}
both = pytest.mark.parametrize("config", [AUDIO, MEL], ids=["audio", "mel"])


def system(config, n_frames=FRAMES, n_bands=None):
    """Build a system whose front end changes nothing, with biases that are not 0."""
    keras.utils.set_random_seed(0)
    heard = keras.Input((n_frames, n_bands or BANDS[type(config)]))
    front_end = keras.Model(heard, layers.Identity(dtype="float32")(heard))
    return with_biases(BUILD[type(config)](config, front_end))


def compiled(config, rate=0.02):
    model = system(config)
    model.compile(keras.optimizers.Adam(rate), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def features(config, seed=0, size=3):
    shape = (size, FRAMES, BANDS[type(config)])
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def coded_by_hand(config, model):
    """Give the last state of the encoder after one frame after the other."""
    x, weights = features(config), model.encoder.get_weights()
    state = carry = np.zeros((len(x), UNITS))
    for frame in range(FRAMES):
        if config is AUDIO:
            state = gru_step(x[:, frame], state, *weights)
        else:
            state, carry = lstm_step(x[:, frame], state, carry, *weights)
    return state


# What there is


@pytest.mark.parametrize(("units", "recurrences"), [(8, 528), (16, 1_824), (32, 6_720)])
def test_the_nets_of_raw_sound_have_the_parameters_of_their_source(units, recurrences):
    model = system(Seq2SeqAudioConfig(units=units), 800, 1)
    trained = sum(np.prod(weight.shape) for weight in model.trainable_weights)
    assert model.count_params() == trained == recurrences + units + 1  # of the linear layer


def test_the_nets_of_mel_spectrograms_have_the_parameters_of_their_source():
    model = system(Seq2SeqMelConfig(), 64, 128)
    assert model.encoder.count_params() == 1_312_768
    second, linear = 4 * (512 * 512 + 512 * 512 + 512), 512 * 128 + 128
    assert model.decoder.count_params() == second + linear
    assert model.embedder.output_shape == (None, 512)


@both
def test_the_embedder_is_offered_and_has_an_embedding(config):
    model = system(config)
    assert model.embedder is embedder(model)
    assert model.embedder.get_layer("embedding").output is model.embedder.output


@both
def test_the_last_state_of_the_encoder_represents_an_excerpt(config):
    model = system(config)
    expected = coded_by_hand(config, model)
    np.testing.assert_allclose(model.embedder(features(config)), expected, atol=1e-5)  # float32


def test_sound_is_restored_from_the_code_and_what_was_guessed():
    model, x = system(AUDIO), features(AUDIO)
    code = coded_by_hand(AUDIO, model)
    expected = decoded_by_hand(code, model.decoder.get_weights(), FRAMES)
    np.testing.assert_allclose(model.reconstruct(x), expected, atol=1e-5)  # float32
    np.testing.assert_allclose(model(x), expected, atol=1e-5)
    np.testing.assert_allclose(model.decode(code), expected, atol=1e-5)


def test_forced_sound_is_restored_from_the_code_and_what_came_before():
    model, x = system(AUDIO), features(AUDIO)
    code = coded_by_hand(AUDIO, model)
    expected = decoded_by_hand(code, model.decoder.get_weights(), FRAMES, x)
    np.testing.assert_allclose(model.force(x), expected, atol=1e-5)  # float32


def test_a_decoder_left_alone_sees_nothing_of_sound_but_its_code():
    model = system(AUDIO)
    model.encoder.set_weights([np.zeros_like(weight) for weight in model.encoder.get_weights()])
    x, other = features(AUDIO), features(AUDIO, seed=1)
    np.testing.assert_array_equal(model.reconstruct(x), model.reconstruct(other))
    assert not np.isclose(model.force(x)[:, 1:], model.force(other)[:, 1:]).any()


def test_mel_spectrograms_are_restored_without_being_told_anything():
    model, x = system(MEL), features(MEL)
    assert type(model) is Autoencoder
    assert not hasattr(model, "force")
    expected = model.decoder(coded_by_hand(MEL, model))
    np.testing.assert_allclose(model.reconstruct(x), expected, atol=1e-5)  # float32


# What is judged


def test_training_is_judged_forced_and_validation_left_alone_besides():
    model, x = system(AUDIO), features(AUDIO)
    trained, held_out = (
        {name: float(value) for name, value in model.judge(x, None, training).items()}
        for training in (True, False)
    )
    forced, alone = (np.mean(np.square(made - x)) for made in (model.force(x), model(x)))
    assert trained == pytest.approx({"loss": forced, "reconstruction": forced}, rel=1e-5)
    assert held_out == pytest.approx(trained | {"free_running": alone}, rel=1e-5)
    assert abs(forced - alone) > 0.005


def test_history_has_the_error_of_a_decoder_left_alone_in_validation_only():
    model, x = compiled(AUDIO), features(AUDIO)
    judged = tf.data.Dataset.from_tensors((x,))  # as validation batches come
    history = model.fit(
        tf.data.Dataset.from_tensors(x), validation_data=judged, shuffle=False, verbose=0
    ).history
    shared = {"loss", "reconstruction"}
    assert set(history) == shared | {f"val_{name}" for name in (*shared, "free_running")}
    expected = np.mean(np.square(model(x) - x))
    assert history["val_free_running"][0] == pytest.approx(expected, rel=1e-4)  # float32


@both
def test_steps_on_one_batch_lower_its_loss_and_move_every_weight(config):
    model, x = compiled(config), features(config)
    before = [weight.numpy().copy() for weight in model.trainable_weights]
    losses = []
    for _ in range(5):
        model.reset_metrics()
        losses.append(float(model.train_step(tf.constant(x))["loss"]))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.98 * losses[0]
    assert not any(map(np.array_equal, before, model.trainable_weights))


@both
def test_mixed_precision_leaves_loss_and_vectors_in_float32(config):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = compiled(config)
    finally:
        keras.config.set_dtype_policy("float32")
    x = tf.constant(features(config))
    figures = model.judge(x, None, training=False)
    assert {value.dtype for value in figures.values()} == {tf.float32}
    assert model.embedder(x).dtype == model(x).dtype == tf.float32
    assert np.isfinite(float(model.train_step(x)["loss"]))


# On disk


@both
def test_a_saved_system_answers_as_before(config, tmp_path):
    model, x = compiled(config), features(config)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert type(again) is type(model)
    np.testing.assert_allclose(again(x), model(x), atol=1e-6)
    np.testing.assert_allclose(again.embedder(x), model.embedder(x), atol=1e-6)
    if isinstance(model, Seq2Seq):
        np.testing.assert_allclose(again.force(x), model.force(x), atol=1e-6)
    assert len(again.weights) == len(model.weights)


@pytest.mark.parametrize("config", [Seq2SeqAudioConfig, Seq2SeqMelConfig])
def test_a_recurrence_without_units_is_refused(config):
    with pytest.raises(ValueError, match="units must be positive; got 0"):
        config(units=0)
