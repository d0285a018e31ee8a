"""What systems with a training of their own share: parts that are handed in, and how they last."""

from typing import Any, ClassVar, Self

import keras
import tensorflow as tf

from kmusic.types import Tensor


class System(keras.Model):
    """A model that is handed its parts and trains them in its own way.

    A subclass has an argument and an attribute of the same name for each part and each setting,
    and tells Keras its `train_step`.

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

    def track(self, **values: Tensor) -> dict[str, Tensor]:
        """Take figures of a batch into the epoch's means, and give those."""
        for name, value in values.items():
            # Keras asks a stream of unknown length for a batch too many: no value, no count.
            with tf.control_dependencies([value]):
                self.trackers[name].update_state(value)
        return {name: self.trackers[name].result() for name in values}
