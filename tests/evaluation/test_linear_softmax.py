import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from kmusic.datasets.splits import hold_out
from kmusic.evaluation.linear_softmax import LinearSoftmax


def clusters(n_rows, spread, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n_rows)
    centres = np.random.default_rng(99).normal(size=(3, 6))
    return centres[y] + spread * rng.normal(size=(n_rows, 6)), y


def first_epoch(probe, x, y, **settings):
    """Fit a probe, and give what its first epoch was handed."""
    seen = {}
    run_epoch = probe._run_epoch

    def spy(theta, velocity, x, y, batches):
        if not seen:
            seen.update(theta=theta.copy(), x=x, y=y)
        return run_epoch(theta, velocity, x, y, batches)

    probe._run_epoch = spy
    probe.fit(x, y, **settings)
    return seen


def test_the_steps_are_keras_sgds():
    # max_epochs=1 keeps the only epoch; Keras gets the same start, the same rows, the same order.
    x, y = clusters(200, 1.0)
    settings = {"learning_rate": 0.1, "decay": 0.01, "batch_size": 16, "max_epochs": 1}
    probe = LinearSoftmax(seed=3, **settings)
    seen = first_epoch(probe, x, y)
    dense = keras.layers.Dense(3, use_bias=False, activation="softmax")
    model = keras.Sequential([keras.Input((7,)), dense])  # six dimensions and the bias' ones
    dense.set_weights([seen["theta"]])
    schedule = keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.01)
    sgd = keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True)
    model.compile(sgd, "categorical_crossentropy", jit_compile=False)
    model.fit(seen["x"], seen["y"], batch_size=16, shuffle=False, verbose=0)
    ours = np.vstack([probe.weights, probe.bias])
    np.testing.assert_allclose(ours, dense.get_weights()[0], atol=1e-5)  # float32 sums


def test_long_training_ends_near_the_convex_optimum():
    x, y = clusters(2_000, 1.5)
    x_new, y_new = clusters(2_000, 1.5, seed=1)
    ours = np.mean(LinearSoftmax().fit(x, y).predict(x_new) == y_new)
    best = LogisticRegression(C=1e6, max_iter=1_000).fit(x, y).score(x_new, y_new)
    assert ours == pytest.approx(best, abs=0.01)


def test_the_best_epoch_is_kept():
    # Labels are coins and there are more dimensions than rows: each epoch after the first few is
    # worse on the rows held out.
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 200)), rng.integers(0, 2, 60)
    stopped = LinearSoftmax(max_epochs=300).fit(x, y)
    late = LinearSoftmax(max_epochs=300, patience=10_000).fit(x, y)
    np.testing.assert_array_equal(stopped.weights, late.weights)
    assert np.mean(stopped.predict(x) == y) < 1.0


def test_no_held_out_row_reaches_the_scaler():
    x, y = clusters(100, 1.0)
    probe = LinearSoftmax().fit(x, y)
    assert probe.scaler.n_samples_seen_ == 80


def test_rows_given_for_validation_are_as_good_as_rows_held_out():
    x, y = clusters(100, 1.0)
    alone = pd.DataFrame({"label": y, "group": np.arange(100)})
    kept, held = hold_out(alone, np.arange(100), 0.2, seed=3)
    expected = LinearSoftmax(seed=3).fit(x, y)
    given = LinearSoftmax(seed=3).fit(x[kept], y[kept], validation_data=(x[held], y[held]))
    np.testing.assert_array_equal(given.weights, expected.weights)
    np.testing.assert_array_equal(given.bias, expected.bias)


def test_rows_given_for_validation_choose_the_epoch():
    # They contradict the training rows, so that each epoch is worse than the one before.
    x, y = clusters(100, 0.1)
    contrary = (x, (y + 1) % 3)
    stopped = LinearSoftmax(max_epochs=50).fit(x, y, validation_data=contrary)
    first = LinearSoftmax(max_epochs=1).fit(x, y, validation_data=contrary)
    np.testing.assert_array_equal(stopped.weights, first.weights)


def test_rows_given_for_validation_are_not_learned_from():
    x, y = clusters(100, 1.0)
    probe = LinearSoftmax(max_epochs=1).fit(x, y, validation_data=(1e6 * x[:30], y[:30]))
    assert probe.scaler.n_samples_seen_ == 100
    np.testing.assert_allclose(probe.scaler.mean_, x.mean(axis=0))
    other = LinearSoftmax(max_epochs=1).fit(x, y, validation_data=(x[50:], y[50:]))
    np.testing.assert_array_equal(probe.weights, other.weights)


def test_a_class_of_validation_rows_alone_is_no_obstacle():
    x, y = clusters(100, 0.1)
    seen = y < 2
    probe = LinearSoftmax().fit(x[seen], y[seen], validation_data=(x, y))
    assert probe.classes_.tolist() == [0, 1, 2]
    assert np.mean(probe.predict(x[seen]) == y[seen]) > 0.8


def test_one_mean_and_one_deviation_may_serve_all_dimensions():
    x, y = clusters(100, 1.0)
    x = 5.0 + x * np.logspace(-2, 2, 6)
    probe = LinearSoftmax(scaling="global")
    seen = first_epoch(probe, x, y, validation_data=(x, y))["x"][:, :6]
    scaled = (x - x.mean()) / x.std()
    in_order = (np.sort(rows, axis=0) for rows in (seen, scaled))  # each epoch shuffles
    np.testing.assert_allclose(*in_order, atol=1e-5)  # float32
    by_hand = np.argmax(scaled @ probe.weights + probe.bias, axis=1)
    np.testing.assert_array_equal(probe.predict(x), by_hand)


def test_a_scaling_that_is_none_is_refused():
    with pytest.raises(ValueError, match='scaling must be "each" or "global"; got \'all\''):
        LinearSoftmax(scaling="all")


def test_groups_are_not_cut_in_two():
    # Rows of a group are identical, and each group has a class of its own choosing: only with
    # whole groups held out does the validation loss rise, and training ends early.
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    x, y = rng.normal(size=(40, 100))[groups], rng.integers(0, 2, 40)[groups]
    apart = LinearSoftmax(max_epochs=100).fit(x, y, groups=groups)
    together = LinearSoftmax(max_epochs=100).fit(x, y)
    assert np.linalg.norm(apart.weights) < 0.9 * np.linalg.norm(together.weights)


def test_classes_keep_their_names():
    x, y = clusters(100, 0.1)
    named = np.array([7, 3, 11])[y]
    assert np.mean(LinearSoftmax().fit(x, named).predict(x) == named) == 1.0


def test_the_same_seed_gives_the_same_weights():
    x, y = clusters(100, 1.0)
    first, again, other = (LinearSoftmax(seed=seed).fit(x, y).weights for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_huge_embeddings_do_not_overflow():
    x, y = clusters(100, 0.1)
    assert np.mean(LinearSoftmax().fit(1e12 * x, y).predict(1e12 * x) == y) == 1.0
