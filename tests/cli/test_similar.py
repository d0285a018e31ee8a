import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from kmusic.evaluation.embeddings import Embeddings, read_embeddings, write_embeddings
from tests.cli.commands import assert_one_line, kmusic


def test_the_nearest_tracks_come_first_and_the_query_not_at_all(embeddings):
    file, _ = embeddings
    known = read_embeddings(file)
    query = known.tracks["path"][4]
    answer = kmusic("similar", file, query, "--top", 5, "--json")
    cosines = cosine_similarity(known.vectors)[4]
    cosines[4] = -1.0
    expected = sorted(cosines, reverse=True)[:5]
    found = answer.json["similar"]
    assert query not in [track["path"] for track in found]
    assert [track["cosine"] for track in found] == pytest.approx(expected, abs=1e-5)


def test_a_new_file_is_heard_with_the_run(embeddings, run, tmp_path):
    file, _ = embeddings
    known = read_embeddings(file)
    new = shutil.copy(known.tracks["path"][4], tmp_path / "new.wav")
    answer = kmusic("similar", file, new, "--run", run, "--top", 1, "--json")
    (found,) = answer.json["similar"]
    assert found["path"] == known.tracks["path"][4]
    assert found["cosine"] == pytest.approx(1.0, abs=1e-5)


def test_people_read_a_table(embeddings, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    answer = kmusic("similar", embeddings[0], "wide.wav", "--top", 3)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[0].strip() == "most like wide.wav"
    assert sum(".wav" in line or ".flac" in line for line in answer.out.splitlines()[1:]) == 3


def test_a_missing_label_is_an_empty_one(tmp_path):
    tracks = pd.DataFrame({"path": ["a", "b"], "start": 0.0, "seconds": 1.0, "label": ["x", None]})
    vectors = np.ones((2, 3), dtype=np.float32)
    write_embeddings(tmp_path / "e.npz", Embeddings(tracks, vectors, "front", "model"))
    (found,) = kmusic("similar", tmp_path / "e.npz", "a", "--json").json["similar"]
    assert (found["path"], found["label"]) == ("b", "")


@pytest.fixture
def clips(tmp_path):
    """Embeddings of three clips of one file, two of another and one of a third, by angle."""
    radians = np.deg2rad([0, 1, 2, 30, 40, 60])
    tracks = pd.DataFrame(
        {"path": ["/a.wav"] * 3 + ["/b.wav"] * 2 + ["/c.wav"], "start": [0.0, 10, 20, 0, 10, 0]}
    ).assign(seconds=10.0)
    vectors = np.stack([np.cos(radians), np.sin(radians)], axis=1, dtype=np.float32)
    write_embeddings(tmp_path / "e.npz", Embeddings(tracks, vectors, "front", "model"))
    return tmp_path / "e.npz"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("/a.wav@10", [("/b.wav", 0.0), ("/b.wav", 10.0), ("/c.wav", 0.0)]),
        ("/c.wav", [("/b.wav", 10.0), ("/b.wav", 0.0), ("/a.wav", 20.0)]),
    ],
)
def test_neighbours_of_a_clip_lie_in_other_files_and_are_told_with_their_start(
    clips, query, expected
):
    answer = kmusic("similar", clips, query, "--top", 3, "--json")
    assert [(track["path"], track["start"]) for track in answer.json["similar"]] == expected


def test_a_file_of_several_clips_must_be_named_with_a_start(clips):
    answer = kmusic("similar", clips, "a.wav")
    assert_one_line(answer, "QUERY must be one track", "'/a.wav@0', '/a.wav@10', '/a.wav@20'")


def test_a_file_of_the_embeddings_that_is_heard_again_is_not_its_own_neighbour(embeddings, run):
    file, _ = embeddings
    paths = read_embeddings(file).tracks["path"].tolist()
    answer = kmusic("similar", file, paths[4], "--run", run, "--top", 99, "--json")
    found = [track["path"] for track in answer.json["similar"]]
    assert sorted(found) == sorted(paths[:4] + paths[5:])


@pytest.fixture
def other_run(run, tmp_path):
    """A run whose model's file is another one."""
    folder = shutil.copytree(run, tmp_path / "other")
    with zipfile.ZipFile(folder / "model.keras", "a") as archive:
        archive.comment = b"trained again"
    return folder


def test_a_run_that_did_not_write_the_embeddings_is_one_line(embeddings, collection, other_run):
    file = collection.root / "low" / "low 0" / "0.wav"
    answer = kmusic("similar", embeddings[0], file, "--run", other_run)
    assert_one_line(answer, "embeddings must share one model")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("none.npz", "x"), ("none.npz",)),
        (("{table}", "x"), ("must be written by `kmusic embed`",)),
        (("{embeddings}", "nothing like it"), ("QUERY must be one track", "nothing like it")),
        (("{embeddings}", ".wav"), ("QUERY must be one track", "0.wav")),
        (("{embeddings}", "{bad}", "--run", "{run}"), ("QUERY must be one readable", "empty")),
    ],
    ids=["none", "not embeddings", "unknown", "several", "bad file"],
)
def test_wrong_use_is_one_line(embeddings, run, collection, words, expected):
    known = {
        "embeddings": embeddings[0],
        "table": collection.table,
        "run": run,
        "bad": collection.root / "high" / "spoiled" / "empty.wav",
    }
    assert_one_line(kmusic("similar", *(word.format(**known) for word in words)), *expected)
