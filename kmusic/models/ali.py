"""Adversarially learned inference on crops of spectrograms."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import tensorflow as tf
from keras import ops

from kmusic.layers.ali_networks import (
    SIDE,
    SQUARE,
    ali_discriminator,
    ali_encoder,
    ali_generator,
    require_square,
)
from kmusic.layers.crops import CropConfig, Crops, MeanOverCrops, is_sounding
from kmusic.layers.gaussian import SampleGaussian
from kmusic.layers.settling import settle
from kmusic.layers.system import System
from kmusic.losses.adversarial import discriminator_loss, generator_loss
from kmusic.types import Tensor


@dataclass(frozen=True, kw_only=True)
class ALIConfig:
    """Settings of adversarially learned inference; the defaults are those that small trials bore.

    Attributes:
        latent_dim: Length of a latent vector.
        crop: Which crops of 32 frames and 32 bands are learned and heard.
        vector: The representation: the posterior's "mean", or "mean_and_log_sigma" joined.
        dropout: Share of the discriminator's maps left out in training, in [0, 1).
        discriminator_norm: Whether the discriminator is batch-normalised.
        output_map: Whether every position of a generated crop has a bias of its own, which begins
            as the log-odds of the first training crops' mean.
        noise: Deviation of the normal noise that the discriminator sees on crops at the first step.
        noise_steps: Training steps in which it falls to 0, evenly.
        waits_at: The discriminator learns only in steps in which the generator loses less.
            `None` lets it learn in all.
    """

    latent_dim: int = 128
    crop: CropConfig = SQUARE
    vector: Literal["mean", "mean_and_log_sigma"] = "mean"
    dropout: float = 0.0
    discriminator_norm: bool = True
    output_map: bool = True
    noise: float = 0.0
    noise_steps: int = 1
    waits_at: float | None = 6.0

    def __post_init__(self) -> None:
        """Reject what cannot be played."""
        require_square(self.crop)
        for name in ("latent_dim", "noise_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}.")
        if self.vector not in ("mean", "mean_and_log_sigma"):
            raise ValueError(f'vector must be "mean" or "mean_and_log_sigma"; got {self.vector!r}.')
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1); got {self.dropout}.")
        if self.noise < 0:
            raise ValueError(f"noise must not be negative; got {self.noise}.")
        if self.waits_at is not None and self.waits_at <= 0:
            raise ValueError(f"waits_at must be positive or None; got {self.waits_at}.")


def build_ali(config: ALIConfig, front_end: keras.Model) -> keras.Model:
    """Build encoder, generator and discriminator on a front end.

    Args:
        config: Settings.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`, whose
            values lie in [0, 1], as those of generated crops do.

    Returns:
        An uncompiled `ALI`.

    Source:
        Yanchenko (2019), tables 5 and 6, after Dumoulin et al. (2017). With 256 latent numbers
        encoder, generator and discriminator have 3,313,888, 1,764,449 and 5,281,537 trainable
        parameters; with `output_map` and `discriminator_norm`, as in the public code, 3,313,888,
        1,765,472 and 5,281,473.
    """
    crop, z = keras.Input((SIDE, SIDE), name="crop"), keras.Input((config.latent_dim,), name="z")
    judged = ali_discriminator(
        crop, z, dropout=config.dropout, normalised=config.discriminator_norm
    )
    generated = ali_generator(z, output_map=config.output_map)
    return ALI(
        front_end,
        keras.Model(crop, ali_encoder(crop, 2 * config.latent_dim), name="encoder"),
        keras.Model(z, generated, name="generator"),
        keras.Model([crop, z], judged, name="discriminator"),
        Crops(config.crop, name="crops"),
        joined=config.vector == "mean_and_log_sigma",
        noise=config.noise,
        noise_steps=config.noise_steps,
        waits_at=config.waits_at,
    )


@keras.saving.register_keras_serializable("kmusic")
class ALI(System):
    """Learn to infer latent vectors from crops by a game against generating crops from them.

    Args:
        front_end: Model from sound to features.
        encoder: Model from crops to means and logarithms of deviations, `(batch, 2 * latent_dim)`.
        generator: Model from latent vectors to crops.
        discriminator: Model from crops and latent vectors to the logit that they were inferred.
        crops: Layer from features to crops.
        joined: Whether the representation has the deviations' logarithms behind the means.
        noise: Deviation of the noise on the discriminator's crops at the first step.
        noise_steps: Steps in which it falls to 0.
        waits_at: Generator's loss from which on the discriminator does not learn.
        kwargs: Passed to Keras.

    Call arguments:
        heard: What the front end takes, shape `(batch, ...)`.

    Returns:
        Representations, averaged over an excerpt's crops, shape `(batch, dim)`.
    """

    parts = ("front_end", "encoder", "generator", "discriminator", "crops")
    settings = ("joined", "noise", "noise_steps", "waits_at")
    figures = ("generator_loss", "discriminator_loss", "reconstruction")

    def __init__(
        self,
        front_end: keras.Model,
        encoder: keras.Model,
        generator: keras.Model,
        discriminator: keras.Model,
        crops: Crops,
        *,
        joined: bool,
        noise: float,
        noise_steps: int,
        waits_at: float | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "ali", **kwargs})
        self.front_end, self.crops = front_end, crops
        self.encoder, self.generator, self.discriminator = encoder, generator, discriminator
        self.latent_dim = generator.input.shape[-1]
        self.joined, self.waits_at = joined, waits_at
        self.noise, self.noise_steps = noise, noise_steps
        self.sample = SampleGaussian(dtype="float32")
        self.seed_generator = keras.random.SeedGenerator()
        features = front_end.output
        heard = crops(features)
        code = encoder(heard)
        vector = code if joined else code[:, : self.latent_dim]
        vector = MeanOverCrops(name="embedding", dtype="float32")([vector, heard, features])
        self.embedder = keras.Model(front_end.input, vector, name="embedder")

    def call(self, heard: Tensor, training: bool | None = None) -> Tensor:
        """Represent excerpts."""
        return self.embedder(heard, training=training)

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """Let both sides learn from one draw of crops and latent vectors."""
        heard, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        x = self.crops(self.front_end(heard, training=True), training=True)
        self._begin(x)
        with tf.GradientTape(persistent=True) as tape:
            g_loss, d_loss = self.play(x, training=True)
            scaled = [self.optimizer.scale_loss(loss) for loss in (g_loss, d_loss)]
        players = [*self.encoder.trainable_weights, *self.generator.trainable_weights]
        judge = self.discriminator.trainable_weights
        moves = tape.gradient(scaled[0], [weight.value for weight in players])
        judgement = tape.gradient(scaled[1], [weight.value for weight in judge])
        # Adam keeps its state weight by weight, so one serves both sides.
        both = [*moves, *judgement], [*players, *judge]
        if self.waits_at is None:
            self.optimizer.apply(*both)
        else:
            tf.cond(
                g_loss < self.waits_at,
                lambda: self.optimizer.apply(*both),
                lambda: self.optimizer.apply(moves, players),
            )
        return self.track(generator_loss=g_loss, discriminator_loss=d_loss)

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """Play without learning, and measure how far reconstructions of what sounds are off."""
        heard, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        x = self.originals(heard)
        g_loss, d_loss = self.play(x, training=False)
        errors = ops.mean(ops.square(self.reconstruct(x) - x), axis=(1, 2))
        counts = ops.cast(is_sounding(x), "float32")
        error = ops.sum(counts * errors) / ops.maximum(ops.sum(counts), 1.0)
        return self.track(generator_loss=g_loss, discriminator_loss=d_loss, reconstruction=error)

    def play(self, x: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        """Give what encoder and generator lose on crops, and what the discriminator does.

        Silent crops do not count.

        Args:
            x: Crops, shape `(batch, 32, 32)`.
            training: Whether dropout, batch normalisation and noise are those of training.

        Returns:
            Two numbers.
        """
        counts = ops.cast(is_sounding(x), "float32")[:, None]
        code = self.encoder(x, training=training)
        z_mean, log_sigma = code[:, : self.latent_dim], code[:, self.latent_dim :]
        inferred = self.sample([z_mean, 2.0 * log_sigma], training=True)
        z = keras.random.normal(ops.shape(inferred), seed=self.seed_generator)
        generated = self.generator(z, training=training)
        if training and self.noise:
            x, generated = self._noisy(x), self._noisy(generated)
        on_inferred = self.discriminator([x, inferred], training=training)
        on_generated = self.discriminator([generated, z], training=training)
        judged = on_inferred, on_generated, counts
        return generator_loss(*judged), discriminator_loss(*judged)

    def settle(self, batches: Iterable[Tensor]) -> None:
        """Take the averages of encoder and generator again, with the weights that they ended with.

        Args:
            batches: What the front end takes, each of shape `(batch, ...)`, as in training.
        """
        drawn = [self.crops(self.front_end(b, training=True), training=True) for b in batches]
        shapes = [(len(crops), self.latent_dim) for crops in drawn]
        settle(self.encoder, drawn)
        settle(
            self.generator,
            (keras.random.normal(shape, seed=self.seed_generator) for shape in shapes),
        )

    def originals(self, heard: Tensor) -> Tensor:
        """Give the crops that are heard of excerpts, shape `(batch * n_crops, 32, 32)`."""
        return self.crops(self.front_end(heard, training=False), training=False)

    def infer(self, crops: Tensor) -> Tensor:
        """Give the posterior mean of crops, shape `(batch, latent_dim)`."""
        return self.encoder(crops, training=False)[:, : self.latent_dim]

    def reconstruct(self, crops: Tensor) -> Tensor:
        """Generate crops from the posterior mean of crops, both of shape `(batch, 32, 32)`."""
        return self.generator(self.infer(crops), training=False)

    def generate(self, n_crops: int, seed: int = 0) -> Tensor:
        """Generate so many crops from latent vectors drawn from the prior.

        Args:
            n_crops: How many.
            seed: Makes the draw repeatable.

        Returns:
            Crops with values in (0, 1), shape `(n_crops, 32, 32)`.
        """
        z = keras.random.normal((n_crops, self.latent_dim), seed=seed)
        return self.generator(z, training=False)

    def interpolate(self, n_points: int, start: float = 0.0, end: float = 1.0) -> Tensor:
        """Generate crops along a line of latent vectors whose coordinates are all equal.

        Args:
            n_points: How many.
            start: Value of all coordinates of the first.
            end: Value of all coordinates of the last.

        Returns:
            Crops with values in (0, 1), shape `(n_points, 32, 32)`.

        Source:
            Yanchenko (2019), figure 9: from the origin to all ones in 16 points.
        """
        values = ops.linspace(start, end, n_points)
        return self.generator(values[:, None] * ops.ones((1, self.latent_dim)), training=False)

    def _begin(self, x: Tensor) -> None:
        """Let the biases of the generator's positions begin as the first crops' log-odds."""
        names = [layer.name for layer in self.generator.layers]
        if "output_map" not in names:
            return
        bias = self.generator.get_layer("output_map").bias
        mean = ops.clip(ops.mean(x, axis=0)[..., None], 1e-7, 1 - 1e-7)
        odds = ops.log(mean) - ops.log1p(-mean)
        first = ops.equal(self.optimizer.iterations, 0)
        bias.assign(ops.where(first, odds, bias))

    def _noisy(self, crops: Tensor) -> Tensor:
        """Add normal noise, the less the more steps were taken."""
        done = ops.cast(self.optimizer.iterations, "float32") / self.noise_steps
        deviation = self.noise * ops.maximum(0.0, 1.0 - done)
        noise = keras.random.normal(ops.shape(crops), seed=self.seed_generator)
        return crops + deviation * noise
