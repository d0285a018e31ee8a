import numpy as np
import pytest

from kmusic.evaluation.embeddings import read_embeddings
from tests.cli.commands import assert_named, assert_one_line, kmusic
from tests.recordings import spoil


def test_bad_files_are_named_and_the_rest_embedded(embeddings, collection):
    file, answer = embeddings
    assert answer.code == 1
    assert_named(answer.json["problems"], collection.bad)
    assert answer.json["shape"] == [collection.good, 8]
    paths = [path.split("/")[-1] for path in read_embeddings(file).tracks["path"]]
    assert set(collection.odd) <= set(paths)
    assert np.isfinite(read_embeddings(file).vectors).all()


def test_segments_stand_beside(embeddings):
    file, _ = embeddings
    with np.load(file.with_suffix(".segments.npz")) as arrays:
        assert set(arrays["track"]) == set(range(18))
        assert len(arrays["vectors"]) == len(arrays["start"]) > 18


def test_a_table_a_file_and_a_folder_give_each_track_once(run, collection, clean, tmp_path):
    folder = collection.root / "low" / "low 0"
    answer = kmusic("embed", run, clean, folder, folder / "0.wav", "--out", tmp_path / "e.npz")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == f"{tmp_path}/e.npz: 18 tracks x 8 numbers\n"


def test_a_path_that_is_missing_is_named_and_the_rest_embedded(run, collection, tmp_path):
    good = collection.root / "low" / "low 0"
    answer = kmusic("embed", run, "gone.wav", good, "--out", tmp_path / "e.npz", "--json")
    assert answer.code == 1
    assert answer.json["problems"] == {"gone.wav": "no such file or folder"}
    assert answer.json["shape"] == [2, 8]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nowhere", "{good}"), ("RUN must be a folder", "nowhere")),
        (("{run}", "gone.wav"), ("PATHS must name at least one track", "gone.wav")),
        (("{run}", "{good}", "--out", "e.csv"), ("--out must end in .npz", "e.csv")),
        (("{run}", "{bad}"), ("a track must be readable; got 6", "blink.wav", "too short")),
    ],
    ids=["run", "paths", "out", "bad"],
)
def test_wrong_use_is_one_line(run, collection, tmp_path, monkeypatch, words, expected):
    spoil(tmp_path / "bad")
    monkeypatch.chdir(tmp_path)
    known = {"run": run, "good": collection.root / "low" / "low 0", "bad": tmp_path / "bad"}
    assert_one_line(kmusic("embed", *(word.format(**known) for word in words)), *expected)
    assert [path.name for path in tmp_path.iterdir()] == ["bad"]
