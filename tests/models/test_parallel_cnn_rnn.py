"""The parallel CNN-RNN's size and its two halves, as meant and as published."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from kmusic.layers.blocks import ResidualStage
from kmusic.models.parallel_cnn_rnn import ParallelCNNRNNConfig, build_parallel_cnn_rnn
from kmusic.training.recipe_files import recipes_of

FILE = Path(__file__).parents[2] / "experiments/genre_methods/parallel_cnn_rnn.py"
PAPER, PUBLISHED = (recipes_of(FILE)[name].model for name in ("paper", "published"))
FRAMES, BANDS = 20, 12
SMALL = {
    "n_classes": 3,
    "stages": (ResidualStage(filters=(4, 4), bottleneck=2),),
    "frame_embedding": 5,
    "rnn_units": 4,
    "attention_units": 3,
}
TOWER = 3 * 2 * 64  # a stem, a stage and a tail leave 3 x 2 of 20 x 12
FEATURES = np.random.default_rng(0).normal(size=(2, FRAMES, BANDS)).astype(np.float32)


def on_features(config, n_frames=FRAMES, n_bands=BANDS):
    keras.utils.set_random_seed(0)
    features = keras.Input((n_frames, n_bands))
    return build_parallel_cnn_rnn(config, keras.Model(features, layers.Identity()(features)))


def small(**settings):
    return on_features(ParallelCNNRNNConfig(**(SMALL | settings)))


def recurrence(model):
    return next(layer for layer in model.layers if isinstance(layer, layers.Bidirectional))


def steps_heard(model):
    """Give what the recurrence hears of `FEATURES`."""
    return keras.Model(model.input, recurrence(model).input)(FEATURES).numpy()


def embedding(model, features=FEATURES):
    return keras.Model(model.input, model.get_layer("embedding").output)(features).numpy()


def silence_halves(model, *, recurrent):
    """Set the weights of the recurrent half to zero, or those of the tower."""
    kinds = (layers.Bidirectional, layers.Dense)
    for layer in model.layers:
        if layer is not model.layers[-2] and isinstance(layer, kinds) == recurrent:
            layer.set_weights([np.zeros(weight.shape) for weight in layer.weights])


def test_the_published_net_has_the_published_parameters():
    model = on_features(PUBLISHED, 128, 128)
    trainable = sum(weight.value.shape.num_elements() for weight in model.trainable_weights)
    assert (model.count_params(), trainable) == (7_148_136, 7_139_304)


@pytest.mark.parametrize("config", [PAPER, PUBLISHED], ids=["paper", "published"])
def test_both_halves_joined_have_1152_values(config):
    assert on_features(config, 128, 128).get_layer("embedding").output.shape == (None, 1_152)


def test_over_time_the_recurrence_hears_pairs_of_frames_embedded():
    model = small()
    dense = next(layer for layer in model.layers if isinstance(layer, layers.Dense))
    pairs = FEATURES.reshape(2, FRAMES // 2, 2, BANDS).max(axis=2)
    expected = pairs @ dense.kernel.numpy() + dense.bias.numpy()
    np.testing.assert_allclose(steps_heard(model), expected, atol=1e-5)  # float32 sums


def test_over_mel_it_hears_bands_along_pairs_of_frames():
    pairs = FEATURES.reshape(2, FRAMES // 2, 2, BANDS).max(axis=2)
    heard = steps_heard(small(recurrent_axis="mel", frame_embedding=None))
    np.testing.assert_array_equal(heard, pairs.swapaxes(1, 2))


@pytest.mark.parametrize(("axis", "pooled"), [("time", 2), ("mel", 1)])
def test_a_step_changes_forward_states_after_it_and_backward_states_before_it(axis, pooled):
    model = small(recurrent_axis=axis)
    states = keras.Model(model.input, recurrence(model).output)
    step = 3
    changed = FEATURES.copy()
    changed.swapaxes(1, 2 if axis == "mel" else 1)[:, pooled * step] += 10.0
    moved = np.any(states(changed).numpy() != states(FEATURES).numpy(), axis=0)
    forward, backward = moved[:, :4].any(axis=1), moved[:, 4:].any(axis=1)
    numbers = np.arange(len(moved))
    np.testing.assert_array_equal(forward, numbers >= step)
    np.testing.assert_array_equal(backward, numbers <= step)


def test_attention_averages_the_states():
    model = small()
    states = keras.Model(model.input, recurrence(model).output)(FEATURES).numpy()
    pooled = embedding(model)[:, TOWER:]
    assert np.all((states.min(axis=1) < pooled) & (pooled < states.max(axis=1)))


def test_without_attention_the_last_state_of_each_direction_is_kept():
    model, hear_all = small(attention_units=None), small()  # of one seed, so of equal weights
    states = keras.Model(hear_all.input, recurrence(hear_all).output)(FEATURES).numpy()
    expected = np.concatenate([states[:, -1, :4], states[:, 0, 4:]], axis=1)
    np.testing.assert_allclose(embedding(model)[:, TOWER:], expected, atol=1e-6)  # float32


@pytest.mark.parametrize("settings", [{}, {"frame_embedding": None, "attention_units": None}])
def test_without_the_recurrent_half_the_tower_is_left(settings):
    model = small(**settings)
    before = embedding(model)
    silence_halves(model, recurrent=True)
    after = embedding(model)
    np.testing.assert_array_equal(after[:, :TOWER], before[:, :TOWER])
    np.testing.assert_array_equal(after[:, TOWER:], 0.0)


@pytest.mark.parametrize("settings", [{}, {"frame_embedding": None, "attention_units": None}])
def test_without_the_tower_the_recurrent_half_is_left(settings):
    model = small(**settings)
    before = embedding(model)
    silence_halves(model, recurrent=False)
    after = embedding(model)
    np.testing.assert_array_equal(after[:, :TOWER], 0.0)
    np.testing.assert_array_equal(after[:, TOWER:], before[:, TOWER:])


@pytest.mark.parametrize("recurrent", [True, False])
def test_the_answer_depends_on_either_half(recurrent):
    model = small()
    before = model(FEATURES).numpy()
    silence_halves(model, recurrent=recurrent)
    assert np.all(np.abs(model(FEATURES).numpy() - before).max(axis=1) > 1e-4)


def test_an_odd_frame_is_heard():
    model = on_features(ParallelCNNRNNConfig(**SMALL), n_frames=7)
    features = FEATURES[:, :7].copy()
    before = embedding(model, features)[:, TOWER:]
    assert recurrence(model).input.shape == (None, 4, 5)
    features[:, 6] += 10.0
    assert not np.array_equal(embedding(model, features)[:, -8:], before[:, -8:])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n_classes": 0}, "got n_classes=0"),
        ({"output": "relu"}, "got 'relu'"),
        ({"recurrent_axis": "frames"}, "got 'frames'"),
        ({"rnn_units": 0}, r"must be positive or None; got \(0, 64, 64\)"),
        ({"frame_embedding": 0}, r"must be positive or None; got \(64, 0, 64\)"),
        ({"attention_units": -1}, r"must be positive or None; got \(64, 64, -1\)"),
    ],
)
def test_nonsense_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        ParallelCNNRNNConfig(**settings)
