import os
import pickle
import shutil
import sqlite3
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kmusic.datasets import msd
from kmusic.datasets.msd import TAGS, msd_tracks
from kmusic.datasets.reading import Problems
from kmusic.datasets.table import checked, read_tracks, write_tracks
from tests import msd_sets as sets
from tests.msd_sets import artist_lines, preview, song_id, write_artists, write_previews

TRACKS = (
    ("TRA", 3_974_574, "AR1", "Ada"),
    ("TRB", 41, "AR2", None),
    ("TRC", 5, "AR1", "Ada feat. Bob"),
    ("TRD", 6_007, "AR3", "Ada"),
    ("TRE", -1, "AR4", "Eve"),
)
WEIGHED = (
    ("TRA", "rock", 100),
    ("TRA", "00s", 51),
    ("TRA", "jazz", 50),
    ("TRA", "favorites", 100),
    ("TRB", "Hip-Hop", 100),
    ("TRC", "rock", 99.5),
    ("TRD", "soul", 100),
    ("TRD", "sad", 60),
    ("TRE", "sad", 100),
)
TAGGED_IDS = [5, 41, 6_007, 3_974_574]


@pytest.fixture
def artists(tmp_path):
    """Folder of a list of artists 7, 3 and 5, with all their songs."""
    write_artists(tmp_path)
    write_previews(tmp_path, [line.split("/")[0] for line in artist_lines()])
    return tmp_path


@pytest.fixture
def tagged(tmp_path):
    """Folder of the two databases, with the previews of four tracks."""
    sets.write_tags(tmp_path, WEIGHED)
    sets.write_metadata(tmp_path, TRACKS)
    write_previews(tmp_path, map(str, TAGGED_IDS))
    return tmp_path


def ids(tracks):
    return [int(Path(path).name.split(".")[0]) for path in tracks["path"]]


def told(subset, root):
    problems = Problems()
    msd_tracks(subset, root, problems)
    return problems.as_dict()


def test_the_first_artists_are_those_that_the_list_names_first(artists):
    assert msd_tracks("2", artists)["artist"].unique().tolist() == ["7", "3"]


def test_a_row_is_a_song_of_an_artist(artists):
    assert msd_tracks("3", artists).iloc[20].to_dict() == {
        "path": str(artists / "3/0/3001.clip.mp3"),
        "artist": "3",
        "group": "3001",
        "split": "train",
    }


@pytest.mark.parametrize(
    ("n_artists", "sizes"), [(9_999, (15, 3, 2)), (10_000, (17, 1, 2)), (10_001, (17, 1, 2))]
)
def test_more_songs_are_to_train_on_from_10_000_artists_on(tmp_path, n_artists, sizes):
    others = [f"{20_000 + n}/{n}/1" for n in range(2, n_artists + 1)]
    write_artists(tmp_path, artist_lines([1]) + others)
    write_previews(tmp_path, [song_id(1, song) for song in range(1, 21)])
    tracks = msd_tracks(str(n_artists), tmp_path)
    sides = np.repeat(["train", "validation", "test"], sizes)
    assert dict(zip(ids(tracks), tracks["split"], strict=True)) == dict(
        zip(range(1_001, 1_021), sides, strict=True)
    )


def test_an_artist_on_all_sides_makes_a_track_table(artists, tmp_path):
    write_tracks(msd_tracks("3", artists), tmp_path / "tracks.csv")
    sides = read_tracks(tmp_path / "tracks.csv").groupby("artist")["split"].nunique()
    assert sides.to_dict() == {"3": 3, "5": 3, "7": 3}


@pytest.mark.parametrize("name", ["3/0/3001.clip.mp3", "3/0/3001.mp3", "3001.clip.mp3", "3001.mp3"])
def test_a_preview_is_found_in_folders_or_without_them(artists, name):
    preview(artists, "3001").rename(artists / name)
    assert str(artists / name) in set(msd_tracks("2", artists)["path"])


