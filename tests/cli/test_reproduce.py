import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kmusic.training.compose import compose
from tests import recordings
from tests.cli.commands import Answer, assert_one_line, kmusic

NET = """
from dataclasses import replace

from kmusic.training.recipe import PaperFigure
from tests.recordings import RECIPE

PAPER = PaperFigure(place="page 1", metric="accuracy", value=0.6, data="gtzan")
RECIPES = {"paper": replace(RECIPE, paper=PAPER)}
"""
ARTIST = """
from dataclasses import replace

from tests.recordings import RECIPE

RECIPES = {"paper": replace(RECIPE, target="artist")}
"""


@dataclass(frozen=True)
class Reproduction:
    """A reproduction in which one recipe fails, for want of the column that it learns.

    Attributes:
        words: The command's, without `--out`.
        out: What it wrote.
        answer: What it said.
    """

    words: tuple[object, ...]
    out: Path
    answer: Answer


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduction")
    experiments = folder / "tiny_methods"
    experiments.mkdir()
    (experiments / "net.py").write_text(NET)
    (experiments / "artist.py").write_text(ARTIST)
    table = recordings.collection_table(recordings.collection()).drop(columns="artist")
    table.to_csv(folder / "tracks.csv", index=False)
    words = ("reproduce", experiments, "--tracks", folder / "tracks.csv", "--set", "epochs=1")
    return Reproduction(words, folder / "out", kmusic(*words, "--out", folder / "out", "--json"))


@pytest.fixture
def copied(done, tmp_path):
    """The folder, to be changed."""
    return shutil.copytree(done.out, tmp_path / "copied")


def told(answer):
    return {entry["recipe"]: entry for entry in answer.json["recipes"]}


def share(file):
    """Accuracy of a table of named tracks."""
    rows = pd.read_csv(file)
    return float(np.mean(rows["true"] == rows["named"]))


def contents(folder, *names):
    return {path: path.read_bytes() for name in names for path in sorted(folder.rglob(name))}


def test_recipes_of_all_files_are_told_in_order(done):
    assert [*told(done.answer)] == ["artist-paper", "net-paper"]


def test_a_recipe_that_fails_does_not_stop_the_others(done):
    entries = told(done.answer)
    assert done.answer.code == 1
    assert "artist-paper failed: " in done.answer.err
    assert "column 'artist'" in entries["artist-paper"]["problem"]
    assert entries["artist-paper"]["standing"] is None
    assert entries["net-paper"]["problem"] == ""


def test_the_figures_are_those_of_the_runs(done):
    entry = told(done.answer)["net-paper"]
    seed = done.out / "net-paper" / "seed-0"
    history = pd.read_csv(seed / "history.csv")
    assert entry["standing"]["accuracy"] == share(seed / "predictions.csv")
    assert entry["standing"]["n_tracks"] == 4
    assert entry["seconds"] == pytest.approx(history["seconds"].sum(), abs=0.05)  # a digit is told
    assert entry["epochs"] == [1, 1]
    assert entry["parameters"] == list(compose(recordings.RECIPE, 2).network_parameters)
    assert (entry["paper"]["value"], entry["paper"]["data"]) == (0.6, "gtzan")


def test_the_evaluation_is_that_of_the_evaluate_command(done, tmp_path):
    seed = shutil.copytree(done.out / "net-paper" / "seed-0", tmp_path / "seed")
    before = json.loads((seed / "metrics.json").read_text())
    named = (seed / "predictions.csv").read_bytes()
    assert (seed / "report" / "index.html").is_file()
    assert kmusic("evaluate", seed, "--no-report").code == 0
    after = json.loads((seed / "metrics.json").read_text())
    before["protocol"].pop("run")
    assert after["protocol"].pop("run") == str(seed)
    assert after == before
    assert (seed / "predictions.csv").read_bytes() == named


def test_the_protocol_is_told(done):
    protocol = done.answer.json["protocol"]
    assert protocol["data"] == str(done.words[3])
    assert protocol["division"] == "the table's split"
    assert protocol["rows"].endswith("of the table's split test")
    assert (protocol["n_tracks"], protocol["n_groups"], protocol["seeds"]) == ([4], [2], [0])
    assert protocol["settings"] == ["epochs=1"]
    assert [*protocol["versions"]] == ["kmusic", "tensorflow", "keras"]


def test_table_and_picture_are_kept(done):
    kept = json.loads((done.out / "table.json").read_text())
    assert kept == {name: done.answer.json[name] for name in kept}
    assert done.answer.json["table"] == str(done.out / "table.md")
    assert (done.out / "table.md").read_text().startswith("# tiny methods\n")
    assert (done.out / "comparison.png").is_file()


def test_what_is_finished_is_not_done_again(done, copied):
    before = contents(copied, "model.keras", "metrics.json", "history.csv")
    answer = kmusic(*done.words, "--out", copied, "--json")
    assert contents(copied, "model.keras", "metrics.json", "history.csv") == before
    assert answer.json["recipes"] == done.answer.json["recipes"]


