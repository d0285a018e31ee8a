"""The Siamese DCNN's own training, held to loops over its examples."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kmusic.models import embedder
from kmusic.models.siamese import SiameseConfig, build_siamese
from tests import oracles

FRAMES, BANDS = 129, 5
PLAIN = {"dropout": 0.0}
RATE = 0.1
TWO_CLASSES = np.array([[0, 0], [1, 1], [0, 0], [2, 2]])


def on_features(n_bands=BANDS, **settings):
    keras.utils.set_random_seed(0)
    features = keras.Input((FRAMES, n_bands))
    front_end = keras.Model(features, layers.Identity()(features))
    return build_siamese(SiameseConfig(**settings), front_end)


def compiled(**settings):
    model = on_features(**settings)
    model.compile(keras.optimizers.SGD(RATE), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def examples(n_examples=4, n_excerpts=6):
    """Draw excerpts, and classes of examples of which each is of its own."""
    shape = (n_examples, n_excerpts, FRAMES, BANDS)
    classes = np.arange(n_examples * n_excerpts).reshape(n_examples, n_excerpts)
    classes[:, 1] = classes[:, 0]
    return np.random.default_rng(0).normal(size=shape).astype(np.float32), classes


def vectors_of(model, excerpts, training=False):
    """Represent the excerpts of all examples at once, `(n_examples, n_excerpts, 256)`."""
    flat = model.encoder(excerpts.reshape(-1, FRAMES, BANDS), training=training)
    return tf.reshape(flat, (*excerpts.shape[:2], -1))


def scores(vectors, classes):
    """Give the cosine of each example's positive, and those of its negatives."""
    for (anchor, positive, *negatives), (own, *_) in zip(vectors, classes, strict=True):
        if not negatives:
            negatives = [vectors[j][1] for j, others in enumerate(classes) if others[1] != own]
        yield oracles.cosine(anchor, positive), [oracles.cosine(anchor, n) for n in negatives]


def losses_by_hand(model, excerpts, classes, training=False):
    vectors = vectors_of(model, excerpts, training).numpy().astype(np.float64)
    return [oracles.hinge(near, far, 0.4) for near, far in scores(vectors, classes)]


def weights_of(model):
    return [weight.numpy().copy() for weight in model.weights]


def test_the_encoder_has_the_published_parameters():
    model = on_features(128)
    assert model.count_params() == 265_984
    assert model.embedder is embedder(model) is model.encoder


def test_an_excerpt_becomes_its_representation():
    model, (excerpts, _) = on_features(), examples()
    vectors = model(excerpts[0])
    assert vectors.shape == (6, 256)
    np.testing.assert_array_equal(vectors, model.embedder(excerpts[0]))


# What is judged


@pytest.mark.parametrize("n_negatives", [1, 4])
@pytest.mark.parametrize("training", [False, True])
def test_an_example_is_judged_by_the_cosines_of_its_own_excerpts(n_negatives, training):
    model, (excerpts, classes) = on_features(**PLAIN), examples(4, 2 + n_negatives)
    loss = model.judge(excerpts, classes, training=training)["loss"]
    expected = np.mean(losses_by_hand(on_features(**PLAIN), excerpts, classes, training))
    assert float(loss) == pytest.approx(expected, rel=1e-5)  # float32


@pytest.mark.parametrize("classes", [TWO_CLASSES, np.arange(4)[:, None] + [[0, 0]]])
def test_without_negatives_the_positives_of_other_classes_are_held_against_an_anchor(classes):
    model, (excerpts, _) = on_features(**PLAIN), examples(4, 2)
    loss, right = model.judge(excerpts, classes, training=False).values()
    expected = losses_by_hand(model, excerpts, classes)
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-5)  # float32
    vectors = vectors_of(model, excerpts).numpy()
    told = [near > max(far) for near, far in scores(vectors, classes)]
    np.testing.assert_array_equal(right, told)


def test_an_example_is_told_right_if_its_positive_is_nearer_than_every_negative():
    model, (excerpts, classes) = on_features(**PLAIN), examples(2, 4)
    excerpts[0, 1] = excerpts[0, 0]  # its positive is the anchor again
    excerpts[1, 3] = excerpts[1, 0]  # one of its negatives is
    right = model.judge(excerpts, classes, training=False)["accuracy"]
    assert right.numpy().tolist() == [1, 0]


def test_the_sum_is_the_mean_as_often_as_there_are_examples():
    batch = examples()
    means, sums = (
        on_features(reduction=each, **PLAIN).judge(*batch, training=False)["loss"]
        for each in ("mean", "sum")
    )
    assert float(sums) == pytest.approx(4 * float(means), rel=1e-6)


