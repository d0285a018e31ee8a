"""Dense networks from features to a vector and back, one the mirror of the other."""

import math
from collections.abc import Sequence

import keras
from keras import layers


def require_mirrored(latent_dim: int, units: Sequence[int]) -> None:
    """Reject sizes that no network can have.

    Raises:
        ValueError: If a size is not positive, or there is no hidden layer.
    """
    if latent_dim < 1:
        raise ValueError(f"latent_dim must be positive; got {latent_dim}.")
    if not units or min(units) < 1:
        raise ValueError(f"units must be one size or more, all positive; got {tuple(units)}.")


def dense_encoder(
    shape: tuple[int, int], units: Sequence[int], latent_dim: int, names: Sequence[str]
) -> keras.Model:
    """Build a network from features to vectors.

    Args:
        shape: `(n_frames, n_bands)`.
        units: Sizes of the hidden layers, each with a ReLU.
        latent_dim: Length of a vector.
        names: Names of the linear layers that end in a vector each.

    Returns:
        Model from features, shape `(batch, n_frames, n_bands)`, to float32 vectors, shape
        `(batch, latent_dim)`; a list of them if there are several names.
    """
    features = keras.Input(shape, name="features")
    x = layers.Flatten()(features)
    for n_units in units:
        x = layers.Dense(n_units, activation="relu")(x)
    vectors = [layers.Dense(latent_dim, dtype="float32", name=name)(x) for name in names]
    return keras.Model(features, vectors if len(names) > 1 else vectors[0], name="encoder")


def dense_decoder(
    shape: tuple[int, int], units: Sequence[int], latent_dim: int, output: str = "linear"
) -> keras.Model:
    """Build the mirror of `dense_encoder`.

    Args:
        shape: As there.
        units: As there; here they come in reverse.
        latent_dim: As there.
        output: Activation of the last layer.

    Returns:
        Model from vectors, shape `(batch, latent_dim)`, to float32 features, shape
        `(batch, n_frames, n_bands)`.
    """
    code = x = keras.Input((latent_dim,), name="code")
    for n_units in reversed(units):
        x = layers.Dense(n_units, activation="relu")(x)
    x = layers.Reshape(shape)(layers.Dense(math.prod(shape))(x))
    return keras.Model(code, layers.Activation(output, dtype="float32")(x), name="decoder")
