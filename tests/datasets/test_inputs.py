import pandas as pd
import pytest

from kmusic.datasets.inputs import input_tracks
from kmusic.datasets.table import TrackTableError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "music").mkdir()
    for name in ("a.wav", "b.flac", "notes.txt"):
        (tmp_path / "music" / name).touch()
    (tmp_path / "tracks.csv").write_text("path,label,start\nmusic/a.wav,x,\nmusic/b.flac,y,1.5\n")
    return tmp_path


def names(paths):
    """Give the file names of the tracks behind paths, and the problems."""
    tracks, problems = input_tracks([str(path) for path in paths])
    return [path.rsplit("/")[-1] for path in tracks["path"]], problems


def test_a_file_is_a_track_whatever_it_is_called(folder):
    assert names([folder / "music" / "notes.txt"]) == (["notes.txt"], {})


def test_a_folder_is_the_audio_files_below_it(folder):
    assert names([folder]) == (["a.wav", "b.flac"], {})


def test_a_table_is_its_rows_with_what_it_says_of_them(folder):
    tracks, _ = input_tracks([str(folder / "tracks.csv")])
    assert tracks["label"].tolist() == ["x", "y"]
    assert tracks["start"].fillna(0).tolist() == [0, 1.5]


def test_a_song_of_the_studio_is_a_track():
    assert input_tracks(["studio:0/waltz/0/0"])[0]["path"].tolist() == ["studio:0/waltz/0/0"]


def test_paths_are_absolute_wherever_one_stands(folder, monkeypatch):
    monkeypatch.chdir(folder)
    tracks, _ = input_tracks(["music/a.wav", "music"])
    assert tracks["path"].tolist() == [str(folder / "music" / n) for n in ("a.wav", "b.flac")]


def test_what_is_named_twice_is_there_once(folder):
    music = folder / "music"
    assert names([music, music / "a.wav", folder / "tracks.csv", music])[0] == [
        "a.wav",
        "b.flac",
        "b.flac",  # from 1.5 s on, as the table says
    ]


def test_paths_that_give_nothing_are_told_and_the_others_are_used(folder):
    (folder / "empty").mkdir()
    wrong = [folder / "none.wav", folder / "none.csv", folder / "empty"]
    found, problems = names([*wrong, folder / "music" / "a.wav"])
    assert found == ["a.wav"]
    assert list(problems) == [str(path) for path in wrong]
    assert problems[str(wrong[0])] == problems[str(wrong[1])] == "no such file or folder"
    assert "got none in" in problems[str(wrong[2])]


@pytest.mark.parametrize("paths", [[], ["none.wav"]])
def test_no_track_at_all_is_refused(paths):
    with pytest.raises(ValueError, match="PATHS must name at least one track"):
        input_tracks(paths)


def test_a_table_that_breaks_rules_is_refused(folder):
    (folder / "tracks.csv").write_text("path\nnone.wav\n")
    with pytest.raises(TrackTableError, match="line 2: file must exist"):
        input_tracks([str(folder / "tracks.csv"), str(folder / "music")])


def test_rows_are_numbered_from_0(folder):
    tracks, _ = input_tracks([str(folder / "music"), str(folder / "tracks.csv")])
    assert tracks.index.equals(pd.RangeIndex(3))
