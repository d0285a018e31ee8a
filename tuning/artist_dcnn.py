"""Search space of the basic artist DCNN, Park, Lee, Park, Ha and Nam (2018).

Run:
    kmusic tune tuning/artist_dcnn.py --tracks songs.csv --out searches/artists --trials 30

Paper: SGD with 0.9 Nesterov momentum at 0.015, which falls when the validation loss stops falling,
dropout 0.5 on the last activation, 128 bands with a hop of 512; contexts of 3 s, which its authors
tuned (section 3.3). Batches of 15 and a penalty of 1e-5 on the kernels are the public code's.
"""

from dataclasses import replace

from keras_tuner import HyperParameters

from kmusic.features.augment import AugmentConfig
from kmusic.features.mel import LogMelConfig
from kmusic.training.defaults import DEFAULTS
from kmusic.training.optimizers import AdamConfig, SGDConfig
from kmusic.training.recipe import Recipe

BASE = DEFAULTS["artist_dcnn"]
OBJECTIVE = "val_accuracy"
ADAM_RATE = 1e-3


def space(hp: HyperParameters) -> Recipe:
    """Say which recipe a trial stands for.

    `val_accuracy` is the share of excerpts whose artist is named rightly; the loss holds the
    penalty on kernels and would not compare. An excerpt is 2.995 s in every trial, since a longer
    one is easier to name. It must have 128 frames or more, so hops end at 512.

    * `method`, and for SGD `optimizer.momentum`: SGD with Nesterov's momentum as in the paper, or
      Adam, which the genre nets have and which was not tried here.
    * `pace`: what the rate is multiplied by that the method begins with, 0.015 for SGD, as in the
      paper, and 1e-3 for Adam. The public script begins with 0.1 for SGD, 6.7 times as much.
    * `batch_size`: 8 to 64. An epoch of 10 artists has 10 steps of 16; the paper's have thousands.
    * `model.dropout`: from none, which is what the public graph does, over the paper's 0.5 to 0.7.
    * `model.l2`: two decades on either side of the public code's 1e-5, on kernels.
    * `rate_falls.patience`: from the public code's 1 epoch, over the 3 that short epochs were
      given, to 5; training ends after 8.
    * `masked`, and if so `mask_share`: whether a part of time and one of frequency are hidden, up
      to this share of frames and of bands each. Masks leave the waveform alone, so
      `--set crop=frames` remains possible; nothing else is known of them here.
    * `frontend.gain`: what magnitudes are multiplied by under log10(1 + gain * mel). The paper's
      10 hears how loud a recording is (docs/results): quieter ones have other features. With a
      greater one, level is nearer to a mere offset.
    * `frontend.n_mels`, `frontend.hop_length`: 64 to 128 bands; 516, 258 or 129 frames. Whole
      powers of two, since the trunk leaves out what fills no 128 frames.

    Args:
        hp: Hyperparameters of the trial.

    Returns:
        The default recipe of the name `artist_dcnn`, with their values.
    """
    frontend = replace(
        BASE.frontend,
        n_mels=hp.Choice("frontend.n_mels", [64, 96, 128], default=128),
        hop_length=hp.Choice("frontend.hop_length", [128, 256, 512], default=512),
        gain=hp.Choice("frontend.gain", [1.0, 10.0, 100.0, 1_000.0], default=10.0),
    )
    patience = hp.Choice("rate_falls.patience", [1, 3, 5], default=3)
    return replace(
        BASE,
        frontend=frontend,
        model=replace(
            BASE.model,
            dropout=hp.Choice("model.dropout", [0.0, 0.3, 0.5, 0.7], default=0.5),
            l2=hp.Float("model.l2", 1e-7, 1e-3, sampling="log", default=1e-5),
        ),
        optimizer=_optimizer(hp),
        rate_falls=replace(BASE.rate_falls, patience=patience),
        augment=_masks(hp, frontend),
        batch_size=hp.Choice("batch_size", [8, 16, 32, 64], default=16),
    )


def _optimizer(hp: HyperParameters) -> AdamConfig | SGDConfig:
    """Say how steps are taken."""
    method = hp.Choice("method", ["sgd", "adam"], default="sgd")
    pace = hp.Float("pace", 0.1, 10.0, sampling="log", default=1.0)
    with hp.conditional_scope("method", ["sgd"]):
        momentum = hp.Choice("optimizer.momentum", [0.5, 0.8, 0.9, 0.95], default=0.9)
    if method == "adam":
        return AdamConfig(learning_rate=pace * ADAM_RATE, decay=BASE.optimizer.decay)
    rate = pace * BASE.optimizer.learning_rate
    return replace(BASE.optimizer, learning_rate=rate, momentum=momentum)


def _masks(hp: HyperParameters, frontend: LogMelConfig) -> AugmentConfig | None:
    """Say what is hidden of training examples; `None` if nothing is."""
    masked = hp.Boolean("masked", default=False)
    with hp.conditional_scope("masked", [True]):
        share = hp.Choice("mask_share", [0.0625, 0.125, 0.25], default=0.125)
    if not masked:
        return None
    return AugmentConfig(
        time_masks=1,
        time_mask_frames=round(share * frontend.n_frames(BASE.excerpt_samples)),
        frequency_masks=1,
        frequency_mask_bands=round(share * frontend.n_mels),
    )
