import os
import subprocess
import sys

import pandas as pd
import pytest

from kmusic.datasets.table import (
    TrackTableError,
    absent_files,
    checked,
    read_tracks,
    write_tracks,
)

SONG = "Подмосковные вечера.flac"


@pytest.fixture
def folder(tmp_path):
    for name in ("a.wav", "b.wav", "c.wav", SONG):
        (tmp_path / name).write_bytes(b"only its place counts")
    return tmp_path


def read(folder, text, encoding="utf-8"):
    path = folder / "tracks.csv"
    path.write_bytes(text.encode(encoding))
    return read_tracks(path)


def complaints(folder, text):
    """Give the lines of the error after its headline."""
    with pytest.raises(TrackTableError) as caught:
        read(folder, text)
    return str(caught.value).split("\n")[1:]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("path\na.wav\nnone.wav\n", "line 3: file must exist; got '{folder}/none.wav'"),
        ("path\n.\n", "line 2: file must exist; got '{folder}'"),
        ("path,label\na.wav,x\n,y\n", "line 3: path must not be empty; got nan"),
        (
            "path,label\na.wav,x\nb.wav,\n",
            "line 3: label must not be empty; got '{folder}/b.wav'",
        ),
        (
            "path,label\na.wav,x\nb.wav, \n",
            "line 3: label must not be empty; got '{folder}/b.wav'",
        ),
        (
            "path\na.wav\n./a.wav\n",
            "line 3: row must not repeat an earlier one; got '{folder}/a.wav'",
        ),
        (
            "path,start,duration\na.wav,1,2\na.wav,1.0,2.0\n",
            "line 3: row must not repeat an earlier one; got '{folder}/a.wav'",
        ),
        (
            "path,split\na.wav,train\nb.wav,dev\n",
            "line 3: split must be one of train, validation, test; got 'dev'",
        ),
        (
            "path,split\na.wav,train\nb.wav,\n",
            "line 3: split must be one of train, validation, test; got nan",
        ),
        ("path,fold\na.wav,1.5\n", "line 2: fold must be a whole number, 0 or more; got '1.5'"),
        ("path,fold\na.wav,-1\n", "line 2: fold must be a whole number, 0 or more; got '-1'"),
        ("path,fold\na.wav,two\n", "line 2: fold must be a whole number, 0 or more; got 'two'"),
        (
            "path,fold\na.wav,1e300\n",
            "line 2: fold must be a whole number, 0 or more; got '1e300'",
        ),
        (
            "path,start\na.wav,-0.5\n",
            "line 2: start must be a number of seconds, 0 or more; got '-0.5'",
        ),
        (
            "path,start\na.wav,inf\n",
            "line 2: start must be a number of seconds, 0 or more; got 'inf'",
        ),
        (
            "path,duration\na.wav,0\n",
            "line 2: duration must be a number of seconds above 0; got '0'",
        ),
        (
            "path,duration\na.wav,nan\n",
            "line 2: duration must be a number of seconds above 0; got 'nan'",
        ),
    ],
)
def test_a_broken_rule_is_told_with_line_rule_and_value(folder, text, line):
    assert complaints(folder, text) == ["  " + line.format(folder=folder)]


@pytest.mark.parametrize("side", ["split", "fold"])
def test_both_rows_of_a_group_on_two_sides_are_named(folder, side):
    one, other = {"split": ("train", "test"), "fold": (1, 2)}[side]
    text = f"path,artist,{side}\na.wav,Ada,{one}\nb.wav,Bea,{one}\nc.wav,Ada,{other}\n"
    rule = f"a group must lie in one {side}; got 'Ada'"
    assert complaints(folder, text) == [f"  line 2: {rule}", f"  line 4: {rule}"]


def test_all_problems_are_told_at_once(folder):
    text = (
        "path,label,split,fold,start\na.wav,,dev,x,-1\nnone.wav,y,train,1,0\na.wav,z,train,1,-1\n"
    )
    told = complaints(folder, text)
    rules = ["fold must", "start must", "file must exist", "label must", "split must"]
    assert [any(rule in line for line in told) for rule in rules] == [True] * 5


def test_a_rule_broken_everywhere_is_told_twenty_times_and_counted(folder):
    told = complaints(folder, "path\n" + "".join(f"{i}.wav\n" for i in range(50)))
    assert len(told) == 21
    assert told[-1] == "  and 30 more rows: file must exist"


def test_blank_lines_do_not_shift_the_lines_that_are_named(folder):
    (line,) = complaints(folder, "path,label\n\na.wav,x\n,\n\nb.wav,\n")
    assert line.startswith("  line 6: label")


def test_blank_lines_are_no_rows(folder):
    tracks = read(folder, "path,label\n\na.wav,x\n,\n\nb.wav,y\n\n")
    assert tracks["label"].tolist() == ["x", "y"]
    assert tracks.index.tolist() == [0, 1]


