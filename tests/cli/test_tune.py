import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from kmusic.datasets.table import read_tracks
from kmusic.training.recipe_files import find_recipe
from tests import recordings, searches
from tests.cli.commands import assert_one_line, kmusic

SPACE = """
import os
import signal
from dataclasses import replace

from tests.recordings import RECIPE

OBJECTIVE = "val_loss"


def space(hp):
    fate = hp.Choice("fate", ["fine", "raise", "kill"])
    if fate == "raise":
        raise ValueError("the network must fit")
    if fate == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    rate = hp.Float("optimizer.learning_rate", 1e-3, 1e-1, sampling="log", default=1e-2)
    return replace(RECIPE, optimizer=replace(RECIPE.optimizer, learning_rate=rate))
"""
FATES = ["fine", "raise", "kill", "fine"]
"""Of the first trials by chance, with the seed below."""
SEED = 75
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the space and the table of the collection lie."""
    folder = tmp_path_factory.mktemp("tuning")
    (folder / "space.py").write_text(SPACE)
    recordings.collection_table(recordings.collection()).to_csv(folder / "t.csv", index=False)
    return folder


def words(folder, out, trials, *more):
    place = (folder / "space.py", "--tracks", folder / "t.csv", "--out", out)
    return ("tune", *place, "--tuner", "random", "--trials", trials, "--epochs", 1, *more)


@pytest.fixture(scope="module")
def tuned(folder):
    """A search of four trials, of which one raises and one is killed, and what it said."""
    return kmusic(*words(folder, folder / "out", 4, "--seed", SEED, "--json"))


def test_a_trial_that_raises_and_one_that_is_killed_are_recorded_and_the_search_goes_on(
    tuned, folder
):
    assert tuned.code == 1
    table = pd.read_csv(folder / "out" / "trials.csv")
    assert table["fate"].tolist() == FATES
    assert table["score"].notna().tolist() == [fate == "fine" for fate in FATES]
    assert tuned.json["failed"] == {
        "trial 1": f"RecipeError: space of {folder}/out/space.py must give a recipe; "
        "ValueError: the network must fit",
        "trial 2": "killed by SIGKILL, maybe for want of memory",
    }
    assert "2 trial(s) failed:" in tuned.err


def test_the_best_recipe_is_one_that_training_takes(tuned, folder):
    table = pd.read_csv(folder / "out" / "trials.csv").dropna(subset="score")
    best = table.loc[table["score"].idxmin()]
    told = tuned.json["best"]
    assert (told["trial"], told["score"]) == (best["trial"], best["score"])
    recipe = find_recipe(tuned.json["recipe"])
    assert recipe.optimizer.learning_rate == best["optimizer.learning_rate"]
    assert (recipe.epochs, recipe.seed) == (1, SEED)
    assert kmusic("describe", tuned.json["recipe"]).code == 0
    sides = read_tracks(folder / "out" / "tracks.csv")["split"]
    assert {*sides} == {"train", "validation", "test"}


def test_a_search_goes_on_to_more_trials_and_repeats_none(tuned, folder):
    history = folder / "out" / "trials" / "trial_0" / "validation" / "history.csv"
    before = history.stat().st_mtime_ns
    refused = kmusic(*words(folder, folder / "out", 5, "--seed", SEED))
    assert_one_line(refused, "must be new, or go on with --resume", "out")
    answer = kmusic(*words(folder, folder / "out", 5, "--seed", SEED, "--resume"))
    assert answer.out.startswith("5 of 5: trial 4, ")
    assert answer.out.count(" of 5: ") == 1
    assert "5 of 5 trials by random; val_loss on the validation side" in answer.out
    assert history.stat().st_mtime_ns == before
    assert pd.read_csv(folder / "out" / "trials.csv")["fate"].tolist()[:4] == FATES
    assert tuned.json["protocol"]["n_ended"] == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (("--tuner", "grid"), ("tuner must be one of", "grid")),
        (("--objective", "loss"), ("objective must be one of", "'loss'")),
        (("--objective", "probe_accuracy"), ("needs a recipe with a probe",)),
        (("--set", "optimizer.learning_rate=1"), ("must not change what is searched",)),
        (("--set", "epoch=1"), ("field must be one of", "epoch")),
        (("--set", "target=tags"), ("the recipe needs tracks with a column 'tags'",)),
        (("--fold", "9"), ("fold must be one of", "9")),
        (("--workers", "0"), ("--workers must be positive",)),
        (("--workers", "2", "--listen", "here"), ("--listen must be host:port", "here")),
        (("--folds", "40"), ("at least as many as parts", "40")),
    ],
)
def test_wrong_use_is_one_line_before_anything_is_trained(folder, tmp_path, changes, said):
    answer = kmusic(*words(folder, tmp_path / "out", 2, *changes))
    assert_one_line(answer, *said)
    assert not [*tmp_path.glob("out/trials/trial_*")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must hold a function space"),
        ("OBJECTIVE = 'val_loss'\ndef space(hp):\n    return 1", "must give a Recipe; got int"),
        ("from tests.recordings import RECIPE\ndef space(hp):\n    return RECIPE", "--objective"),
    ],
)
def test_a_file_that_is_no_space_is_one_line(folder, tmp_path, text, said):
    (tmp_path / "wrong.py").write_text(text)
    where = ("--tracks", folder / "t.csv", "--out", tmp_path / "out")
    assert_one_line(kmusic("tune", tmp_path / "wrong.py", *where), said)


def test_a_space_that_is_not_there_is_one_line(folder, tmp_path):
    where = ("--tracks", folder / "t.csv", "--out", tmp_path / "out")
    assert_one_line(kmusic("tune", tmp_path / "no.py", *where), "existing file.py", "no.py")


@contextmanager
def started(*command):
    """Run the command line in a process of its own, which ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kmusic", *map(str, command)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ended(out):
    """List the trials whose outcome is there."""
    return sorted(path.parent.name for path in out.glob("trials/trial_*/outcome.json"))


