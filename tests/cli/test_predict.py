import json
import shutil

import pandas as pd
import pytest

from kmusic.evaluation.predictions import hear
from kmusic.training.runs import load_run
from tests.cli.commands import assert_named, assert_one_line, kmusic


@pytest.fixture(scope="module")
def answer(run, collection):
    return kmusic("predict", run, collection.root, "--json")


def test_bad_files_are_named_and_the_rest_predicted(answer, collection):
    assert answer.code == 1
    assert_named(answer.json["problems"], collection.bad)
    names = [track["path"].split("/")[-1] for track in answer.json["tracks"]]
    assert len(names) == collection.good
    assert set(collection.odd) <= set(names)


def test_classes_are_named_the_most_probable_first(answer, run):
    trained = load_run(run)
    paths = [track["path"] for track in answer.json["tracks"]]
    probabilities = hear(trained, pd.DataFrame({"path": paths})).probabilities
    for track, row in zip(answer.json["tracks"], probabilities, strict=True):
        shares = list(track["classes"].values())
        assert shares == sorted(shares, reverse=True)
        by_name = dict(zip(trained.labels, row.tolist(), strict=True))
        assert track["classes"] == pytest.approx(by_name, abs=1e-5)


def test_people_read_a_table(run, collection, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    file = collection.root / "low" / "odd" / collection.odd[1]
    answer = kmusic("predict", run, file, "--top", 1)
    assert (answer.code, answer.err) == (0, "")
    (row,) = [line for line in answer.out.splitlines() if str(file) in line]
    assert ("low " in row) != ("high " in row)


def test_a_bad_file_alone_is_named(run, collection):
    bad = collection.root / "high" / "spoiled" / "empty.wav"
    answer = kmusic("predict", run, bad)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == f"1 input(s) could not be used:\n  {bad}: empty (0 bytes)\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nowhere", "{good}"), ("RUN must be a folder", "nowhere")),
        (("{run}", "gone.wav"), ("PATHS must name at least one track", "gone.wav")),
        (("{run}", "{empty}"), ("ROOT must hold files", "empty folder")),
        (("{untargeted}", "{good}"), ("must have learned a target", "untargeted")),
    ],
    ids=["run", "paths", "empty folder", "no target"],
)
def test_wrong_use_is_one_line(run, collection, tmp_path, words, expected):
    (tmp_path / "empty folder").mkdir()
    shutil.copytree(run, tmp_path / "untargeted")
    (tmp_path / "untargeted" / "labels.json").write_text(json.dumps([]))
    known = {
        "run": run,
        "good": collection.root / "low" / "low 0",
        "empty": tmp_path / "empty folder",
        "untargeted": tmp_path / "untargeted",
    }
    assert_one_line(kmusic("predict", *(word.format(**known) for word in words)), *expected)
