"""Search space of adversarially learned inference, Yanchenko (2019), after Dumoulin et al. (2017).

Run:
    kmusic tune tuning/ali.py --tracks tracks.csv --out searches/ali --trials 30

Paper: Adam at 1e-5 with 0.9 and 0.999, 50 epochs; 40, 128 and 256 latent numbers, of which 256 did
best, 0.2991 to 0.2867 (tables 5 to 7); dropout 0.2, no normalised discriminator. The public code
has a first moment of 0.5, batches of 16 to 64, a discriminator that is normalised and waits while
the generator loses 3.5 or more, and noise of 0.1 on its crops that falls in 50 epochs; 64 bands up
to 8 kHz with a hop of 512.
"""

from dataclasses import replace

from keras_tuner import HyperParameters

from kmusic.models.ali import ALIConfig
from kmusic.training.defaults import DEFAULTS
from kmusic.training.recipe import Recipe

BASE = DEFAULTS["ali"]
OBJECTIVE = "probe_accuracy"
NOISES = [0.05, 0.1, 0.2]


def space(hp: HyperParameters) -> Recipe:
    """Say which recipe a trial stands for.

    `probe_accuracy` is the share of validation tracks that the recipe's logistic regression names
    rightly, from vectors of 10 s. The losses are those of a game: of either player they say how
    strong the other is, and the reconstruction is of other crops with another front end. None of
    them compares.

    * `optimizer.learning_rate`: from the paper's 1e-5, which was not tried here, over the 2e-4 of
      docs/results to 1e-3.
    * `optimizer.beta_1`: 0.5, as in the public code and the original, or the paper's 0.9.
    * `batch_size`: 16 to 64 crops, as the public code has them.
    * `model.latent_dim`: the paper's three.
    * `model.discriminator_norm`: the paper's text has none, its code and our trials have it.
    * `model.dropout`: of the discriminator; none in our trials, 0.2 in the paper.
    * `waits`, and if so `model.waits_at`: whether the discriminator waits while the generator loses
      so much. Without it its loss fell to 0.23 and the generator's rose to 11.1 in 13 epochs; with
      6 both stayed. From the public code's 3.5 to 8.
    * `model.noise`, and if there is any `model.noise_steps`: noise on the discriminator's crops,
      around the public code's 0.1, and the steps in which it falls to nothing: 4,000 are the code's
      50 epochs, and about all that the studio corpus was trained for.
    * `frontend.n_mels`, `frontend.hop_length`: a crop is the lowest 32 bands of 32 frames, so the
      bands decide up to where it hears (8, 2.9, 1.7 or 1.0 kHz with 32, 48, 64 or 96 of them), and
      the hop for how long (0.4, 0.7 or 1.5 s). All of them fill crops of 10 s.

    Args:
        hp: Hyperparameters of the trial.

    Returns:
        The default recipe of the name `ali`, with their values.
    """
    return replace(
        BASE,
        frontend=replace(
            BASE.frontend,
            n_mels=hp.Choice("frontend.n_mels", [32, 48, 64, 96], default=64),
            hop_length=hp.Choice("frontend.hop_length", [256, 512, 1_024], default=512),
        ),
        model=_game(hp),
        optimizer=replace(
            BASE.optimizer,
            learning_rate=hp.Float(
                "optimizer.learning_rate", 1e-5, 1e-3, sampling="log", default=2e-4
            ),
            beta_1=hp.Choice("optimizer.beta_1", [0.5, 0.9], default=0.5),
        ),
        batch_size=hp.Choice("batch_size", [16, 32, 64], default=32),
    )


def _game(hp: HyperParameters) -> ALIConfig:
    """Say how the players are made, and what the discriminator is held back by."""
    waits = hp.Boolean("waits", default=True)
    with hp.conditional_scope("waits", [True]):
        waits_at = hp.Choice("model.waits_at", [3.5, 5.0, 6.0, 8.0], default=6.0)
    noise = hp.Choice("model.noise", [0.0, *NOISES], default=0.0)
    with hp.conditional_scope("model.noise", NOISES):
        noise_steps = hp.Choice("model.noise_steps", [500, 1_000, 2_000, 4_000], default=2_000)
    return replace(
        BASE.model,
        latent_dim=hp.Choice("model.latent_dim", [40, 128, 256], default=128),
        discriminator_norm=hp.Boolean("model.discriminator_norm", default=True),
        dropout=hp.Choice("model.dropout", [0.0, 0.1, 0.2], default=0.0),
        noise=noise,
        noise_steps=noise_steps if noise else BASE.model.noise_steps,
        waits_at=waits_at if waits else None,
    )
