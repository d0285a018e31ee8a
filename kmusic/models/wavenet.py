"""WaveNet: each sample from those before it, with the mel-spectrogram beside it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import keras
import tensorflow as tf
from keras import layers, ops

from kmusic.layers.causal import CausalStack, Queues, dilations, receptive_field
from kmusic.layers.mu_law import N_CODES, mu_law_decode, mu_law_encode
from kmusic.layers.system import System
from kmusic.layers.upsampling import Upsampling
from kmusic.types import Tensor

SILENCE = 127  # the code of 0
SAMPLES_AT_ONCE = 1_000

State: TypeAlias = tuple[Tensor, Tensor, Queues]
"""Of a sound that is played: number of the sample, the codes before it, and the queues."""


@dataclass(frozen=True, kw_only=True)
class WaveNetConfig:
    """Settings of a WaveNet; as they are, one that two cores can train.

    Attributes:
        n_layers: Number of gated layers.
        n_stacks: Stacks that they form, in each of which dilations double from 1 on.
        kernel_size: Samples that a layer looks at.
        residual_channels: Channels from layer to layer.
        gate_channels: Channels under the two nonlinearities of a layer together.
        skip_channels: Channels from each layer to the output; length of the representation.
        upsampling: Scales from frames to samples, whose product is the front end's hop.
        weight_norm: Whether direction and length of each filter are weights of their own.
    """

    n_layers: int = 16
    n_stacks: int = 2
    kernel_size: int = 3
    residual_channels: int = 32
    gate_channels: int = 64
    skip_channels: int = 64
    upsampling: tuple[int, ...] = (4, 4, 4, 2)
    weight_norm: bool = False

    def __post_init__(self) -> None:
        """Reject sizes that no network can have."""
        for name in ("n_layers", "n_stacks", "residual_channels", "gate_channels", "skip_channels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}.")
        if self.n_layers % self.n_stacks:
            raise ValueError(
                "n_layers must be a multiple of n_stacks; "
                f"got n_layers={self.n_layers}, n_stacks={self.n_stacks}."
            )
        if self.gate_channels % 2:
            raise ValueError(f"gate_channels must be even; got {self.gate_channels}.")
        if self.kernel_size < 2:
            raise ValueError(f"kernel_size must be at least 2; got {self.kernel_size}.")
        if not self.upsampling or min(self.upsampling) < 1:
            raise ValueError(f"upsampling must be positive scales; got {self.upsampling}.")

    @property
    def receptive_field(self) -> int:
        """Samples that the prediction of the next one depends on."""
        return receptive_field(self.kernel_size, dilations(self.n_layers, self.n_stacks))


PUBLISHED = WaveNetConfig(
    n_layers=36,
    n_stacks=4,
    residual_channels=128,
    gate_channels=256,
    skip_channels=128,
    weight_norm=True,
)
"""The sizes of the public code of Qasemi et al. (2019); it looks back on 4,089 samples."""


def build_wavenet(config: WaveNetConfig, front_end: keras.Model) -> keras.Model:
    """Build a WaveNet beside a front end.

    Args:
        config: Sizes.
        front_end: Model from waveforms `(batch, samples)` to features of static shape
            `(batch, n_frames, n_bands)`. Its layer "excerpt", if it has one, gives the waveform
            that the features are of.

    Returns:
        An uncompiled `WaveNet`, whose `embedder` ends in layer `"embedding"`, shape
        `(batch, skip_channels)`.

    Raises:
        ValueError: If the front end hears no waveform, or its hop is not the product of
            `upsampling`.

    Source:
        Qasemi et al. (2019), section 5.4, after van den Oord et al. (2016). The published sizes on
        80 bands have 5,563,168 parameters, and 5,591,332 with the lengths of weight normalisation.
    """
    sound = _sound_of(front_end)
    n_frames, samples = front_end.output_shape[1], sound.shape[1]
    hop = math.prod(config.upsampling)
    if samples is None or n_frames != 1 + samples // hop:
        raise ValueError(
            "upsampling must multiply to the front end's hop_length; "
            f"got {config.upsampling} for {n_frames} frames of {samples} samples."
        )
    return WaveNet(
        front_end,
        Upsampling(config.upsampling, weight_norm=config.weight_norm, name="upsampling"),
        CausalStack(
            dilations=dilations(config.n_layers, config.n_stacks),
            kernel_size=config.kernel_size,
            residual_channels=config.residual_channels,
            gate_channels=config.gate_channels,
            skip_channels=config.skip_channels,
            weight_norm=config.weight_norm,
            name="stack",
        ),
    )


@keras.saving.register_keras_serializable("kmusic")
class WaveNet(System):
    """Learn to predict each sample of a sound from the samples before it and its features.

    A prediction also knows the features of its own time, whose frames reach into the future.

    Args:
        front_end: Model from waveforms to features.
        upsampling: Layer from features of frames to those of samples.
        stack: Layer from codes and features of samples to logits and activations.
        kwargs: Passed to Keras.

    Call arguments:
        heard: Waveforms, shape `(batch, samples)`.

    Returns:
        Logits of the code behind each sample, float32, shape `(batch, samples, 256)`.
    """

    parts: ClassVar[tuple[str, ...]] = ("front_end", "upsampling", "stack")
    figures: ClassVar[tuple[str, ...]] = ("loss", "accuracy")

    def __init__(
        self, front_end: keras.Model, upsampling: Upsampling, stack: CausalStack, **kwargs: Any
    ) -> None:
        super().__init__(**{"name": "wavenet", **kwargs})
        self.front_end, self.upsampling, self.stack = front_end, upsampling, stack
        sound = _sound_of(front_end)
        self.samples = sound.shape[1]
        self.hearing = keras.Model(front_end.input, [sound, front_end.output], name="hearing")
        condition = upsampling(front_end.output)[:, : self.samples]
        logits, activations = stack(mu_law_encode(sound), condition)
        self.predictor = keras.Model(front_end.input, logits, name="predictor")
        vector = layers.GlobalAveragePooling1D(dtype="float32", name="embedding")(activations)
        self.embedder = keras.Model(front_end.input, vector, name="embedder")

    def call(self, heard: Tensor, training: bool | None = None) -> Tensor:
        """Predict the code behind each sample."""
        return self.predictor(heard, training=training)

    def hear(self, heard: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        """Give the codes of waveforms, shape `(batch, samples)`, and their features."""
        sound, features = self.hearing(heard, training=training)
        return mu_law_encode(sound), features

    def judge(
        self, features: tuple[Tensor, Tensor], target: Any, training: bool
    ) -> dict[str, Tensor]:
        """Give the mean cross-entropy of a sample, in nats, and how often its code is told right.

        Args:
            features: Codes, shape `(batch, samples)`, and features.
            target: Not looked at.
            training: Not looked at.

        Returns:
            "loss", which is log 256 where nothing is known, and "accuracy".
        """
        del target, training
        codes, bands = features
        condition = self.upsampling(bands)[:, : self.samples - 1]
        logits, _ = self.stack(codes[:, :-1], condition)
        behind = codes[:, 1:]
        losses = ops.sparse_categorical_crossentropy(behind, logits, from_logits=True)
        right = ops.equal(ops.cast(ops.argmax(logits, axis=-1), "int32"), behind)
        return {"loss": ops.mean(losses), "accuracy": ops.mean(ops.cast(right, "float32"))}

    def originals(self, heard: Tensor) -> Tensor:
        """Give the features of sound, shape `(batch, n_frames, n_bands)`."""
        return self.front_end(heard, training=False)

    def reconstruct(self, features: Tensor) -> Tensor:
        """Give the features of the sound that is played from features."""
        return self.originals(self.vocode(features, self.samples))

    def vocode(
        self,
        features: Tensor,
        n_samples: int,
        *,
        seed: int = 0,
        temperature: float = 1.0,
        advance: Callable[[float], Any] = lambda _: None,
    ) -> Tensor:
        """Play features as sound, sample after sample.

        Args:
            features: As the front end gives them, of any number of frames, shape
                `(batch, n_frames, n_bands)`.
            n_samples: How many samples, up to a hop for each frame.
            seed: Makes the draws repeatable.
            temperature: What logits are divided by before a sample is drawn; less is surer.
            advance: Called with the share of the samples that was just played.

        Returns:
            Waveforms in [-1, 1], float32, shape `(batch, n_samples)`. What is played does not
            depend on the length: more samples begin with the same.

        Raises:
            ValueError: If there are more samples than frames for them, or `temperature` is not
                positive.

        Source:
            Le Paine et al. (2016): what a sample takes grows with the layers alone.
        """
        most = features.shape[1] * self.upsampling.factor
        if not 0 < n_samples <= most:
            raise ValueError(f"n_samples must lie in [1, {most}]; got {n_samples}.")
        if not temperature > 0:
            raise ValueError(f"temperature must be positive; got {temperature}.")
        batch = features.shape[0]
        condition = ops.transpose(self.upsampling(features), (1, 0, 2))
        # Features beside the sample before, as in training; of the first there is none before.
        condition = ops.concatenate([condition[:1], condition[:-1]])
        heat = ops.convert_to_tensor(temperature, "float32")
        state = tf.constant(0), tf.fill((batch,), SILENCE), self.stack.first_queues(batch)
        played = []
        for first in range(0, n_samples, SAMPLES_AT_ONCE):
            last = min(first + SAMPLES_AT_ONCE, n_samples)
            # Drawn block by block, the same for every length.
            chances = keras.random.uniform((SAMPLES_AT_ONCE, batch), seed=seed + first)
            codes, state = self._play(condition[first:last], chances, heat, state)
            played.append(codes)
            advance((last - first) / n_samples)
        return mu_law_decode(ops.transpose(ops.concatenate(played)))

    @tf.function(reduce_retracing=True, autograph=False)
    def _play(
        self, condition: Tensor, chances: Tensor, temperature: Tensor, state: State
    ) -> tuple[Tensor, State]:
        """Draw codes, shape `(n_samples, batch)`, each where its cumulated shares pass a chance."""
        n_samples = ops.shape(condition)[0]

        def play(number: Tensor, state: State, played: Any) -> tuple[Tensor, State, Any]:
            place, codes, queues = state
            logits, queues = self.stack.step(codes, condition[number], queues, place)
            shares = ops.cumsum(ops.softmax(logits / temperature), axis=-1)
            codes = ops.sum(ops.cast(shares < chances[number][:, None], "int32"), axis=-1)
            codes = ops.minimum(codes, N_CODES - 1)  # cumulated shares may end below 1
            return number + 1, (place + 1, codes, queues), played.write(number, codes)

        _, state, played = tf.while_loop(
            lambda number, *_: number < n_samples,
            play,
            (tf.constant(0), state, tf.TensorArray(tf.int32, n_samples)),
            parallel_iterations=1,
        )
        return played.stack(), state


def _sound_of(front_end: keras.Model) -> Tensor:
    """Give the waveform that a front end's features are of.

    Raises:
        ValueError: If it hears no waveform.
    """
    names = [layer.name for layer in front_end.layers]
    sound = front_end.get_layer("excerpt").output if "excerpt" in names else front_end.input
    if len(sound.shape) != 2:
        raise ValueError(
            'a WaveNet hears waveforms, (batch, samples), so crop must be "waveform"; '
            f"got sound of shape {sound.shape}."
        )
    return sound
