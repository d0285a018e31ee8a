"""Search space of audio aligned with its tags, Favory, Drossos, Virtanen and Serra (2020).

Run:
    kmusic tune tuning/tag_contrastive.py --tracks tracks.csv --out searches/tags --trials 30

Paper: SGD at 5e-3, batches of 128, 200 epochs; weights 5 and 10 and temperature 0.1, chosen on the
validation set; 128 filters, dropout 0.25 and, behind the tags, 0.1; word vectors of 128 and 1,152;
one head, four, or the mean; 96 bands and 96 frames with a hop of 512 (section 3.1).
"""

from dataclasses import replace

from keras_tuner import HyperParameters

from kmusic.models.tag_contrastive import TagContrastiveConfig
from kmusic.training.defaults import DEFAULTS
from kmusic.training.recipe import Recipe

BASE = DEFAULTS["tag_contrastive"]
OBJECTIVE = "tag_recall"
N_FRAMES = 96
"""Frames of an excerpt in every trial: a multiple of 32, as five halvings need."""


def space(hp: HyperParameters) -> Recipe:
    """Say which recipe a trial stands for.

    `tag_recall` is the recall at 10 between validation tracks and their tags, the mean of both
    directions. The losses depend on temperature, weights, batch size and front end, so they do not
    compare. What becomes a word, `tags`, is no parameter: with fewer words there would be less to
    find.

    * `optimizer.learning_rate`: of Adam, a decade on either side of 1e-3, which took 300 steps
      where the paper's SGD takes 266,800.
    * `batch_size`: 32 to 128, the paper's; the others of a batch are what a track is held against.
    * `model.patch.n_filters`: up to the paper's 128. Half as many are a quarter of the work, and
      the embedding is nine for each of them with 96 bands.
    * `model.patch.dropout`: around the paper's 0.25, in both networks and behind the projection.
    * `model.word_dim`: half and twice the paper's smaller 128; 1,152 won nothing with one head
      (0.613 to 0.615 on GTZAN), and a small vocabulary fills even less.
    * `attends`, and if so `model.n_heads`: attention over a track's tags, of 1 to 4 heads, or the
      mean of their vectors, which comes near in the paper (0.604 to 0.613).
    * `model.tag_dropout`: of the attention or, without it, of the mean; around the paper's 0.1.
    * `model.temperature`: around the paper's 0.1; a small vocabulary has tracks with like tags,
      which a low one pushes apart.
    * `model.reconstruction_weight`: from none to twice the paper's 5, beside 10 for the alignment.
      COALA without it named fewer instruments (0.695 to 0.731), but as many urban sounds.
    * `frontend.n_mels`, `frontend.hop_length`: bands are multiples of 32, as five halvings need.
      The excerpt is as long as 96 frames are: 1.1, 2.2 or 3.3 s.

    Args:
        hp: Hyperparameters of the trial.

    Returns:
        The default recipe of the name `tag_contrastive`, with their values.
    """
    hop = hp.Choice("frontend.hop_length", [256, 512, 768], default=512)
    rate = hp.Float("optimizer.learning_rate", 1e-4, 1e-2, sampling="log", default=1e-3)
    return replace(
        BASE,
        frontend=replace(
            BASE.frontend,
            n_mels=hp.Choice("frontend.n_mels", [64, 96, 128], default=96),
            hop_length=hop,
        ),
        excerpt_seconds=(N_FRAMES - 1) * hop / BASE.frontend.sample_rate,
        model=_networks(hp),
        optimizer=replace(BASE.optimizer, learning_rate=rate),
        batch_size=hp.Choice("batch_size", [32, 64, 128], default=64),
    )


def _networks(hp: HyperParameters) -> TagContrastiveConfig:
    """Say how large the networks are, and what they are judged by."""
    attends = hp.Boolean("attends", default=True)
    with hp.conditional_scope("attends", [True]):
        n_heads = hp.Choice("model.n_heads", [1, 2, 4], default=1)
    return replace(
        BASE.model,
        patch=replace(
            BASE.model.patch,
            n_filters=hp.Choice("model.patch.n_filters", [32, 64, 128], default=128),
            dropout=hp.Choice("model.patch.dropout", [0.0, 0.1, 0.25, 0.4], default=0.25),
        ),
        word_dim=hp.Choice("model.word_dim", [64, 128, 256], default=128),
        n_heads=n_heads if attends else None,
        tag_dropout=hp.Choice("model.tag_dropout", [0.0, 0.1, 0.2, 0.3], default=0.1),
        temperature=hp.Float("model.temperature", 0.03, 0.5, sampling="log", default=0.1),
        reconstruction_weight=hp.Choice(
            "model.reconstruction_weight", [0.0, 1.0, 5.0, 10.0], default=5.0
        ),
    )
