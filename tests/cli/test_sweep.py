import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from tests import recordings
from tests.cli.commands import Answer, assert_one_line, kmusic

RECIPES = """
from dataclasses import replace

from tests.recordings import RECIPE

NET = replace(RECIPE, target="artist", epochs=1, early_stopping=None)
RECIPES = {"net": NET, "tags": replace(NET, target="tags")}
"""
KEPT = ("model.keras", "history.csv", "unseen.json", "unseen.csv")


@dataclass(frozen=True)
class Sweep:
    """A sweep over one number of artists in which one recipe fails, for want of what it learns.

    Attributes:
        folder: Where recipes and tables lie.
        words: The command's, without `--artists` and `--out`.
        out: What it wrote.
        answer: What it said.
    """

    folder: Path
    words: tuple[object, ...]
    out: Path
    answer: Answer


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    table = recordings.collection_table(recordings.collection())
    numbers = table.groupby("artist").cumcount()  # a track trains, the other validates
    table = table.assign(group=table["path"], split=numbers.map({0: "train", 1: "validation"}))
    table.drop(columns="fold").to_csv(folder / "tracks.csv", index=False)
    others = recordings.collection_table(shutil.copytree(recordings.collection(), folder / "copy"))
    others.assign(artist="new " + others["artist"]).to_csv(folder / "other.csv", index=False)
    (folder / "net.py").write_text(RECIPES)
    references = (f"{folder}/net.py:net", f"{folder}/net.py:tags")
    tables = ("--tracks", folder / "tracks.csv", "--on", folder / "other.csv")
    words = ("sweep", *references, *tables, "--probe-seeds", 2)
    out = folder / "out"
    return Sweep(folder, words, out, kmusic(*words, "--artists", "3,3", "--out", out, "--json"))


@pytest.fixture
def copied(done, tmp_path):
    """The folder, to be changed."""
    return shutil.copytree(done.out, tmp_path / "copied")


def told(answer):
    return {(point["recipe"], point["n_artists"]): point for point in answer.json["points"]}


def contents(folder, *names):
    return {path: path.read_bytes() for name in names for path in sorted(folder.rglob(name))}


def run_of(out, n_artists):
    return out / "net-net" / f"artists-{n_artists}" / "seed-0"


def test_each_recipe_and_number_of_artists_is_a_point(done):
    assert [*told(done.answer)] == [("net-net", 3), ("net-tags", 3)]
    assert told(done.answer)["net-net", 3]["n_tracks"] == 3


def test_the_first_artists_of_the_table_alone_are_trained_on(done):
    rows = pd.read_csv(run_of(done.out, 3) / "tracks.csv")
    assert sorted(set(rows["artist"])) == ["high 0", "high 1", "high 2"]
    assert len(json.loads((run_of(done.out, 3) / "labels.json").read_text())) == 3


def test_the_figures_are_those_of_the_run_on_the_other_table(done):
    figures = told(done.answer)["net-net", 3]["figures"]
    rows = pd.read_csv(run_of(done.out, 3) / "unseen.csv")
    others = pd.read_csv(done.folder / "other.csv").query("split == 'test'")
    assert sorted(rows["path"]) == sorted(others["path"])
    assert [*figures] == ["map", "knn", "linear_softmax"]
    for name, figure in figures.items():
        assert figure["by_seed"] == [pytest.approx(rows[name].mean())]
        assert figure["value"] == pytest.approx(rows[name].mean())


def test_a_run_that_fails_does_not_stop_the_others(done):
    name = "net-tags/artists-3/seed-0"
    point = told(done.answer)["net-tags", 3]
    assert done.answer.code == 1
    assert f"{name} failed: " in done.answer.err
    assert f"1 run(s) failed:\n  {name}: " in done.answer.err
    assert "column 'tags'" in point["problems"][name]
    assert point["figures"] == {}


def test_the_protocol_is_told(done):
    protocol = done.answer.json["protocol"]
    assert protocol["data"] == str(done.folder / "other.csv")
    assert protocol["division"] == f"trained on {done.folder / 'tracks.csv'}, the table's split"
    assert protocol["rows"].endswith("of the table's split test; probes averaged over 2 seeds")
    assert (protocol["n_tracks"], protocol["n_groups"], protocol["seeds"]) == ([4], [2], [0])
    assert [*protocol["versions"]] == ["kmusic", "tensorflow", "keras"]
    assert (protocol["settings"], protocol["note"]) == ([], "")


def test_table_and_picture_are_kept(done):
    kept = json.loads((done.out / "table.json").read_text())
    assert kept == {name: done.answer.json[name] for name in kept}
    assert done.answer.json["table"] == str(done.out / "table.md")
    assert (done.out / "sweep.png").is_file()


def test_what_is_finished_is_not_done_again(done, copied):
    before = {path: path.stat().st_mtime_ns for path in contents(copied, *KEPT)}
    answer = kmusic(*done.words, "--artists", 3, "--out", copied, "--json")
    assert {path: path.stat().st_mtime_ns for path in contents(copied, *KEPT)} == before
    assert answer.json["points"] == done.answer.json["points"]


@pytest.mark.slow
def test_more_artists_train_what_is_new_alone(done, copied):
    before = contents(run_of(copied, 3), *KEPT)
    answer = kmusic(*done.words, "--artists", "8,3", "--out", copied, "--json")
    assert contents(run_of(copied, 3), *KEPT) == before
    assert [*told(answer)][::2] == [("net-net", 3), ("net-net", 8)]
    assert told(answer)["net-net", 3] == told(done.answer)["net-net", 3]
    assert told(answer)["net-net", 8]["n_tracks"] == 8


