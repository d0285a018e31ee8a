"""Search space of the Siamese artist DCNN, Park, Lee, Park, Ha and Nam (2018).

Run:
    kmusic tune tuning/siamese.py --tracks songs.csv --out searches/siamese --trials 30

Paper: margin 0.4 and 4 negatives, which it found by a grid (section 2.2) that it does not print;
SGD with 0.9 Nesterov momentum at 0.1, which falls when the validation loss stops falling, dropout
0.5 on the last activation, 128 bands with a hop of 512 (section 3.3). Batches of 15 and a penalty
of 1e-5 on the kernels are the public code's.
"""

from dataclasses import replace

from keras_tuner import HyperParameters

from kmusic.datasets.sampling import TripletConfig
from kmusic.training.defaults import DEFAULTS
from kmusic.training.recipe import Recipe

BASE = DEFAULTS["siamese"]
OBJECTIVE = "retrieval_map"


def space(hp: HyperParameters) -> Recipe:
    """Say which recipe a trial stands for.

    `retrieval_map` is the MAP when validation tracks search each other by their labels, each by
    the mean of its excerpts' vectors. The hinge loss and the share of triplets told rightly depend
    on `model.margin` and on the number of negatives, so they do not compare.

    The trunk takes 128 frames or more. Every trial hears 129, so an excerpt is as long as its hop
    makes it: 1.5, 3 or 4.5 s.

    * `optimizer.learning_rate`: around the paper's 0.1, which is high already: a decade below it
      and half of one above.
    * `optimizer.momentum`: around the paper's 0.9.
    * `batch_size`: 8 to 64 anchors. An epoch of 10 artists has 10 steps of 16; and where no
      negatives are drawn, a batch is what an anchor is held against.
    * `model.margin`: from a quarter of the paper's 0.4 to twice that. Vectors are not negative, so
      cosines lie in [0, 1], and 1 could never be kept.
    * `drawn`, and if so `triplets.n_negatives` and `triplets.distinct`: whether negatives are drawn
      for each anchor, or the positives of the other artists in the batch stand for them, at a third
      of the cost. 1 to 4, no more than by default, for distinct ones need as many other artists on
      the validation side; of different artists, as the paper says, or any, as its code does.
    * `model.dropout`: from none, which is what the public graph does, over the paper's 0.5 to 0.7.
    * `model.l2`: two decades on either side of the public code's 1e-5, on kernels.
    * `frontend.gain`: what magnitudes are multiplied by under log10(1 + gain * mel). With clips
      brought to their peaks the published weights found a little more (MAP 0.340 to 0.370 on ten
      instruments); with a greater gain, level is nearer to a mere offset.
    * `frontend.n_mels`, `frontend.hop_length`: 64 to 128 bands, and half to one and a half of the
      paper's hop, with the length of the excerpt.

    Args:
        hp: Hyperparameters of the trial.

    Returns:
        The default recipe of the name `siamese`, with their values.
    """
    hop = hp.Choice("frontend.hop_length", [256, 512, 768], default=512)
    return replace(
        BASE,
        frontend=replace(
            BASE.frontend,
            n_mels=hp.Choice("frontend.n_mels", [64, 96, 128], default=128),
            hop_length=hop,
            gain=hp.Choice("frontend.gain", [1.0, 10.0, 100.0, 1_000.0], default=10.0),
        ),
        excerpt_seconds=BASE.excerpt_seconds * hop / BASE.frontend.hop_length,  # 129 frames
        model=replace(
            BASE.model,
            margin=hp.Choice("model.margin", [0.1, 0.2, 0.4, 0.6, 0.8], default=0.4),
            dropout=hp.Choice("model.dropout", [0.0, 0.3, 0.5, 0.7], default=0.5),
            l2=hp.Float("model.l2", 1e-7, 1e-3, sampling="log", default=1e-5),
        ),
        triplets=_triplets(hp),
        optimizer=replace(
            BASE.optimizer,
            learning_rate=hp.Float(
                "optimizer.learning_rate", 0.01, 0.3, sampling="log", default=0.1
            ),
            momentum=hp.Choice("optimizer.momentum", [0.5, 0.8, 0.9, 0.95], default=0.9),
        ),
        batch_size=hp.Choice("batch_size", [8, 16, 32, 64], default=16),
    )


def _triplets(hp: HyperParameters) -> TripletConfig:
    """Say what an anchor is held against."""
    drawn = hp.Boolean("drawn", default=True)
    with hp.conditional_scope("drawn", [True]):
        n_negatives = hp.Choice("triplets.n_negatives", [1, 2, 4], default=4)
        distinct = hp.Boolean("triplets.distinct", default=True)
    if not drawn:
        return replace(BASE.triplets, n_negatives=0)
    return replace(BASE.triplets, n_negatives=n_negatives, distinct=distinct)
