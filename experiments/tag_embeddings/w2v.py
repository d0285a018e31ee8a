"""Audio autoencoder aligned with tags by attention over word vectors, Favory et al. (2020).

Run:
    kmusic tracks freesound FREESOUND --out freesound.csv
    kmusic train experiments/tag_embeddings/w2v.py --tracks freesound.csv --run runs/w2v
    kmusic tracks gtzan GTZAN --out gtzan.csv
    kmusic evaluate runs/w2v --tracks gtzan.csv --probe mlp --seeds 10

Paper: accuracy 0.613 on GTZAN, 0.715 on UrbanSound8K (`--folds`), 0.689 on NSynth (`nsynth:20000`)
and 0.792 on UrbanSound8K from its tags alone with `128-1h`, means of 10 seeds (table 1).

Recipes are named by the length of the word vectors and the heads of the attention over a track's
tags, or `mean` in its place. Of every sound the 96 frames of most energy are learned from, 96 mel
bands scaled to 0 to 1 band by band; the embedding of a track is the mean over its consecutive
excerpts of 96 frames.

`128-1h-published` and `128-mean-published` are what the public code does where it departs from the
paper: a Hann window at 22,000 Hz, patches scaled frame position by frame position and not clipped,
tags whose empty places take part in the attention, of more than ten tags those of lowest number,
singular forms as inflect gives them, and 1e-5 added to each probability of the contrastive loss.
Not repeated: noise behind sounds that were padded to 10 s, and of GTZAN the first track of each
list, which was read as a header.
"""

from dataclasses import replace

from kmusic.datasets.tags import TagConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.tag_contrastive import TagContrastiveConfig
from kmusic.training.optimizers import SGDConfig
from kmusic.training.probe import MLPConfig
from kmusic.training.recipe import PaperFigure, Recipe


def table_1(value: float) -> PaperFigure:
    """Give a figure of the column MGC of table 1."""
    return PaperFigure(place="table 1", metric="accuracy", value=value, data="GTZAN")


PAPER = Recipe(
    frontend=LogMelConfig(
        sample_rate=22_050,
        n_fft=1_024,
        hop_length=512,
        n_mels=96,
        window="hamming",
        power=1.0,
        scale="log",
        log_offset=1.1921e-7,
    ),
    excerpt_seconds=95 * 512 / 22_050,  # 96 frames
    place="loudest",
    model=TagContrastiveConfig(word_dim=128, n_heads=1),
    target=None,
    probe=MLPConfig(),
    tags=TagConfig(min_tracks=10, max_share=0.7, n_words=1_000, max_tags=10),
    scaling=ScalingConfig(kind="minmax", per="band", clip=True),
    optimizer=SGDConfig(learning_rate=5e-3, momentum=0.0, nesterov=False),
    crop="frames",
    batch_size=128,
    epochs=200,
    early_stopping=None,
    paper=table_1(0.613),
)


def variant(word_dim: int, n_heads: int | None, value: float) -> Recipe:
    """Give the paper's recipe with other word vectors or another attention."""
    model = replace(PAPER.model, word_dim=word_dim, n_heads=n_heads)
    return replace(PAPER, model=model, paper=table_1(value))


def published(recipe: Recipe) -> Recipe:
    """Give a recipe as the public code has it."""
    return replace(
        recipe,
        frontend=replace(recipe.frontend, sample_rate=22_000, window="hann", pad_mode="reflect"),
        excerpt_seconds=95 * 512 / 22_000,
        model=replace(recipe.model, padding_asks=True, epsilon=1e-5),
        tags=replace(recipe.tags, keep="first", singular="inflect", compounds="drop"),
        scaling=ScalingConfig(kind="minmax", per="frame"),
    )


RECIPES = {
    "128-1h": PAPER,
    "1152-1h": variant(1_152, 1, 0.615),
    "128-4h": variant(128, 4, 0.596),
    "1152-4h": variant(1_152, 4, 0.634),
    "128-mean": variant(128, None, 0.604),
    "1152-mean": variant(1_152, None, 0.607),
}
RECIPES["128-1h-published"] = published(RECIPES["128-1h"])
RECIPES["128-mean-published"] = published(RECIPES["128-mean"])
