import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from kmusic.datasets.table import read_tracks
from tests.cli.commands import assert_named, assert_one_line, kmusic


def test_every_bad_file_is_found_and_the_rest_written(collection, tmp_path):
    answer = kmusic("check", collection.table, "--out", tmp_path / "clean.csv", "--json")
    found = {row["path"]: f"{row['finding']}: {row['detail']}" for row in answer.json["findings"]}
    assert answer.code == 1
    assert_named(found, collection.bad)
    assert answer.json["clean"] == len(read_tracks(tmp_path / "clean.csv")) == collection.good


def test_the_same_sound_twice_is_found(collection, tmp_path):
    shutil.copy(collection.root / "low" / "low 0" / "0.wav", tmp_path / "first.wav")
    shutil.copy(tmp_path / "first.wav", tmp_path / "second.wav")
    pd.DataFrame({"path": ["first.wav", "second.wav"]}).to_csv(tmp_path / "t.csv", index=False)
    answer = kmusic("check", tmp_path / "t.csv", "--json")
    (finding,) = answer.json["findings"]
    assert finding["finding"] == "duplicate"
    assert finding["path"].endswith("second.wav")
    assert finding["detail"].endswith("first.wav")


def test_one_silent_clip_of_a_file_is_found_alone(tmp_path):
    sf.write(tmp_path / "a.wav", np.repeat([0.5, 0.0, 0.5], 800), 800)
    (tmp_path / "t.csv").write_text("path,start,duration\na.wav,0,1\na.wav,1,1\na.wav,2,1\n")
    answer = kmusic("check", tmp_path / "t.csv", "--out", tmp_path / "clean.csv", "--json")
    assert [row["path"] for row in answer.json["findings"]] == [str(tmp_path / "a.wav@1")]
    assert answer.json["clean"] == 2
    assert read_tracks(tmp_path / "clean.csv")["start"].tolist() == [0.0, 2.0]


def test_people_read_a_table(collection, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    answer = kmusic("check", collection.table)
    lines = answer.out.splitlines()
    assert_named({line.split("│")[2].strip(): line for line in lines[4:10]}, collection.bad)
    assert lines[-1] == "24 tracks, 18 clean"


def test_a_clean_table_ends_well(clean):
    answer = kmusic("check", clean)
    assert (answer.code, answer.out, answer.err) == (0, "18 tracks, 18 clean\n", "")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, ("The track table must exist",)),
        ("label,split\nlow,train\n", ("must have a column 'path'", "label")),
        ("", ("must be a CSV table",)),
        (b"\xff\xfe\x00\x00audio", ("must be a CSV table in UTF-8",)),
    ],
    ids=["none", "without paths", "empty", "not text"],
)
def test_a_wrong_table_is_one_line(tmp_path, content, expected):
    if content is not None:
        (tmp_path / "t.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    assert_one_line(kmusic("check", tmp_path / "t.csv"), "t.csv", *expected)


def test_every_broken_row_is_named_with_its_line_and_rule(tmp_path):
    (tmp_path / "t.csv").write_text("path,split\ngone.wav,train\nlost.wav,exam\n")
    answer = kmusic("check", tmp_path / "t.csv")
    assert (answer.code, answer.out) == (2, "")
    lines = answer.err.splitlines()
    assert lines[0] == f"kmusic: {tmp_path}/t.csv breaks 3 rule(s):"
    assert [line.split(";")[0] for line in lines[1:]] == [
        "  line 2: file must exist",
        "  line 3: file must exist",
        "  line 3: split must be one of train, validation, test",
    ]