def test_an_id_of_one_digit_has_one_folder(tagged):
    assert msd_tracks("tags", tagged)["path"][0] == str(tagged / "5/5.clip.mp3")


def test_a_preview_that_is_not_there_is_left_out_and_told(artists):
    preview(artists, "3004").unlink()
    assert told("2", artists) == {str(preview(artists, "3004")): "no such file"}
    tracks = msd_tracks("2", artists)
    assert ids(tracks)[20:24] == [3_001, 3_002, 3_003, 3_005]
    assert tracks.index.tolist() == list(range(39))


@pytest.mark.parametrize(("n_left", "kept"), [(0, ["7"]), (1, ["7"]), (2, ["7", "3"])])
def test_an_artist_needs_two_songs_to_train_on(artists, n_left, kept):
    for song in range(1 + n_left, 16):
        preview(artists, song_id(3, song)).unlink()
    assert msd_tracks("2", artists)["artist"].unique().tolist() == kept
    line = f"{n_left} songs to train on, at least 2 needed"
    assert told("2", artists).get("artist 3") == (None if "3" in kept else line)


def test_a_song_with_the_recording_of_an_earlier_one_is_left_out_and_told(artists):
    lines = [line.replace("3016/", "7001/") for line in artist_lines()]
    write_artists(artists, lines)
    assert ids(msd_tracks("2", artists)).count(7_001) == 1
    assert told("2", artists) == {"artist 3, song 16": "repeats the recording 7001"}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_list_is_read_from_a_pickle_of_any_protocol(artists, protocol):
    expected = msd_tracks("3", artists)
    path = artists / "msd-artist-list.pkl"
    path.write_bytes(pickle.dumps(artist_lines(), protocol=protocol))
    pd.testing.assert_frame_equal(msd_tracks("3", artists), expected)


def test_the_list_may_be_text(artists):
    expected = msd_tracks("3", artists)
    (artists / "msd-artist-list.pkl").unlink()
    text = "\ufeff" + "\r\n".join(artist_lines()) + "\r\n\r\n"
    (artists / "msd-artist-list.txt").write_text(text, encoding="utf-8")
    pd.testing.assert_frame_equal(msd_tracks("3", artists), expected)


def test_a_list_that_is_no_text_is_told(artists):
    (artists / "msd-artist-list.txt").write_bytes(b"\xff\xfe3\x00" * 100)
    with pytest.raises(ValueError, match=r"msd-artist-list\.txt must have lines .*; got line"):
        msd_tracks("2", artists)


