from dataclasses import replace

import keras
import numpy as np
import pytest

from kmusic.datasets.sampling import TripletConfig
from kmusic.datasets.tags import TagConfig
from kmusic.features.augment import SIX_COPIES, AugmentConfig, Copy
from kmusic.features.scaling import ScalingConfig
from kmusic.models.coala import COALAConfig
from kmusic.models.siamese import SiameseConfig
from kmusic.models.tag_contrastive import TagContrastiveConfig
from kmusic.training.probe import KNNConfig, LogisticConfig, SVMConfig
from kmusic.training.recipe import EarlyStopping, Milestones, Plateau


def test_an_excerpt_has_whole_samples(tiny):
    assert replace(tiny, excerpt_seconds=0.30006).excerpt_samples == 2_400  # 2400.48


@pytest.mark.parametrize(
    ("monitor", "better"),
    [
        ("val_accuracy", True),
        ("accuracy", True),
        ("val_auc", True),
        ("val_loss", False),
        ("loss", False),
    ],
)
def test_accuracy_and_auc_are_better_when_higher_and_losses_when_lower(monitor, better):
    assert EarlyStopping(monitor=monitor).higher_is_better is better


@pytest.mark.parametrize("rule", [EarlyStopping, Plateau])
def test_a_patience_that_lets_no_epoch_pass_is_refused(rule):
    with pytest.raises(ValueError, match="patience must be at least 1; got 0"):
        rule(patience=0)


@pytest.mark.parametrize("factor", [0.0, 1.0, -0.5])
def test_a_factor_that_lets_no_rate_fall_is_refused(factor):
    with pytest.raises(ValueError, match=rf"factor must lie in \(0, 1\); got {factor}"):
        Plateau(factor=factor)
    with pytest.raises(ValueError, match=rf"factor must lie in \(0, 1\); got {factor}"):
        Milestones(epochs=(1,), factor=factor)