@pytest.mark.parametrize("text", ["path,label\na.wav,x,1\n", "path\na.wav\nb.wav,2\n"])
def test_a_row_longer_than_the_header_is_refused_in_one_line(folder, text):
    with pytest.raises(TrackTableError, match=r"must be a CSV table") as caught:
        read(folder, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("label\nx\n", "['label']"),
        ("Path\na.wav\n", "['Path']"),
        ("path;label\na.wav;x\n", "['path;label']"),
        ("path,label\n", "[]"),
    ],
)
def test_a_table_without_paths_is_refused_with_its_columns(folder, text, got):
    with pytest.raises(TrackTableError, match="must have a column 'path'") as caught:
        read(folder, text)
    assert got in str(caught.value)


@pytest.mark.parametrize("contents", [b"", "path\né.wav\n".encode("latin-1"), b"\xff\xfe\x00p"])
def test_what_is_no_table_in_utf_8_is_refused(tmp_path, contents):
    (tmp_path / "t.csv").write_bytes(contents)
    with pytest.raises(TrackTableError, match=r"t\.csv must be a CSV table in UTF-8"):
        read_tracks(tmp_path / "t.csv")


def test_a_table_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"must exist; got .*t\.csv"):
        read_tracks(tmp_path / "t.csv")


def test_files_need_not_be_there_where_only_their_names_are_asked(folder):
    (folder / "t.csv").write_text("path,split\na.wav,train\nnone.wav,test\n")
    tracks = read_tracks(folder / "t.csv", must_exist=False)
    assert tracks["path"].tolist() == [str(folder / "a.wav"), str(folder / "none.wav")]
    pd.testing.assert_frame_equal(checked(tracks, must_exist=False), tracks)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("path,split\nnone.wav,dev\n", "line 2: split must be one of"),
        ("path,label\nnone.wav,\n,x\n", "line 3: path must not be empty"),
        ("path\nnone.wav\nnone.wav\n", "line 3: row must not repeat"),
        ("label\nx\n", "must have a column 'path'"),
        ("label,split\n", "must have a column 'path'"),
    ],
)
def test_where_only_names_are_asked_the_other_rules_hold(folder, text, rule):
    (folder / "t.csv").write_text(text)
    with pytest.raises(TrackTableError, match=rule):
        read_tracks(folder / "t.csv", must_exist=False)


def test_a_table_of_no_track_is_read_only_where_names_are_asked(folder):
    write_tracks(pd.DataFrame(columns=["path", "split"]), folder / "t.csv")
    tracks = read_tracks(folder / "t.csv", must_exist=False)
    assert tracks.empty
    assert tracks.columns.tolist() == ["path", "split", "group"]
    assert tracks["path"].str.endswith(".wav").tolist() == []  # they are text
    with pytest.raises(TrackTableError, match="with at least one row"):
        read_tracks(folder / "t.csv")


def test_only_files_can_be_absent(folder):
    paths = pd.Series([str(folder / "a.wav"), str(folder / "none.wav"), "studio:0/waltz/0/0", None])
    assert absent_files(paths).tolist() == [False, True, False, False]
    assert absent_files(paths[:0]).dtype == bool


def test_a_group_is_the_own_one_else_artist_else_album_else_path(folder):
    text = "path,group,artist,album\na.wav,G,Ar,Al\nb.wav,,Ar,Al\nc.wav,,,Al\n"
    assert read(folder, text)["group"].tolist() == ["G", "Ar", "Al"]
    assert read(folder, "path\na.wav\n")["group"].tolist() == [str(folder / "a.wav")]


def test_unknown_columns_are_carried(folder):
    tracks = read(folder, "path,mood,bpm\na.wav,sad,120\nb.wav,,90\n")
    assert tracks["mood"].fillna("-").tolist() == ["sad", "-"]
    assert tracks["bpm"].tolist() == ["120", "90"]


@pytest.mark.parametrize("name", ["NA", "None", "nan", "null", "1", "007", "1.0", "True", " x"])
def test_a_label_stays_the_text_it_is(folder, name):
    tracks = read(folder, f"path,label,artist\na.wav,{name},{name}\n")
    assert tracks[["label", "artist", "group"]].to_numpy().tolist() == [[name] * 3]


def test_numbers_are_numbers_and_blanks_are_missing(folder):
    tracks = read(folder, "path,fold,start,duration\na.wav,2,0.5,1\nb.wav,,,\n")
    assert [tracks[name][0] for name in ("fold", "start", "duration")] == [2, 0.5, 1.0]
    assert tracks.loc[1, ["fold", "start", "duration"]].isna().all()


