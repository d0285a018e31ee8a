"""Classifiers that read classes from the vectors of a system that names none itself."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, kw_only=True)
class KNNConfig:
    """Settings of a k-nearest-neighbours classifier.

    Attributes:
        n_neighbors: Number of neighbours that vote; all if there are fewer.
        weights: "uniform", or "distance" for votes by the inverse of the distance.
        metric: "euclidean" or "cosine".
        standardize: Whether each value of the vectors is first brought to mean 0, deviation 1.
    """

    n_neighbors: int = 8
    weights: str = "distance"
    metric: str = "euclidean"
    standardize: bool = False

    def __post_init__(self) -> None:
        """Reject what no classifier can be."""
        if self.n_neighbors < 1:
            raise ValueError(f"n_neighbors must be positive; got {self.n_neighbors}.")
        if self.weights not in ("uniform", "distance"):
            raise ValueError(f'weights must be "uniform" or "distance"; got {self.weights!r}.')
        if self.metric not in ("euclidean", "cosine"):
            raise ValueError(f'metric must be "euclidean" or "cosine"; got {self.metric!r}.')


@dataclass(frozen=True, kw_only=True)
class SVMConfig:
    """Settings of a support vector machine with an RBF kernel whose width follows the data.

    Attributes:
        penalty: Price of a training row on the wrong side, scikit-learn's C.
        standardize: Whether each value of the vectors is first brought to mean 0, deviation 1.
    """

    penalty: float = 1.0
    standardize: bool = False

    def __post_init__(self) -> None:
        """Reject a price that buys nothing."""
        if self.penalty <= 0:
            raise ValueError(f"penalty must be above 0; got {self.penalty}.")


@dataclass(frozen=True, kw_only=True)
class LogisticConfig:
    """Settings of a multinomial logistic regression with an L2 penalty.

    Attributes:
        penalty: Price of a training row on the wrong side, scikit-learn's C.
        standardize: Whether each value of the vectors is first brought to mean 0, deviation 1.
        max_iter: Most steps of its solver, L-BFGS.
    """

    penalty: float = 1.0
    standardize: bool = True
    max_iter: int = 5_000

    def __post_init__(self) -> None:
        """Reject a price that buys nothing, and a fit without a step."""
        if self.penalty <= 0:
            raise ValueError(f"penalty must be above 0; got {self.penalty}.")
        if self.max_iter < 1:
            raise ValueError(f"max_iter must be positive; got {self.max_iter}.")


ProbeConfig: TypeAlias = KNNConfig | SVMConfig | LogisticConfig
