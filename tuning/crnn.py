"""Search space of the C-RNN for genres, Bjelikj, Garcia, Jordan and Alonso (2020).

Run:
    kmusic tune tuning/crnn.py --tracks tracks.csv --out searches/crnn --trials 30

Paper: Adam at 1e-3, batches of 32, 50 epochs (section 4.2); dropout 0.1 and a GRU of 68 units are
the public code's; pitch +-2 semitones and tempo 0.9 to 1.1 (section 3.1); 128 bands with a hop of
604 (section 2). Section 4.2 blames the number of filters, 68, 137, 137 and 137, for accuracies that
stayed below 0.40; results of others are not printed.
"""

from dataclasses import replace

from keras_tuner import HyperParameters

from kmusic.features.augment import AugmentConfig
from kmusic.training.defaults import DEFAULTS
from kmusic.training.recipe import Recipe

BASE = DEFAULTS["crnn"]
OBJECTIVE = "val_accuracy"


def space(hp: HyperParameters) -> Recipe:
    """Say which recipe a trial stands for.

    `val_accuracy` is the share of excerpts that are named rightly. An excerpt is 3.5 s whatever
    the front end, so it compares.

    * `optimizer.learning_rate`: a decade on either side of the paper's 1e-3, with which small
      trials learned as well.
    * `batch_size`: 8 to 32. The paper has 32, the default 16, small trials had 8.
    * `width`: what the filters are multiplied by. They are what costs, twice as many four times as
      much, and the paper was not content with so many. So mostly downwards.
    * `model.rnn_units`: half and twice the published 68, which are the representation too.
    * `model.dropout`: from none to 0.4 behind each of four blocks; 0.1 is the public code's.
    * `altered`, and if so `augment.semitones` and `stretch`: whether pitch and tempo are drawn, and
      how far; tempo from 1 - `stretch` to 1 + `stretch`. Without them this net named 0.840 of the
      studio corpus, with them 0.767: the only one of three that came near to losing by them
      (-0.170 to +0.017), so weak ones are in the range.
    * `frontend.n_mels`, `frontend.hop_length`: 64 to 128 bands, all of which the poolings bring to
      one; 256, 128 or 64 frames, of which an eighth are steps of the recurrence. The net that the
      paper follows heard 96 bands.

    Args:
        hp: Hyperparameters of the trial.

    Returns:
        The default recipe of the name `crnn`, with their values.
    """
    width = hp.Choice("width", [0.5, 0.75, 1.0, 1.25], default=1.0)
    rate = hp.Float("optimizer.learning_rate", 1e-4, 1e-2, sampling="log", default=1e-3)
    return replace(
        BASE,
        frontend=replace(
            BASE.frontend,
            n_mels=hp.Choice("frontend.n_mels", [64, 96, 128], default=128),
            hop_length=hp.Choice("frontend.hop_length", [302, 604, 1_208], default=604),
        ),
        model=replace(
            BASE.model,
            filters=tuple(round(width * filters) for filters in BASE.model.filters),
            rnn_units=hp.Choice("model.rnn_units", [34, 68, 136], default=68),
            dropout=hp.Choice("model.dropout", [0.0, 0.1, 0.2, 0.3, 0.4], default=0.1),
        ),
        optimizer=replace(BASE.optimizer, learning_rate=rate),
        augment=_changes(hp),
        batch_size=hp.Choice("batch_size", [8, 16, 32], default=16),
    )


def _changes(hp: HyperParameters) -> AugmentConfig | None:
    """Say how training examples are changed; `None` if not at all."""
    altered = hp.Boolean("altered", default=True)
    with hp.conditional_scope("altered", [True]):
        semitones = hp.Choice("augment.semitones", [0.25, 0.5, 1.0, 2.0, 4.0], default=2.0)
        stretch = hp.Choice("stretch", [0.025, 0.05, 0.1, 0.2], default=0.1)
    if not altered:
        return None
    return AugmentConfig(semitones=semitones, stretch=(1 - stretch, 1 + stretch))
