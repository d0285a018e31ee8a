import json
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from kmusic.cli.predict import show_answers
from kmusic.evaluation.embeddings import read_embeddings
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


@pytest.fixture(scope="module")
def names(run, collection, tmp_path_factory):
    """A run without a target in which two artists are enrolled."""
    folder = shutil.copytree(run, tmp_path_factory.mktemp("names") / "names")
    (folder / "labels.json").write_text(json.dumps([]))
    for name, artist in (("Ann", "high/high 0"), ("Bob", "low/low 0")):
        answer = kmusic("enroll", folder, name, collection.root / artist, "--threshold", 0.99)
        assert answer.code == 0, answer.err
    return folder


def test_a_run_without_a_target_names_who_is_enrolled(names, embeddings, collection):
    answer = kmusic("predict", names, collection.root / "high", collection.root / "low", "--json")
    known = read_embeddings(embeddings[0])
    paths, units = known.tracks["path"], known.vectors
    units = units / np.linalg.norm(units, axis=1, keepdims=True)
    prototypes = [units[paths.str.contains(artist)].mean(axis=0) for artist in ("gh 0", "ow 0")]
    by_path = dict(zip(paths, cosine_similarity(units, prototypes), strict=True))
    assert len(answer.json["tracks"]) == collection.good
    for track in answer.json["tracks"]:
        cosines = dict(zip(("Ann", "Bob"), by_path[track["path"]], strict=True))
        nearest = max(cosines, key=cosines.get)
        assert set(track) == {"path", "enrolled", "similarities"}
        assert track["enrolled"] == (nearest if cosines[nearest] >= 0.99 else "unknown")
        assert track["similarities"] == pytest.approx(cosines, abs=1e-5)
        assert next(iter(track["similarities"])) == nearest
    assert {track["enrolled"] for track in answer.json["tracks"]} >= {"unknown"}


def test_enrolled_names_stand_beside_the_classes(run, names, answer, collection, tmp_path):
    both = shutil.copytree(names, tmp_path / "both")
    shutil.copy(run / "labels.json", both / "labels.json")
    file = collection.root / "low" / "low 0" / "0.wav"
    (track,) = kmusic("predict", both, file, "--top", 1, "--json").json["tracks"]
    (plain,) = [track for track in answer.json["tracks"] if track["path"] == str(file)]
    assert list(track) == ["path", "classes", "enrolled", "similarities"]
    assert [len(track["classes"]), len(track["similarities"])] == [1, 1]
    assert track["classes"] == pytest.approx(dict([*plain["classes"].items()][:1]), abs=1e-5)


def test_people_read_names_in_the_table(names, collection, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    file = collection.root / "low" / "low 0" / "0.wav"
    answer = kmusic("predict", names, file)
    (row,) = [line.split() for line in answer.out.splitlines() if str(file) in line]
    assert (answer.code, answer.err) == (0, "")
    assert {"Ann", "Bob"} < set(row)
    assert answer.out.splitlines()[2].split()[1::2] == ["track", "enrolled", "similarities"]


def test_clips_of_one_file_are_told_with_their_start(run, collection, tmp_path, capsys):
    file = collection.root / "low" / "low 0" / "0.wav"
    (tmp_path / "t.csv").write_text(f"path,start,duration\n{file},0,0.5\n{file},0.5,0.25\n")
    clips = kmusic("predict", run, tmp_path / "t.csv", "--json").json["tracks"]
    assert [(clip["path"], clip["start"]) for clip in clips] == [(str(file), 0.0), (str(file), 0.5)]
    show_answers([clip | {"path": "x"} for clip in clips])
    lines = [line.split("│") for line in capsys.readouterr().out.splitlines()]
    assert [line[2].strip() for line in lines if line[1:2] == [" x     "]] == ["0", "0.5"]


def test_names_of_a_run_that_was_retrained_are_refused(names, collection, tmp_path):
    again = shutil.copytree(names, tmp_path / "again")
    with zipfile.ZipFile(again / "model.keras", "a") as archive:
        archive.comment = b"trained again"
    answer = kmusic("predict", again, collection.root / "low" / "low 0")
    assert_one_line(answer, "enrolled.npz", "retrained since", "enrol again")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nowhere", "{good}"), ("RUN must be a folder", "nowhere")),
        (("{run}", "gone.wav"), ("PATHS must name at least one track", "gone.wav")),
        (("{run}", "{empty}"), ("ROOT must hold files", "empty folder")),
        (("{untargeted}", "{good}"), ("must have learned a target", "kmusic enroll", "untargeted")),
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