@pytest.fixture(scope="module")
def plain():
    """A compiled model of one weight."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    return model


def falls_in_keras(model, plateau, mode, values):
    """Count how often Keras halves the rate of a model."""
    callback = keras.callbacks.ReduceLROnPlateau(
        plateau.monitor, plateau.factor, plateau.patience, mode=mode, min_delta=0
    )
    callback.set_model(model)
    model.optimizer.learning_rate = 1.0
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {plateau.monitor: value})
    return round(-np.log2(float(model.optimizer.learning_rate)))


@pytest.mark.parametrize(("monitor", "mode"), [("val_loss", "min"), ("val_accuracy", "max")])
@pytest.mark.parametrize("patience", [1, 2, 3])
def test_the_rate_falls_when_keras_lets_it_fall(plain, monitor, mode, patience):
    plateau = Plateau(monitor=monitor, patience=patience, factor=0.5)
    rng = np.random.default_rng(patience)
    counts = set()
    for length in range(30):
        steps = rng.integers(-1, 2, length)  # ties are many
        values = (50 + np.cumsum(steps)).tolist()
        expected = falls_in_keras(plain, plateau, mode, values)
        assert plateau.falls([{monitor: value} for value in values]) == expected
        counts.add(expected)
    assert len(counts) > 4


@pytest.mark.parametrize(
    ("patience", "values", "falls"),
    [
        (1, [], 0),
        (1, [2.0], 0),
        (1, [2.0, 2.0], 1),  # as good is not better
        (1, [2.0, 3.0, 3.0, 1.0, 1.0], 3),
        (2, [2.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0], 2),
    ],
)
def test_known_falls(patience, values, falls):
    history = [{"val_loss": value} for value in values]
    assert Plateau(monitor="val_loss", patience=patience).falls(history) == falls


def test_the_rate_falls_behind_its_milestones():
    history = [{"loss": 1.0}] * 9
    falls = [Milestones(epochs=(2, 5)).falls(history[:length]) for length in range(9)]
    assert falls == [0, 0, 1, 1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize("epochs", [(), (0,), (3, 3), (5, 2)])
def test_milestones_that_no_training_passes_in_turn_are_refused(epochs):
    with pytest.raises(ValueError, match="epochs must ascend from 1 or later; got"):
        Milestones(epochs=epochs)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"target": "mood"}, "target must be one of .* or None; got 'mood'"),
        ({"loss": "mse"}, "loss must be one of .*; got 'mse'"),
        ({"precision": "float16"}, "precision must be one of .*; got 'float16'"),
        ({"crop": "time"}, "crop must be one of .*; got 'time'"),
        ({"decoder": "mp3"}, "decoder must be one of .*; got 'mp3'"),
        ({"decoder": "tfio", "crop": "frames"}, 'decoder="tfio" reads waveforms; got crop="f'),
        ({"batch_size": 0}, "batch_size must be positive; got 0"),
        ({"excerpts_per_track": 0}, "excerpts_per_track must be positive; got 0"),
        ({"epochs": -1}, "epochs must be positive; got -1"),
        ({"excerpt_seconds": 0.0}, "excerpt_seconds must be positive; got 0.0"),
        ({"excerpt_seconds": float("nan")}, "excerpt_seconds must be positive; got nan"),
        ({"excerpt_seconds": float("inf")}, "excerpt_seconds must be positive; got inf"),
        ({"place": -0.1}, r"place must lie in \[0, 1\] or be None; got -0.1"),
        ({"place": 1.5}, r"place must lie in \[0, 1\] or be None; got 1.5"),
        ({"place": float("nan")}, r"place must lie in \[0, 1\] or be None; got nan"),
        ({"place": "loud"}, "place must be a number, \"loudest\" or None; got 'loud'"),
        (
            {"place": "loudest", "augment": AugmentConfig(copies=SIX_COPIES)},
            "leaves copies no place of their own; got AugmentConfig",
        ),
        ({"batch_norm_momentum": 1.0}, r"momentum must lie in \[0, 1\) or be None; got 1.0"),
        ({"batch_norm_momentum": -0.1}, r"momentum must lie in \[0, 1\) or be None; got -0.1"),
        ({"n_artists": 1}, "n_artists must be at least 2 or None; got 1"),
        ({"seed": -1}, r"seed must lie in \[0, 2 \*\* 32\); got -1"),
        ({"seed": 2**32}, r"seed must lie in \[0, 2 \*\* 32\); got 4294967296"),
    ],
)
def test_what_cannot_be_cooked_is_refused(tiny, settings, rule):
    with pytest.raises(ValueError, match=rule):
        replace(tiny, **settings)


@pytest.mark.parametrize(
    ("name", "config", "model"),
    [
        ("triplets", TripletConfig(), SiameseConfig()),
        ("tags", TagConfig(), TagContrastiveConfig()),
        ("tags", TagConfig(), COALAConfig()),
    ],
)
def test_what_is_seen_beside_sound_and_the_model_that_learns_from_it_belong_together(
    tiny, name, config, model
):
    tiny = replace(tiny, scaling=ScalingConfig(kind="minmax"))
    plain = replace(tiny, target=None)
    assert getattr(replace(plain, model=model, **{name: config}), name) == config
    rule = rf"^{name} and a model that learns from {name} belong together; got {name}="
    with pytest.raises(ValueError, match=rule + rf"{type(config).__name__}\(.*=ResidualCNN"):
        replace(plain, **{name: config})
    with pytest.raises(ValueError, match=rule + f"None, model={type(model).__name__}"):
        replace(plain, model=model)
    with pytest.raises(ValueError, match=f"^{name} need target=None; got target='label'"):
        replace(tiny, model=model, **{name: config})


@pytest.mark.parametrize("scaling", [None, ScalingConfig()], ids=["none", "standard"])
def test_tags_beside_features_of_any_size_are_refused(tiny, scaling):
    settings = {"target": None, "tags": TagConfig(), "model": TagContrastiveConfig()}
    rule = r"^tags need features in \[0, 1\], by a scaling of kind minmax or fixed; got scaling="
    with pytest.raises(ValueError, match=rule + ("None" if scaling is None else "ScalingConfig")):
        replace(tiny, scaling=scaling, **settings)
    for kind in ("minmax", "fixed"):
        assert replace(tiny, scaling=ScalingConfig(kind=kind), **settings).tags == TagConfig()


def test_a_model_is_not_taught_by_what_another_learns_from(tiny):
    given = {"triplets": TripletConfig(), "tags": TagConfig()}
    for model in (SiameseConfig(), TagContrastiveConfig()):
        with pytest.raises(ValueError, match="belong together; got"):
            replace(tiny, target=None, model=model, **given)


@pytest.mark.parametrize("probe", [KNNConfig(), SVMConfig(), LogisticConfig()])
def test_a_probe_beside_a_target_is_refused(tiny, probe):
    with pytest.raises(ValueError, match="probe needs target=None; got target='label'"):
        replace(tiny, probe=probe)
    assert replace(tiny, target=None, probe=probe).probe == probe


def test_triplets_of_copies_are_refused(tiny):
    recipe = replace(tiny, model=SiameseConfig(), target=None, triplets=TripletConfig())
    copies, gain = AugmentConfig(copies=SIX_COPIES), AugmentConfig(gain_db=3.0)
    with pytest.raises(ValueError, match=r"^triplets are not drawn from copies; got AugmentConfig"):
        replace(recipe, augment=copies)
    assert replace(recipe, augment=gain).augment == gain


@pytest.mark.parametrize("place", [0.0, 0.585, 1.0, "loudest", None])
def test_a_place_may_be_anywhere_from_first_to_last_or_where_it_is_loudest(tiny, place):
    assert replace(tiny, place=place).place == place


@pytest.mark.parametrize(
    "augment",
    [
        AugmentConfig(gain_db=3.0),
        AugmentConfig(copies=SIX_COPIES),
        AugmentConfig(copies=(Copy(place=0.5),)),
    ],
    ids=["gain", "six copies", "another place"],
)
def test_cached_frames_refuse_changes_of_the_waveform(tiny, augment):
    with pytest.raises(ValueError, match="augment must not change the waveform; got AugmentCo"):
        replace(tiny, crop="frames", augment=augment)


def test_cached_frames_take_masks(tiny):
    masks = AugmentConfig(time_masks=1, time_mask_frames=2)
    assert replace(tiny, crop="frames", augment=masks).augment == masks
