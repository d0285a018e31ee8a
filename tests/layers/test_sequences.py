"""Recurrent decoders, held to loops in plain numpy."""

import keras
import numpy as np
import pytest

from kmusic.layers.sequences import FeedbackDecoder, repeating_decoder

RNG = np.random.default_rng(0)
UNITS, BANDS, STEPS = 4, 2, 7
CODES = RNG.normal(0, 0.5, (3, UNITS)).astype(np.float32)
TARGET = RNG.normal(0, 1, (3, STEPS, BANDS)).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_step(value, state, kernel, recurrent_kernel, bias):
    """Take a step of a GRU whose reset gate comes after the matrix: Cho et al. (2014)."""
    heard = np.split(value @ kernel + bias[0], 3, axis=-1)
    kept = np.split(state @ recurrent_kernel + bias[1], 3, axis=-1)
    update, reset = sigmoid(heard[0] + kept[0]), sigmoid(heard[1] + kept[1])
    candidate = np.tanh(heard[2] + reset * kept[2])
    return update * state + (1 - update) * candidate


def lstm_step(value, state, carry, kernel, recurrent_kernel, bias):
    """Take a step of an LSTM: Hochreiter and Schmidhuber (1997), with a forget gate."""
    gates = np.split(value @ kernel + state @ recurrent_kernel + bias, 4, axis=-1)
    let_in, keep, let_out = (sigmoid(gates[gate]) for gate in (0, 1, 3))
    carry = keep * carry + let_in * np.tanh(gates[2])
    return let_out * np.tanh(carry), carry


def decoded_by_hand(code, weights, n_steps, target=None):
    """Decode codes step by step; each step hears the target, or else what was given before."""
    *gru, kernel, bias = weights
    state, before, values = code, np.zeros((len(code), len(bias))), []
    for step in range(n_steps):
        state = gru_step(before, state, *gru)
        values.append(state @ kernel + bias)
        before = values[-1] if target is None else target[:, step]
    return np.stack(values, axis=1)


def with_biases(model):
    """Give every weight a value that is not 0."""
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.5, weight.shape) for weight in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def decoder():
    layer = FeedbackDecoder(UNITS, BANDS)
    layer.build((None, UNITS))
    return with_biases(layer)


def test_left_alone_the_decoder_hears_what_it_gave(decoder):
    expected = decoded_by_hand(CODES, decoder.get_weights(), STEPS)
    np.testing.assert_allclose(decoder(CODES, n_steps=STEPS), expected, atol=1e-5)  # float32


def test_forced_the_decoder_hears_what_it_should_have_given(decoder):
    expected = decoded_by_hand(CODES, decoder.get_weights(), STEPS, TARGET)
    np.testing.assert_allclose(decoder.force(CODES, TARGET), expected, atol=1e-5)  # float32


def test_told_its_own_guesses_it_gives_what_it_gives_alone(decoder):
    alone = decoder(CODES, n_steps=STEPS)
    np.testing.assert_allclose(decoder.force(CODES, alone), alone, atol=1e-6)  # float32


def test_a_forced_value_depends_on_no_value_from_its_own_on(decoder):
    before = decoder.force(CODES, TARGET).numpy()
    for step in range(STEPS):
        changed = TARGET.copy()
        changed[:, step:] += 1.0
        after = decoder.force(CODES, changed).numpy()
        np.testing.assert_array_equal(after[:, : step + 1], before[:, : step + 1])
        assert step == STEPS - 1 or not np.isclose(after[:, step + 1], before[:, step + 1]).any()


def test_longer_sequences_begin_as_shorter_ones(decoder):
    short, long = (decoder(CODES, n_steps=n_steps).numpy() for n_steps in (3, STEPS))
    np.testing.assert_allclose(long[:, :3], short, atol=1e-6)  # float32


def test_one_set_of_weights_serves_both_ways():
    layer = FeedbackDecoder(8, 1)
    layer.build((None, 8))
    layer.force(np.zeros((1, 8)), np.zeros((1, 3, 1)))
    layer(np.zeros((1, 8)), n_steps=3)
    assert layer.count_params() == 3 * (8 + 8 * 8 + 2 * 8) + 9
    assert len(layer.trainable_weights) == len(layer.weights) == 5


def test_a_feedback_decoder_survives_the_disk(decoder, tmp_path):
    code = keras.Input((UNITS,))
    model = keras.Model(code, decoder(code, n_steps=STEPS))
    assert model.output_shape == (None, STEPS, BANDS)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(again(CODES), decoder(CODES, n_steps=STEPS), atol=1e-6)
    forced = again.layers[-1].force(CODES, TARGET)
    np.testing.assert_allclose(forced, decoder.force(CODES, TARGET), atol=1e-6)


def test_half_precision_stays_outside():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = FeedbackDecoder(UNITS, BANDS)
        layer.build((None, UNITS))
    finally:
        keras.config.set_dtype_policy("float32")
    half = keras.ops.cast(with_biases(layer).force(CODES, TARGET), "float32")
    expected = decoded_by_hand(CODES, layer.get_weights(), STEPS, TARGET)
    np.testing.assert_allclose(half, expected, atol=1e-5)
    alone = decoded_by_hand(CODES, layer.get_weights(), STEPS)
    np.testing.assert_allclose(layer(CODES, n_steps=STEPS), alone, atol=1e-5)


def test_a_repeating_decoder_hears_the_code_at_every_step():
    model = with_biases(repeating_decoder((STEPS, BANDS), UNITS))
    *lstm, kernel, bias = model.get_weights()
    state, carry, expected = np.zeros_like(CODES), np.zeros_like(CODES), []
    for _ in range(STEPS):
        state, carry = lstm_step(CODES, state, carry, *lstm)
        expected.append(state @ kernel + bias)
    np.testing.assert_allclose(model(CODES), np.stack(expected, axis=1), atol=1e-5)  # float32
