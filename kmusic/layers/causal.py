"""Convolutions that look back alone, over a whole sequence or step by step."""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import layers, ops

from kmusic.layers.mu_law import N_CODES
from kmusic.types import Tensor

Queues: TypeAlias = tuple[Tensor, ...]
"""What each dilated convolution has yet to look back at."""


def dilations(n_layers: int, n_stacks: int) -> tuple[int, ...]:
    """Give the dilation of each layer: from 1 on twice the one before, anew in each stack."""
    return tuple(2**number for number in range(n_layers // n_stacks)) * n_stacks


def receptive_field(kernel_size: int, dilations: Sequence[int]) -> int:
    """Count the samples that an output of a stack of causal convolutions depends on."""
    return 1 + (kernel_size - 1) * sum(dilations)


@keras.saving.register_keras_serializable("kmusic")
class CausalConv(layers.Layer):
    """Convolve a sequence with what lies behind each step, at once or step by step.

    Args:
        filters: Length of an output step.
        kernel_size: Input steps that an output step is made of.
        dilation: Steps between those.
        use_bias: Whether there is a bias.
        weight_norm: Whether direction and length of each filter are weights of their own.
        kwargs: Passed to Keras.

    Call arguments:
        x: Shape `(batch, n_steps, n_channels)`.

    Returns:
        Shape `(batch, n_steps, filters)`; step t depends on steps up to t.

    Source:
        Van den Oord et al. (2016), section 2.1; weight normalisation of Salimans and Kingma (2016),
        equation 2, beginning with the lengths that the filters were drawn with.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 1,
        dilation: int = 1,
        *,
        use_bias: bool = True,
        weight_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.dilation = filters, kernel_size, dilation
        self.use_bias, self.weight_norm = use_bias, weight_norm

    @property
    def n_queued(self) -> int:
        """Number of steps that are still to be looked back at."""
        return (self.kernel_size - 1) * self.dilation

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Lay kernel, bias and lengths of the filters."""
        self.direction = self.add_weight(
            (self.kernel_size, shape[-1], self.filters), "he_normal", name="kernel"
        )
        if self.weight_norm:
            self.length = self.add_weight((self.filters,), "ones", name="length")
            self.length.assign(self._lengths())
        if self.use_bias:
            self.bias = self.add_weight((self.filters,), "zeros", name="bias")

    @property
    def kernel(self) -> Tensor:
        """Weights of the convolution, shape `(kernel_size, n_channels, filters)`."""
        kernel = ops.convert_to_tensor(self.direction)
        return kernel * (self.length / self._lengths()) if self.weight_norm else kernel

    def call(self, x: Tensor) -> Tensor:
        """Convolve a whole sequence."""
        padded = ops.pad(x, ((0, 0), (self.n_queued, 0), (0, 0)))
        return self._shifted(ops.conv(padded, self.kernel, dilation_rate=self.dilation))

    def first_queue(self, batch_size: int) -> Tensor:
        """Give the queue of a sequence that has not begun, of zeros."""
        shape = (self.n_queued, batch_size, self.direction.shape[1])
        return ops.zeros(shape, self.compute_dtype)

    def step(self, x: Tensor, queue: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
        """Convolve one step; what it takes does not grow with the dilation.

        Args:
            x: The step, shape `(batch, n_channels)`.
            queue: From `first_queue`, or the step before. Step t lies at `t % n_queued`.
            number: Of the step, from 0.

        Returns:
            Output, shape `(batch, filters)`, and queue.

        Source:
            Le Paine et al. (2016), section 2.
        """
        n_queued, kernel = self.n_queued, self.kernel
        behind = [(number + n * self.dilation) % n_queued for n in range(self.kernel_size - 1)]
        taps = [*(queue[place] for place in behind), x]
        if n_queued:
            place = ops.reshape(number % n_queued, (1, 1))
            queue = ops.scatter_update(queue, place, x[None])
        flat = ops.cast(ops.reshape(kernel, (-1, self.filters)), self.compute_dtype)
        return self._shifted(ops.matmul(ops.concatenate(taps, axis=-1), flat)), queue

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Give `(batch, n_steps, filters)`."""
        return (*shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Describe the layer in JSON types."""
        names = ("filters", "kernel_size", "dilation", "use_bias", "weight_norm")
        return super().get_config() | {name: getattr(self, name) for name in names}

    def _lengths(self) -> Tensor:
        return ops.sqrt(ops.sum(ops.square(self.direction), axis=(0, 1)))

    def _shifted(self, x: Tensor) -> Tensor:
        return x + ops.cast(self.bias, x.dtype) if self.use_bias else x


@keras.saving.register_keras_serializable("kmusic")
class CausalStack(layers.Layer):
    """Predict each sample of a sound from those before it, and from features beside it.

    Args:
        dilations: Of each gated layer.
        kernel_size: Of each gated layer's convolution.
        residual_channels: Channels from one gated layer to the next.
        gate_channels: Channels under the two nonlinearities of a gated layer together; even.
        skip_channels: Channels from each gated layer to the output, and of the activations.
        weight_norm: As in `CausalConv`, for all convolutions.
        kwargs: Passed to Keras.

    Call arguments:
        codes: Of the samples, int32, shape `(batch, n_samples)`.
        condition: Features of each sample, shape `(batch, n_samples, n_bands)`.

    Returns:
        Logits of the sample behind each, float32, shape `(batch, n_samples, 256)`, and the
        activations that they are made of, shape `(batch, n_samples, skip_channels)`.

    Source:
        Van den Oord et al. (2016), section 2, with the scales of the public code of Qasemi et al.
        (2019): a layer's sum is multiplied by the root of 1/2, the sum of n skips by that of 1/n.
    """

    def __init__(
        self,
        *,
        dilations: Sequence[int],
        kernel_size: int,
        residual_channels: int,
        gate_channels: int,
        skip_channels: int,
        weight_norm: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dilations, self.kernel_size = tuple(dilations), kernel_size
        self.residual_channels, self.gate_channels = residual_channels, gate_channels
        self.skip_channels, self.weight_norm = skip_channels, weight_norm

        def conv(filters: int, *sizes: int, **settings: Any) -> CausalConv:
            settings |= {"weight_norm": weight_norm, "dtype": self.dtype_policy}
            return CausalConv(filters, *sizes, **settings)

        self.first = conv(residual_channels)
        self.heard = [conv(gate_channels, kernel_size, dilation) for dilation in self.dilations]
        self.beside = [conv(gate_channels, use_bias=False) for _ in self.dilations]
        self.skipped = [conv(skip_channels) for _ in self.dilations]
        self.passed = [conv(residual_channels) for _ in self.dilations]
        self.passed[-1].trainable = False  # nobody hears it; published models have it
        self.gathered, self.predicted = conv(skip_channels), conv(N_CODES)

    def build(self, codes_shape: Any, condition_shape: Any) -> None:
        """Lay all convolutions."""
        del codes_shape
        self.first.build((None, None, N_CODES))
        for each in self.heard:
            each.build((None, None, self.residual_channels))
        for each in self.beside:
            each.build(condition_shape)
        for each in (*self.skipped, *self.passed):
            each.build((None, None, self.gate_channels // 2))
        for each in (self.gathered, self.predicted):
            each.build((None, None, self.skip_channels))
        self.built = True

    def call(self, codes: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Predict all samples, each from those that were there before it."""
        x = self.first(ops.one_hot(codes, N_CODES, dtype=self.compute_dtype))
        skips: list[Tensor] = []
        for number, heard in enumerate(self.heard):
            x = self._gated(number, x, heard(x), condition, skips)
        return self._read(skips)

    def first_queues(self, batch_size: int) -> Queues:
        """Give the queues of sounds that have not begun."""
        return tuple(each.first_queue(batch_size) for each in self.heard)

    def step(
        self, codes: Tensor, condition: Tensor, queues: Queues, number: Tensor
    ) -> tuple[Tensor, Queues]:
        """Predict one sample; what it takes grows with the layers, not with what they look back on.

        Args:
            codes: Of the sample before, shape `(batch,)`.
            condition: Features of that sample, shape `(batch, n_bands)`.
            queues: From `first_queues`, or the step before.
            number: Of that sample, from 0.

        Returns:
            Logits, float32, shape `(batch, 256)`, as `call` gives them, and queues.
        """
        x = self.first(ops.one_hot(codes, N_CODES, dtype=self.compute_dtype)[:, None])
        skips: list[Tensor] = []
        left = []
        for layer, (heard, queue) in enumerate(zip(self.heard, queues, strict=True)):
            now, queue = heard.step(x[:, 0], queue, number)
            x = self._gated(layer, x, now[:, None], condition[:, None], skips)
            left.append(queue)
        return self._read(skips)[0][:, 0], tuple(left)

    def compute_output_shape(self, codes_shape: Any, condition_shape: Any) -> tuple[Any, Any]:
        """Give the shapes of logits and activations."""
        del condition_shape
        return (*codes_shape, N_CODES), (*codes_shape, self.skip_channels)

    def get_config(self) -> dict[str, Any]:
        """Describe the layer in JSON types."""
        names = ("dilations", "kernel_size", "residual_channels", "gate_channels", "skip_channels")
        settings = {name: getattr(self, name) for name in (*names, "weight_norm")}
        return super().get_config() | settings

    def _gated(
        self, number: int, x: Tensor, now: Tensor, condition: Tensor, skips: list[Tensor]
    ) -> Tensor:
        """Gate what a layer heard, put its share to the skips, and give what the next one hears."""
        heard, gate = ops.split(now + self.beside[number](condition), 2, axis=-1)
        gated = ops.tanh(heard) * ops.sigmoid(gate)
        skips.append(self.skipped[number](gated))
        if number == len(self.passed) - 1:
            return x
        return (x + self.passed[number](gated)) * math.sqrt(0.5)

    def _read(self, skips: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Give logits and activations of all layers' skips."""
        total = sum(skips[1:], skips[0]) * math.sqrt(1.0 / len(skips))
        activations = ops.relu(self.gathered(ops.relu(total)))
        return ops.cast(self.predicted(activations), "float32"), activations
