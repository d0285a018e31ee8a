from contextlib import contextmanager
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from kmusic.audio.signals import noise
from kmusic.datasets.fma import fma_tracks
from kmusic.datasets.folder import folder_tracks
from kmusic.datasets.sources import SOURCES, Source
from kmusic.datasets.splits import split_by_group
from kmusic.datasets.table import checked, read_tracks
from tests import msd_sets
from tests.archives import GTZAN_LISTS, write_fma, write_gtzan
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
        (("shop", "."), ("SOURCE", "studio", "folder, fma, gtzan, msd:SUBSET", "'shop'")),
        (("msd", "."), ("SOURCE", "msd:SUBSET", "'msd'")),
        (("msd:most", "."), ("SUBSET", "tags:SONGS", "'most'")),
        (("msd:500", "."), ("ROOT must hold", "msd-artist-list.pkl")),
        (("gtzan", "."), ("ROOT must hold", "train_filtered.txt", "no artist")),
        (("folder", "nowhere"), ("ROOT must be a folder", "nowhere")),
        (("folder", "."), ("ROOT must hold files", ".flac")),
        (("folder", "{root}", "--by", "mood"), ("--by", "'mood'")),
        (("folder", "{root}", "--folds", "99"), ("99 parts",)),
    ],
    ids=[
        "source",
        "no subset",
        "subset",
        "no list",
        "no lists",
        "no folder",
        "no audio",
        "by",
        "folds",
    ],
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


@pytest.fixture
def fma(tmp_path):
    return write_fma(tmp_path / "archive")


@pytest.fixture
def shelf(collection, monkeypatch):
    """Add a source with folds of its own that are no even shares: artists 0 to 2, and 3."""

    def rows(root, _):
        tracks = folder_tracks(root).rename(columns={"label": "artist"})
        fold = 1 + tracks["artist"].str.endswith("3")
        return tracks.assign(label="low", band=tracks.index % 4, fold=fold)

    monkeypatch.setitem(SOURCES, "shelf", Source(rows=rows))
    return collection.root / "low"


def test_a_split_that_a_source_brings_is_kept(fma, tmp_path):
    out = tmp_path / "t.csv"
    answer = kmusic("tracks", "fma", fma, "--out", out, "--json")
    sides = dict(zip(["140", "141", "1482"], ["train", "train", "validation"], strict=True))
    table = read_tracks(out)
    numbers = table["path"].str[-10:-4].str.lstrip("0")
    assert dict(zip(numbers, table["split"], strict=True)) == sides | {"100001": "test"}
    assert answer.json["split"] == {"train": 2, "validation": 1, "test": 1}


def test_what_a_source_leaves_out_is_told_beside_what_cannot_be_read(fma, tmp_path):
    (fma / "001" / "001482.mp3").unlink()
    (fma / "100" / "100001.mp3").write_bytes(b"")
    answer = kmusic("tracks", "fma", fma, "--out", tmp_path / "t.csv", "--json")
    assert (answer.code, answer.json["tracks"]) == (1, 2)
    assert_named(
        answer.json["problems"],
        {
            "001482.mp3": "no such file",
            "098565.mp3": "known to be cut",
            "099134.mp3": "known to hold no audio",
            "100001.mp3": "empty",
        },
    )


def test_a_new_split_takes_the_place_of_the_source_s_own(fma, tmp_path):
    words = ("--split", "new", "--seed", 3, "--out", tmp_path / "t.csv")
    kmusic("tracks", "fma", fma, *words)
    own = checked(fma_tracks(fma))
    drawn = read_tracks(tmp_path / "t.csv")["split"].tolist()
    assert drawn == split_by_group(own, seed=3)["split"].tolist()
    assert drawn != own["split"].tolist()


