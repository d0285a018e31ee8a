"""The contrastive audio autoencoder of Favory et al. (2020): sound aligned with its tags."""

from dataclasses import dataclass
from typing import Any, ClassVar

import keras
from keras import layers, ops

from kmusic.layers.patch_networks import PatchConfig, patch_decoder, patch_encoder, projection
from kmusic.layers.system import System
from kmusic.layers.tag_networks import attention_over_tags, set_word_vectors
from kmusic.losses.contrastive import nt_xent
from kmusic.losses.reconstruction import generalised_divergence
from kmusic.types import Array, Tensor


@dataclass(frozen=True, kw_only=True)
class AlignmentConfig:
    """What the systems that align sound with tags share.

    Attributes:
        n_words: Number of words; that of the training tracks' vocabulary takes its place.
        patch: Size of the networks from a patch to its embedding and back.
        reconstruction_weight: Weight of the divergence of restored patches in the loss.
        contrastive_weight: Weight of the alignment with the tags; 0 leaves an autoencoder.
        temperature: What the cosines of the alignment are divided by.
        epsilon: What is added to its probabilities; 1e-5 in the public code.
    """

    besides: ClassVar[str] = "tags"

    n_words: int = 1_000
    patch: PatchConfig = PatchConfig()  # noqa: RUF009 (frozen)
    reconstruction_weight: float = 5.0
    contrastive_weight: float = 10.0
    temperature: float = 0.1
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        """Reject what cannot be learned."""
        if self.n_words < 1:
            raise ValueError(f"n_words must be positive; got {self.n_words}.")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be positive; got {self.temperature}.")
        for name in ("reconstruction_weight", "contrastive_weight", "epsilon"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must lie in [0, inf); got {getattr(self, name)}.")


@dataclass(frozen=True, kw_only=True)
class TagContrastiveConfig(AlignmentConfig):
    """Settings of the contrastive autoencoder with attention over word vectors.

    Attributes:
        word_dim: Length of the word vectors, and of the space that sound and tags share.
        n_heads: Heads of the attention over the tags; `None` takes the mean of their vectors.
        padding_asks: Whether empty places for tags take part in the attention, as in the public
            code; the result then depends on how many there are.
        tag_dropout: Share of the attention that is left out in training, in [0, 1).
    """

    word_dim: int = 128
    n_heads: int | None = 1
    padding_asks: bool = False
    tag_dropout: float = 0.1

    def __post_init__(self) -> None:
        """Reject what cannot be learned."""
        super().__post_init__()
        for name in ("word_dim", "n_heads"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}.")
        if not 0 <= self.tag_dropout < 1:
            raise ValueError(f"tag_dropout must lie in [0, 1); got {self.tag_dropout}.")


def build_tag_contrastive(config: TagContrastiveConfig, front_end: keras.Model) -> keras.Model:
    """Build the contrastive autoencoder on a front end.

    Args:
        config: Settings.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`, both
            multiples of 32, with values in [0, 1].

    Returns:
        An uncompiled `TagContrastive`, whose `embedder` ends in layer `"embedding"`, shape
        `(batch, 1152)` for 96 frames and bands.

    Source:
        Favory et al. (2020), section 2. The dropout behind the projection is that of its public
        code.
    """
    shape = front_end.output_shape[1:]
    encoder = patch_encoder(shape, config.patch, normalised=True)
    return TagContrastive(
        front_end,
        encoder,
        patch_decoder(shape, config.patch),
        projection(encoder.output_shape[-1], config.word_dim, config.patch.dropout),
        attention_over_tags(
            config.n_words,
            config.word_dim,
            config.n_heads,
            padding_asks=config.padding_asks,
            dropout=config.tag_dropout,
        ),
        **{name: getattr(config, name) for name in TagContrastive.settings},
    )


@keras.saving.register_keras_serializable("kmusic")
class TagContrastive(System):
    """Learn embeddings of sound from which it can be restored, and which point the way of its tags.

    Args:
        front_end: Model from sound to features in [0, 1].
        encoder: Model from features to embeddings.
        decoder: Model from embeddings to features.
        projection: Linear model from embeddings to the space shared with the tags.
        tag_encoder: Model from numbers of words to vectors of that space, and the share of each.
        settings: As in `AlignmentConfig`, and what Keras takes.

    Call arguments:
        heard: What the front end takes, shape `(batch, ...)`.

    Returns:
        Its features as they are restored, shape `(batch, n_frames, n_bands)`.
    """

    parts: ClassVar[tuple[str, ...]] = (
        "front_end",
        "encoder",
        "decoder",
        "projection",
        "tag_encoder",
    )
    settings: ClassVar[tuple[str, ...]] = (
        "reconstruction_weight",
        "contrastive_weight",
        "temperature",
        "epsilon",
    )
    figures: ClassVar[tuple[str, ...]] = ("loss", "reconstruction", "contrastive")

    def __init__(
        self,
        front_end: keras.Model,
        encoder: keras.Model,
        decoder: keras.Model,
        projection: keras.Model,
        tag_encoder: keras.Model,
        *,
        reconstruction_weight: float,
        contrastive_weight: float,
        temperature: float,
        epsilon: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.front_end, self.encoder, self.decoder = front_end, encoder, decoder
        self.projection, self.tag_encoder = projection, tag_encoder
        self.reconstruction_weight = reconstruction_weight
        self.contrastive_weight = contrastive_weight
        self.temperature, self.epsilon = temperature, epsilon
        vector = layers.Identity(dtype="float32", name="embedding")(encoder(front_end.output))
        self.embedder = keras.Model(front_end.input, vector, name="embedder")

    def call(self, heard: Tensor, training: bool | None = None) -> Tensor:
        """Restore the features of sound."""
        return self.reconstruct(self.front_end(heard, training=training))

    def originals(self, heard: Tensor) -> Tensor:
        """Give the features of sound, shape `(batch, n_frames, n_bands)`."""
        return self.front_end(heard, training=False)

    def reconstruct(self, features: Tensor) -> Tensor:
        """Restore features, shape `(batch, n_frames, n_bands)`, from their embeddings."""
        return self.decoder(self.encoder(features, training=False), training=False)

    def align_sound(self, vectors: Tensor) -> Tensor:
        """Bring embeddings, shape `(batch, embedding_dim)`, to the space shared with the tags."""
        return self.projection(vectors, training=False)

    def align_tags(self, numbers: Tensor) -> Tensor:
        """Bring sets of tags to the space shared with sound.

        Args:
            numbers: Of words, from 1, in any order; 0 where there is none, int32, shape
                `(batch, n_places)`.

        Returns:
            Vectors, float32, shape `(batch, dim)`.
        """
        return self.tag_encoder(numbers, training=False)[0]

    def weigh_tags(self, numbers: Tensor) -> Tensor:
        """Say how much each tag of a set weighs in its vector.

        Args:
            numbers: As for `align_tags`.

        Returns:
            Shares that add up to 1, zeros where there is no tag, float32, same shape.
        """
        return self.tag_encoder(numbers, training=False)[1]

    def set_words(self, vectors: Array) -> None:
        """Take the vectors of the words, shape `(n_words, word_dim)`, which are not trained."""
        set_word_vectors(self.tag_encoder, vectors)

    def judge(self, features: Tensor, target: Tensor, training: bool) -> dict[str, Tensor]:
        """Give the loss of a batch and its parts.

        Args:
            features: In [0, 1], shape `(batch, n_frames, n_bands)`.
            target: Numbers of each track's words; a track without any is restored alone, shape
                `(batch, n_places)`.
            training: Whether dropout and batch normalisation train.

        Returns:
            A number for each of `figures`.
        """
        # Unheard patches may fall below a range that was fitted and is not clipped.
        features = ops.maximum(features, 0.0)
        vectors = self.encoder(features, training=training)
        restored = self.decoder(vectors, training=training)
        reconstruction = generalised_divergence(features, restored)
        tagged = ops.any(ops.not_equal(target, 0), axis=1)
        aligned, loss, figures = self.judge_tags(target, tagged, training)
        contrastive = nt_xent(
            self.projection(vectors, training=training),
            aligned,
            temperature=self.temperature,
            counts=tagged,
            epsilon=self.epsilon,
        )
        loss += self.reconstruction_weight * reconstruction + self.contrastive_weight * contrastive
        named = {"loss": loss, "reconstruction": reconstruction, "contrastive": contrastive}
        return named | figures

    def judge_tags(
        self, numbers: Tensor, tagged: Tensor, training: bool
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Give what tags alone decide.

        Args:
            numbers: The `target` of `judge`.
            tagged: Which tracks have tags, shape `(batch,)`.
            training: As for `judge`.

        Returns:
            Vectors of the shared space, shape `(batch, dim)`; their share in the loss, a number;
            and the figures behind it.
        """
        del tagged
        return self.tag_encoder(numbers, training=training)[0], ops.zeros(()), {}
