import keras
import numpy as np
import pytest
import tensorflow as tf

from kmusic.layers.causal import (
    CausalConv,
    CausalStack,
    dilations,
    receptive_field,
)

RNG = np.random.default_rng(0)
SIZES = {"residual_channels": 4, "gate_channels": 6, "skip_channels": 5}


def stack(n_layers=4, n_stacks=2, kernel_size=3, n_bands=3, weight_norm=False, **settings):
    """Build a small stack whose biases are no zeros."""
    keras.utils.set_random_seed(1)
    built = CausalStack(
        dilations=dilations(n_layers, n_stacks),
        kernel_size=kernel_size,
        weight_norm=weight_norm,
        **SIZES,
        **settings,
    )
    built.build((None, None), (None, None, n_bands))
    for weight in built.weights:
        if weight.name == "bias":
            weight.assign(RNG.normal(size=weight.shape))
    return built


def draw(n_samples, n_bands=3, batch=2):
    """Draw codes and features of samples."""
    codes = RNG.integers(0, 256, (batch, n_samples)).astype(np.int32)
    return codes, RNG.normal(size=(batch, n_samples, n_bands)).astype(np.float32)


def test_the_published_layers_look_back_on_4089_samples():
    assert dilations(6, 2) == (1, 2, 4, 1, 2, 4)
    assert receptive_field(3, dilations(36, 4)) == 4_089


@pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), (2, 3), (3, 4)])
def test_a_causal_convolution_is_keras(kernel_size, dilation):
    x = RNG.normal(size=(2, 20, 3)).astype(np.float32)
    ours = CausalConv(5, kernel_size, dilation)
    ours.build(x.shape)
    ours.bias.assign(RNG.normal(size=5))
    theirs = keras.layers.Conv1D(5, kernel_size, dilation_rate=dilation, padding="causal")
    theirs.build(x.shape)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)  # float32 sums


def test_weight_norm_parts_a_filter_into_direction_and_length():
    layer = CausalConv(4, 3, weight_norm=True)
    layer.build((None, None, 2))
    drawn = layer.direction.numpy()
    np.testing.assert_allclose(layer.kernel, drawn, rtol=1e-6)  # as it was drawn
    layer.direction.assign(7 * drawn)  # its length does not count
    layer.length.assign([1.0, 2.0, 3.0, 4.0])
    lengths = np.sqrt(np.square(layer.kernel.numpy()).sum(axis=(0, 1)))
    np.testing.assert_allclose(lengths, [1, 2, 3, 4], rtol=1e-6)
    assert layer.count_params() == 3 * 2 * 4 + 4 + 4


@pytest.mark.parametrize("changed", [0, 9, 39])
def test_a_sample_changes_nothing_before_it(changed):
    built, (codes, condition) = stack(), draw(40)
    other = codes.copy()
    other[:, changed] = (other[:, changed] + 100) % 256
    before, after = built(codes, condition)[0].numpy(), built(other, condition)[0].numpy()
    np.testing.assert_array_equal(after[:, :changed], before[:, :changed])
    assert (after[:, changed] != before[:, changed]).all()


@pytest.mark.parametrize(("n_layers", "n_stacks", "kernel_size"), [(4, 2, 3), (3, 1, 2), (5, 5, 3)])
def test_a_sample_is_heard_as_long_as_the_receptive_field(n_layers, n_stacks, kernel_size):
    built, (codes, condition) = stack(n_layers, n_stacks, kernel_size), draw(40, batch=1)
    other = codes.copy()
    other[:, 5] = (other[:, 5] + 100) % 256
    differ = np.any(built(codes, condition)[0] != built(other, condition)[0], axis=(0, 2))
    heard = np.flatnonzero(differ)
    assert heard[0] == 5
    assert heard[-1] - heard[0] + 1 == receptive_field(kernel_size, dilations(n_layers, n_stacks))


def test_a_stack_is_the_papers_equation():
    built, (codes, condition) = stack(n_layers=2, n_stacks=1), draw(9, batch=1)
    logits, activations = slow_stack(built, codes[0], condition[0])
    actual = [output.numpy()[0] for output in built(codes, condition)]
    np.testing.assert_allclose(actual[0], logits, atol=1e-4)  # float32 sums
    np.testing.assert_allclose(actual[1], activations, atol=1e-4)


def slow_stack(built, codes, condition):
    """Walk through samples and layers, as van den Oord et al. (2016), equation 2, has them."""

    def point(layer, vector):
        bias = layer.bias.numpy() if layer.use_bias else 0.0
        return vector @ layer.kernel.numpy()[0] + bias

    x = [point(built.first, np.eye(256)[code]) for code in codes]
    skips = np.zeros((len(codes), SIZES["skip_channels"]))
    for number, heard in enumerate(built.heard):
        passed = []
        for t in range(len(codes)):
            total = heard.bias.numpy() + point(built.beside[number], condition[t])
            for tap in range(3):
                behind = t - (2 - tap) * heard.dilation
                if behind >= 0:
                    total = total + x[behind] @ heard.kernel.numpy()[tap]
            z = np.tanh(total[:3]) / (1 + np.exp(-total[3:]))
            skips[t] += point(built.skipped[number], z)
            passed.append((x[t] + point(built.passed[number], z)) * np.sqrt(0.5))
        x = passed
    rectified = np.maximum(skips * np.sqrt(1 / len(built.heard)), 0)
    activations = np.maximum([point(built.gathered, row) for row in rectified], 0)
    return np.array([point(built.predicted, row) for row in activations]), activations


@pytest.mark.parametrize("weight_norm", [False, True])
def test_steps_give_what_the_whole_sequence_gives(weight_norm):
    built, (codes, condition) = stack(weight_norm=weight_norm), draw(40)
    whole, queues = built(codes, condition)[0].numpy(), built.first_queues(2)
    for number in range(40):
        logits, queues = built.step(codes[:, number], condition[:, number], queues, number)
        np.testing.assert_allclose(logits, whole[:, number], atol=1e-4)


def test_steps_of_16_bits_are_those_of_the_whole_sequence_and_give_logits_of_32():
    built, (codes, condition) = stack(weight_norm=True, dtype="mixed_bfloat16"), draw(12)
    whole, queues = built(codes, condition)[0], built.first_queues(2)
    for number in range(12):
        logits, queues = built.step(codes[:, number], condition[:, number], queues, number)
        np.testing.assert_allclose(logits, whole[:, number], atol=0.1)  # 8 bits of fraction
    assert logits.dtype == whole.dtype == tf.float32
    assert {queue.dtype for queue in queues} == {tf.bfloat16}


def test_queues_hold_what_the_dilations_need():
    lengths = [queue.shape for queue in stack().first_queues(2)]
    assert lengths == [(2 * dilation, 2, 4) for dilation in (1, 2, 1, 2)]


def test_every_weight_that_trains_has_a_gradient():
    built, (codes, condition) = stack(), draw(12)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(built(codes, condition)[0] ** 2)
    gradients = tape.gradient(total, [weight.value for weight in built.trainable_weights])
    assert all(gradient is not None for gradient in gradients)
    unheard = {id(weight) for weight in built.passed[-1].weights}
    assert {id(weight) for weight in built.non_trainable_weights} == unheard
