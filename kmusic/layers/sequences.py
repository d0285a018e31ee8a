"""Recurrent decoders from a code to a sequence."""

from typing import Any

import keras
from keras import layers, ops

from kmusic.types import Tensor


def repeating_decoder(shape: tuple[int, int], units: int) -> keras.Model:
    """Build a decoder whose recurrence, an LSTM, hears the code at every step.

    Args:
        shape: `(n_frames, n_bands)`.
        units: Units of the recurrence, and length of a code.

    Returns:
        Model from codes, shape `(batch, units)`, to float32 features, shape
        `(batch, n_frames, n_bands)`.
    """
    n_frames, n_bands = shape
    code = keras.Input((units,), name="code")
    x = layers.RepeatVector(n_frames)(code)  # (B, T, units)
    x = layers.LSTM(units, return_sequences=True)(x)
    features = layers.Dense(n_bands, dtype="float32")(x)
    return keras.Model(code, features, name="decoder")


@keras.saving.register_keras_serializable("kmusic")
class FeedbackDecoder(layers.Layer):
    """Restore sequences from codes, each value after the one before it.

    The recurrence, a GRU, begins with the code as its state. At each step it hears a value, at the
    first step zeros, and a linear layer gives the next. Left alone, it hears what it gave itself;
    with `force` what it should have given. Both are done by the same weights, in float32: over
    hundreds of steps the errors of 16 bits add up.

    Args:
        units: Units of the recurrence, and length of a code.
        n_bands: Numbers in a value.
        kwargs: Passed to Keras.

    Call arguments:
        code: Codes, shape `(batch, units)`.
        n_steps: Length of the sequences.

    Returns:
        Sequences, float32, shape `(batch, n_steps, n_bands)`.

    Source:
        Williams and Zipser (1989), who call it teacher forcing.
    """

    def __init__(self, units: int, n_bands: int, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.units, self.n_bands = units, n_bands
        self.recurrence = layers.GRU(units, return_sequences=True, dtype="float32")
        self.linear = layers.Dense(n_bands, dtype="float32")
        cell = FeedbackCell(self.recurrence.cell, self.linear, dtype="float32")
        self.feedback = layers.RNN(cell, return_sequences=True, dtype="float32")

    def build(self, code_shape: tuple[int | None, ...]) -> None:
        """Lay the weights."""
        batch, _ = code_shape
        self.recurrence.build((batch, None, self.n_bands))
        self.linear.build((batch, self.units))
        self.feedback.build((batch, None, 1))

    def call(self, code: Tensor, n_steps: int) -> Tensor:
        """Restore sequences of so many steps from codes alone, shape `(batch, units)`."""
        n_codes = ops.shape(code)[0]
        ticks = ops.zeros((n_codes, n_steps, 1))
        silence = ops.zeros((n_codes, self.n_bands))
        return self.feedback(ticks, initial_state=[code, silence])

    def force(self, code: Tensor, target: Tensor) -> Tensor:
        """Restore sequences by a recurrence that is told each right value after its guess.

        Args:
            code: Codes, shape `(batch, units)`.
            target: What should come, shape `(batch, n_steps, n_bands)`.

        Returns:
            Sequences, float32, same shape; a value depends on those of the target before it alone.
        """
        told = ops.pad(target, [[0, 0], [1, 0], [0, 0]])[:, :-1]
        return self.linear(self.recurrence(told, initial_state=code))

    def get_config(self) -> dict[str, Any]:
        """Describe the layer in JSON types."""
        return {**super().get_config(), "units": self.units, "n_bands": self.n_bands}


class FeedbackCell(layers.Layer):
    """Take a step of a recurrence that hears what it gave at the step before.

    Args:
        cell: Cell of a GRU.
        linear: Layer from its state to a value.
        kwargs: Passed to Keras.

    Call arguments:
        tick: Not heard; it counts the steps.
        states: State of the cell and the value before.

    Returns:
        The value, and the states of the next step.
    """

    def __init__(self, cell: layers.Layer, linear: layers.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cell, self.linear = cell, linear
        self.state_size = [cell.units, linear.units]
        self.output_size = linear.units

    def call(self, tick: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Give the next value."""
        del tick
        state, before = states
        output, _ = self.cell(before, state)
        value = self.linear(output)
        return value, [output, value]
