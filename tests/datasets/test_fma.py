from ast import literal_eval
from pathlib import Path

import pandas as pd
import pytest

from kmusic.datasets.fma import BROKEN, Genre, fma_tracks, read_genres
from kmusic.datasets.reading import Problems
from kmusic.datasets.table import TrackTableError, checked
from kmusic.datasets.targets import target_names
from tests.archives import FMA_SETS, write_fma

KNOWN = {98_565, 99_134}  # the broken clips of the small archive


@pytest.fixture(scope="module", params=FMA_SETS)
def archive(request, tmp_path_factory):
    """Folder of a set of each size; no test may change it."""
    return write_fma(tmp_path_factory.mktemp("fma"), request.param)


@pytest.fixture
def clips(tmp_path):
    return write_fma(tmp_path)


def ids(tracks):
    return [int(Path(path).stem) for path in tracks["path"]]


def published(clips):
    """Read the metadata as the archive's authors do, for the tracks that are given back."""
    rows = pd.read_csv(clips.parent / "fma_metadata" / "tracks.csv", index_col=0, header=[0, 1])
    return rows.loc[ids(fma_tracks(clips))]


def edit(clips, name, old, new):
    path = clips.parent / "fma_metadata" / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("subset", "expected"),
    [
        ("small", [140, 141, 1_482, 100_001]),
        ("medium", [140, 141, 1_482, 20_100, 100_001]),
        ("large", [140, 141, 1_482, 20_100, 70_000, 70_001, 100_001]),
        ("full", [140, 141, 1_482, 20_100, 70_000, 70_001, 98_565, 99_134, 100_001]),
    ],
)
def test_a_set_holds_those_before_it_and_only_whole_tracks_the_broken(tmp_path, subset, expected):
    assert ids(fma_tracks(write_fma(tmp_path, subset))) == expected


def test_a_row_says_what_the_metadata_say(clips):
    assert fma_tracks(clips).iloc[0].to_dict() == {
        "path": str(clips / "000" / "000140.mp3"),
        "label": "Pop",
        "tags": "Lo-Fi, Tape;Pop;Synth, Old / New",
        "artist": "Björk & Ærø [54]",
        "album": 'Ice, "Live", etc [61]',
        "title": "Hey, You",
        "licence": "BY",
        "split": "train",
    }


def test_tags_are_the_genres_that_the_archive_lists_with_their_ancestors(archive):
    titles = pd.read_csv(archive.parent / "fma_metadata" / "genres.csv", index_col=0)["title"]
    lists = published(archive)["track", "genres_all"].map(literal_eval)
    expected = [{titles[genre].replace(";", ",") for genre in genres} for genres in lists]
    tags = fma_tracks(archive)["tags"].fillna("")
    assert [set(filter(None, row.split(";"))) for row in tags] == expected


def test_the_split_is_the_official_one(archive):
    expected = published(archive)["set", "split"].replace({"training": "train"})
    assert fma_tracks(archive)["split"].tolist() == expected.tolist()


def test_each_genre_of_a_path_is_a_tag_of_its_own(clips):
    names = target_names(fma_tracks(clips), "tags")
    assert names == ("Hip-Hop", "Lo-Fi, Tape", "Pop", "Synth, Old / New")


def test_the_top_level_genre_is_a_label_only_where_every_track_has_one(archive):
    has_label = archive.name in ("fma_small", "fma_medium")
    tracks = fma_tracks(archive)
    assert ("label" in tracks, "genre_top" in tracks) == (has_label, not has_label)
    genres = published(archive)["track", "genre_top"].fillna("-").tolist()
    assert tracks["label" if has_label else "genre_top"].fillna("-").tolist() == genres


def test_every_set_is_a_track_table(archive):
    tracks = fma_tracks(archive)
    assert checked(tracks)["group"].tolist() == tracks["artist"].tolist()


def test_two_artists_of_one_name_are_two_groups(clips):
    artists = fma_tracks(clips)["artist"]
    assert artists[artists.str.startswith("Nina")].tolist() == ["Nina [55]", "Nina [56]"]


def test_what_the_archive_leaves_blank_is_missing_and_words_are_words(clips):
    tracks = fma_tracks(clips)
    assert [tracks[name].isna().tolist() for name in ("album", "title")] == (
        [[False, False, True, False]] * 2
    )
    assert tracks["title"][1] == "NA"


def test_an_album_without_a_title_goes_by_its_id(tmp_path):
    albums = fma_tracks(write_fma(tmp_path, "large"))["album"].tolist()
    assert albums[4:6] == ["Many [66]", "[67]"]


def test_a_track_without_genres_has_no_tags(clips):
    edit(clips, "tracks.csv", "[21],[21]", "[],[]")
    edit(clips, "tracks.csv", "[10],[10]", ",")
    assert fma_tracks(clips)["tags"].isna().tolist() == [False, False, True, True]


def test_an_artist_on_two_sides_is_refused_by_the_table(clips):
    edit(clips, "tracks.csv", ",56,Nina,", ",55,Nina,")
    with pytest.raises(TrackTableError, match=r"a group must lie in one split; got 'Nina \[55\]'"):
        checked(fma_tracks(clips))