def test_a_killed_run_goes_on_and_is_judged(done, copied):
    seed = copied / "net-paper" / "seed-0"
    before = contents(seed, "history.csv")
    (seed / "model.keras").unlink()
    (seed / "predictions.csv").write_text("path,group,true,named\n/stale,a,b,c\n")
    answer = kmusic(*done.words, "--out", copied, "--only", "net:paper", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert contents(seed, "history.csv") == before
    assert told(answer)["net-paper"] == told(done.answer)["net-paper"]


@pytest.mark.slow
def test_figures_of_other_tracks_are_not_taken_for_its_own(done, copied):
    seed = copied / "net-paper" / "seed-0"
    table = pd.read_csv(done.words[3]).query("split == 'test'").iloc[:1]
    table.to_csv(copied / "one.csv", index=False)
    assert kmusic("evaluate", seed, "--tracks", copied / "one.csv", "--no-report").code == 0
    answer = kmusic(*done.words, "--out", copied, "--only", "net:paper", "--json")
    assert told(answer)["net-paper"]["standing"] == told(done.answer)["net-paper"]["standing"]


def test_people_read_a_table_below_its_protocol(done, copied, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    answer = kmusic(*done.words, "--out", copied, "--only", "net")
    lines = answer.out.splitlines()
    assert answer.code == 0
    assert lines[0].endswith("net-paper/seed-0: trained and judged")
    assert lines[1].startswith(
        f"4 tracks of 2 groups of {done.words[3]}; the table's split; seed 0"
    )
    assert max(map(len, lines[3:])) <= 80
    assert all(any(word in line for line in lines) for word in ("│ net-paper ", "gtzan", "epochs"))


def test_seeds_are_averaged_and_held_against_others(done, copied, tmp_path):
    words = (*done.words, "--only", "net:paper", "--seeds", 2)
    answer = kmusic(*words, "--out", copied, "--json")
    files = [copied / "net-paper" / f"seed-{seed}" / "predictions.csv" for seed in (0, 1)]
    entry = told(answer)["net-paper"]
    assert (answer.code, answer.json["protocol"]["seeds"]) == (0, [0, 1])
    assert entry["standing"]["by_seed"] == list(map(share, files))
    assert entry["standing"]["accuracy"] == pytest.approx(np.mean([*map(share, files)]))

    other = shutil.copytree(copied, tmp_path / "other")
    worse = other / files[0].relative_to(copied)
    rows = pd.read_csv(worse)
    right = rows.index[rows["named"] == rows["true"]][0]
    rows.assign(named=rows["named"].where(rows.index != right, "x")).to_csv(worse, index=False)
    compared = told(kmusic(*words, "--out", copied, "--against", other, "--json"))["net-paper"]
    assert compared["difference"]["accuracy"] == pytest.approx(1 / 4 / 2)  # tracks, seeds

    rows.iloc[1:].to_csv(worse, index=False)
    answer = kmusic(*words, "--out", copied, "--against", other, "--json")
    assert_one_line(answer, "must be judged on the same tracks", rows["path"][0])


def test_folds_are_put_together(done, tmp_path):
    words = (*done.words, "--only", "net:paper", "--folds", "--set", "early_stopping=null")
    answer = kmusic(*words, "--out", tmp_path, "--json")
    seed = tmp_path / "net-paper" / "seed-0"
    entry = told(answer)["net-paper"]
    seconds = [pd.read_csv(seed / f"fold-{n}" / "history.csv")["seconds"].sum() for n in (1, 2)]
    assert entry["standing"]["n_tracks"] == 16
    assert entry["standing"]["accuracy"] == share(seed / "predictions.csv")
    assert entry["seconds"] == pytest.approx(sum(seconds), abs=0.1)  # a digit a run is told
    assert answer.json["protocol"]["division"] == "each fold held out in turn"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nowhere",), ("EXPERIMENTS must be", "nowhere")),
        (("{experiments}", "--only", "svm"), ("--only must name", "net:paper", "svm")),
        (("{experiments}", "--set", "epochs=0"), ("epochs must be positive",)),
        (("{experiments}", "--set", "epochs=2"), ("its own recipe", "net-paper/seed-0")),
        (("{experiments}", "--set", "epochs=1", "--fold", "1"), ("its own tracks", "seed-0")),
        (("{experiments}", "--fold", "1", "--folds"), ("--folds holds out each fold",)),
        (("{experiments}", "--fold", "9"), ("the table's folds", "got 9")),
        (("{experiments}", "--against", "none"), ("same recipes and seeds", "none/artist-paper")),
    ],
    ids=["place", "choice", "setting", "recipe", "tracks", "both", "fold", "against"],
)
def test_wrong_use_is_one_line_before_anything_is_trained(done, words, expected):
    before = {path: path.stat().st_mtime_ns for path in done.out.rglob("*")}
    words = [word.format(experiments=done.words[1]) for word in words]
    answer = kmusic("reproduce", *words, "--tracks", done.words[3], "--out", done.out)
    assert_one_line(answer, *expected)
    assert {path: path.stat().st_mtime_ns for path in done.out.rglob("*")} == before


@pytest.mark.parametrize("setting", ["tags", "null"])
def test_a_recipe_that_names_no_class_is_told_and_not_trained(done, tmp_path, setting):
    words = (*done.words, "--set", f"target={setting}", "--only", "net:paper")
    answer = kmusic(*words, "--out", tmp_path, "--json")
    assert answer.code == 1
    assert "must name one class a track" in told(answer)["net-paper"]["problem"]
    assert not (tmp_path / "net-paper").exists()
