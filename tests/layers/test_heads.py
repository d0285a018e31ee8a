import keras
import numpy as np
import pytest
from scipy.special import expit, softmax

from kmusic.layers.heads import probabilities, require_head

LOGITS = np.array([[3.0, -1.0, 0.5], [-80.0, 80.0, 0.0]], np.float32)


def head(output):
    logits = keras.Input((3,))
    return keras.Model(logits, probabilities(logits, output))


@pytest.fixture
def mixed_float16():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("output", "oracle"), [("softmax", lambda logits: softmax(logits, axis=1)), ("sigmoid", expit)]
)
def test_probabilities_are_those_of_scipy(output, oracle):
    expected = oracle(LOGITS.astype(np.float64))
    np.testing.assert_allclose(head(output)(LOGITS), expected, atol=1e-6)  # float32


def test_the_layer_is_named():
    assert head("softmax").layers[-1].name == "probabilities"


@pytest.mark.usefixtures("mixed_float16")
def test_probabilities_are_float32_in_a_mixed_precision_model():
    assert head("softmax")(LOGITS).dtype == "float32"


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_one_class_is_enough(output):
    require_head(1, output)


@pytest.mark.parametrize(
    ("n_classes", "output", "rule"),
    [
        (0, "softmax", "n_classes must be positive; got n_classes=0"),
        (8, "relu", 'output must be "softmax" or "sigmoid"; got \'relu\''),
    ],
)
def test_nonsense_is_refused(n_classes, output, rule):
    with pytest.raises(ValueError, match=rule):
        require_head(n_classes, output)
