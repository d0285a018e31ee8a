"""Dense networks and their mirrors, held to a net in plain numpy."""

import keras
import numpy as np
import pytest

from kmusic.layers.mirrored_dense import dense_decoder, dense_encoder, require_mirrored

SHAPE, UNITS, LATENT = (3, 2), (5, 4), 2
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(7, *SHAPE)).astype(np.float32)
CODES = RNG.normal(size=(7, LATENT)).astype(np.float32)


def filled(model):
    """Give a model weights that tell all its units apart, biases too."""
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=weight.shape) for weight in model.get_weights()])
    return model


def by_hand(x, weights):
    """Pass rows through dense layers, all but the last with a ReLU."""
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = np.maximum(x @ kernel + bias, 0)
    return x @ weights[-2] + weights[-1]


def test_an_encoder_passes_all_features_through_its_layers():
    model = filled(dense_encoder(SHAPE, UNITS, LATENT, ["code"]))
    expected = by_hand(FEATURES.reshape(7, 6), model.get_weights())
    np.testing.assert_allclose(model(FEATURES), expected, atol=1e-4)  # float32
    assert [weight.shape for weight in model.get_weights()[::2]] == [(6, 5), (5, 4), (4, 2)]


def test_several_vectors_end_the_same_hidden_layers():
    model = filled(dense_encoder(SHAPE, UNITS, LATENT, ["z_mean", "z_log_var"]))
    weights, actual = model.get_weights(), model(FEATURES)
    for number, name in enumerate(["z_mean", "z_log_var"]):
        kernel, bias = model.get_layer(name).get_weights()
        expected = by_hand(FEATURES.reshape(7, 6), [*weights[:4], kernel, bias])
        np.testing.assert_allclose(actual[number], expected, atol=1e-4)  # float32


@pytest.mark.parametrize(("output", "end"), [("linear", np.asarray), ("tanh", np.tanh)])
def test_a_decoder_is_the_mirror(output, end):
    model = filled(dense_decoder(SHAPE, UNITS, LATENT, output))
    expected = end(by_hand(CODES, model.get_weights())).reshape(7, *SHAPE)
    np.testing.assert_allclose(model(CODES), expected, atol=1e-4)  # float32
    assert [weight.shape for weight in model.get_weights()[::2]] == [(2, 4), (4, 5), (5, 6)]


def test_mixed_precision_reaches_the_hidden_layers_and_not_what_comes_out():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        down = dense_encoder(SHAPE, UNITS, LATENT, ["code"])
        up = dense_decoder(SHAPE, UNITS, LATENT)
    finally:
        keras.config.set_dtype_policy("float32")
    assert "bfloat16" in {layer.compute_dtype for layer in down.layers}
    assert "bfloat16" in {layer.compute_dtype for layer in up.layers}
    assert down.output.dtype == up.output.dtype == "float32"


@pytest.mark.parametrize(
    ("latent_dim", "units", "said"),
    [
        (0, (4,), "latent_dim must be positive; got 0"),
        (2, (), r"units must be one size or more, all positive; got \(\)"),
        (2, (4, 0), r"units must be one size or more, all positive; got \(4, 0\)"),
    ],
)
def test_sizes_that_no_network_can_have_are_refused(latent_dim, units, said):
    with pytest.raises(ValueError, match=said):
        require_mirrored(latent_dim, units)