def test_a_killed_run_goes_on_and_is_judged_anew(done, copied):
    run = run_of(copied, 3)
    before = contents(run, "history.csv", "unseen.csv")
    (run / "model.keras").unlink()
    (run / "unseen.csv").write_text("path,group,true,map,knn,linear_softmax\n/stale,a,b,0,0,0\n")
    kmusic(*done.words, "--artists", 3, "--out", copied)
    assert contents(run, "history.csv", "unseen.csv") == before


def test_another_question_is_judged_without_training(done, copied, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    before = contents(copied, "model.keras", "history.csv")
    words = (*done.words[:2], *done.words[3:], "--artists", 3, "--out", copied)
    answer = kmusic(*words, "--folds", "--probe", "knn")
    lines = answer.out.splitlines()
    assert (answer.code, answer.err) == (0, "")
    assert contents(copied, "model.keras", "history.csv") == before
    assert len(pd.read_csv(run_of(copied, 3) / "unseen.csv")) == 16
    assert lines[0] == "net-net/artists-3/seed-0: trained and judged, 1 of 1"
    assert lines[1].startswith(f"16 tracks of 8 groups of {done.folder / 'other.csv'}; trained on ")
    assert max(map(len, lines[3:])) <= 80
    assert "| tracks | MAP | k-NN |\n" in (copied / "table.md").read_text()


@pytest.fixture
def two_seeds(done, copied):
    """A sweep of one recipe whose second seed answers as the first."""
    second = run_of(copied, 3).with_name("seed-1")
    shutil.copytree(run_of(copied, 3), second)
    recipe = json.loads((second / "recipe.json").read_text())
    (second / "recipe.json").write_text(json.dumps(recipe | {"seed": 1}))
    words = (*done.words[:2], *done.words[3:], "--artists", 3, "--seeds", 2)
    return second, (*words, "--out", copied)


def test_seeds_are_put_together(two_seeds, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    second, words = two_seeds
    rows = pd.read_csv(second / "unseen.csv")
    rows.assign(map=0.0).to_csv(second / "unseen.csv", index=False)
    answer, kept = kmusic(*words), json.loads((words[-1] / "table.json").read_text())
    figure = kept["points"][0]["figures"]["map"]
    assert (answer.code, kept["protocol"]["seeds"]) == (0, [0, 1])
    assert figure["by_seed"] == [pytest.approx(rows["map"].mean()), 0.0]
    assert figure["value"] == pytest.approx(rows["map"].mean() / 2)
    assert " by seed" in (words[-1] / "table.md").read_text()
    assert " by seed" not in answer.out  # it would not fit 80 columns


def test_seeds_that_do_not_go_together_are_told_at_the_end(two_seeds):
    second, words = two_seeds
    pd.read_csv(second / "unseen.csv").iloc[1:].to_csv(second / "unseen.csv", index=False)
    answer = kmusic(*words, "--json")
    problems = told(answer)["net-net", 3]["problems"]
    assert answer.code == 1
    assert [*problems] == ["net-net/artists-3"]
    assert "must be judged on the same tracks" in problems["net-net/artists-3"]
    assert "1 run(s) failed:\n  net-net/artists-3: what is compared" in answer.err


def test_what_is_judged_although_it_was_heard_is_told(done, copied):
    tracks = pd.read_csv(done.folder / "other.csv")
    tracks.loc[0, "artist"] = "high 1"
    tracks.to_csv(copied / "known.csv", index=False)
    words = ("--artists", 3, "--out", copied, "--on", copied / "known.csv", "--json")
    answer = kmusic("sweep", *done.words[2:], *words)  # what fails is told too
    assert "1 are in both, such as 'high 1'" in answer.err
    assert "'high 1'" in answer.json["protocol"]["note"]
    assert "'high 1'" in (copied / "table.md").read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--artists", "3,x"), ("--artists must be whole numbers", "3,x")),
        (("--artists", "3,-6"), ("--artists must be whole numbers", "3,-6")),
        (("--artists", "0"), ("n_artists must be at least 2", "got 0")),
        (("--artists", "3,9"), ("must have n_artists=9 artists", "got 8")),
        (("--artists", "3", "--set", "epochs=2"), ("its own recipe", "artists-3/seed-0")),
        (("--artists", "3", "--on", "{bare}"), ("must have the columns 'label'",)),
        (("--artists", "3", "--tracks", "{fewer}"), ("its own tracks", "artists-3/seed-0")),
        (("--artists", "3", "--probe", "oracle"), ("probes must be among", "oracle")),
        (("{again}", "--artists", "3"), ("names of their own", "net-net")),
        (("nowhere.py", "--artists", "3"), ("RECIPE must be", "nowhere.py")),
    ],
    ids=[
        "word",
        "sign",
        "none",
        "many",
        "recipe",
        "label",
        "tracks",
        "probe",
        "twice",
        "file",
    ],
)
def test_wrong_use_is_one_line_before_anything_is_trained(done, tmp_path, words, expected):
    pd.read_csv(done.folder / "other.csv").drop(columns="label").to_csv(tmp_path / "bare.csv")
    pd.read_csv(done.folder / "tracks.csv").iloc[1:].to_csv(tmp_path / "fewer.csv")
    before = {path: path.stat().st_mtime_ns for path in done.out.rglob("*")}
    places = {name: tmp_path / f"{name}.csv" for name in ("bare", "fewer")}
    words = [word.format(again=done.words[1], **places) for word in words]
    assert_one_line(kmusic(*done.words, *words, "--out", done.out), *expected)
    assert {path: path.stat().st_mtime_ns for path in done.out.rglob("*")} == before
