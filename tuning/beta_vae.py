"""Search space of the step-based beta-VAE, Qasemi, Vu, Pham and Shbita (2019).

Run:
    kmusic tune tuning/beta_vae.py --tracks tracks.csv --out searches/beta_vae --trials 30

Paper: 100 latent numbers a frame (section 5.2) and a capacity that grows (abstract) are all it
prints. The beta-VAE for images that it began from has filters of 32, 32, 64 and 64, 256
units, 10 latent numbers, a beta of 2 and Adam at 1e-4 with batches of 1,024; its spectrograms have
128 bands at 16 kHz with a hop of 512 (public code).
"""

from dataclasses import replace

from keras_tuner import HyperParameters

from kmusic.models.beta_vae import BetaVAEConfig
from kmusic.training.defaults import DEFAULTS
from kmusic.training.recipe import Recipe

BASE = DEFAULTS["beta_vae"]
OBJECTIVE = "probe_accuracy"
N_FRAMES = 64
"""Frames of an excerpt in every trial, so that a batch holds as many."""


def space(hp: HyperParameters) -> Recipe:
    """Say which recipe a trial stands for.

    `probe_accuracy` is the share of validation tracks that the recipe's random forest names
    rightly, from vectors of whole tracks. The loss holds `model.beta`, the reconstruction the
    number of bands, and a lower pressure always restores more: neither compares.

    * `optimizer.learning_rate`: from the images' 1e-4 to three times the 1e-3 of docs/results.
    * `batch_size`: 16 to 64 excerpts, which are 64 frames each.
    * `model.latent_dim`: from the images' 10 over the paper's 100 to 200. Of 100, 22 carried
      something with a beta of 1, and 49 with 0.5.
    * `width`: half, once or twice the filters of the convolutions.
    * `model.units`: half, once or twice the 256 behind them.
    * `model.pressure`: a fixed weight of the divergence, or a target for it. Vectors of the latter
      named more of the studio corpus (0.512 to 0.393 by the forest).
    * `model.beta`, with pressure "beta": 0.1 to 4. Of 0.5, 1 and 4 the least named most (0.537 by
      the forest), so the range goes further down.
    * `model.gamma`, with pressure "capacity": around 10, which the divergence followed closely;
      with 100 it followed no closer and less was restored.
    * `model.capacity`, with pressure "capacity": around the 25 nats of docs/results; a beta of 0.5
      left 6.7.
    * `model.growth_steps`: steps in which beta, or the target, grows from 0. A beta of 4 from the
      first step left codes that carried nothing, one that grew in 200 did not. Where it grows, the
      loss rises with it and its least value is that of the first epochs, so early stopping is left
      out then: all epochs are trained and the last is kept.
    * `frontend.n_mels`, `frontend.hop_length`: bands are multiples of 16, as four halvings need.
      Frames are coded one by one, so the hop decides how far they overlap; the excerpt is as long
      as 64 of them are: 1, 2 or 4 s.

    Args:
        hp: Hyperparameters of the trial.

    Returns:
        The default recipe of the name `beta_vae`, with their values.
    """
    hop = hp.Choice("frontend.hop_length", [256, 512, 1_024], default=512)
    rate = hp.Float("optimizer.learning_rate", 1e-4, 3e-3, sampling="log", default=1e-3)
    model = _coder(hp)
    return replace(
        BASE,
        frontend=replace(
            BASE.frontend,
            n_mels=hp.Choice("frontend.n_mels", [64, 96, 128], default=128),
            hop_length=hop,
        ),
        excerpt_seconds=(N_FRAMES - 1) * hop / BASE.frontend.sample_rate,
        model=model,
        optimizer=replace(BASE.optimizer, learning_rate=rate),
        batch_size=hp.Choice("batch_size", [16, 32, 64], default=32),
        early_stopping=None if model.growth_steps else BASE.early_stopping,
    )


def _coder(hp: HyperParameters) -> BetaVAEConfig:
    """Say how large the networks are, and under which pressure codes stand."""
    width = hp.Choice("width", [0.5, 1.0, 2.0], default=1.0)
    pressure = hp.Choice("model.pressure", ["beta", "capacity"], default="beta")
    with hp.conditional_scope("model.pressure", ["beta"]):
        beta = hp.Float("model.beta", 0.1, 4.0, sampling="log", default=1.0)
    with hp.conditional_scope("model.pressure", ["capacity"]):
        gamma = hp.Choice("model.gamma", [3.0, 10.0, 30.0], default=10.0)
        capacity = hp.Choice("model.capacity", [5.0, 10.0, 25.0, 50.0], default=25.0)
    weights = {"beta": beta} if pressure == "beta" else {"gamma": gamma, "capacity": capacity}
    return replace(
        BASE.model,
        latent_dim=hp.Choice("model.latent_dim", [10, 30, 100, 200], default=100),
        filters=tuple(round(width * filters) for filters in BASE.model.filters),
        units=hp.Choice("model.units", [128, 256, 512], default=256),
        pressure=pressure,
        growth_steps=hp.Choice("model.growth_steps", [0, 200, 500, 2_000], default=0),
        **weights,
    )
