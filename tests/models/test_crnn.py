"""The C-RNN's size, path and gradients, as meant and as published."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy.signal import correlate2d
from scipy.special import expit, softmax

from kmusic.models.crnn import CRNNConfig, build_crnn
from kmusic.training.recipe_files import recipes_of

FILE = Path(__file__).parents[2] / "experiments/genre_methods/crnn.py"
PAPER, PUBLISHED = (recipes_of(FILE)[name].model for name in ("paper", "published"))
SMALL = {"n_classes": 3, "filters": (2, 4), "pools": ((2, 2), (2, 3)), "rnn_units": 3}


def on_features(config, n_frames=128, n_bands=128):
    features = keras.Input((n_frames, n_bands))
    return build_crnn(config, keras.Model(features, layers.Identity()(features)))


def outputs(model, kind):
    return [layer.output.shape[1:] for layer in model.layers if isinstance(layer, kind)]


def randomised(model, features):
    """Draw all weights of a model and two examples; list the weights in the order of the layers."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.uniform(0.1, 1.0, weight.shape) * rng.choice([-1, 1], weight.shape))
        if "variance" in weight.path:
            weight.assign(abs(weight))
    weights = [weight.numpy().astype(np.float64) for weight in model.weights]
    return weights, rng.normal(size=(2, *features))


def convolved(maps, weights):
    """Convolve, normalise and rectify maps `(rows, columns, channels)`.

    Takes kernel, bias, gamma, beta, moving mean and variance off the front of the weights.
    """
    kernel, bias, gamma, beta, mean, variance = (weights.pop(0) for _ in range(6))
    x = np.stack(
        [
            sum(
                correlate2d(maps[..., channel], kernel[..., channel, one], mode="same")
                for channel in range(maps.shape[-1])
            )
            for one in range(len(bias))
        ],
        axis=-1,
    )
    return np.maximum((x + bias - mean) / np.sqrt(variance + 1e-3) * gamma + beta, 0)


def pooled(maps, window, stride):
    """Take the maximum of each window; without a stride also of one that the far edge cuts off."""
    steps = (stride, stride) if stride else window
    ends = [n - w + 1 if stride else n for n, w in zip(maps.shape[:2], window, strict=True)]
    return np.array(
        [
            [
                maps[row : row + window[0], column : column + window[1]].max(axis=(0, 1))
                for column in range(0, ends[1], steps[1])
            ]
            for row in range(0, ends[0], steps[0])
        ]
    )


def last_state(steps, kernel, recurrent_kernel, biases):
    """Step a gated recurrent unit through `(n_steps, n_features)`.

    Cho et al. (2014), equations 5 to 8, with biases, and the reset behind the product as in Keras.
    """
    state = np.zeros(len(recurrent_kernel))
    for step in steps:
        heard = np.split(step @ kernel + biases[0], 3)
        kept = np.split(state @ recurrent_kernel + biases[1], 3)
        update, reset = expit(heard[0] + kept[0]), expit(heard[1] + kept[1])
        state = update * state + (1 - update) * np.tanh(heard[2] + reset * kept[2])
    return state


def by_hand(config, features, weights):
    """Give the probabilities of one example `(frames, bands)`."""
    weights, maps = list(weights), features[..., None]
    for window in config.pools:
        maps = pooled(convolved(maps, weights), window, config.pool_stride)
    maps = maps[..., : config.n_maps]
    if config.recurrent_axis == "mel":
        maps = maps.swapaxes(0, 1)
    state = last_state(maps.reshape(len(maps), -1), *weights[:3])
    return softmax(state @ weights[3] + weights[4])


def filters_with_a_gradient(config, n_frames, n_bands, n_examples):
    """Say of each convolution which filters one batch moves, shape `(filters,)`."""
    keras.utils.set_random_seed(0)
    model = on_features(config, n_frames, n_bands)
    features = np.random.default_rng(0).normal(size=(n_examples, n_frames, n_bands))
    kernels = [layer.kernel for layer in model.layers if isinstance(layer, layers.Conv2D)]
    target = tf.one_hot(np.arange(n_examples) % config.n_classes, config.n_classes)
    with tf.GradientTape() as tape:
        # As in training: by the batch's own averages no filter is below zero everywhere.
        answer = model(features.astype(np.float32), training=True)
        loss = keras.losses.categorical_crossentropy(target, answer)
    gradients = tape.gradient(loss, [kernel.value for kernel in kernels])
    return [np.any(gradient.numpy(), axis=(0, 1, 2)) for gradient in gradients]