def test_the_margin_is_the_configs():
    excerpts, classes = np.zeros((2, 5, FRAMES, BANDS), np.float32), np.zeros((2, 5))
    model = on_features(margin=0.7)  # silence is a vector of zeros before training: all ties
    loss, right = model.judge(excerpts, classes, training=False).values()
    assert float(loss) == pytest.approx(3 * 0.7)
    assert right.numpy().tolist() == [0, 0]


def test_representations_are_dropped_while_training_alone():
    batch = examples()
    model, undropped = on_features(), on_features(**PLAIN)
    first, second = (float(model.judge(*batch, training=True)["loss"]) for _ in range(2))
    assert first != second
    heard, expected = (
        each.judge(*batch, training=False)["loss"] for each in (on_features(), undropped)
    )
    assert float(heard) == float(expected)


# Steps


def test_a_step_follows_the_gradient_of_the_loss_and_the_penalty():
    excerpts, classes = examples(3, 4)
    model, twin = compiled(l2=0.01, **PLAIN), on_features(l2=0.0, **PLAIN)
    kernels = [each.kernel for each in twin.encoder.layers if isinstance(each, layers.Conv1D)]
    with tf.GradientTape() as tape:
        loss = 0.0
        for anchor, *others in vectors_of(twin, excerpts, training=True):
            near, *far = (
                tf.reduce_sum(anchor * other) / (tf.norm(anchor) * tf.norm(other))
                for other in others
            )
            loss += sum(tf.maximum(0.0, 0.4 - near + each) for each in far) / 3
        penalty = 0.01 * sum(tf.reduce_sum(tf.square(kernel.value)) for kernel in kernels)
        penalised = loss + penalty
    weights = twin.trainable_weights
    gradients = tape.gradient(penalised, [weight.value for weight in weights])
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.assign_sub(RATE * gradient)
    told = model.train_step((excerpts, classes))
    assert float(told["loss"]) == pytest.approx(float(loss), rel=1e-5)  # without the penalty
    for one, other in zip(weights_of(model), weights_of(twin), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)  # float32 sums


def test_a_step_moves_averages_once_for_all_excerpts():
    excerpts, classes = examples()
    model, twin = compiled(), on_features()
    model.train_step((excerpts, classes))
    vectors_of(twin, excerpts, training=True)
    for one, other in zip(model.non_trainable_weights, twin.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert model.non_trainable_weights


def test_a_test_step_changes_no_weight():
    model = compiled()
    before = weights_of(model)
    model.test_step(examples())
    for one, other in zip(weights_of(model), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_figures_of_an_epoch_are_the_means_of_its_batches():
    model, batches = compiled(), [examples(4), tuple(part[::-1].copy() for part in examples(2))]
    figures = [model.test_step(batch) for batch in batches][-1]
    losses = [np.mean(losses_by_hand(model, *batch)) for batch in batches]
    assert set(figures) == {"loss", "accuracy"}
    assert float(figures["loss"]) == pytest.approx(np.mean(losses), rel=1e-5)
    model.reset_metrics()
    assert float(figures["loss"]) != float(model.test_step(batches[0])["loss"])


@pytest.mark.parametrize("n_excerpts", [2, 6])
def test_silence_gives_no_gradient_that_is_no_number(n_excerpts):
    model = compiled()
    silent = np.zeros((3, n_excerpts, FRAMES, BANDS), np.float32)
    model.train_step((silent, examples(3, n_excerpts)[1]))
    assert all(np.isfinite(weight).all() for weight in weights_of(model))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_reaches_the_encoder_and_not_the_loss(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = compiled()
    finally:
        keras.config.set_dtype_policy("float32")
    batch = examples()
    loss = model.judge(*batch, training=True)["loss"]
    before = weights_of(model)
    model.train_step(batch)
    assert loss.dtype == tf.float32
    assert not all(map(np.array_equal, weights_of(model), before))


# On disk


def test_settings_and_weights_travel_through_a_file(tmp_path):
    settings = {"margin": 0.7, "reduction": "sum", "dropout": 0.25, "l2": 0.01}
    model, batch = compiled(**settings), examples()
    model.train_step(batch)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert (again.margin, again.reduction, again.dropout) == (0.7, "sum", 0.25)
    assert float(sum(again.losses)) == pytest.approx(float(sum(model.losses)), rel=1e-6)
    assert float(again.judge(*batch, training=False)["loss"]) == pytest.approx(
        float(model.judge(*batch, training=False)["loss"]), rel=1e-6
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"margin": 0.0}, r"margin must lie in \(0, 2\]; got 0.0"),
        ({"margin": 2.1}, r"margin must lie in \(0, 2\]; got 2.1"),
        ({"reduction": "none"}, 'reduction must be "mean" or "sum"; got \'none\''),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\); got 1.0"),
        ({"l2": -1.0}, "l2 must not be negative; got -1.0"),
    ],
)
def test_nonsense_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        SiameseConfig(**settings)
