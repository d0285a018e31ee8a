import shutil

import numpy as np
import pandas as pd
import pytest

from kmusic.evaluation.embeddings import Embeddings, read_embeddings, write_embeddings
from tests.cli.commands import assert_one_line, kmusic

DEGREES = (0, 90, 1, 2, 60, 50)
LIBRARY = {
    "path": [f"/music/{degrees}.wav" for degrees in DEGREES],
    "label": ["low", "high", "low", np.nan, "high", "high"],
    "artist": ["x", "y", "a", "a", "x", "b"],
}


@pytest.fixture
def library(tmp_path):
    """Function that writes embeddings at known angles, with what a table says of them."""

    def write(**columns):
        tracks = pd.DataFrame(columns).assign(start=0.0, seconds=1.0)
        radians = np.deg2rad(DEGREES[: len(tracks)])
        vectors = np.stack([np.cos(radians), np.sin(radians)], axis=1, dtype=np.float32)
        write_embeddings(tmp_path / "library.npz", Embeddings(tracks, vectors, "front", "model"))
        return tmp_path / "library.npz"

    return write


def paths(answer):
    return [track["path"] for track in answer.json["recommended"]]


def test_each_named_track_has_its_turn_and_is_the_reason(library):
    answer = kmusic("recommend", library(**LIBRARY), "/0.wav", "90.wav", "--json")
    found = answer.json["recommended"]
    assert answer.json["liked"] == ["/music/0.wav", "/music/90.wav"]
    assert [(track["rank"], track["path"], track["because_of"]) for track in found] == [
        (1, "/music/1.wav", "/music/0.wav"),
        (2, "/music/60.wav", "/music/90.wav"),
        (3, "/music/50.wav", "/music/90.wav"),
    ]
    cosines = np.cos(np.deg2rad([1, 30, 40]))
    assert [track["cosine"] for track in found] == pytest.approx(cosines, abs=1e-6)  # float32
    assert [(track["label"], track["artist"]) for track in found] == [
        ("low", "a"),
        ("high", "x"),
        ("high", "b"),
    ]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--top", 1], [1]),
        (["--per-artist", 2], [1, 60, 2, 50]),
        (["--new-artists"], [1, 50]),
    ],
    ids=["top", "per artist", "new artists"],
)
def test_the_rules_can_be_changed(library, words, names):
    answer = kmusic("recommend", library(**LIBRARY), "/0.wav", "90.wav", *words, "--json")
    assert paths(answer) == [f"/music/{name}.wav" for name in names]


def test_groups_stand_in_for_artists_that_nobody_told(library):
    columns = {"path": LIBRARY["path"], "group": LIBRARY["artist"]}
    answer = kmusic("recommend", library(**columns), "/0.wav", "--json")
    assert paths(answer) == ["/music/1.wav", "/music/50.wav", "/music/60.wav", "/music/90.wav"]


def test_without_artists_and_groups_every_track_may_be_listed(library):
    answer = kmusic("recommend", library(path=LIBRARY["path"]), "/0.wav", "--json")
    assert len(paths(answer)) == 5


def test_clips_of_one_file_are_told_apart_by_their_start(library):
    file = library(path=["/a.wav", "/a.wav", "/b.wav", "/b.wav"])
    known = read_embeddings(file)
    tracks = known.tracks.assign(start=[0.0, 10.0] * 2)
    write_embeddings(file, Embeddings(tracks, known.vectors, "front", "model"))
    answer = kmusic("recommend", file, "a.wav@10", "--top", 1, "--json")
    assert answer.json["liked"] == ["/a.wav@10"]
    (found,) = answer.json["recommended"]
    assert (found["path"], found["start"], found["because_of"]) == ("/b.wav", 10.0, "/a.wav@10")