def test_the_published_net_has_the_published_parameters():
    model = on_features(PUBLISHED)
    trainable = sum(weight.value.shape.num_elements() for weight in model.trainable_weights)
    assert (model.count_params(), trainable) == (463_801, 462_843)


def test_poolings_leave_16_frames_and_1_band():
    assert outputs(on_features(PAPER), layers.MaxPooling2D) == [
        (64, 64, 68),
        (32, 16, 137),
        (16, 4, 137),
        (16, 1, 137),
    ]


def test_the_recurrence_hears_all_maps_of_each_frame():
    assert on_features(PAPER).get_layer("embedding").input.shape == (None, 16, 137)


def test_published_poolings_narrow_nothing():
    # A window of n that steps by one leaves out n - 1: 128, 127, 125, 122, 119.
    sizes = [shape[:2] for shape in outputs(on_features(PUBLISHED), layers.MaxPooling2D)]
    assert sizes == [(127, 127), (125, 125), (122, 122), (119, 119)]


def test_the_published_recurrence_steps_over_bands_of_one_map():
    # 9 fewer than there are frames or bands, as above.
    assert on_features(PUBLISHED, 20, 24).get_layer("embedding").input.shape == (None, 15, 11)


def test_the_representation_is_the_last_state():
    assert on_features(PAPER).get_layer("embedding").output.shape == (None, 68)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"recurrent_axis": "mel"},
        {"n_maps": 3},
        {"pool_stride": 1},
        {"pool_stride": 1, "n_maps": 1, "recurrent_axis": "mel"},
    ],
)
def test_probabilities_are_those_of_the_equations(settings):
    config = CRNNConfig(**SMALL, **settings)
    model = on_features(config, 7, 9)
    weights, features = randomised(model, (7, 9))
    expected = [by_hand(config, example, weights) for example in features]
    np.testing.assert_allclose(model(features), expected, atol=1e-5)  # float32 sums


def test_a_share_is_dropped_behind_each_pooling():
    rates = [layer.rate for layer in on_features(PAPER).layers if isinstance(layer, layers.Dropout)]
    assert rates == [0.1] * 4


def test_gradients_reach_every_filter():
    reached = filters_with_a_gradient(PAPER, n_frames=32, n_bands=64, n_examples=8)
    assert [filters.sum() for filters in reached] == [68, 137, 137, 137]


def test_deviation_of_the_published_net_136_filters_of_137_get_no_gradient():
    # The recurrence hears the first map alone.
    *others, last = filters_with_a_gradient(PUBLISHED, n_frames=20, n_bands=20, n_examples=2)
    assert [filters.sum() for filters in others] == [68, 137, 137]
    assert np.flatnonzero(last).tolist() == [0]


def test_a_saved_published_net_answers_as_before(tmp_path):
    model = on_features(PUBLISHED, 12, 12)
    features = np.random.default_rng(0).normal(size=(2, 12, 12)).astype(np.float32)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(again(features), model(features), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n_classes": 0}, "got n_classes=0"),
        ({"output": "relu"}, "got 'relu'"),
        ({"recurrent_axis": "frames"}, "got 'frames'"),
        ({"filters": (4, 4)}, "one each a block, at least one; got"),
        ({"filters": (), "pools": ()}, r"one each a block, at least one; got \(\) and \(\)"),
        ({"filters": (4,), "pools": ((2, 2, 2),)}, r"\(frames, bands\); got \(\(2, 2, 2\),\)"),
        ({"filters": (4,), "pools": ((2, 0),)}, r"\(frames, bands\); got \(\(2, 0\),\)"),
        ({"filters": (4, 0, 4, 4)}, r"must be positive; got \(4, 0, 4, 4\), 68 and None"),
        ({"rnn_units": 0}, "must be positive; got .*, 0 and None"),
        ({"pool_stride": -1}, "must be positive; got .*, 68 and -1"),
        ({"n_maps": 0}, "got n_maps=0"),
        ({"n_maps": 138}, "got n_maps=138"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\); got 1.0"),
        ({"dropout": -0.1}, r"dropout must lie in \[0, 1\); got -0.1"),
    ],
)
def test_nonsense_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        CRNNConfig(**settings)
