"""The residual CNN's size and pattern, as published."""

import keras
import pytest
from keras import layers

from kmusic.models.residual_cnn import ResidualCNNConfig, build_residual_cnn


@pytest.fixture(scope="module")
def model():
    features = keras.Input((128, 128))
    return build_residual_cnn(
        ResidualCNNConfig(), keras.Model(features, layers.Identity()(features))
    )


def outputs(model, kind):
    return [layer.output.shape[1:] for layer in model.layers if isinstance(layer, kind)]


def test_it_has_the_published_parameters(model):
    assert model.count_params() == 1_099_784
    assert sum(weight.value.shape.num_elements() for weight in model.trainable_weights) == 1_095_800


def test_six_additions_halve_the_map_three_times(model):
    # Stem 64 x 64; figure 1 adds twice at each of 32, 16 and 8.
    assert outputs(model, layers.Add) == [
        (32, 32, 64),
        (32, 32, 128),
        (16, 16, 256),
        (16, 16, 128),
        (8, 8, 64),
        (8, 8, 128),
    ]


def test_its_convolutions_are_those_of_figure_1(model):
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    convolutions.sort(key=lambda layer: (len(layer.name), layer.name))  # as they were made
    assert [
        (layer.filters, *layer.kernel_size, *layer.strides, type(layer.kernel_initializer).__name__)
        for layer in convolutions
        if layer.kernel_size != (1, 1)
    ] == [
        (32, 5, 5, 2, 2, "HeUniform"),
        (64, 3, 3, 2, 2, "HeUniform"),
        (128, 3, 3, 1, 1, "HeUniform"),
        (256, 3, 3, 2, 2, "HeNormal"),
        (128, 3, 3, 1, 1, "HeNormal"),
        (64, 3, 3, 2, 2, "HeNormal"),
        (128, 3, 3, 1, 1, "HeNormal"),
        (64, 3, 3, 1, 1, "HeUniform"),
    ]
    narrow = [layer.filters for layer in convolutions if layer.kernel_size == (1, 1)]
    assert narrow == [16, 64, 16, 128, 32, 256, 32, 128, 64, 64, 64, 128]


def test_the_tail_flattens_to_1024(model):
    assert outputs(model, layers.Flatten) == [(1024,)]


def test_the_second_side_branch_starts_before_the_first_addition(model):
    first_add = next(layer for layer in model.layers if isinstance(layer, layers.Add))
    side_before_add = first_add.input[1]
    users = [
        layer
        for layer in model.layers
        if isinstance(layer, layers.Conv2D) and layer.input is side_before_add
    ]
    assert [layer.filters for layer in users] == [16]


def test_the_last_batch_normalisation_stands_before_the_softmax(model):
    assert isinstance(model.layers[-2], layers.BatchNormalization)
    assert model.layers[-1].activation is keras.activations.softmax


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n_classes": 0}, "got n_classes=0"),
        ({"embedding_dim": -1}, "embedding_dim must be positive; got -1"),
        ({"output": "relu"}, "got 'relu'"),
    ],
)
def test_nonsense_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        ResidualCNNConfig(**settings)
