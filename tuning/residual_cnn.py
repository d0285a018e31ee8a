"""Search space of the residual CNN for genres, Bjelikj, Garcia, Jordan and Alonso (2020).

Run:
    kmusic tune tuning/residual_cnn.py --tracks tracks.csv --out searches/residual_cnn --trials 30

Paper: Adam at 2e-4, which falls by 2e-4 / 30 a step, batches of 16, 30 epochs (section 4.1); pitch
+-2 semitones and tempo 0.9 to 1.1 (section 3.1); 128 bands with a hop of 604 (section 2). It
searched none of them; that the size of the spectrograms mattered is all it says (section 3.1).
"""

from dataclasses import replace

from keras_tuner import HyperParameters

from kmusic.features.augment import AugmentConfig
from kmusic.features.mel import LogMelConfig
from kmusic.layers.blocks import ResidualStage
from kmusic.training.defaults import DEFAULTS
from kmusic.training.recipe import Recipe

BASE = DEFAULTS["residual_cnn"]
OBJECTIVE = "val_accuracy"


def space(hp: HyperParameters) -> Recipe:
    """Say which recipe a trial stands for.

    `val_accuracy` is the share of excerpts that are named rightly. An excerpt is 3.5 s whatever
    the front end, so it compares.

    * `optimizer.learning_rate`: 5e-5 to 5e-3. The paper's 2e-4 is made for 2,400 steps an epoch;
      docs/results took 1e-3 where there were some hundred steps in all.
    * `decays`, and if so `optimizer.decay`: whether the rate falls with the steps, from about the
      paper's 6.7e-6 to 0.02, at which it is half after 50 steps; ESC-10 had 0.01.
    * `batch_size`: 8 to 32. The paper has 16, small trials had 8: with few tracks, steps are
      scarcer than examples a step.
    * `width`: what the stages' filters and bottlenecks are multiplied by. A training loss of 0.62
      after 900 steps speaks for a smaller net, thousands of tracks for a larger one.
    * `altered`, and if so `augment.semitones` and `stretch`: whether pitch and tempo are drawn, and
      how far; tempo from 1 - `stretch` to 1 + `stretch`. With them accuracy changed by -0.031
      (-0.174 to +0.111) on the studio corpus, which decides nothing.
    * `masked`, and if so `mask_share`: whether a part of time and one of frequency are hidden, up
      to this share of frames and of bands each. 0.125 is what the trainings on recordings had.
    * `frontend.n_mels`, `frontend.hop_length`: 64 to 128 bands; 256, 128 or 64 frames. The tower
      pads to whole steps, so it takes any of them; half as many of both cost a quarter.

    Args:
        hp: Hyperparameters of the trial.

    Returns:
        The default recipe of the name `residual_cnn`, with their values.
    """
    frontend = replace(
        BASE.frontend,
        n_mels=hp.Choice("frontend.n_mels", [64, 96, 128], default=128),
        hop_length=hp.Choice("frontend.hop_length", [302, 604, 1_208], default=604),
    )
    rate = hp.Float("optimizer.learning_rate", 5e-5, 5e-3, sampling="log", default=2e-4)
    decays = hp.Boolean("decays", default=False)
    with hp.conditional_scope("decays", [True]):
        decay = hp.Float("optimizer.decay", 5e-6, 2e-2, sampling="log", default=1e-3)
    width = hp.Choice("width", [0.5, 1.0, 1.5], default=1.0)
    return replace(
        BASE,
        frontend=frontend,
        model=replace(BASE.model, stages=tuple(_scaled(s, width) for s in BASE.model.stages)),
        optimizer=replace(BASE.optimizer, learning_rate=rate, decay=decay if decays else 0.0),
        augment=_changes(hp, frontend),
        batch_size=hp.Choice("batch_size", [8, 16, 32], default=16),
    )


def _scaled(stage: ResidualStage, width: float) -> ResidualStage:
    """Give a stage so many times as many filters."""
    first, second = (round(width * filters) for filters in stage.filters)
    return replace(stage, filters=(first, second), bottleneck=round(width * stage.bottleneck))


def _changes(hp: HyperParameters, frontend: LogMelConfig) -> AugmentConfig | None:
    """Say how training examples are changed; `None` if not at all."""
    changes = {}
    altered = hp.Boolean("altered", default=True)
    with hp.conditional_scope("altered", [True]):
        semitones = hp.Choice("augment.semitones", [0.5, 1.0, 2.0, 4.0], default=2.0)
        stretch = hp.Choice("stretch", [0.05, 0.1, 0.2], default=0.1)
    if altered:
        changes |= {"semitones": semitones, "stretch": (1 - stretch, 1 + stretch)}
    masked = hp.Boolean("masked", default=False)
    with hp.conditional_scope("masked", [True]):
        share = hp.Choice("mask_share", [0.0625, 0.125, 0.25], default=0.125)
    if masked:
        changes |= {
            "time_masks": 1,
            "time_mask_frames": round(share * frontend.n_frames(BASE.excerpt_samples)),
            "frequency_masks": 1,
            "frequency_mask_bands": round(share * frontend.n_mels),
        }
    return AugmentConfig(**changes) if changes else None
