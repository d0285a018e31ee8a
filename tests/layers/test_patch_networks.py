"""Networks from patches to vectors and back, held to published sizes and to slow convolutions."""

import keras
import numpy as np
import pytest
from keras import layers

from kmusic.layers.patch_networks import PatchConfig, patch_decoder, patch_encoder, projection

SMALL = PatchConfig(n_filters=3, n_blocks=2)
SHAPE = (8, 4)
PATCHES = np.random.default_rng(0).uniform(0, 1, (2, *SHAPE)).astype(np.float32)
VECTORS = np.random.default_rng(1).normal(size=(2, 2 * 1 * 3)).astype(np.float32)
BUILD = {
    "encoder": lambda shape, config: patch_encoder(shape, config, normalised=True),
    "decoder": patch_decoder,
}
HEARD = {"encoder": PATCHES, "decoder": VECTORS}


def drawn(model):
    """Draw all weights of a model; variances stay positive."""
    rng = np.random.default_rng(2)
    for weight in model.weights:
        low = 0.5 if weight.path.endswith("variance") else -0.5
        if not weight.path.endswith("seed_generator_state"):
            weight.assign(rng.uniform(low, 1.0, weight.shape))
    return model


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def weights_of(model, kind):
    """Give the weights of each layer of a kind, float64."""
    found = [each for each in model.layers if isinstance(each, kind)]
    return [[weight.astype(np.float64) for weight in each.get_weights()] for each in found]


