"""COALA, Favory et al. (2020b): an autoencoder of sound beside one of its tags."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from kmusic.layers.patch_networks import patch_decoder, patch_encoder, projection
from kmusic.layers.tag_networks import dense_over_tags, marked_words, words_of_vector
from kmusic.losses.reconstruction import bernoulli
from kmusic.models.tag_contrastive import AlignmentConfig, TagContrastive
from kmusic.types import Tensor


@dataclass(frozen=True, kw_only=True)
class COALAConfig(AlignmentConfig):
    """Settings of COALA.

    Attributes:
        tag_weight: Weight of the cross-entropy of restored tags in the loss.
    """

    tag_weight: float = 5.0

    def __post_init__(self) -> None:
        """Reject what cannot be learned."""
        super().__post_init__()
        if not 0 <= self.tag_weight < float("inf"):
            raise ValueError(f"tag_weight must lie in [0, inf); got {self.tag_weight}.")


def build_coala(config: COALAConfig, front_end: keras.Model) -> keras.Model:
    """Build COALA on a front end.

    Args:
        config: Settings.
        front_end: As for `build_tag_contrastive`.

    Returns:
        An uncompiled `COALA`, whose `embedder` ends in layer `"embedding"`, shape `(batch, 1152)`
        for 96 frames and bands.

    Source:
        Favory et al. (2020b), COALA: Co-aligned autoencoders for learning semantically enriched
        audio representations, section 3; dropout and biases as in its public code.
    """
    shape = front_end.output_shape[1:]
    encoder = patch_encoder(shape, config.patch, normalised=False)
    dim, dropout = encoder.output_shape[-1], config.patch.dropout
    return COALA(
        front_end,
        encoder,
        patch_decoder(shape, config.patch),
        projection(dim, dim, dropout),
        dense_over_tags(config.n_words, dim, dropout),
        tag_projection=projection(dim, dim, dropout),
        tag_decoder=words_of_vector(config.n_words, dim, dropout),
        **{name: getattr(config, name) for name in COALA.settings},
    )


@keras.saving.register_keras_serializable("kmusic")
class COALA(TagContrastive):
    """Learn embeddings of sound and of tags, each to be restored from, aligned by projections.

    Args:
        parts: Those of `TagContrastive`.
        tag_projection: Linear model from the tags' vectors to the space shared with sound.
        tag_decoder: Model from the tags' vectors to the logit of each word.
        tag_weight: Weight of the cross-entropy of restored tags in the loss.
        settings: As in `AlignmentConfig`, and what Keras takes.
    """

    parts = (*TagContrastive.parts, "tag_projection", "tag_decoder")
    settings = (*TagContrastive.settings, "tag_weight")
    figures = (*TagContrastive.figures, "tag_reconstruction")

    def __init__(
        self,
        *parts: Any,
        tag_projection: keras.Model,
        tag_decoder: keras.Model,
        tag_weight: float,
        **settings: Any,
    ) -> None:
        super().__init__(*parts, **settings)
        self.tag_projection, self.tag_decoder = tag_projection, tag_decoder
        self.tag_weight = tag_weight

    def align_tags(self, numbers: Tensor) -> Tensor:
        """Bring sets of tags to the space shared with sound, as `TagContrastive` does."""
        return self.tag_projection(super().align_tags(numbers), training=False)

    def judge_tags(
        self, numbers: Tensor, tagged: Tensor, training: bool
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Give what tags alone decide: how well they are restored is part of the loss."""
        vectors = self.tag_encoder(numbers, training=training)[0]
        logits = self.tag_decoder([vectors, tagged], training=training)
        n_words = logits.shape[-1]
        marked = marked_words(numbers, n_words)
        errors = ops.where(tagged, bernoulli(marked, logits) / n_words, 0.0)
        error = ops.sum(errors) / ops.maximum(ops.sum(ops.cast(tagged, "float32")), 1.0)
        aligned = self.tag_projection(vectors, training=training)
        return aligned, self.tag_weight * error, {"tag_reconstruction": error}
