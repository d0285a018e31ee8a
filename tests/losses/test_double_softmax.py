import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

from kmusic.losses.double_softmax import double_softmax


def draw(seed, n_classes=5):
    """Draw scores and one-hot targets of 8 examples, float32."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(scale=3.0, size=(8, n_classes)).astype(np.float32)
    return scores, np.eye(n_classes, dtype=np.float32)[rng.integers(n_classes, size=8)]


def by_hand(target, scores):
    """Apply softmax, then softmax and cross-entropy, example by example in float64."""
    once = [softmax(example) for example in scores.astype(np.float64)]
    return [-(t * np.log(softmax(p))).sum() for t, p in zip(target, once, strict=True)]


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_losses_are_the_cross_entropy_of_two_softmaxes(seed, n_classes):
    scores, target = draw(seed, n_classes)
    loss = double_softmax(target, softmax(scores, axis=1))
    assert loss.shape == (8,)
    np.testing.assert_allclose(loss, by_hand(target, scores), atol=1e-6)  # float32


def test_five_classes_never_cost_less_than_the_floor():
    right, wrong = np.float32([[1, 0, 0, 0, 0]]), np.float32([[0, 1, 0, 0, 0]])
    floor = np.log(1 + 4 / np.e)
    assert floor == pytest.approx(0.9048, abs=1e-4)
    np.testing.assert_allclose(double_softmax(right, right), [floor], atol=1e-6)
    np.testing.assert_allclose(double_softmax(right, wrong), [floor + 1], atol=1e-6)


@pytest.mark.parametrize("wrapped", [lambda call: call, tf.function])
def test_the_second_softmax_is_kept_behind_a_softmax_layer(wrapped):
    scores, target = draw(0)
    head = keras.layers.Activation("softmax")
    loss = wrapped(lambda scores: double_softmax(target, head(scores)))(scores)
    np.testing.assert_allclose(loss, by_hand(target, scores), atol=1e-6)  # float32


def test_the_loss_of_keras_undoes_the_second_softmax_in_a_graph():
    scores, target = draw(0)
    head = keras.layers.Activation("softmax")
    loss = tf.function(
        lambda scores: keras.losses.categorical_crossentropy(target, head(scores), True)
    )
    with pytest.warns(UserWarning, match="produced by a Softmax activation"):
        single = loss(scores)
    np.testing.assert_allclose(single, -(target * log_softmax(scores, axis=1)).sum(1), atol=1e-5)


def test_a_compiled_model_is_judged_by_it():
    scores, target = draw(1)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Activation("softmax")])
    model.compile(loss=double_softmax)
    loss = model.evaluate(scores, target, verbose=0)
    assert loss == pytest.approx(np.mean(by_hand(target, scores)), abs=1e-6)
