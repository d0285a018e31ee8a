"""Classifiers that read classes from the vectors of a system that names none itself."""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias


@dataclass(frozen=True, kw_only=True)
class KNNConfig:
    """Settings of a k-nearest-neighbours classifier.

    Attributes:
        n_neighbors: Number of neighbours that vote; all if there are fewer.
        weights: "uniform", or "distance" for votes by the inverse of the distance.
        metric: "euclidean" or "cosine".
        standardize: Whether each value of the vectors is first brought to mean 0, deviation 1.
    """

    name: ClassVar[str] = "k-NN"

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

    name: ClassVar[str] = "SVM"

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

    name: ClassVar[str] = "logistic regression"

    penalty: float = 1.0
    standardize: bool = True
    max_iter: int = 5_000

    def __post_init__(self) -> None:
        """Reject a price that buys nothing, and a fit without a step."""
        if self.penalty <= 0:
            raise ValueError(f"penalty must be above 0; got {self.penalty}.")
        if self.max_iter < 1:
            raise ValueError(f"max_iter must be positive; got {self.max_iter}.")


@dataclass(frozen=True, kw_only=True)
class MLPConfig:
    """Settings of a perceptron with one hidden layer, as scikit-learn trains it with Adam.

    Attributes:
        hidden_units: Size of the hidden layer.
        max_iter: Most passes over the training rows.
        standardize: Whether each value of the vectors is first brought to mean 0, deviation 1.
    """

    name: ClassVar[str] = "perceptron"

    hidden_units: int = 256
    max_iter: int = 200
    standardize: bool = True

    def __post_init__(self) -> None:
        """Reject a network without a unit, and a fit without a pass."""
        for name in ("hidden_units", "max_iter"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}.")


@dataclass(frozen=True, kw_only=True)
class ForestConfig:
    """Settings of a random forest; it has no use for standardised values.

    Attributes:
        n_estimators: Number of its trees.
        max_depth: Most questions from the root of a tree to a leaf. `None` sets no limit.

    Source:
        Qasemi et al. (2019), section 6.1, for the defaults.
    """

    name: ClassVar[str] = "random forest"

    n_estimators: int = 200
    max_depth: int | None = 20

    def __post_init__(self) -> None:
        """Reject a forest without a tree, and a tree without a question."""
        if self.n_estimators < 1:
            raise ValueError(f"n_estimators must be positive; got {self.n_estimators}.")
        if self.max_depth is not None and self.max_depth < 1:
            raise ValueError(f"max_depth must be positive or None; got {self.max_depth}.")


ProbeConfig: TypeAlias = KNNConfig | SVMConfig | LogisticConfig | MLPConfig | ForestConfig
