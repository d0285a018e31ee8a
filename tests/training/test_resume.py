"""Trainings that were killed, and go on."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tensorflow.python.framework.config import disable_op_determinism

from kmusic.datasets.table import write_tracks
from kmusic.features.augment import AugmentConfig
from kmusic.training.fit import train
from kmusic.training.recipe import Plateau
from kmusic.training.recipe_files import to_json
from kmusic.training.runs import load_run

PROGRAM = """
import sys
from kmusic.datasets.table import read_tracks
from kmusic.training.fit import train
from kmusic.training.recipe_files import read_recipe

recipe, tracks, folder = sys.argv[1:]
tell = lambda line, share: print(f"{share:.6f}", flush=True)
train(read_recipe(recipe), read_tracks(tracks), folder, resume=True, report=tell)
"""


class KilledError(Exception):
    """Stands for what ends a process."""


def killer(batches):
    """Give a report that lets so many batches pass."""
    count = itertools.count(1)

    def report(*_):
        if next(count) > batches:
            raise KilledError

    return report


@pytest.fixture(
    scope="module", params=["classes", pytest.param("triplets", marks=pytest.mark.slow)]
)
def lively(request, tiny, nearer):
    """Everything random at once: weights, order, crops, triples, changes of sound and masks.

    The learning rate falls before the third and last epoch.
    """
    augment = AugmentConfig(gain_db=6.0, noise_db=-10.0, time_masks=1, time_mask_frames=3)
    recipe, seconds = {"classes": (tiny, 0.4), "triplets": (nearer, 0.5)}[request.param]
    falling = Plateau(monitor="epoch", patience=1)
    settings = {"excerpt_seconds": seconds, "augment": augment, "rate_falls": falling}
    return replace(recipe, deterministic=True, **settings)


@pytest.fixture(scope="module")
def table(lively, tracks, singers):
    return singers if lively.triplets else tracks


@pytest.fixture(scope="module")
def undisturbed(lively, table, tmp_path_factory):
    run, _ = train(lively, table, tmp_path_factory.mktemp("undisturbed"))
    yield run
    disable_op_determinism()


@pytest.fixture(scope="module")
def killed(lively, table, tmp_path_factory, undisturbed):  # noqa: ARG001, it sets determinism free
    """Folder of a run that was killed in the middle of its second epoch."""
    folder = tmp_path_factory.mktemp("killed")
    with pytest.raises(KilledError):
        train(lively, table, folder, report=killer(batches=6))
    return folder


@pytest.fixture
def interrupted(killed, tmp_path):
    return shutil.copytree(killed, tmp_path / "run")


@pytest.fixture(scope="module")
def resumed(lively, table, killed, tmp_path_factory):
    """The killed run, which went on while it was offered other tracks."""
    folder = shutil.copytree(killed, tmp_path_factory.mktemp("resumed") / "run")
    assert len(figures(folder)) == 1
    run, _ = train(lively, table.iloc[:1], folder, resume=True)
    return run


def assert_equal_weights(model, other):
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def figures(folder):
    return pd.read_csv(folder / "history.csv").drop(columns="seconds")


def test_a_killed_training_ends_with_the_weights_it_would_have_had(resumed, undisturbed):
    assert_equal_weights(resumed.model, undisturbed.model)
    assert len(figures(undisturbed.folder)) == 3
    pd.testing.assert_frame_equal(figures(resumed.folder), figures(undisturbed.folder))


def test_a_training_killed_before_its_model_was_written_is_finished(
    lively, table, undisturbed, tmp_path
):
    (tmp_path / "checkpoints").mkdir()
    for name in ("recipe.json", "tracks.csv", "checkpoints/last.npz", "checkpoints/best.npz"):
        (tmp_path / name).write_bytes((undisturbed.folder / name).read_bytes())
    run, _ = train(lively, table, tmp_path, resume=True, report=killer(batches=0))
    assert_equal_weights(run.model, undisturbed.model)


def test_a_training_goes_on_with_the_tracks_it_began_with(resumed, undisturbed):
    whole, again = ((run.folder / "tracks.csv").read_text() for run in (undisturbed, resumed))
    assert again == whole
    assert resumed.labels == undisturbed.labels


def test_another_recipe_does_not_go_on(lively, table, interrupted):
    with pytest.raises(ValueError, match=r"--resume must go on with the recipe of .*; got another"):
        train(replace(lively, seed=1), table, interrupted, resume=True)


def test_a_folder_in_use_is_refused(lively, table, interrupted):
    with pytest.raises(FileExistsError, match="run folder must be new, or go on with --resume"):
        train(lively, table, interrupted)


def test_a_finished_run_is_not_trained_again(trained, tiny, tracks):
    before = (trained.folder / "model.keras").read_bytes()
    run, _ = train(tiny, tracks, trained.folder, resume=True, report=killer(batches=0))
    assert (trained.folder / "model.keras").read_bytes() == before
    assert_equal_weights(run.model, trained.run.model)


@pytest.mark.slow
def test_after_kill_9_in_an_epoch_the_weights_are_those_of_an_undisturbed_run(
    lively, table, tmp_path
):
    recipe = replace(lively, excerpts_per_track=20)  # 40 batches an epoch
    (tmp_path / "recipe.json").write_text(json.dumps(to_json(recipe)))
    write_tracks(table, tmp_path / "tracks.csv")
    given = [str(tmp_path / "recipe.json"), str(tmp_path / "tracks.csv")]

    def start(folder):
        command = [sys.executable, "-c", PROGRAM, *given, str(tmp_path / folder)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    with start("killed") as doomed:
        for share in doomed.stdout:
            if float(share) > 1.5 / recipe.epochs:
                os.kill(doomed.pid, signal.SIGKILL)
    assert doomed.returncode == -signal.SIGKILL
    assert len(figures(tmp_path / "killed")) == 1
    first_shares = []
    for folder in ("killed", "whole"):
        with start(folder) as going:
            first_shares.append(float(next(going.stdout)))
            going.communicate()
        assert going.returncode == 0
    assert first_shares == pytest.approx([41 / 120, 1 / 120], abs=1e-6)
    assert_equal_weights(*(load_run(tmp_path / name).model for name in ("killed", "whole")))