def test_a_missing_label_is_an_empty_one(library):
    answer = kmusic("recommend", library(**LIBRARY), "/1.wav", "--per-artist", 2, "--json")
    assert answer.json["recommended"][0]["path"] == "/music/2.wav"
    assert answer.json["recommended"][0]["label"] == ""


def test_new_files_are_heard_with_the_run_beside_known_tracks(embeddings, run, tmp_path):
    file, _ = embeddings
    known = read_embeddings(file).tracks["path"]
    new = shutil.copy(known[4], tmp_path / "new.wav")
    answer = kmusic("recommend", file, new, known[0], "--run", run, "--top", 99, "--json")
    reasons = {track["because_of"] for track in answer.json["recommended"]}
    assert answer.json["liked"] == [str(new), known[0]]
    assert reasons == {str(new), known[0]}
    assert set(paths(answer)) == set(known) - {known[0], known[4]}  # nor the one it is a copy of


def test_a_file_of_the_embeddings_is_not_heard_again(library, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.wav").touch()  # an empty file, which no run could hear
    file = library(path=[str(tmp_path / "a.wav"), "/music/b.wav"])
    answer = kmusic("recommend", file, "a.wav", "--run", "none", "--json")
    assert paths(answer) == ["/music/b.wav"]


def test_a_track_of_the_studio_is_heard_with_the_run(embeddings, run):
    song = "studio:0/waltz/0/0?seconds=1.5"
    answer = kmusic("recommend", embeddings[0], song, "--run", run, "--json")
    assert answer.json["liked"] == [song]


def test_a_new_file_named_in_two_ways_is_one(embeddings, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    new = shutil.copy(read_embeddings(embeddings[0]).tracks["path"][4], tmp_path / "new.wav")
    answer = kmusic("recommend", embeddings[0], "new.wav", new, "--run", run, "--json")
    assert answer.json["liked"] == [str(new)]


def test_people_read_a_table(library, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    answer = kmusic("recommend", library(**LIBRARY), "/0.wav")
    lines = [line.split() for line in answer.out.splitlines()]
    assert (answer.code, answer.err) == (0, "")
    assert lines[0] == ["what", "to", "hear", "next"]
    assert [word for word in lines[2] if word.isalpha()] == (
        ["rank", "path", "cosine", "because", "of", "label", "artist"]
    )
    assert [line[1] for line in lines if ".wav" in " ".join(line)] == ["1", "2", "3", "4"]


def test_people_are_told_when_nothing_is_left(library):
    answer = kmusic("recommend", library(**LIBRARY), *LIBRARY["path"])
    assert (answer.code, answer.out) == (0, "no track is left to recommend\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("{library}", "/0.wav", "nothing like it"), ("QUERY must be one track", "nothing like")),
        (("{library}", "0.wav"), ("QUERY must be one track", "/music/0.wav", "/music/90.wav")),
        (("{library}", "/new.wav"), ("QUERY must be one track", "/new.wav")),
        (("{nothing}", "/0.wav"), ("QUERY must be one track", "found []")),
        (("{embeddings}", "{bad}", "--run", "{run}"), ("QUERY must be one readable", "empty")),
        (("{embeddings}", "{two}", "{bad}", "--run", "{run}"), ("must be one readable", "empty")),
        (("{embeddings}", "{two}", "--run", "{run}"), ("QUERY must be one readable", "low 0")),
    ],
    ids=["unknown", "several", "no run", "no tracks", "bad file", "folder and bad file", "folder"],
)
def test_wrong_use_is_one_line(library, embeddings, run, collection, words, expected):
    known = {
        "embeddings": embeddings[0],
        "run": run,
        "bad": collection.root / "high" / "spoiled" / "empty.wav",
        "two": collection.root / "low" / "low 0",
    }
    known["nothing"] = shutil.copy(library(path=[]), embeddings[0].with_name("nothing.npz"))
    known["library"] = library(**LIBRARY)
    words = [word.format(**known) for word in words]
    assert_one_line(kmusic("recommend", *words), *expected)