def convolved(maps, kernel, bias):
    """Hold a 4 x 4 kernel against every second place of maps `(rows, columns, channels)`."""
    around = np.pad(maps, ((1, 1), (1, 1), (0, 0)))
    answer = np.zeros((maps.shape[0] // 2, maps.shape[1] // 2, kernel.shape[-1]))
    for row, column in np.ndindex(answer.shape[:2]):
        seen = around[2 * row : 2 * row + 4, 2 * column : 2 * column + 4]
        answer[row, column] = np.tensordot(seen, kernel, 3) + bias
    return answer


def spread(maps, kernel, bias):
    """Lay a 4 x 4 kernel on every second place, as often as the maps say, and cut the edges."""
    rows, columns, _ = maps.shape
    answer = np.zeros((2 * rows + 2, 2 * columns + 2, kernel.shape[2])) + bias
    for row, column in np.ndindex(rows, columns):
        answer[2 * row : 2 * row + 4, 2 * column : 2 * column + 4] += kernel @ maps[row, column]
    return answer[1:-1, 1:-1]


def normalised(maps, gamma, beta, mean, variance, epsilon=1e-5):
    return gamma * (maps - mean) / np.sqrt(variance + epsilon) + beta


@pytest.mark.parametrize(("dim", "expected"), [(1_152, 2_381_952), (128, 1_202_304)])
def test_encoder_and_projection_have_the_published_parameters(dim, expected):
    encoder = BUILD["encoder"]((96, 96), PatchConfig())
    assert encoder.output_shape == (None, 1_152)
    assert trainable(encoder) + trainable(projection(1_152, dim, 0.25)) == expected


def test_the_encoder_of_coala_lacks_the_layer_normalisation_alone():
    encoder = patch_encoder((96, 96), PatchConfig(), normalised=False)
    assert trainable(encoder) == 1_054_848 - 2 * 1_152


def test_the_decoder_has_the_published_parameters():
    decoder = patch_decoder((96, 96), PatchConfig())
    assert trainable(decoder) == 1_052_163
    assert decoder.output_shape == (None, 96, 96)


@pytest.mark.parametrize(("shape", "dim"), [((128, 32), 4 * 1 * 2), ((32, 64), 1 * 2 * 2)])
def test_five_halvings_leave_a_32nd_of_both_sides(shape, dim):
    config = PatchConfig(n_filters=2)
    encoder, decoder = (build(shape, config) for build in BUILD.values())
    assert encoder.output_shape == decoder.input_shape == (None, dim)
    assert decoder.output_shape == (None, *shape)


@pytest.mark.parametrize("network", BUILD)
@pytest.mark.parametrize("shape", [(95, 96), (96, 95), (80, 96), (None, 96)])
def test_sides_that_cannot_be_halved_are_refused(shape, network):
    with pytest.raises(ValueError, match="must be multiples of 32 for n_blocks=5; got") as error:
        BUILD[network](shape, PatchConfig())
    assert str(shape) in str(error.value)


@pytest.mark.parametrize("last", [True, False])
def test_a_patch_is_encoded_by_padded_convolutions_that_halve_it(last):
    encoder = drawn(patch_encoder(SHAPE, SMALL, normalised=last))
    convolutions = weights_of(encoder, layers.Conv2D)
    norms = weights_of(encoder, layers.BatchNormalization)
    expected = []
    for patch in PATCHES.astype(np.float64):
        maps = patch[..., None]
        for convolution, norm in zip(convolutions, norms, strict=True):
            maps = np.maximum(normalised(convolved(maps, *convolution), *norm), 0)
        vector = maps.ravel()
        if last:
            gamma, beta = weights_of(encoder, layers.LayerNormalization)[0]
            vector = normalised(vector, gamma, beta, vector.mean(), vector.var(), 1e-6)
        expected.append(vector)
    np.testing.assert_allclose(encoder(PATCHES), expected, atol=1e-4)  # float32 sums


def test_a_vector_is_decoded_by_the_convolutions_transposed():
    decoder = drawn(patch_decoder(SHAPE, SMALL))
    convolutions = weights_of(decoder, layers.Conv2DTranspose)
    norms = weights_of(decoder, layers.BatchNormalization)
    expected = []
    for vector in VECTORS.astype(np.float64):
        maps = vector.reshape(2, 1, 3)
        for number, (convolution, norm) in enumerate(zip(convolutions, norms, strict=True)):
            maps = np.maximum(maps, 0) if number else maps
            maps = normalised(spread(maps, *convolution), *norm)
        expected.append(1 / (1 + np.exp(-maps[..., 0])))
    np.testing.assert_allclose(decoder(VECTORS), expected, atol=1e-5)  # float32 sums


def test_a_restored_patch_lies_between_0_and_1_on_both_sides_of_a_half():
    restored = drawn(patch_decoder(SHAPE, SMALL))(VECTORS).numpy()
    assert 0 < restored.min() < 0.5 < restored.max() < 1


def test_every_block_drops_something_but_the_last_of_the_decoder():
    for network, n_dropouts in (("encoder", 5), ("decoder", 4)):
        model = BUILD[network]((32, 32), PatchConfig(n_filters=2, dropout=0.3))
        dropouts = [each for each in model.layers if isinstance(each, layers.Dropout)]
        assert [each.rate for each in dropouts] == [0.3] * n_dropouts
        assert {each.noise_shape for each in dropouts} == {None}  # element by element
        norms = [each for each in model.layers if isinstance(each, layers.BatchNormalization)]
        assert {(each.momentum, each.epsilon) for each in norms} == {(0.9, 1e-5)}


def test_convolutions_begin_as_in_torch():
    for network, fans in (("encoder", (16, 1_600)), ("decoder", (1_600, 16))):
        model = BUILD[network]((4, 4), PatchConfig(n_filters=100, n_blocks=2))
        kernels = [each.kernel.numpy() for each in model.layers if hasattr(each, "kernel")]
        for kernel, fan_in in zip(kernels, fans, strict=True):
            assert np.abs(kernel).max() == pytest.approx(fan_in**-0.5, rel=0.01)  # 1,600 draws


@pytest.mark.parametrize("network", BUILD)
def test_a_network_survives_its_file(network, tmp_path):
    model = drawn(BUILD[network](SHAPE, SMALL))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(again(HEARD[network]), model(HEARD[network]), atol=1e-6)


@pytest.mark.parametrize("network", BUILD)
def test_what_a_network_gives_in_mixed_precision_is_not_rounded(network):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = BUILD[network](SHAPE, SMALL)
    finally:
        keras.config.set_dtype_policy("float32")
    kinds = (layers.Conv2D, layers.Conv2DTranspose)
    assert {each.compute_dtype for each in model.layers if isinstance(each, kinds)} == {"float16"}
    assert model(HEARD[network]).dtype == "float32"


def test_a_projection_of_a_mean_is_the_mean_of_projections():
    model = projection(6, 4, 0.5)
    mean = VECTORS.mean(axis=0, keepdims=True)
    expected = model(VECTORS).numpy().mean(axis=0, keepdims=True)
    np.testing.assert_allclose(model(mean), expected, atol=1e-6)  # float32
    assert not model(np.zeros((1, 6))).numpy().any()
    assert not np.allclose(model(VECTORS, training=True), model(VECTORS))


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"n_filters": 0}, "n_filters must be positive; got 0"),
        ({"n_blocks": 0}, "n_blocks must be positive; got 0"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\); got 1.0"),
        ({"dropout": -0.1}, r"dropout must lie in \[0, 1\); got -0.1"),
    ],
)
def test_what_no_network_can_be_is_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        PatchConfig(**settings)