@pytest.fixture
def fine(folder, tmp_path):
    """A folder with the table, and a space in which all goes well."""
    (tmp_path / "space.py").write_text(SPACE.replace(', "raise", "kill"]', ', "well"]'))
    (tmp_path / "t.csv").write_bytes((folder / "t.csv").read_bytes())
    return tmp_path


@pytest.mark.slow
def test_twelve_trials_killed_after_four_are_twelve_and_none_is_repeated(fine):
    out, command = fine / "out", words(fine, fine / "out", 12)
    with started(*command) as search:
        searches.wait_until(lambda: len(ended(out)) >= 4)
        search.kill()
    before = {path: path.stat().st_mtime_ns for path in out.glob("trials/*/outcome.json")}
    with started(*command, "--resume", "--json") as search:
        told, _ = search.communicate(timeout=300)
    assert json.loads(told)["protocol"]["n_ended"] == 12
    assert len(before) == 4
    assert [path for path, when in before.items() if path.stat().st_mtime_ns != when] == []
    table = pd.read_csv(out / "trials.csv")
    assert not table.duplicated(["fate", "optimizer.learning_rate"]).any()


@pytest.mark.slow
def test_a_search_ends_although_one_of_its_two_workers_is_killed(fine):
    with started(*words(fine, fine / "out", 5, "--workers", 2, "--json")) as search:
        searches.wait_until(lambda: ended(fine / "out"))
        listed = ["ps", "-ww", "-o", "pid,args", "--ppid", str(search.pid)]
        kids = subprocess.check_output(listed, text=True).split("\n")
        victim = next(line for line in kids if "worker-1" in line)
        os.kill(int(victim.split()[0]), signal.SIGKILL)
        told, err = search.communicate(timeout=300)
    assert "worker worker-1 was lost" in err
    assert json.loads(told)["protocol"]["n_ended"] == 5
    assert json.loads(told)["failed"] == {}


@pytest.mark.slow
def test_the_memory_of_a_search_does_not_grow_with_its_trials(fine):
    peaks = {}
    with started(*words(fine, fine / "out", 20)) as search:
        while search.poll() is None:
            status = Path(f"/proc/{search.pid}/status").read_text()
            for line in status.split("\n"):
                if line.startswith("VmHWM"):
                    peaks.setdefault(len(ended(fine / "out")), int(line.split()[1]))
            time.sleep(0.05)
    assert peaks[19] - peaks[1] < 10_000  # kB; a trial takes a hundred times as many
