"""Where data and models meet: front end, augmentation and network as one Keras model."""

from dataclasses import dataclass, fields, replace
from typing import Any

import keras

from kmusic.features.augment import AugmentConfig, AugmentWaveform
from kmusic.features.front_ends import Compress, build_front_end
from kmusic.features.masks import MaskSpectrum
from kmusic.features.scaling import Scaling
from kmusic.models import build
from kmusic.training.recipe import Recipe
from kmusic.types import Tensor

OUTPUTS = {"label": "softmax", "artist": "softmax", "tags": "sigmoid"}


@dataclass(frozen=True)
class Composition:
    """A recipe as models, uncompiled.

    Attributes:
        model: From waveforms `(batch, samples)` to the system's output. What is saved.
        learner: What `fit` sees. `model` itself, or, for `crop="frames"`, the same system on
            cached spectra `(batch, n_frames, n_raw_bands)`.
        front_end: From waveforms to scaled features `(batch, n_frames, n_bands)`.
        learner_front_end: From what the learner sees to the same.
    """

    model: keras.Model
    learner: keras.Model
    front_end: keras.Model
    learner_front_end: keras.Model

    @property
    def scaling(self) -> Scaling | None:
        """The layer of the learner that holds the features' statistics."""
        layers = [each for each in self.learner_front_end.layers if isinstance(each, Scaling)]
        return layers[0] if layers else None

    @property
    def network_parameters(self) -> tuple[int, int]:
        """All and trainable parameters of the network, the front end's constants left out."""
        trainable = sum(w.shape.num_elements() for w in _tensors(self.model.trainable_weights))
        return self.model.count_params() - self.front_end.count_params(), trainable


def compose(recipe: Recipe, n_named: int | None = None) -> Composition:
    """Build the models of a recipe.

    The random state is seeded, so the same recipe gives the same weights.

    Args:
        recipe: What to build.
        n_named: Number of classes of the target, or of words. `None` keeps the config's.

    Returns:
        The models, uncompiled; statistics of the scaling not yet fitted.
    """
    keras.utils.set_random_seed(recipe.seed)
    config = _for_target(recipe, n_named)
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.precision)
    try:
        front_end = _waveform_front_end(recipe)
        model = build(config, front_end)
        learner, learner_front_end = model, front_end
        if recipe.crop == "frames":
            learner_front_end = _spectrum_front_end(recipe)
            learner = build(config, learner_front_end)
    finally:
        keras.config.set_dtype_policy(previous)
    if recipe.batch_norm_momentum is not None:
        for each in (model, learner):
            _set_momentum(each, recipe.batch_norm_momentum)
    return Composition(model, learner, front_end, learner_front_end)


def _set_momentum(model: keras.Model, momentum: float) -> None:
    """Say how fast the moving averages of all batch normalisations follow the batches."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _set_momentum(layer, momentum)
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum


def _for_target(recipe: Recipe, n_named: int | None) -> Any:
    """Give the model's config the target's number of classes and activation, if it has them."""
    wanted = {"n_classes": n_named, "n_words": n_named, "output": OUTPUTS.get(recipe.target or "")}
    names = {field.name for field in fields(recipe.model)}
    changes = {name: value for name, value in wanted.items() if value and name in names}
    return replace(recipe.model, **changes)


def _waveform_front_end(recipe: Recipe) -> keras.Model:
    augment = recipe.augment or AugmentConfig()
    waveform = keras.Input((None,), dtype="float32", name="waveform")
    excerpt = AugmentWaveform(
        augment,
        recipe.excerpt_samples,
        recipe.frontend.sample_rate,
        seed=recipe.seed,
        name="excerpt",
    )(waveform)
    features = build_front_end(recipe.frontend)(excerpt)
    return keras.Model(waveform, _refined(features, recipe), name="front_end")


def _spectrum_front_end(recipe: Recipe) -> keras.Model:
    config = recipe.frontend
    shape = (config.n_frames(recipe.excerpt_samples), config.n_raw_bands)
    spectrum = keras.Input(shape, dtype="float32", name="spectrum")
    features = Compress(config)(spectrum)
    return keras.Model(spectrum, _refined(features, recipe), name="front_end")


def _refined(features: Tensor, recipe: Recipe) -> Tensor:
    """Scale features, then mask them."""
    if recipe.scaling:
        features = Scaling(recipe.scaling)(features)
    if recipe.augment and recipe.augment.alters_spectrum:
        features = MaskSpectrum(recipe.augment, seed=recipe.seed)(features)
    return features


def _tensors(weights: list[Any]) -> list[Any]:
    return [weight.value for weight in weights]