def test_broken_clips_are_left_out_and_told(clips):
    problems = Problems()
    fma_tracks(clips, problems)
    told = {int(Path(path).stem): reason for path, reason in problems.as_dict().items()}
    assert told == {id_: BROKEN[id_] for id_ in KNOWN}


def test_a_file_that_was_not_downloaded_is_left_out_and_told(clips):
    path = clips / "001" / "001482.mp3"
    path.unlink()
    problems = Problems()
    assert ids(fma_tracks(clips, problems)) == [140, 141, 100_001]
    assert problems.as_dict()[str(path)] == "no such file"


def test_metadata_without_any_file_are_refused(clips):
    for path in clips.glob("*/*.mp3"):
        if int(path.stem) not in KNOWN:
            path.unlink()
    with pytest.raises(ValueError, match=r"NNN/NNNNNN\.mp3; got .*fma_small with none .* of 6"):
        fma_tracks(clips)


def test_the_folder_of_both_archives_and_metadata_within_are_found_too(clips, monkeypatch):
    expected = fma_tracks(clips)
    pd.testing.assert_frame_equal(fma_tracks(clips.parent), expected)
    monkeypatch.chdir(clips)
    pd.testing.assert_frame_equal(fma_tracks("."), expected)
    (clips.parent / "fma_metadata").rename(clips / "fma_metadata")
    pd.testing.assert_frame_equal(fma_tracks(clips), expected)


def test_a_folder_of_two_sets_is_refused(clips):
    (clips.parent / "fma_large").mkdir()
    with pytest.raises(ValueError, match=r"one of fma_small, .* got .* with fma_small, fma_large"):
        fma_tracks(clips.parent)


@pytest.mark.parametrize(
    ("place", "error", "told"),
    [
        ("fma_small/001", ValueError, r"must be, or hold, one of fma_small, .*; got .*001\."),
        ("nowhere", FileNotFoundError, "ROOT must be a folder; got .*nowhere"),
        ("fma_small/001/001482.mp3", FileNotFoundError, "ROOT must be a folder"),
    ],
)
def test_a_root_that_is_no_archive_is_refused(clips, place, error, told):
    with pytest.raises(error, match=told):
        fma_tracks(clips.parent / place)


@pytest.mark.parametrize("name", ["tracks.csv", "genres.csv"])
def test_metadata_that_are_not_there_are_asked_for(clips, name):
    (clips.parent / "fma_metadata" / name).unlink()
    with pytest.raises(FileNotFoundError, match=r"must lie in one of .*fma_small/fma_metadata, "):
        fma_tracks(clips)


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("tracks.csv", "genre_top", "genre", r"two rows with \[\('track', 'genre_top'\)\]"),
        ("tracks.csv", ",test,small", ",dev,small", "set split .*; got 'dev' for track 100001"),
        ("tracks.csv", ",test,small", ",,small", "set split .*; got nan for track 100001"),
        ("tracks.csv", ",test,small", ",test,tiny", "set subset .*; got 'tiny' for track 100001"),
        ("tracks.csv", "\n1482,", "\nfew,", "track_id .* whole number; got 'few'"),
        ("tracks.csv", "[404]", "[404", r"track genres .* ids .*; got '\[404'"),
        ("tracks.csv", "[404]", "404", "track genres .* ids .*; got '404'"),
        ("tracks.csv", "[404]", "[[404]]", r"track genres .* ids .*; got '\[\[404\]\]'"),
        ("tracks.csv", "[404]", "[405]", r"track genres .* ids .*; got '\[405\]'"),
        ("genres.csv", "parent", "mother", r"the columns .* lacks \['parent'\]"),
        ("genres.csv", "\n76,3,10,", "\n76,3,11,", "parent .*; got 11 for genre 76"),
        ("genres.csv", "\n76,3,10,", "\n76,3,404,", "parent .* descendant; got 76 for genre 404"),
        ("genres.csv", "\n76,3,10,", "\n76,3,x,", "parent .* whole number; got 'x'"),
    ],
)
def test_wrong_metadata_are_told_with_file_rule_and_value(clips, name, old, new, told):
    edit(clips, name, old, new)
    with pytest.raises(ValueError, match=told) as caught:
        fma_tracks(clips)
    assert str(clips.parent / "fma_metadata" / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'a,b\n"c'])
def test_what_is_no_table_is_refused_by_its_name(clips, content):
    path = clips.parent / "fma_metadata" / "tracks.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"fma_metadata/tracks\.csv must "):
        fma_tracks(clips)


def test_the_row_that_names_the_index_may_be_short_or_absent(clips):
    expected = fma_tracks(clips)
    edit(clips, "tracks.csv", "track_id,,,,,,,,,,,,\n", "track_id\n")
    pd.testing.assert_frame_equal(fma_tracks(clips), expected)
    edit(clips, "tracks.csv", "track_id\n", "")
    pd.testing.assert_frame_equal(fma_tracks(clips), expected)


def test_a_genre_knows_its_line_up_to_the_top(clips):
    genres = read_genres(clips.parent / "fma_metadata" / "genres.csv")
    assert genres[404] == Genre(title="Lo-Fi; Tape", lineage=(404, 76, 10))
    top = pd.read_csv(clips.parent / "fma_metadata" / "genres.csv", index_col=0)["top_level"]
    assert {id_: genre.lineage[-1] for id_, genre in genres.items()} == top.to_dict()
