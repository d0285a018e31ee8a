"""Variational autoencoder of single frames, under a pressure that can be set."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import keras
from keras import layers, ops

from kmusic.layers.crops import MeanOverCrops
from kmusic.layers.gaussian import SampleGaussian
from kmusic.layers.system import MeanVector
from kmusic.losses.divergence import divergence_by_dimension
from kmusic.losses.reconstruction import mean_squared_error, squared_error
from kmusic.models.autoencoders import Autoencoder
from kmusic.types import Tensor

KERNEL, STRIDE = 4, 2
PRESSURES = ("beta", "capacity")


@dataclass(frozen=True, kw_only=True)
class BetaVAEConfig:
    """Settings of a step-based beta-VAE.

    Attributes:
        latent_dim: Length of the latent vector of a frame.
        filters: Filters of the convolutions, each of which halves the bands; the decoder has them
            in reverse.
        units: Filters of the convolution over all bands that are left.
        pressure: What keeps codes near to the prior: "beta", a weight of the divergence, or
            "capacity", a weight of its distance from a target.
        beta: Weight of the divergence; 1 is the VAE.
        gamma: Weight of the distance between divergence and target.
        capacity: Target in the end, in nats a frame.
        growth_steps: Training steps in which beta, or the target, grows from 0, evenly; 0 has it
            whole from the first. A great beta needs some, or codes may never carry anything.
    """

    latent_dim: int = 100
    filters: tuple[int, ...] = (32, 32, 64, 64)
    units: int = 256
    pressure: Literal["beta", "capacity"] = "beta"
    beta: float = 1.0
    gamma: float = 10.0
    capacity: float = 25.0
    growth_steps: int = 0

    def __post_init__(self) -> None:
        """Reject what no autoencoder can be."""
        for name in ("latent_dim", "units"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}.")
        if self.growth_steps < 0:
            raise ValueError(f"growth_steps must not be negative; got {self.growth_steps}.")
        if not self.filters or min(self.filters) < 1:
            raise ValueError(f"filters must be one number or more, positive; got {self.filters}.")
        if self.pressure not in PRESSURES:
            raise ValueError(f"pressure must be one of {PRESSURES}; got {self.pressure!r}.")
        for name in ("beta", "gamma", "capacity"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must lie in [0, inf); got {getattr(self, name)}.")

    def bands_left(self, n_bands: int) -> int:
        """Say how many bands are left of so many behind the halvings.

        Raises:
            ValueError: If they cannot be halved so often.
        """
        halves = STRIDE ** len(self.filters)
        if n_bands % halves:
            raise ValueError(
                f"bands must be a multiple of {halves} for {len(self.filters)} filters; "
                f"got {n_bands}."
            )
        return n_bands // halves


def build_beta_vae(config: BetaVAEConfig, front_end: keras.Model) -> keras.Model:
    """Build encoder and decoder of single frames on a front end.

    Args:
        config: Settings.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`.

    Returns:
        An uncompiled `BetaVAE`, whose `embedder` ends in layer `"embedding"`, shape
        `(batch, latent_dim)`.

    Raises:
        ValueError: If the bands cannot be halved as often as there are filters.

    Source:
        Qasemi et al. (2019), section 5.2, which prints no sizes but the latent one: those are of
        the beta-VAE for images that it began from, with one axis for two. Fixed beta: Higgins et
        al. (2017), equation 4. Capacity: Burgess et al. (2018), equation 8, with the divergence
        averaged over the frames before its distance is taken: what grows is the information that
        a frame carries on average, so that silence may carry less of it than a chord. With 128
        bands and the defaults there are 397,641 parameters.
    """
    _, n_frames, n_bands = front_end.output_shape
    return BetaVAE(
        front_end,
        _encoder(config, n_frames, n_bands),
        _decoder(config, n_bands),
        pressure=config.pressure,
        beta=config.beta,
        gamma=config.gamma,
        capacity=config.capacity,
        growth_steps=config.growth_steps,
    )


def _encoder(config: BetaVAEConfig, n_frames: int, n_bands: int) -> keras.Model:
    """Build a model from features to the posterior of each frame, `(batch * n_frames, dim)`."""
    left = config.bands_left(n_bands)
    features = keras.Input((n_frames, n_bands), name="features")
    x = ops.reshape(features, (-1, n_bands, 1))  # (B * T, M, 1)
    for n_filters in config.filters:
        x = layers.Conv1D(n_filters, KERNEL, STRIDE, padding="same", **_rectified())(x)
    x = layers.Conv1D(config.units, left, **_rectified())(x)
    x = layers.Flatten()(x)
    posterior = [
        layers.Dense(config.latent_dim, kernel_initializer="he_normal", dtype="float32", name=name)
        for name in ("z_mean", "z_log_var")
    ]
    return keras.Model(features, [layer(x) for layer in posterior], name="encoder")


def _decoder(config: BetaVAEConfig, n_bands: int) -> keras.Model:
    """Build the mirror of `_encoder`, from codes to single frames, `(n, 1, n_bands)`."""
    code = keras.Input((config.latent_dim,), name="code")
    x = layers.Dense(config.units, **_rectified())(code)
    x = layers.Reshape((1, config.units))(x)
    left = config.bands_left(n_bands)
    x = layers.Conv1DTranspose(config.filters[-1], left, **_rectified())(x)
    for n_filters in reversed(config.filters[:-1]):
        x = layers.Conv1DTranspose(n_filters, KERNEL, STRIDE, padding="same", **_rectified())(x)
    x = layers.Conv1DTranspose(1, KERNEL, STRIDE, padding="same", kernel_initializer="he_normal")(x)
    return keras.Model(code, layers.Reshape((1, n_bands), dtype="float32")(x), name="decoder")


def _rectified() -> dict[str, str]:
    return {"activation": "relu", "kernel_initializer": "he_normal"}


@keras.saving.register_keras_serializable("kmusic")
class BetaVAE(Autoencoder):
    """Learn normal distributions of codes of single frames; settings as in `BetaVAEConfig`.

    The encoder gives means and logarithms of variances of all frames of a batch. The mean over an
    excerpt's frames represents it; frames that are like the next, as those of the zeros behind a
    short track, do not count, unless all are.
    """

    figures = ("loss", "reconstruction", "divergence")
    settings = ("pressure", "beta", "gamma", "capacity", "growth_steps")

    def __init__(
        self,
        *parts: Any,
        pressure: str,
        beta: float,
        gamma: float,
        capacity: float,
        growth_steps: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(*parts, **kwargs)
        self.pressure, self.beta, self.gamma = pressure, beta, gamma
        self.capacity, self.growth_steps = capacity, growth_steps
        self.sample = SampleGaussian(dtype="float32")
        latent_dim = self.decoder.input_shape[-1]
        self.trackers["divergences"] = MeanVector(latent_dim, name="divergences")
        if pressure == "capacity":
            self.trackers["capacity"] = keras.metrics.Mean(name="capacity")

    def reconstruct(self, features: Tensor) -> Tensor:
        """Restore features, shape `(batch, n_frames, n_bands)`, from the means of their codes."""
        frames = self.decode(self.posterior(features)[0])
        return ops.reshape(frames, (-1, *features.shape[1:]))

    def posterior(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Give means and logarithms of variances of the codes of each frame.

        Args:
            features: Shape `(batch, n_frames, n_bands)`.

        Returns:
            Both of shape `(batch * n_frames, latent_dim)`, frames of one excerpt behind each other.
        """
        z_mean, z_log_var = self.encoder(features)
        return z_mean, z_log_var

    def decode(self, code: Tensor) -> Tensor:
        """Give the frames, shape `(n, 1, n_bands)`, that codes `(n, latent_dim)` stand for."""
        return self.decoder(code)

    def grown(self, value: float) -> Tensor:
        """Give what beta, or the target, has grown to in the steps that were taken."""
        if not self.growth_steps:
            return ops.convert_to_tensor(value, "float32")
        done = ops.cast(self.optimizer.iterations, "float32") / self.growth_steps
        return value * ops.minimum(1.0, done)

    def judge(self, features: Tensor, target: Any, training: bool) -> dict[str, Tensor]:
        """Give the loss of a frame and its parts; in training codes are drawn, else the means.

        Args:
            features: Shape `(batch, n_frames, n_bands)`.
            target: Not looked at.
            training: Whether codes are drawn.

        Returns:
            A number for each of `figures` and, under that pressure, "capacity", the target; for
            "divergences" those of each dimension, whose sum is "divergence", in nats a frame.
        """
        del target
        z_mean, z_log_var = self.posterior(features)
        frames = ops.reshape(features, (-1, 1, features.shape[-1]))
        output = self.decode(self.sample([z_mean, z_log_var], training=training))
        misfit = ops.mean(0.5 * squared_error(frames, output))  # of a Gaussian with variance 1
        divergences = ops.mean(divergence_by_dimension(z_mean, z_log_var), axis=0)
        divergence = ops.sum(divergences)
        figures = {
            "reconstruction": mean_squared_error(frames, output),
            "divergence": divergence,
            "divergences": divergences,
        }
        if self.pressure == "beta":
            return figures | {"loss": misfit + self.grown(self.beta) * divergence}
        aim = self.grown(self.capacity)
        loss = misfit + self.gamma * ops.abs(divergence - aim)
        return figures | {"loss": loss, "capacity": aim}

    def _vector(self, code: list[Tensor]) -> Tensor:
        """Average the means over the frames of each excerpt."""
        features = self.front_end.output
        _, n_frames, n_bands = features.shape
        if n_frames == 1:
            return code[0]
        after = ops.concatenate([features[:, 1:], features[:, -2:-1]], axis=1)  # the last: before
        pairs = ops.reshape(ops.stack([features, after], axis=2), (-1, 2, n_bands))
        return MeanOverCrops(dtype="float32")([code[0], pairs, features])
