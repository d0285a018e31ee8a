"""The Siamese DCNN of Park et al. (2018), which learns whose music is nearer to whose."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import keras
from keras import layers, ops

from kmusic.layers.artist_trunk import artist_trunk, require_trunk
from kmusic.layers.system import System
from kmusic.losses.cosine import cosine
from kmusic.losses.hinge import hinge
from kmusic.types import Tensor


@dataclass(frozen=True, kw_only=True)
class SiameseConfig:
    """Settings of the Siamese DCNN.

    Attributes:
        margin: What the positive's cosine must be higher by than a negative's, in (0, 2].
        reduction: Over the examples of a batch: "mean", or "sum" as in the public code.
        dropout: Share of the representation that is left out in training, in [0, 1).
        l2: Weight of the squared kernels of the convolutions in the loss.
    """

    besides: ClassVar[str] = "triplets"

    margin: float = 0.4
    reduction: Literal["mean", "sum"] = "mean"
    dropout: float = 0.5
    l2: float = 1e-5

    def __post_init__(self) -> None:
        """Reject what cannot be learned."""
        if not 0 < self.margin <= 2:
            raise ValueError(f"margin must lie in (0, 2]; got {self.margin}.")
        if self.reduction not in ("mean", "sum"):
            raise ValueError(f'reduction must be "mean" or "sum"; got {self.reduction!r}.')
        require_trunk(self.dropout, self.l2)


def build_siamese(config: SiameseConfig, front_end: keras.Model) -> keras.Model:
    """Build the Siamese DCNN on a front end.

    Args:
        config: Settings.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`.

    Returns:
        An uncompiled `Siamese`, whose encoder has the layer `"embedding"`, shape `(batch, 256)`.

    Source:
        Park et al. (2018), section 2.2; the encoder has 265,984 parameters on 128 bands. All
        excerpts of a batch pass the encoder together, where the paper's six copies of it each
        normalise their own.
    """
    encoder = keras.Model(
        front_end.input, artist_trunk(front_end.output, config.l2), name="encoder"
    )
    return Siamese(
        encoder, margin=config.margin, reduction=config.reduction, dropout=config.dropout
    )


@keras.saving.register_keras_serializable("kmusic")
class Siamese(System):
    """Learn to place an anchor nearer to its positive than to negatives.

    Args:
        encoder: Model from one excerpt to its representation.
        margin: What the positive's cosine must be higher by.
        reduction: "mean" or "sum" over the examples of a batch.
        dropout: Share of the representation that is left out in training.
        kwargs: Passed to Keras.

    Call arguments:
        excerpts: What the encoder takes, shape `(batch, ...)`.

    Returns:
        Representations, shape `(batch, dim)`.
    """

    parts = ("encoder",)
    settings = ("margin", "reduction", "dropout")
    figures = ("loss", "accuracy")

    def __init__(
        self, encoder: keras.Model, *, margin: float, reduction: str, dropout: float, **kwargs: Any
    ) -> None:
        super().__init__(**{"name": "siamese", **kwargs})
        self.encoder = encoder
        self.margin = margin
        self.reduction = reduction
        self.dropout = dropout
        self.drop = layers.Dropout(dropout, dtype="float32")  # as the vectors are

    @property
    def embedder(self) -> keras.Model:
        """The model from an excerpt to its representation."""
        return self.encoder

    def call(self, excerpts: Tensor, training: bool | None = None) -> Tensor:
        """Represent excerpts."""
        return self.encoder(excerpts, training=training)

    def hear(self, heard: Tensor, training: bool) -> Tensor:
        """Give excerpts as they are; the encoder has the front end in it."""
        del training
        return heard

    def judge(self, features: Tensor, target: Tensor, training: bool) -> dict[str, Tensor]:
        """Give the hinge loss of examples, and which of them are told right.

        Args:
            features: Anchor, positive and negatives of each example, shape
                `(batch, 2 + n_negatives, ...)`. Where there are no negatives, the positives of the
                other classes in the batch stand for them.
            target: Class of each excerpt, whole numbers, shape `(batch, 2 + n_negatives)`.
            training: Whether dropout and batch normalisation train.

        Returns:
            The loss, a number, and as "accuracy" 1 for each example whose positive is nearer than
            every negative and else 0, shape `(batch,)`.
        """
        vectors = self._represent(features, training)  # (B, 2 + N, D)
        anchor, positive = vectors[:, 0], vectors[:, 1]
        if vectors.shape[1] > 2:
            scores = cosine(anchor, vectors[:, 1:])
            near, far, weights = scores[:, 0], scores[:, 1:], ops.ones_like(scores[:, 1:])
        else:
            far = cosine(anchor, positive)  # (B, B)
            near = ops.diagonal(far)
            weights = ops.cast(target[:, :1] != target[:, 1], far.dtype)
        losses = hinge(near, far, self.margin, weights)
        right = ops.all((near[:, None] > far) | (weights == 0), axis=1)
        reduce = ops.mean if self.reduction == "mean" else ops.sum
        return {"loss": reduce(losses), "accuracy": ops.cast(right, "float32")}

    def _represent(self, excerpts: Tensor, training: bool) -> Tensor:
        """Represent all excerpts of all examples, shape `(batch, 2 + n_negatives, dim)`."""
        n_excerpts, *shape = excerpts.shape[1:]
        vectors = self.encoder(ops.reshape(excerpts, (-1, *shape)), training=training)
        vectors = self.drop(vectors, training=training)
        return ops.reshape(vectors, (-1, n_excerpts, vectors.shape[-1]))