@pytest.mark.parametrize("source", ["folder", "fma"])
def test_without_a_split_a_table_has_none(collection, fma, tmp_path, source):
    root = {"folder": collection.root / "low", "fma": fma}[source]
    answer = kmusic("tracks", source, root, "--split", "none", "--out", tmp_path / "t.csv")
    assert "split" not in read_tracks(tmp_path / "t.csv")
    assert answer.out.splitlines()[0].endswith("groups")


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ((), ("split", "'Nina [55]'", "--split new")),
        (("--by", "licence"), ("split", "'CC0'", "--split new")),
    ],
    ids=["artist", "by"],
)
def test_a_split_that_cuts_a_group_says_how_to_draw_another(fma, tmp_path, words, remedy):
    metadata = fma.parent / "fma_metadata" / "tracks.csv"
    if not words:
        text = metadata.read_text(encoding="utf-8")
        metadata.write_text(text.replace(",56,Nina,", ",55,Nina,"), encoding="utf-8")
    out = tmp_path / "t.csv"
    answer = kmusic("tracks", "fma", fma, *words, "--out", out)
    assert answer.code == 2
    line = answer.err.splitlines()[-1]
    assert [word for word in ("kmusic: a group must lie", *remedy) if word not in line] == []
    assert not out.exists()


def test_folds_that_a_source_brings_are_kept(shelf, tmp_path):
    answer = kmusic("tracks", "shelf", shelf, "--out", tmp_path / "t.csv")
    table = read_tracks(tmp_path / "t.csv")
    assert answer.code == 0
    assert table["fold"].tolist() == [1 + artist.endswith("3") for artist in table["artist"]]


def test_folds_that_are_asked_for_take_their_place(shelf, tmp_path):
    words = ("--folds", 3, "--by", "band", "--out", tmp_path / "t.csv")
    kmusic("tracks", "shelf", shelf, *words)
    assert set(read_tracks(tmp_path / "t.csv")["fold"]) == {1, 2, 3}


def test_a_fold_that_cuts_a_group_says_how_to_draw_another(shelf, tmp_path):
    answer = kmusic("tracks", "shelf", shelf, "--by", "band", "--out", tmp_path / "t.csv")
    assert_one_line(answer, "a group must lie in one fold", "2 group(s), '2'", "--folds N")


@pytest.fixture
def gtzan(tmp_path):
    return write_gtzan(tmp_path / "archive")


def test_gtzan_is_split_as_its_lists_say(gtzan, tmp_path):
    answer = kmusic("tracks", "gtzan", gtzan, "--split", "own", "--out", tmp_path / "t.csv")
    table = read_tracks(tmp_path / "t.csv")
    assert (answer.code, answer.err) == (0, "")
    assert table.groupby("split", sort=False)["path"].count().tolist() == [
        len(lines) for lines in GTZAN_LISTS.values()
    ]


@pytest.mark.parametrize(
    "words", [("--split", "new"), ("--split", "none"), ("--folds", 3), ("--by", "label")]
)
def test_a_split_that_must_be_kept_is_told_with_the_reason(gtzan, tmp_path, words):
    answer = kmusic("tracks", "gtzan", gtzan, *words, "--out", tmp_path / "t.csv")
    reason = "names no artist, so a random split would test on what was trained on"
    assert_one_line(answer, "gtzan must keep its own split", reason, f"got {words[0]} {words[1]}.")
    assert not (tmp_path / "t.csv").exists()


def test_any_source_can_have_a_split_that_must_be_kept(collection, tmp_path, monkeypatch):
    fixed = Source(rows=lambda root, _: folder_tracks(root), fixed_split="its singer is one")
    monkeypatch.setitem(SOURCES, "hymnal", fixed)
    words = ("--split", "new", "--folds", 2, "--out", tmp_path / "t.csv")
    answer = kmusic("tracks", "hymnal", collection.root, *words)
    assert_one_line(answer, "hymnal", "its singer is one; got --split new --folds 2.")


