import keras
import numpy as np
import pandas as pd
import pytest

from kmusic.audio.signals import noise
from kmusic.features.augment import AugmentConfig, AugmentWaveform
from kmusic.training.callbacks import (
    Checkpoints,
    Falling,
    Progress,
    TrainingDivergedError,
    kept_epoch,
)
from kmusic.training.optimizers import AdamConfig, Rate, build_optimizer
from kmusic.training.recipe import EarlyStopping, Plateau

SOUND = np.stack([noise(0.1, 1_000, seed) for seed in range(8)])
TARGET = np.eye(2, dtype=np.float32)[[0, 1] * 4]


def build_learner(seed, precision="float32"):
    """Build a learner with every kind of state: weights, averages, random streams, slots."""
    keras.utils.set_random_seed(seed)
    waveform = keras.Input((100,), dtype="float32")
    x = AugmentWaveform(AugmentConfig(noise_db=0.0), 100, 1_000, seed=seed)(waveform)
    x = keras.layers.Dense(4, dtype=precision)(x)
    x = keras.layers.BatchNormalization(dtype=precision)(x)
    x = keras.layers.Dropout(0.5, seed=seed)(x)
    output = keras.layers.Dense(2, activation="softmax", dtype="float32")(x)
    learner = keras.Model(waveform, output)
    optimizer = build_optimizer(AdamConfig(learning_rate=0.1, decay=0.1))
    if precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    learner.compile(optimizer, "categorical_crossentropy", auto_scale_loss=False)
    learner.optimizer.build(learner.trainable_variables)
    return learner


def fit(learner, checkpoints, epochs, first=0):
    learner.fit(
        SOUND,
        TARGET,
        batch_size=4,
        initial_epoch=first,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[checkpoints],
    )


def everything(learner):
    """List all that the next step depends on."""
    optimizer = learner.optimizer
    inner = getattr(optimizer, "inner_optimizer", optimizer).variables
    return [np.asarray(v.value) for v in [*learner.variables, *optimizer.variables, *inner]]


