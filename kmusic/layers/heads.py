"""The end of a classifier."""

from keras import layers

from kmusic.types import Tensor


def require_head(n_classes: int, output: str) -> None:
    """Raise `ValueError` unless a classifier can end in so many classes and this activation."""
    if n_classes < 1:
        raise ValueError(f"n_classes must be positive; got n_classes={n_classes}.")
    if output not in ("softmax", "sigmoid"):
        raise ValueError(f'output must be "softmax" or "sigmoid"; got {output!r}.')


def probabilities(logits: Tensor, output: str) -> Tensor:
    """Turn scores into probabilities, in the layer `"probabilities"`.

    Args:
        logits: Score of each class, shape `(batch, n_classes)`.
        output: "softmax" for one class a track, "sigmoid" for tags.

    Returns:
        Probabilities, float32, shape `(batch, n_classes)`.
    """
    # Float32 keeps their sum at 1 inside a mixed-precision model.
    return layers.Activation(output, dtype="float32", name="probabilities")(logits)
