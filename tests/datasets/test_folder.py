import os
from pathlib import Path

import pytest

from kmusic.datasets.folder import audio_files, folder_tracks
from kmusic.datasets.table import checked


@pytest.fixture
def make(tmp_path):
    def touch(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return touch


def test_folders_name_label_artist_and_album(make):
    root = make("jazz/Monk/Solo/x.flac", "rock/Queen/II/y.mp3")
    tracks = folder_tracks(root)
    assert tracks.to_dict("list") == {
        "path": [str(root / "jazz/Monk/Solo/x.flac"), str(root / "rock/Queen/II/y.mp3")],
        "label": ["jazz", "rock"],
        "artist": ["Monk", "Queen"],
        "album": ["Solo", "II"],
    }


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("x.wav", ["path"]),
        ("jazz/x.wav", ["path", "label"]),
        ("jazz/Monk/x.wav", ["path", "label", "artist"]),
        ("jazz/Monk/Solo/CD 1/x.wav", ["path", "label", "artist", "album"]),
    ],
)
def test_a_level_that_no_folder_has_gives_no_column(make, name, columns):
    assert list(folder_tracks(make(name))) == columns


def test_a_file_without_an_artist_is_a_group_by_itself(make):
    root = make("jazz/Monk/x.wav", "jazz/y.wav")
    groups = checked(folder_tracks(root))["group"].tolist()
    assert groups == ["Monk", str(root / "jazz/y.wav")]


def test_a_file_beside_the_label_folders_is_refused(make):
    root = make("jazz/x.wav", "stray.wav")
    with pytest.raises(ValueError, match=r"in its label's folder, or none; got .*stray\.wav"):
        folder_tracks(root)


def test_only_sound_that_is_not_hidden_is_listed(make):
    root = make("a.wav", "b.FLAC", "cover.jpg", "notes.txt", ".c.wav", ".trash/d.wav", "e.wav.part")
    assert [path.name for path in audio_files(root)] == ["a.wav", "b.FLAC"]


def test_names_in_any_script_are_listed(make):
    root = make("песни/Ёлка/Подмосковные вечера.ogg", "歌/周/月亮.mp3")
    assert set(folder_tracks(root)["label"]) == {"песни", "歌"}


def test_the_order_does_not_depend_on_the_order_of_writing(make):
    root = make("b/2.wav", "a/1.wav", "b/1.wav", "a/2.wav")
    found = [path.relative_to(root).as_posix() for path in audio_files(root)]
    assert found == ["a/1.wav", "a/2.wav", "b/1.wav", "b/2.wav"]


def test_paths_are_absolute_wherever_one_stands(make, monkeypatch):
    monkeypatch.chdir(make("jazz/x.wav"))
    (path,) = folder_tracks("jazz")["path"]
    assert Path(path).is_absolute()


def test_a_folder_without_sound_is_refused_with_the_endings_that_would_do(make):
    with pytest.raises(ValueError, match=r"files ending in \.aif, .*\.wav; got none in"):
        folder_tracks(make("notes.txt"))


@pytest.mark.parametrize("name", ["none", "x.wav"])
def test_what_is_no_folder_is_refused(make, name):
    with pytest.raises(FileNotFoundError, match="must be a folder; got"):
        folder_tracks(make("x.wav") / name)


def test_a_name_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.wav")).write_bytes(b"-")
    with pytest.raises(ValueError, match=r"file names must be UTF-8; got '.*caf\\udce9\.wav'"):
        audio_files(tmp_path)
