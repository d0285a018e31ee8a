"""What systems with a training of their own share."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kmusic.layers.system import MeanVector, System


@keras.saving.register_keras_serializable("tests")
class Doubling(System):
    """A system of one part and one setting."""

    parts = ("dense",)
    settings = ("times",)
    figures = ("loss", "seen")

    def __init__(self, dense, *, times, **kwargs):
        super().__init__(**kwargs)
        self.dense, self.times = dense, times

    def call(self, x):
        return self.times * self.dense(x)

    def train_step(self, data):
        return self.track(loss=tf.reduce_max(data), seen=data)

    def test_step(self, data):
        return self.track(loss=tf.reduce_max(data), seen=data)


@pytest.fixture
def system():
    x = keras.Input((2,))
    return Doubling(keras.Model(x, keras.layers.Dense(3)(x)), times=2.0)


def test_parts_and_settings_survive_a_file(system, tmp_path):
    system.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert again.times == 2.0
    np.testing.assert_array_equal(again(np.ones((1, 2))), system(np.ones((1, 2))))


def test_figures_are_means_over_an_epoch_and_begin_anew_with_the_next(system):
    system.compile(keras.optimizers.SGD(), run_eagerly=True)
    batches = tf.data.Dataset.from_tensor_slices(tf.reshape(tf.range(6.0), (2, 3)))
    history = system.fit(batches, epochs=2, shuffle=False, verbose=0).history
    assert history == {"loss": [3.5, 3.5], "seen": [2.5, 2.5]}


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_batch_that_does_not_come_is_not_counted(system):
    system.compile(keras.optimizers.SGD(), jit_compile=False)
    batches = tf.data.Dataset.from_tensor_slices(tf.reshape(tf.range(6.0), (2, 3)))
    unknown = batches.filter(lambda _: True)  # a stream whose length Keras cannot know
    history = system.fit(batches, validation_data=unknown, shuffle=False, verbose=0).history
    assert history["val_seen"] == [2.5]


@keras.saving.register_keras_serializable("tests")
class Counting(Doubling):
    """A system that tells a vector besides."""

    def __init__(self, *parts, **kwargs):
        super().__init__(*parts, **kwargs)
        self.trackers["twos"] = MeanVector(2, name="twos")

    def train_step(self, data):
        return self.track(loss=tf.reduce_max(data), seen=data, twos=data[:2])

    test_step = train_step


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_vectors_are_averaged_over_an_epoch_and_reach_callbacks_whole(system):
    counting = Counting(system.dense, times=1.0)
    counting.compile(keras.optimizers.SGD(), jit_compile=False)
    batches = tf.data.Dataset.from_tensor_slices(tf.reshape(tf.range(6.0), (2, 3)))
    unknown = batches.filter(lambda _: True)  # of a batch too many nothing is counted
    told = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs: told.append(logs))
    counting.fit(
        batches, validation_data=unknown, epochs=2, shuffle=False, verbose=0, callbacks=[keep]
    )
    for logs in told:
        assert logs["twos"].tolist() == logs["val_twos"].tolist() == [1.5, 2.5]
        assert logs["loss"] == 3.5


def test_no_batch_gives_zeros():
    assert MeanVector(3, name="threes").result().numpy().tolist() == [0.0, 0.0, 0.0]
