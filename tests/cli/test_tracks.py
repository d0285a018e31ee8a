import pandas as pd
import pytest

from kmusic.datasets.table import read_tracks
from tests.cli.commands import assert_named, assert_one_line, kmusic
from tests.recordings import spoil


@pytest.fixture(scope="module")
def written(collection, tmp_path_factory):
    out = tmp_path_factory.mktemp("tables") / "tracks.csv"
    answer = kmusic("tracks", "folder", collection.root, "--out", out, "--folds", 2, "--json")
    return out, answer


def test_bad_files_are_named_and_the_others_written(collection, written):
    out, answer = written
    assert answer.code == 1
    assert_named(answer.json["problems"], collection.bad)
    assert len(read_tracks(out)) == answer.json["tracks"] == collection.good


def test_odd_files_are_kept(collection, written):
    names = [path.split("/")[-1] for path in read_tracks(written[0])["path"]]
    assert set(collection.odd) <= set(names)


def test_folders_name_label_and_artist(written):
    table = read_tracks(written[0])
    folders = table["path"].str.split("/").str[-3:-1].str.join("/")
    assert folders.tolist() == (table["label"] + "/" + table["artist"]).tolist()


def test_every_bad_file_has_its_line(collection, tmp_path):
    answer = kmusic("tracks", "folder", collection.root, "--out", tmp_path / "t.csv")
    lines = answer.err.splitlines()
    assert lines[0] == "6 input(s) could not be used:"
    assert_named(dict(line.strip().split(": ", 1) for line in lines[1:]), collection.bad)


def test_headers_alone_find_what_headers_tell(collection, tmp_path):
    answer = kmusic(
        "tracks", "folder", collection.root, "--out", tmp_path / "t.csv", "--quick", "--json"
    )
    names = {path.split("/")[-1] for path in answer.json["problems"]}
    assert {"empty.wav", "text.mp3", "blink.wav"} <= names
    assert "silent.wav" not in names


def test_groups_stay_on_one_side_and_in_one_fold(written):
    sides = pd.read_csv(written[0]).groupby("artist")[["split", "fold"]].nunique()
    assert (sides == 1).all(axis=None)


def test_good_files_alone_end_well(collection, tmp_path):
    answer = kmusic("tracks", "folder", collection.root / "low", "--out", tmp_path / "t.csv")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"{tmp_path}/t.csv: 10 tracks, 10 groups, ")


def test_a_studio_of_addresses_writes_no_audio(tmp_path):
    out = tmp_path / "t.csv"
    words = ("--size", 16, "--stream", "--out", out)
    answer = kmusic("tracks", "studio", tmp_path / "music", *words)
    assert answer.code == 0
    assert list(tmp_path.iterdir()) == [out]
    assert len(read_tracks(out)) == 16


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("shelf", "."), ("SOURCE", "folder", "'shelf'")),
        (("folder", "nowhere"), ("ROOT must be a folder", "nowhere")),
        (("folder", "."), ("ROOT must hold files", ".flac")),
        (("folder", "{root}", "--by", "mood"), ("--by", "'mood'")),
        (("folder", "{root}", "--folds", "99"), ("99 parts",)),
    ],
    ids=["source", "no folder", "no audio", "by", "folds"],
)
def test_wrong_use_is_one_line(collection, tmp_path, monkeypatch, words, expected):
    monkeypatch.chdir(tmp_path)
    good = collection.root / "low"
    answer = kmusic("tracks", *(word.format(root=good) for word in words))
    assert_one_line(answer, *expected)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_bad_files_alone_is_refused(tmp_path):
    spoil(tmp_path / "bad")
    answer = kmusic("tracks", "folder", tmp_path / "bad", "--out", tmp_path / "t.csv")
    assert answer.code == 2
    assert answer.err.splitlines()[-1].startswith("kmusic: no file below")
    assert not (tmp_path / "t.csv").exists()
