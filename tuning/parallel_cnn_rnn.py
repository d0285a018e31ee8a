"""Search space of the parallel CNN-RNN for genres, Bjelikj, Garcia, Jordan and Alonso (2020).

Run:
    kmusic tune tuning/parallel_cnn_rnn.py --tracks tracks.csv --out searches/parallel --trials 30

Paper: Adam at 1e-3, batches of 32, 50 epochs (section 4.3); a GRU of 64 units in each direction is
the public code's, as are a wider tower, a recurrence over mel bands and the lack of the attention
that the text announces (section 3.2); pitch +-2 semitones and tempo 0.9 to 1.1 (section 3.1); 128
bands with a hop of 604 (section 2). It searched none of them.
"""

from dataclasses import replace

from keras_tuner import HyperParameters

from kmusic.features.augment import AugmentConfig
from kmusic.layers.blocks import ResidualStage
from kmusic.models.parallel_cnn_rnn import ParallelCNNRNNConfig
from kmusic.training.defaults import DEFAULTS
from kmusic.training.recipe import Recipe

BASE = DEFAULTS["parallel_cnn_rnn"]
OBJECTIVE = "val_accuracy"


def space(hp: HyperParameters) -> Recipe:
    """Say which recipe a trial stands for.

    `val_accuracy` is the share of excerpts that are named rightly. An excerpt is 3.5 s whatever
    the front end, so it compares.

    * `optimizer.learning_rate`: a decade on either side of the paper's 1e-3, with which the
      training loss of small trials fell below 0.1 within 2,112 excerpts.
    * `batch_size`: 8 to 32. The paper has 32, the default 16, small trials had 8.
    * `width`: what the filters and bottlenecks of the tower's stages are multiplied by. The public
      net is wider, took 2.5 times as long and named no more (0.781 to 0.809, docs/results).
    * `model.rnn_units`: half and twice the published 64 in each direction.
    * `attends`, and if so `model.attention_units`: attention as in the text, or the last states as
      in the public code; 32 to 128 hidden units.
    * `model.recurrent_axis`: over time, as the text means, or over mel bands, as the code does.
      Either named well above the baselines.
    * `altered`, and if so `augment.semitones` and `stretch`: whether pitch and tempo are drawn, and
      how far; tempo from 1 - `stretch` to 1 + `stretch`. With them accuracy changed by +0.049
      (-0.042 to +0.146) on the studio corpus, the best of three nets, so strong ones are in the
      range.
    * `frontend.n_mels`, `frontend.hop_length`: 64 to 128 bands; 256, 128 or 64 frames, half as many
      steps of the recurrence. The tower pads to whole steps, so it takes any of them.

    Args:
        hp: Hyperparameters of the trial.

    Returns:
        The default recipe of the name `parallel_cnn_rnn`, with their values.
    """
    rate = hp.Float("optimizer.learning_rate", 1e-4, 1e-2, sampling="log", default=1e-3)
    return replace(
        BASE,
        frontend=replace(
            BASE.frontend,
            n_mels=hp.Choice("frontend.n_mels", [64, 96, 128], default=128),
            hop_length=hp.Choice("frontend.hop_length", [302, 604, 1_208], default=604),
        ),
        model=_network(hp),
        optimizer=replace(BASE.optimizer, learning_rate=rate),
        augment=_changes(hp),
        batch_size=hp.Choice("batch_size", [8, 16, 32], default=16),
    )


def _network(hp: HyperParameters) -> ParallelCNNRNNConfig:
    """Say how large the network is."""
    width = hp.Choice("width", [0.5, 1.0, 1.5], default=1.0)
    attends = hp.Boolean("attends", default=True)
    with hp.conditional_scope("attends", [True]):
        attention_units = hp.Choice("model.attention_units", [32, 64, 128], default=64)
    return replace(
        BASE.model,
        stages=tuple(_scaled(stage, width) for stage in BASE.model.stages),
        recurrent_axis=hp.Choice("model.recurrent_axis", ["time", "mel"], default="time"),
        rnn_units=hp.Choice("model.rnn_units", [32, 64, 128], default=64),
        attention_units=attention_units if attends else None,
    )


def _scaled(stage: ResidualStage, width: float) -> ResidualStage:
    """Give a stage so many times as many filters."""
    first, second = (round(width * filters) for filters in stage.filters)
    return replace(stage, filters=(first, second), bottleneck=round(width * stage.bottleneck))


def _changes(hp: HyperParameters) -> AugmentConfig | None:
    """Say how training examples are changed; `None` if not at all."""
    altered = hp.Boolean("altered", default=True)
    with hp.conditional_scope("altered", [True]):
        semitones = hp.Choice("augment.semitones", [1.0, 2.0, 3.0, 4.0], default=2.0)
        stretch = hp.Choice("stretch", [0.05, 0.1, 0.15, 0.2], default=0.1)
    if not altered:
        return None
    return AugmentConfig(semitones=semitones, stretch=(1 - stretch, 1 + stretch))