class Trap:
    """What runs a command where it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_nothing_in_a_pickle_is_run(artists):
    lines = [*artist_lines(), Trap(f"touch {artists / 'run'}")]
    (artists / "msd-artist-list.pkl").write_bytes(pickle.dumps(lines))
    with pytest.raises(ValueError, match=r"msd-artist-list\.pkl must have lines .*; got line"):
        msd_tracks("2", artists)
    assert not (artists / "run").exists()


@pytest.mark.parametrize(
    ("line", "got"),
    [
        ("3001/3", "line '3001/3'"),
        ("3001/3/0", "line '3001/3/0'"),
        ("3001/3/21", "line '3001/3/21'"),
        ("3001/Ada/1", "line '3001/Ada/1'"),
        ("x3001/3/1", "line 'x3001/3/1'"),
        ("3001/3/1/train", "line '3001/3/1/train'"),
    ],
)
def test_a_line_that_is_no_song_is_told(artists, line, got):
    write_artists(artists, [*artist_lines(), line])
    with pytest.raises(ValueError, match=f"must have lines .*songs 1 to 20; got {got}."):
        msd_tracks("2", artists)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (pickle.dumps([]), "must have lines .*; got no line"),
        (pickle.dumps(artist_lines())[:-1], "must be a whole pickle of lines; got: "),
        (b"3001/3/1\n", "must be a whole pickle of lines; got: "),
        (b"", "must be a whole pickle of lines; got: "),
    ],
)
def test_what_is_no_list_is_refused_by_its_name(artists, content, told):
    (artists / "msd-artist-list.pkl").write_bytes(content)
    with pytest.raises(ValueError, match=rf"msd-artist-list\.pkl {told}") as caught:
        msd_tracks("2", artists)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("subset", "told"),
    [
        ("4", "be at most the 3 artists of the list; got 4"),
        ("0", "be a number of artists, tags, or tags:SONGS .*; got '0'"),
        ("-2", "got '-2'"),
        ("2.5", "got '2.5'"),
        ("artists", "got 'artists'"),
        ("tags:", "got 'tags:'"),
        ("tags:0", "got 'tags:0'"),
        ("2:3", "got '2:3'"),
    ],
)
def test_a_subset_that_there_is_not_is_refused(artists, subset, told):
    with pytest.raises(ValueError, match=rf"SUBSET in msd:SUBSET must .*{told}"):
        msd_tracks(subset, artists)


@pytest.mark.parametrize(
    ("name", "subset", "told"),
    [
        ("msd-artist-list.pkl", "2", r"msd-artist-list\.pkl of github.*msd-artist-list\.txt; got"),
        ("lastfm_tags.db", "tags", r"lastfm_tags\.db and .*; got no .*lastfm_tags"),
        ("track_metadata.db", "tags", r".* and track_metadata\.db; got no .*track_meta"),
    ],
)
@pytest.mark.usefixtures("artists")
def test_what_is_not_there_is_asked_for(tagged, name, subset, told):
    (tagged / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"ROOT must hold {told}"):
        msd_tracks(subset, tagged)


def test_a_root_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"ROOT must be a folder; got .*nowhere"):
        msd_tracks("tags", tmp_path / "nowhere")


@pytest.mark.usefixtures("artists")
@pytest.mark.parametrize("subset", ["2", "tags"])
def test_lists_without_any_preview_are_refused(tagged, subset):
    for place in tagged.iterdir():
        if place.is_dir():
            shutil.rmtree(place)
    with pytest.raises(ValueError, match=rf"previews of msd:{subset}, .* with none that can be"):
        msd_tracks(subset, tagged)


def test_a_row_is_a_song_with_its_tags(tagged):
    assert msd_tracks("tags", tagged).iloc[3].to_dict() == {
        "path": str(tagged / "3/9/3974574.clip.mp3"),
        "artist": "Ada [AR1]",
        "tags": "00s;rock",
    }


def test_songs_come_in_the_order_of_their_ids(tagged):
    assert ids(msd_tracks("tags", tagged)) == TAGGED_IDS


def test_an_artist_by_two_names_is_one_group_and_two_by_one_name_are_two(tagged):
    names = dict(zip(TAGGED_IDS, checked(msd_tracks("tags", tagged))["group"], strict=True))
    assert names[5] == names[3_974_574] != names[6_007]


def test_an_artist_without_a_name_goes_by_its_id(tagged):
    assert msd_tracks("tags", tagged)["artist"][1] == "[AR2]"


def test_tags_count_whose_weight_is_above_50_of_100(tagged):
    tags = ";".join(msd_tracks("tags", tagged)["tags"]).split(";")
    assert ("00s" in tags, "jazz" in tags) == (True, False)


def test_there_are_50_tags_and_none_holds_a_separator():
    assert len(set(TAGS)) == 50
    assert not any(sign in tag for tag in TAGS for sign in ",;")


def test_tables_of_any_size_agree_with_loops_over_them(tmp_path):
    rng = np.random.default_rng(0)
    names = [*TAGS, "favorites", "Rock", "seen live"]
    tracks = [(f"TR{n:03d}", int(rng.integers(-1, 90)), f"AR{n % 7}", "x") for n in range(120)]
    pairs = {(int(a), int(b)) for a, b in rng.integers((120, len(names)), size=(600, 2))}
    weighed = [(f"TR{t:03d}", names[tag], int(rng.integers(101))) for t, tag in sorted(pairs)]
    sets.write_tags(tmp_path, weighed)
    sets.write_metadata(tmp_path, tracks)
    write_previews(tmp_path, map(str, range(1, 90)))
    expected, artist = defaultdict(set), {}
    for track, id_, artist_id, _ in tracks:
        counted = {tag for t, tag, weight in weighed if t == track and weight > 50} & set(TAGS)
        if counted and id_ > 0:
            expected[id_] |= counted
            artist.setdefault(id_, f"x [{artist_id}]")
    found = msd_tracks("tags", tmp_path)
    tags = {id_: ";".join(sorted(names)) for id_, names in expected.items()}
    assert dict(zip(ids(found), found["tags"], strict=True)) == tags
    assert dict(zip(ids(found), found["artist"], strict=True)) == artist


def test_a_track_without_an_id_of_7digital_is_not_asked_for(tagged):
    assert told("tags", tagged) == {}


def test_a_preview_that_is_not_there_is_left_out_of_the_tagged_too(tagged):
    preview(tagged, "41").unlink()
    assert ids(msd_tracks("tags", tagged)) == [5, 6_007, 3_974_574]
    assert told("tags", tagged) == {str(preview(tagged, "41")): "no such file"}


def many(root, n_songs):
    sets.write_tags(root, [(f"TR{n}", "rock", 100) for n in range(n_songs)])
    sets.write_metadata(root, [(f"TR{n}", 100 + n, f"AR{n}", "x") for n in range(n_songs)])
    write_previews(root, (str(100 + n) for n in range(n_songs)))
    return root


def test_of_more_songs_some_of_all_are_drawn_and_always_the_same(tmp_path):
    drawn = ids(msd_tracks("tags:20", many(tmp_path, 60)))
    assert len(set(drawn)) == 20
    assert drawn == sorted(drawn) == ids(msd_tracks("tags:20", tmp_path))
    assert min(drawn) < 115 < 145 < max(drawn)


def test_songs_without_a_preview_are_not_drawn(tmp_path):
    many(tmp_path, 40)
    for id_ in range(100, 140, 2):
        preview(tmp_path, str(id_)).unlink()
    assert ids(msd_tracks("tags:20", tmp_path)) == list(range(101, 140, 2))


def test_fewer_songs_than_asked_for_are_all_taken(tagged):
    assert ids(msd_tracks("tags:5", tagged)) == TAGGED_IDS


def test_90_000_are_drawn_unless_another_number_is_asked_for(tagged, monkeypatch):
    assert msd.MOST_SONGS == 90_000
    monkeypatch.setattr(msd, "MOST_SONGS", 3)
    assert len(msd_tracks("tags", tagged)) == 3


def test_signs_that_mean_something_in_an_address_may_be_in_the_folder_s_name(tagged):
    odd = tagged.rename(tagged.parent / "50% of #1? yes")
    assert ids(msd_tracks("tags", odd)) == TAGGED_IDS


def test_databases_are_left_as_they_were(tagged):
    before = {path: path.stat().st_mtime_ns for path in tagged.iterdir()}
    msd_tracks("tags", tagged)
    assert {path: path.stat().st_mtime_ns for path in tagged.iterdir()} == before


def test_metadata_without_ids_of_7digital_are_refused(tagged):
    database = sqlite3.connect(tagged / "track_metadata.db")
    database.execute("ALTER TABLE songs RENAME COLUMN track_7digitalid TO artist_7digitalid")
    database.close()
    with pytest.raises(ValueError, match=r"songs, the last with track_7digitalid; got: no such"):
        msd_tracks("tags", tagged)


@pytest.mark.parametrize("name", ["lastfm_tags.db", "track_metadata.db"])
def test_what_is_no_database_is_refused(tagged, name):
    (tagged / name).write_bytes(b"not a database" * 100)
    with pytest.raises(ValueError, match=rf"{name} .*must have the tables .*; got: file is not a"):
        msd_tracks("tags", tagged)
