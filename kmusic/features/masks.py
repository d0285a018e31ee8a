"""Random masks over spectra while a model trains."""

import keras
import tensorflow as tf

from kmusic.features.augment import AugmentConfig, RandomLayer
from kmusic.types import Tensor


def draw_masks(
    config: AugmentConfig, shape: tuple[int | Tensor, int | Tensor, int | Tensor], seed: Tensor
) -> Tensor:
    """Draw what to hide of each spectrum of a batch.

    Args:
        config: Number and widest extent of the masks.
        shape: Shape of the spectra.
        seed: What makes the draw repeatable, int32 or int64, shape `(2,)`.

    Returns:
        True where hidden, bool, shape `(batch, frames, bands)`.

    Source:
        Park et al. (2019), "SpecAugment", section 2: the width is drawn first, then the start.
    """
    batch_size, frames, bands = shape
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    time = (config.time_masks, config.time_mask_frames)
    frequency = (config.frequency_masks, config.frequency_mask_bands)
    in_time = _draw_spans(*time, batch_size, frames, seeds[0])
    in_band = _draw_spans(*frequency, batch_size, bands, seeds[1])
    return in_time[:, :, None] | in_band[:, None, :]


def apply_masks(spectrum: Tensor, masks: Tensor) -> Tensor:
    """Fill what is hidden with the example's mean.

    Args:
        spectrum: Features, float32, shape `(batch, frames, bands)`.
        masks: True where hidden, bool, shape `(batch, frames, bands)`.

    Returns:
        Masked features, float32, shape `(batch, frames, bands)`.

    Source:
        Park et al. (2019), section 2: zero in spectra of mean zero, so the mean in any unit.
    """
    return tf.where(masks, tf.reduce_mean(spectrum, axis=[1, 2], keepdims=True), spectrum)


@keras.saving.register_keras_serializable("kmusic")
class MaskSpectrum(RandomLayer):
    """Hide frames and bands of each spectrum while training.

    Args:
        config: Number and widest extent of the masks.
        seed: What makes the draws repeatable. `None` draws it.

    Call arguments:
        spectrum: Features, shape `(batch, frames, bands)`.
        training: Whether to hide anything.

    Returns:
        Features, float32, shape `(batch, frames, bands)`; `spectrum` itself when not training.
    """

    def call(self, spectrum: Tensor, training: bool = False) -> Tensor:
        """Draw and apply the masks."""
        if not (training and self.config.alters_spectrum):
            return spectrum
        shape = tf.unstack(tf.shape(spectrum))
        return apply_masks(spectrum, draw_masks(self.config, shape, self.seed_generator.next()))


def _draw_spans(
    count: int, longest: int, batch_size: int | Tensor, size: int | Tensor, seed: Tensor
) -> Tensor:
    """Draw `count` spans a row and mark what they cover, bool, shape `(batch_size, size)`."""
    width_seed, start_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    shape = [batch_size, count]
    width = tf.random.stateless_uniform(shape, width_seed, 0, longest + 1, tf.int32)
    room = tf.cast(size - tf.minimum(width, size) + 1, tf.float32)
    start = tf.cast(tf.random.stateless_uniform(shape, start_seed) * room, tf.int32)  # (B, count)
    start, stop = start[..., None], (start + width)[..., None]
    position = tf.range(size)
    return tf.reduce_any((position >= start) & (position < stop), axis=1)