@pytest.fixture
def plain():
    """A model of one weight, which a test sets to the number of the epoch."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile("sgd", "mse")
    return model


def live(checkpoints, model, rows):
    """Let epochs with these figures pass, until training stops; give their number."""
    checkpoints.set_model(model)
    model.stop_training = False
    for epoch, row in enumerate(rows):
        checkpoints.on_epoch_begin(epoch)
        model.set_weights([np.full((1, 1), epoch, np.float32)])
        checkpoints.on_epoch_end(epoch, {"loss": 1.0} | row)
        if model.stop_training:
            return epoch + 1
    return len(rows)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_a_resumed_learner_goes_on_to_the_same_state(tmp_path, precision):
    undisturbed = build_learner(0, precision)
    fit(undisturbed, Checkpoints(tmp_path / "whole", None), epochs=3)
    fit(build_learner(0, precision), Checkpoints(tmp_path / "cut", None), epochs=1)
    resumed, checkpoints = build_learner(1, precision), Checkpoints(tmp_path / "cut", None)
    assert checkpoints.resume(resumed) == 1
    fit(resumed, checkpoints, epochs=3, first=1)
    for one, other in zip(everything(resumed), everything(undisturbed), strict=True):
        np.testing.assert_array_equal(one, other)


def test_random_streams_and_slots_are_on_disk(tmp_path):
    learner, checkpoints = build_learner(0), Checkpoints(tmp_path, None)
    fit(learner, checkpoints, epochs=1)
    fresh = build_learner(1)
    checkpoints.resume(fresh)
    streams = [v for v in fresh.variables if "seed_generator" in v.path]
    assert len(streams) == 2  # the augmentation's and the dropout's
    for one, other in zip(everything(fresh), everything(learner), strict=True):
        np.testing.assert_array_equal(one, other)


def test_there_is_nothing_to_resume_in_a_new_folder(tmp_path):
    assert Checkpoints(tmp_path, None).resume(build_learner(0)) == 0


def test_a_checkpoint_of_another_model_is_refused(tmp_path, plain):
    live(Checkpoints(tmp_path, None), plain, [{}])
    with pytest.raises(ValueError, match=r"last.npz must hold the \d+ arrays of this .*; got 3"):
        Checkpoints(tmp_path, None).resume(build_learner(0))


@pytest.mark.parametrize(
    ("monitor", "values", "best"),
    [
        ("val_loss", [3.0, 1.0, 2.0], 1),
        ("val_accuracy", [0.2, 0.9, 0.5], 1),
        ("val_auc", [0.2, 0.9, 0.5], 1),
        ("val_loss", [3.0, 1.0, 1.0], 1),  # ties keep the first
        ("val_accuracy", [0.5, 0.5, 0.5], 0),
        ("val_loss", [3.0, 2.0, 1.0], 2),
    ],
)
def test_the_weights_of_the_best_epoch_are_kept(tmp_path, plain, monitor, values, best):
    checkpoints = Checkpoints(tmp_path, EarlyStopping(monitor=monitor, patience=9))
    live(checkpoints, plain, [{monitor: value} for value in values])
    checkpoints.restore_best(plain)
    assert (checkpoints.best_epoch, plain.get_weights()[0].item()) == (best, best)


def test_without_a_rule_the_last_weights_are_kept(tmp_path, plain):
    checkpoints = Checkpoints(tmp_path, None)
    epochs = live(checkpoints, plain, [{"val_loss": value} for value in (1.0, 2.0, 3.0)])
    checkpoints.restore_best(plain)
    assert (epochs, plain.get_weights()[0].item()) == (3, 2)


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 4), (3, 7)])
def test_training_stops_when_patience_runs_out(tmp_path, plain, patience, epochs):
    values = [3.0, 2.0, 2.5, 2.0, 1.9, 2.0, 2.0]  # best at 1, then at 4
    checkpoints = Checkpoints(tmp_path, EarlyStopping(monitor="val_loss", patience=patience))
    assert live(checkpoints, plain, [{"val_loss": value} for value in values]) == epochs
    assert checkpoints.exhausted == (patience < 3)


def test_a_resumed_training_remembers_its_best_epoch(tmp_path, plain):
    rule = EarlyStopping(monitor="val_loss", patience=2)
    live(Checkpoints(tmp_path, rule), plain, [{"val_loss": value} for value in (1.0, 5.0, 6.0)])
    later = Checkpoints(tmp_path, rule)
    assert later.resume(plain) == 3
    assert later.exhausted
    later.restore_best(plain)
    assert plain.get_weights()[0].item() == 0


def test_history_holds_the_figures_of_each_epoch(tmp_path, plain):
    live(Checkpoints(tmp_path, None), plain, [{"val_loss": 2.0}, {"val_loss": 1.0}])
    history = pd.read_csv(tmp_path / "history.csv")
    assert history.drop(columns="seconds").to_dict("list") == {
        "epoch": [0, 1],
        "loss": [1.0, 1.0],
        "val_loss": [2.0, 1.0],
    }


def test_the_values_of_a_vector_are_a_column_each(tmp_path, plain):
    rows = [{"divergences": np.float32([epoch, 2]), "divergence": epoch + 2} for epoch in range(2)]
    checkpoints = Checkpoints(tmp_path, None)
    live(checkpoints, plain, [row | {"val_divergences": np.float32([5, 6])} for row in rows])
    history = pd.read_csv(tmp_path / "history.csv")
    assert history.drop(columns=["epoch", "seconds", "loss"]).to_dict("list") == {
        "divergence_000": [0.0, 1.0],
        "divergence_001": [2.0, 2.0],
        "divergence": [2.0, 3.0],
        "val_divergence_000": [5.0, 5.0],
        "val_divergence_001": [6.0, 6.0],
    }
    assert Checkpoints(tmp_path, None).resume(plain) == 2  # and they are numbers in its note


@pytest.mark.parametrize("name", ["loss", "val_loss"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_training(tmp_path, plain, name, value):
    rule = rf"^{name} must stay finite; got {value} in epoch 1. A smaller learning rate may help.$"
    with pytest.raises(TrainingDivergedError, match=rule):
        live(Checkpoints(tmp_path, None), plain, [{}, {name: value}])


def test_a_diverged_epoch_leaves_the_last_good_state(tmp_path, plain):
    with pytest.raises(TrainingDivergedError):
        live(Checkpoints(tmp_path, None), plain, [{}, {"loss": float("nan")}])
    assert Checkpoints(tmp_path, None).resume(plain) == 1
    assert plain.get_weights()[0].item() == 0


def test_an_unknown_monitor_is_refused_with_those_there_are(tmp_path, plain):
    checkpoints = Checkpoints(tmp_path, EarlyStopping(monitor="val_acc"))
    rule = r"^early_stopping.monitor must be one of \['epoch', 'loss', .*\]; got 'val_acc'"
    with pytest.raises(ValueError, match=rule):
        live(checkpoints, plain, [{"val_loss": 1.0}])


def test_the_rate_of_an_epoch_follows_from_those_before_it():
    history, rate = [], Rate(1.0)
    falling = Falling(Plateau(monitor="val_loss", patience=2, factor=0.5), rate, history)
    factors = []
    for epoch, value in enumerate([3.0, 3.0, 3.0, 2.0, 2.5, 2.0, 1.0]):
        falling.on_epoch_begin(epoch)
        factors.append(float(rate.factor))
        history.append({"val_loss": value})
    assert factors == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]


def test_a_resumed_training_has_the_rate_that_its_past_gives():
    rate = Rate(1.0)
    history = [{"val_loss": 1.0}] * 3
    Falling(Plateau(patience=1, factor=0.5), rate, history).on_epoch_begin(3)
    assert float(rate.factor) == 0.25


def test_an_unknown_monitor_of_a_plateau_is_refused_with_those_there_are():
    falling = Falling(Plateau(monitor="val_acc"), Rate(1.0), [{"epoch": 0, "loss": 1.0}])
    rule = r"^rate_falls.monitor must be one of \['epoch', 'loss'\]; got 'val_acc'\.$"
    with pytest.raises(ValueError, match=rule):
        falling.on_epoch_begin(1)


def test_progress_tells_epoch_loss_and_share():
    told = []
    progress = Progress(lambda line, share: told.append((line, share)), epochs=2, steps=2)
    for epoch in range(2):
        progress.on_epoch_begin(epoch)
        for batch in range(2):
            progress.on_train_batch_end(batch, {"loss": 0.5})
        progress.on_epoch_end(epoch, {"val_accuracy": 0.75, "val_loss": 1.0})
    assert told == [
        ("epoch 1/2  loss 0.500", 0.25),
        ("epoch 1/2  loss 0.500", 0.5),
        ("epoch 2/2  loss 0.500  val_accuracy 0.750", 0.75),
        ("epoch 2/2  loss 0.500  val_accuracy 0.750", 1.0),
    ]


def test_progress_of_what_has_no_loss_tells_epoch_and_share():
    told = []
    progress = Progress(lambda line, share: told.append((line, share)), epochs=1, steps=4)
    progress.on_epoch_begin(0)
    for batch, logs in enumerate((None, {})):
        progress.on_train_batch_end(batch, logs)
    assert told == [("epoch 1/1", 0.25), ("epoch 1/1", 0.5)]


def test_an_epoch_without_figures_is_one_line_of_history(tmp_path, plain):
    checkpoints = Checkpoints(tmp_path, None)
    checkpoints.set_model(plain)
    checkpoints.on_epoch_begin(0)
    checkpoints.on_epoch_end(0)
    history = pd.read_csv(tmp_path / "history.csv")
    assert history.columns.tolist() == ["epoch", "seconds"]
    assert history["epoch"].tolist() == [0]


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (EarlyStopping(monitor="val_accuracy"), 1),  # of equals the first
        (EarlyStopping(monitor="val_loss"), 3),
        (None, 3),
    ],
)
def test_the_epoch_that_is_kept_is_the_best_by_the_rule_or_the_last(rule, kept):
    accuracies, losses = [0.5, 0.75, 0.25, 0.75], [1.0, 0.5, 0.75, 0.25]
    rows = [
        {"val_accuracy": accuracy, "val_loss": loss}
        for accuracy, loss in zip(accuracies, losses, strict=True)
    ]
    assert kept_epoch(rows, rule) == kept
