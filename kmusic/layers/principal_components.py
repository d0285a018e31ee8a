"""Principal components as a layer: fitted by scikit-learn, applied by Keras."""

from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.preprocessing import StandardScaler

from kmusic.types import Array, Tensor

VALUES_AT_ONCE = 2**27  # 512 MiB of float32
ROWS_A_STEP = 512
ROUNDING = 1e-5  # share of the widest spread below which another is float32 rounding


@keras.saving.register_keras_serializable("kmusic")
class PrincipalComponents(keras.layers.Layer):
    """Project vectors on the directions in which a set of them varies most; zeros until `adapt`.

    Args:
        n_components: Number of directions.
        standardize: Whether each value is first brought to deviation 1, not to mean 0 alone.
        whiten: Whether each coordinate is brought to deviation 1.
        kwargs: Passed to Keras.

    Call arguments:
        vectors: Shape `(batch, n_values)`.

    Returns:
        Coordinates, the most variable first, float32, shape `(batch, n_components)`.
    """

    def __init__(
        self, n_components: int, *, standardize: bool = True, whiten: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.n_components = n_components
        self.standardize = standardize
        self.whiten = whiten

    def build(self, vectors_shape: tuple[int | None, ...]) -> None:
        """Lay the mean and the directions."""
        n_values = vectors_shape[-1]
        if n_values is None or n_values < self.n_components:
            raise ValueError(
                "principal components need as many values in a vector as there are directions; "
                f"got {n_values} for n_components={self.n_components}."
            )
        frozen = {"initializer": "zeros", "trainable": False}
        self.mean = self.add_weight(shape=(n_values,), name="mean", **frozen)
        self.directions = self.add_weight(
            shape=(n_values, self.n_components), name="directions", **frozen
        )

    def call(self, vectors: Tensor) -> Tensor:
        """Project vectors, shape `(batch, n_values)`."""
        return ops.matmul(vectors - self.mean, self.directions)

    def adapt(self, batches: Iterable[Array]) -> None:
        """Fit the directions to vectors.

        Up to `VALUES_AT_ONCE` values are held and fitted at once, by whichever solver scikit-learn
        finds quickest. More are gone through twice, `ROWS_A_STEP` vectors at a time, and fitted
        incrementally.

        Args:
            batches: Vectors, each batch of shape `(batch, n_values)`; may be iterated again.

        Raises:
            ValueError: If there are fewer vectors than directions, or one is not finite.

        Source:
            Incremental fit: Ross, Lim, Lin and Yang (2008), as scikit-learn has it.
        """
        scaler = StandardScaler(with_std=self.standardize)
        rows = _held(batches)
        if rows is not None:
            if len(rows) < self.n_components:
                raise ValueError(
                    "principal components need as many excerpts as there are directions; "
                    f"got {len(rows)} for n_components={self.n_components}."
                )
            pca = PCA(self.n_components, random_state=0).fit(scaler.fit_transform(rows))
        else:
            least = max(ROWS_A_STEP, self.n_components)  # the first step must span them all
            for step in _steps(batches, least):
                scaler.partial_fit(step)
            pca = IncrementalPCA(self.n_components)
            for step in _steps(batches, least):
                pca.partial_fit(scaler.transform(step))
        self._keep(scaler, pca)

    def get_config(self) -> dict[str, Any]:
        """Describe the layer in JSON types."""
        names = ("n_components", "standardize", "whiten")
        return super().get_config() | {name: getattr(self, name) for name in names}

    def _keep(self, scaler: StandardScaler, pca: PCA | IncrementalPCA) -> None:
        """Write both steps into the weights as one."""
        scale = np.ones_like(scaler.mean_) if scaler.scale_ is None else scaler.scale_
        directions = pca.components_.T / scale[:, None]
        if self.whiten:
            spread = np.sqrt(pca.explained_variance_)
            varies = spread > ROUNDING * spread.max()
            directions = directions / np.where(varies, spread, 1.0)
        self.mean.assign(scaler.mean_)
        self.directions.assign(directions)


def _held(batches: Iterable[Array]) -> Array | None:
    """Hold all vectors, if they are not too many."""
    held: list[Array] = []
    n_values = 0
    for batch in _finite(batches):
        held.append(batch)
        n_values += batch.size
        if n_values > VALUES_AT_ONCE:
            return None
    return np.concatenate(held or [np.empty((0, 0), np.float32)])


def _steps(batches: Iterable[Array], least: int) -> Iterator[Array]:
    """Join batches to steps of at least so many vectors; the last may have fewer."""
    held: list[Array] = []
    for batch in _finite(batches):
        held.append(batch)
        if sum(map(len, held)) >= least:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)


def _finite(batches: Iterable[Array]) -> Iterator[Array]:
    for number, batch in enumerate(batches):
        vectors = np.asarray(batch, dtype=np.float32)
        if not np.isfinite(vectors).all():
            raise ValueError(f"A batch must hold finite numbers; batch {number} does not.")
        yield vectors
