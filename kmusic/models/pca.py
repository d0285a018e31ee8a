"""Principal components of the features, a representation without training."""

from dataclasses import dataclass

import keras
from keras import layers

from kmusic.layers.principal_components import PrincipalComponents


@dataclass(frozen=True, kw_only=True)
class PCAConfig:
    """Size of the projection.

    Attributes:
        n_components: Number of principal components, the representation.
        standardize: Whether each feature is first brought to deviation 1, not to mean 0 alone.
        whiten: Whether each component is brought to deviation 1.
    """

    n_components: int = 15
    standardize: bool = True
    whiten: bool = False

    def __post_init__(self) -> None:
        """Reject a projection on nothing."""
        if self.n_components < 1:
            raise ValueError(f"n_components must be positive; got {self.n_components}.")


def build_pca(config: PCAConfig, front_end: keras.Model) -> keras.Model:
    """Build the projection on a front end; its layer `"embedding"` is fitted by `adapt`.

    Args:
        config: Size of the projection.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`.

    Returns:
        An uncompiled model from the front end's input to the principal components of all features
        of an excerpt, shape `(batch, n_components)`, in layer `"embedding"`.

    Source:
        Bjelikj et al. (2020), section 3.1: 15 components of the standardised mel-spectrogram.
    """
    x = layers.Flatten()(front_end.output)
    x = PrincipalComponents(
        config.n_components,
        standardize=config.standardize,
        whiten=config.whiten,
        name="embedding",
    )(x)
    return keras.Model(front_end.input, x, name="pca")