@pytest.fixture
def msd(tmp_path):
    """Folder of the songs of artists 7 and 3, and of tags of 24 of them by six other artists."""
    root = tmp_path / "archive"
    root.mkdir()
    lines = msd_sets.artist_lines([7, 3])
    ids = [line.split("/")[0] for line in lines]
    msd_sets.write_artists(root, lines)
    msd_sets.write_previews(root, ids, sound=True)
    songs = list(enumerate(ids[8:32]))
    msd_sets.write_tags(root, [(f"TR{n}", ("rock", "jazz")[n % 2], 100) for n, _ in songs])
    msd_sets.write_metadata(root, [(f"TR{n}", int(id_), f"AR{n % 6}", "x") for n, id_ in songs])
    return root


def test_artists_of_the_msd_have_songs_on_all_sides(msd, tmp_path):
    answer = kmusic("tracks", "msd:2", msd, "--out", tmp_path / "t.csv", "--json")
    table = read_tracks(tmp_path / "t.csv")
    assert (answer.code, answer.json["problems"]) == (0, {})
    assert table.groupby(["artist", "split"])["path"].count().to_dict() == {
        (artist, side): count
        for artist in ("3", "7")
        for side, count in (("train", 15), ("validation", 3), ("test", 2))
    }


def test_a_new_split_of_artists_of_the_msd_is_drawn_song_by_song(msd, tmp_path):
    kmusic("tracks", "msd:2", msd, "--split", "new", "--quick", "--out", tmp_path / "t.csv")
    table = read_tracks(tmp_path / "t.csv")
    assert table["split"].value_counts().to_dict() == {"train": 32, "validation": 4, "test": 4}


def test_songs_of_the_msd_with_tags_are_split_by_artist(msd, tmp_path):
    answer = kmusic("tracks", "msd:tags", msd, "--quick", "--out", tmp_path / "t.csv")
    table = read_tracks(tmp_path / "t.csv")
    assert (answer.code, len(table), set(table["tags"])) == (0, 24, {"rock", "jazz"})
    assert (table.groupby("artist")["split"].nunique() == 1).all()
    assert set(table["split"]) == {"train", "validation", "test"}


@pytest.fixture
def symphonies(tmp_path):
    """Three recordings of three clips each: good, silent in its second clip, broken."""
    root = tmp_path / "symphonies"
    sounds = [noise(32.0, 4_000, seed) for seed in range(3)]
    sounds[1][40_000:80_000] = 0.0
    sounds[2][-1] = np.nan
    for composer, sound in zip(("Brahms", "Haydn", "Sibelius"), sounds, strict=True):
        (root / composer).mkdir(parents=True)
        sf.write(root / composer / "1.wav", sound, 4_000, subtype="FLOAT")
    return root


@pytest.fixture
def bars(monkeypatch):
    """Totals of the bars shown by `kmusic tracks`, and how far they came."""
    told = []

    @contextmanager
    def progress(_, total):
        told.append([total, 0])
        yield lambda: told.append([total, told.pop()[1] + 1])

    monkeypatch.setattr(import_module("kmusic.cli.tracks"), "progress", progress)
    return told


def test_one_bad_clip_is_left_out_alone_and_a_broken_recording_whole(symphonies, bars, tmp_path):
    words = ("symphonies", symphonies, "--split", "none", "--out", tmp_path / "t.csv", "--json")
    answer = kmusic("tracks", *words)
    assert_named(answer.json["problems"], {"1.wav@10": "silent: peak", "1.wav": "broken: contains"})
    table = read_tracks(tmp_path / "t.csv")
    assert table.groupby("label")["start"].apply(list).to_dict() == {
        "Brahms": [0.0, 10.0, 20.0],
        "Haydn": [0.0, 20.0],
    }
    assert kmusic("tracks", *words, "--quick").json["tracks"] == 9
    assert bars == [[3, 3], [9, 9]]


def test_help_says_what_each_source_needs():
    text = " ".join(kmusic("tracks", "--help").out.replace("│", " ").split())
    words = [*SOURCES, "msd:ARTISTS", "msd:tags", "mirdata:NAME", "train_filtered.txt", "lastfm_"]
    assert [word for word in words if word not in text] == []
