"""Autoencoders of whole excerpts: plain, contractive and variational."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import keras
from keras import layers, ops

from kmusic.layers.gaussian import SampleGaussian
from kmusic.layers.mirrored_dense import dense_decoder, dense_encoder, require_mirrored
from kmusic.layers.system import System
from kmusic.losses.contraction import squared_jacobian
from kmusic.losses.divergence import gaussian_divergence
from kmusic.losses.reconstruction import bernoulli, mean_squared_error, squared_error
from kmusic.types import Tensor


@dataclass(frozen=True, kw_only=True)
class AEConfig:
    """Settings of an autoencoder.

    Attributes:
        latent_dim: Length of the code, the representation.
        units: Sizes of the encoder's hidden layers; the decoder has them in reverse.
        output: What the decoder ends in: "linear", or "tanh", which stays within [-1, 1].
    """

    latent_dim: int = 40
    units: tuple[int, ...] = (1_024, 512, 256, 128)
    output: Literal["linear", "tanh"] = "linear"

    def __post_init__(self) -> None:
        """Reject what no autoencoder can be."""
        require_mirrored(self.latent_dim, self.units)
        if self.output not in ("linear", "tanh"):
            raise ValueError(f'output must be "linear" or "tanh"; got {self.output!r}.')


@dataclass(frozen=True, kw_only=True)
class CAEConfig(AEConfig):
    """Settings of a contractive autoencoder.

    Attributes:
        contraction: Weight of the squared Frobenius norm of the encoder's Jacobian in the loss.
        n_projections: Random directions by which each step estimates it. `None` computes it.
    """

    contraction: float = 1e-4
    n_projections: int | None = None

    def __post_init__(self) -> None:
        """Reject what no penalty can be."""
        super().__post_init__()
        if not 0 <= self.contraction < math.inf:
            raise ValueError(f"contraction must lie in [0, inf); got {self.contraction}.")
        if self.n_projections is not None and self.n_projections < 1:
            raise ValueError(f"n_projections must be positive or None; got {self.n_projections}.")


@dataclass(frozen=True, kw_only=True)
class VAEConfig:
    """Settings of a variational autoencoder.

    Attributes:
        latent_dim: Length of the latent vector.
        units: Sizes of the encoder's hidden layers; the decoder has them in reverse.
        likelihood: Of features: "gaussian" with variance 1, or "bernoulli" for those in [0, 1].
        vector: The representation: the posterior's "mean", or "mean_and_log_var" joined.
    """

    latent_dim: int = 40
    units: tuple[int, ...] = (1_024, 512, 256, 128)
    likelihood: Literal["gaussian", "bernoulli"] = "gaussian"
    vector: Literal["mean", "mean_and_log_var"] = "mean"

    def __post_init__(self) -> None:
        """Reject what no variational autoencoder can be."""
        require_mirrored(self.latent_dim, self.units)
        choices = {"likelihood": ("gaussian", "bernoulli"), "vector": ("mean", "mean_and_log_var")}
        for name, words in choices.items():
            if getattr(self, name) not in words:
                raise ValueError(f"{name} must be one of {words}; got {getattr(self, name)!r}.")


def build_ae(config: AEConfig, front_end: keras.Model) -> keras.Model:
    """Build an autoencoder on a front end.

    Args:
        config: Settings.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`.

    Returns:
        An uncompiled `Autoencoder`, whose `embedder` ends in layer `"embedding"`, shape
        `(batch, latent_dim)`.

    Source:
        Yanchenko (2019), "Embedding Architectures". The paper's tanh is an option, since
        standardised features do not stay within [-1, 1].
    """
    return Autoencoder(front_end, *_networks(config, front_end, "code", output=config.output))


def build_cae(config: CAEConfig, front_end: keras.Model) -> keras.Model:
    """Build a `ContractiveAutoencoder` as `build_ae` does its own.

    Source:
        Rifai et al. (2011), equation 2, on the networks of Yanchenko (2019), whose public code adds
        a number without a gradient: it learns what the plain autoencoder does. Here it counts.
    """
    return ContractiveAutoencoder(
        front_end,
        *_networks(config, front_end, "code", output=config.output),
        contraction=config.contraction,
        n_projections=config.n_projections,
    )


def build_vae(config: VAEConfig, front_end: keras.Model) -> keras.Model:
    """Build a `VariationalAutoencoder` as `build_ae` does its own.

    Source:
        Kingma and Welling (2014), section 3, on the networks of Yanchenko (2019). The public code
        of the latter takes cross-entropies of standardised features, which leave [0, 1].
    """
    return VariationalAutoencoder(
        front_end,
        *_networks(config, front_end, "z_mean", "z_log_var"),
        likelihood=config.likelihood,
        joined=config.vector == "mean_and_log_var",
    )


def _networks(
    config: AEConfig | VAEConfig, front_end: keras.Model, *names: str, output: str = "linear"
) -> tuple[keras.Model, keras.Model]:
    """Build encoder and decoder of a front end's features."""
    sizes = front_end.output_shape[1:], config.units, config.latent_dim
    return dense_encoder(*sizes, names), dense_decoder(*sizes, output)


@keras.saving.register_keras_serializable("kmusic")
class Autoencoder(System):
    """Learn codes from which features can be restored.

    Args:
        front_end: Model from sound to features.
        encoder: Model from features to codes.
        decoder: Model from codes to features.
        kwargs: Passed to Keras.

    Call arguments:
        heard: What the front end takes, shape `(batch, ...)`.

    Returns:
        Its features as they are restored, shape `(batch, n_frames, n_bands)`.
    """

    parts = ("front_end", "encoder", "decoder")
    figures: ClassVar[tuple[str, ...]] = ("loss", "reconstruction")

    def __init__(
        self, front_end: keras.Model, encoder: keras.Model, decoder: keras.Model, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.front_end, self.encoder, self.decoder = front_end, encoder, decoder
        vector = self._vector(encoder(front_end.output))
        vector = layers.Identity(dtype="float32", name="embedding")(vector)
        self.embedder = keras.Model(front_end.input, vector, name="embedder")

    def call(self, heard: Tensor, training: bool | None = None) -> Tensor:
        """Restore the features of sound."""
        return self.reconstruct(self.front_end(heard, training=training))

    def originals(self, heard: Tensor) -> Tensor:
        """Give the features of sound, shape `(batch, n_frames, n_bands)`."""
        return self.front_end(heard, training=False)

    def reconstruct(self, features: Tensor) -> Tensor:
        """Restore features, shape `(batch, n_frames, n_bands)`, from their codes."""
        return self.decode(self.encoder(features))

    def decode(self, code: Tensor) -> Tensor:
        """Give the features that codes, shape `(batch, latent_dim)`, stand for."""
        return self.decoder(code)

    def judge(self, features: Tensor, target: Any, training: bool) -> dict[str, Tensor]:
        """Give the loss of features and its parts, each the mean over the batch.

        Args:
            features: Shape `(batch, n_frames, n_bands)`.
            target: Not looked at.
            training: Whether what is random is drawn.

        Returns:
            A number for each of `figures`; "reconstruction" is the mean squared error of a value.
        """
        del target, training
        error = mean_squared_error(features, self.reconstruct(features))
        return {"loss": error, "reconstruction": error}

    def _vector(self, code: Tensor) -> Tensor:
        return code


@keras.saving.register_keras_serializable("kmusic")
class ContractiveAutoencoder(Autoencoder):
    """Learn codes that change little with the features; settings as in `CAEConfig`."""

    figures = ("loss", "reconstruction", "contraction")
    settings = ("contraction", "n_projections")

    def __init__(
        self, *parts: Any, contraction: float, n_projections: int | None, **kwargs: Any
    ) -> None:
        super().__init__(*parts, **kwargs)
        self.contraction, self.n_projections = contraction, n_projections
        self.seed_generator = keras.random.SeedGenerator()

    def judge(self, features: Tensor, target: Any, training: bool) -> dict[str, Tensor]:
        """Give the loss and its parts; "contraction" is the squared norm without its weight."""
        figures = super().judge(features, target, training)
        squares = squared_jacobian(self.encoder, features, self.n_projections, self.seed_generator)
        norm = ops.mean(squares)
        return figures | {"loss": figures["loss"] + self.contraction * norm, "contraction": norm}


@keras.saving.register_keras_serializable("kmusic")
class VariationalAutoencoder(Autoencoder):
    """Learn normal distributions of codes, near to the standard one.

    The encoder gives means and logarithms of variances; where they are `joined`, both represent an
    excerpt, else the means. The decoder of a Bernoulli `likelihood` ends before the sigmoid.
    """

    figures = ("loss", "reconstruction", "divergence")
    settings = ("likelihood", "joined")

    def __init__(self, *parts: Any, likelihood: str, joined: bool, **kwargs: Any) -> None:
        self.likelihood, self.joined = likelihood, joined  # the embedder depends on it
        super().__init__(*parts, **kwargs)
        self.end = ops.sigmoid if likelihood == "bernoulli" else keras.activations.linear
        self.sample = SampleGaussian(dtype="float32")

    def reconstruct(self, features: Tensor) -> Tensor:
        """Restore features, shape `(batch, n_frames, n_bands)`, from the means of their codes."""
        return self.decode(self.posterior(features)[0])

    def posterior(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Give means and logarithms of variances of the codes of features.

        Args:
            features: Shape `(batch, n_frames, n_bands)`.

        Returns:
            Both of shape `(batch, latent_dim)`.
        """
        z_mean, z_log_var = self.encoder(features)
        return z_mean, z_log_var

    def decode(self, code: Tensor) -> Tensor:
        """Give the mean of the features that codes, shape `(batch, latent_dim)`, stand for."""
        return self.end(self.decoder(code))

    def judge(self, features: Tensor, target: Any, training: bool) -> dict[str, Tensor]:
        """Give the loss and its parts; in training codes are drawn, else they are the means."""
        del target
        z_mean, z_log_var = self.posterior(features)
        output = self.decoder(self.sample([z_mean, z_log_var], training=training))
        binary = self.likelihood == "bernoulli"
        misfit = bernoulli(features, output) if binary else 0.5 * squared_error(features, output)
        divergence = ops.mean(gaussian_divergence(z_mean, z_log_var))
        loss = ops.mean(misfit) + divergence
        error = mean_squared_error(features, self.end(output))
        return {"loss": loss, "reconstruction": error, "divergence": divergence}

    def _vector(self, code: Tensor) -> Tensor:
        return layers.Concatenate(dtype="float32")(code) if self.joined else code[0]