def test_paths_are_taken_from_the_table_s_folder(folder, monkeypatch):
    (folder / "tables").mkdir()
    text = f"path\n../a.wav\n{folder}/b.wav\n"
    monkeypatch.chdir(folder / "tables")
    (folder / "tables" / "t.csv").write_text(text)
    assert read_tracks("t.csv")["path"].tolist() == [str(folder / "a.wav"), str(folder / "b.wav")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_names_in_any_script_are_read_with_and_without_a_byte_order_mark(folder, encoding):
    tracks = read(folder, f"path,label\r\n{SONG},песня\r\n", encoding)
    assert tracks["label"].tolist() == ["песня"]


def test_parts_of_one_file_are_rows_of_their_own(folder):
    tracks = read(folder, "path,start,duration\na.wav,0,5\na.wav,5,5\na.wav,,\n")
    assert len(tracks) == 3


def test_a_studio_path_is_no_file_and_stays_as_it_is(folder):
    assert read(folder, "path\nstudio:0/waltz/0/0\n")["path"].tolist() == ["studio:0/waltz/0/0"]


def test_what_is_written_is_read_again(folder):
    text = (
        "path,label,artist,tags,split,fold,start,duration,note\n"
        "a.wav,NA,Ä,rock;pop,train,1,0.1,0.25,\n"
        'b.wav,"x, ""y""",,slow,test,2,,1,7\n'
        f"{SONG},1,Ó,,validation,,3,,\n"
    )
    tracks = read(folder, text)
    write_tracks(tracks, folder / "copy.csv")
    pd.testing.assert_frame_equal(read_tracks(folder / "copy.csv"), tracks)


def test_paths_below_the_table_are_written_relative_to_it(folder):
    (folder / "tables").mkdir()
    tracks = pd.DataFrame({"path": [str(folder / "a.wav"), "studio:0/waltz/0/0"]})
    write_tracks(tracks, folder / "t.csv")
    write_tracks(tracks, folder / "tables" / "t.csv")
    assert pd.read_csv(folder / "t.csv")["path"].tolist() == ["a.wav", "studio:0/waltz/0/0"]
    below = pd.read_csv(folder / "tables" / "t.csv")["path"].tolist()
    assert below == [str(folder / "a.wav"), "studio:0/waltz/0/0"]


def test_a_folder_can_be_moved_with_its_table(folder, tmp_path_factory):
    write_tracks(read(folder, "path,label\na.wav,x\n"), folder / "t.csv")
    moved = tmp_path_factory.mktemp("elsewhere") / "music"
    folder.rename(moved)
    assert read_tracks(moved / "t.csv")["path"].tolist() == [str(moved / "a.wav")]


def test_checking_leaves_the_given_rows_alone(folder):
    rows = pd.DataFrame({"path": [str(folder / "a.wav")], "fold": ["1"]})
    before = rows.copy()
    checked(rows)
    pd.testing.assert_frame_equal(rows, before)


def test_rows_are_numbered_from_0_whatever_was_left_out(folder):
    rows = pd.DataFrame({"path": [str(folder / name) for name in ("a.wav", "b.wav", "c.wav")]})
    assert checked(rows[1:]).index.tolist() == [0, 1]


def test_parquet_without_its_library_fails_in_one_line(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    tracks = read(folder, "path\na.wav\n")
    (folder / "old.parquet").touch()
    with pytest.raises(
        TrackTableError, match=r"a Parquet table needs `pip install pyarrow`; got .*old"
    ):
        read_tracks(folder / "old.parquet")
    with pytest.raises(
        TrackTableError, match=r"a Parquet table needs `pip install pyarrow`; got .*new"
    ):
        write_tracks(tracks, folder / "new.parquet")
    assert not list(folder.glob("*new*"))


def test_parquet_holds_what_csv_holds(folder):
    pytest.importorskip("pyarrow")
    tracks = read(folder, "path,label,fold,start,tags\na.wav,NA,1,0.5,\nb.wav,1,,,rock\n")
    write_tracks(tracks, folder / "t.parquet")
    again = read_tracks(folder / "t.parquet")
    assert again.astype(object).where(again.notna(), None).to_dict("list") == (
        tracks.astype(object).where(tracks.notna(), None).to_dict("list")
    )


def test_a_damaged_parquet_is_named(folder):
    pytest.importorskip("pyarrow")
    (folder / "t.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(TrackTableError, match=r"t\.parquet must be a Parquet table"):
        read_tracks(folder / "t.parquet")


def test_reading_tables_needs_no_tensorflow():
    rooms = "table, splits, folder, sources, inputs, check, reading, targets"
    code = f"import sys; from kmusic.datasets import {rooms}; print('tensorflow' in sys.modules)"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "False"


@pytest.mark.parametrize("name", ["esc10", "instruments10", "composers6", "recordings"])
def test_the_tables_of_real_clips_are_read(shared, name):
    path = shared / "audio" / f"{name}.csv"
    n_lines = len(path.read_text(encoding="utf-8").splitlines())
    tracks = read_tracks(path)
    assert len(tracks) == n_lines - 1
    assert all(map(os.path.isabs, tracks["path"]))
