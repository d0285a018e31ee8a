"""What systems with a training of their own share: parts that are handed in, and how they last."""

from typing import Any, ClassVar, Self

import keras
import tensorflow as tf
from keras import ops

from kmusic.types import Tensor


class MeanVector(keras.metrics.Metric):
    """Average vectors over the batches of an epoch.

    Args:
        length: Of each vector.
        name: What the figure is called; in the plural.
    """

    def __init__(self, length: int, name: str) -> None:
        super().__init__(name=name)
        self.total = self.add_variable((length,), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, values: Tensor) -> None:
        """Take in the vector of a batch, shape `(length,)`."""
        self.total.assign_add(ops.cast(values, self.dtype))
        self.count.assign_add(1.0)

    def result(self) -> Tensor:
        """Give the mean, shape `(length,)`; zeros if there was no batch."""
        return ops.divide_no_nan(self.total, self.count)


class System(keras.Model):
    """A model that is handed its parts and trains them in its own way.

    A subclass has an argument and an attribute of the same name for each part and each setting. It
    says with `judge` what a batch costs, or, where one loss does not do, how a step is taken.

    Attributes:
        parts: Names of the arguments that are Keras models or layers.
        settings: Names of those that are plain values.
        figures: Names of the figures that its steps give, means over an epoch.
    """

    parts: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[tuple[str, ...]] = ()
    figures: ClassVar[tuple[str, ...]] = ("loss",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, **kwargs})  # or mixed precision rounds the sound
        self.trackers = {name: keras.metrics.Mean(name=name) for name in self.figures}
        self.built = True  # its parts are

    def get_config(self) -> dict[str, Any]:
        """Describe the model in JSON types."""
        described = {
            name: keras.saving.serialize_keras_object(getattr(self, name)) for name in self.parts
        }
        return {"name": self.name, **described, **{n: getattr(self, n) for n in self.settings}}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Rebuild the model from its description."""
        parts = {
            name: keras.saving.deserialize_keras_object(
                config.pop(name), custom_objects=custom_objects
            )
            for name in cls.parts
        }
        return cls(**parts, **config)

    def hear(self, heard: Tensor, training: bool) -> Any:
        """Give what `judge` takes of sound; nothing in it is trained.

        Args:
            heard: What the front end takes, shape `(batch, ...)`.
            training: Whether what is random is drawn.
        """
        return self.front_end(heard, training=training)

    def judge(self, features: Any, target: Any, training: bool) -> dict[str, Tensor]:
        """Give the loss of a batch and its parts.

        Args:
            features: What `hear` gave.
            target: What is known besides, if anything.
            training: Whether what is random is drawn.

        Returns:
            A number, or one for each example, for each of `figures`; "loss" is one of them. A
            vector for what a system puts a `MeanVector` into `trackers` for.
        """
        raise NotImplementedError

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """Take one step on a batch of sound, and what is known besides."""
        heard, target, _ = keras.utils.unpack_x_y_sample_weight(data)
        features = self.hear(heard, training=True)
        with tf.GradientTape() as tape:
            figures = self.judge(features, target, training=True)
            scaled = self.optimizer.scale_loss(figures["loss"] + sum(self.losses))
        gradients = tape.gradient(scaled, [weight.value for weight in self.trainable_weights])
        self.optimizer.apply(gradients, self.trainable_weights)
        return self.track(**figures)

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """Judge a batch of sound, and what is known besides."""
        heard, target, _ = keras.utils.unpack_x_y_sample_weight(data)
        features = self.hear(heard, training=False)
        return self.track(**self.judge(features, target, training=False))

    def track(self, **values: Tensor) -> dict[str, Tensor]:
        """Take figures of a batch into the epoch's means, and give those."""
        for name, value in values.items():
            # Keras asks a stream of unknown length for a batch too many: no value, no count.
            with tf.control_dependencies([value]):
                self.trackers[name].update_state(value)
        return {name: self.trackers[name].result() for name in values}
