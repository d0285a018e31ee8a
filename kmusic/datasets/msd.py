"""Track tables of the Million Song Dataset (MSD): songs of some artists, or songs with tags."""

import os
import pickletools
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from kmusic.datasets.folder import existing_folder
from kmusic.datasets.reading import Problems

SUBSET = re.compile(r"(?P<artists>[1-9][0-9]*)|tags(?::(?P<songs>[1-9][0-9]*))?")
SONG = "^(?P<id>[0-9]+)/(?P<artist>[0-9]+)/(?P<song>[1-9]|1[0-9]|20)$"
"""A line of the artists' list: 7digital id, artist, and which of the artist's 20 songs it is."""

LAST_VALIDATION_SONG = 18
LEAST_TRAINING_SONGS = 2  # an anchor and its positive

# fmt: off
TAGS = (
    "00s", "60s", "70s", "80s", "90s", "Hip-Hop", "House", "Mellow", "Progressive rock", "acoustic",
    "alternative", "alternative rock", "ambient", "beautiful", "blues", "catchy", "chill",
    "chillout", "classic rock", "country", "dance", "easy listening", "electro", "electronic",
    "electronica", "experimental", "female vocalist", "female vocalists", "folk", "funk", "guitar",
    "happy", "hard rock", "heavy metal", "indie", "indie pop", "indie rock", "instrumental", "jazz",
    "male vocalists", "metal", "oldies", "party", "pop", "punk", "rnb", "rock", "sad", "sexy",
    "soul",
)
# fmt: on
"""The 50 most used tags of Last.fm, without those that say nothing of the sound."""

WEIGHT = 50  # a tag counts that has more, of Last.fm's 0 to 100
MOST_SONGS = 90_000

DATABASES = ("lastfm_tags.db", "track_metadata.db")
TAGGED = f"""
    SELECT track_7digitalid, min(track_id), artist_id, artist_name, group_concat(DISTINCT tags.tag)
    FROM tags
    JOIN tid_tag ON tid_tag.tag = tags.ROWID AND tid_tag.val > {WEIGHT}
    JOIN tids ON tids.ROWID = tid_tag.tid
    JOIN metadata.songs ON track_id = tids.tid AND track_7digitalid > 0
    WHERE tags.tag IN ({", ".join("?" * len(TAGS))})
    GROUP BY track_7digitalid
    ORDER BY track_7digitalid
"""
"""Each recording with its tags. Of tracks that share one, SQLite names the artist of the least."""


def msd_tracks(subset: str, root: str | Path, problems: Problems | None = None) -> pd.DataFrame:
    """List a part of the Million Song Dataset: songs of some artists, or songs with tags.

    Args:
        subset: Number of artists, taken from the beginning of their list, as in `"5000"`; or
            `"tags"`, or `"tags:SONGS"` for more or fewer songs than the paper's.
        root: Folder with the previews, named by their 7digital id: `3/9/3974574.clip.mp3`, in
            folders after its first two digits, or `3974574.clip.mp3`; `.mp3` alone will do. For
            artists it holds the list `msd-artist-list.pkl`, of which nothing is run, only its
            strings are read, or their lines as `msd-artist-list.txt`. For tags it holds
            `lastfm_tags.db` of the Last.fm data set and `track_metadata.db` of the MSD.
        problems: Where is noted what is left out: songs without a preview or with the preview of
            an earlier one, and artists with fewer than two training songs left.

    Returns:
        For artists, rows in the order of the list: `path` (absolute), `artist` (its number in the
        list), `group` (the song, by its 7digital id: an artist is a class here, and has songs on
        all sides) and `split`. For tags, rows by 7digital id: `path`, `artist` (unique by id, as
        in `"Monk [AR0L04E1187B9AE90C]"`) and `tags`.

    Raises:
        FileNotFoundError: If there is no such folder, list or database.
        ValueError: If there is no such subset, the list or a database is not as published, or no
            preview can be used.

    Source:
        Bertin-Mahieux et al. (2011), The Million Song Dataset. Artists: Park et al. (2018),
        section 3.1.1, and its public list, of 20 songs each: 15 to train on, 3 for validation and
        2 for the test; 17, 1 and 2 from 10,000 artists on. Tags: section 3.1.2, which filters
        them as Choi et al. (2016), Automatic tagging using deep convolutional neural networks, do
        in their public code; 90,000 songs, drawn with seed 0 because the paper's are not public,
        or all if there are fewer.
    """
    problems = Problems() if problems is None else problems
    root = existing_folder(root)
    if not (asked := SUBSET.fullmatch(subset)):
        rule = "be a number of artists, tags, or tags:SONGS with a number of songs"
        raise ValueError(f"SUBSET in msd:SUBSET must {rule}; got {subset!r}.")
    if asked["artists"]:
        tracks = _songs_of_artists(root, int(asked["artists"]), problems)
    else:
        tracks = _songs_with_tags(root, int(asked["songs"] or MOST_SONGS), problems)
    if tracks.empty:
        rule = f"previews of msd:{subset}, as in 3/9/3974574.clip.mp3"
        raise ValueError(f"ROOT must hold {rule}; got {root} with none that can be used.")
    return tracks.reset_index(drop=True)


def _songs_of_artists(root: Path, n_artists: int, problems: Problems) -> pd.DataFrame:
    """List the songs of the first artists of the list that have enough of them."""
    songs = _listed(root)
    artists = songs["artist"].unique()
    if n_artists > len(artists):
        rule = f"be at most the {len(artists)} artists of the list"
        raise ValueError(f"SUBSET in msd:SUBSET must {rule}; got {n_artists}.")
    songs = songs[songs["artist"].isin(artists[:n_artists])]
    for row in songs[songs.duplicated("id")].itertuples():
        problems.add(f"artist {row.artist}, song {row.song}", f"repeats the recording {row.id}")
    last_training_song = 15 if n_artists < 10_000 else 17
    number = songs["song"].astype(int)
    sides = np.where(number <= LAST_VALIDATION_SONG, "validation", "test")
    songs = songs.assign(split=np.where(number <= last_training_song, "train", sides))
    songs = _with_previews(songs.drop_duplicates("id"), root, problems)
    n_training = songs.loc[songs["split"] == "train", "artist"].value_counts()
    kept = n_training.index[n_training >= LEAST_TRAINING_SONGS]
    for artist in set(artists[:n_artists]) - set(kept):
        rule = f"at least {LEAST_TRAINING_SONGS} needed"
        problems.add(f"artist {artist}", f"{n_training.get(artist, 0)} songs to train on, {rule}")
    columns = ["path", "artist", "group", "split"]
    return songs[songs["artist"].isin(kept)].rename(columns={"id": "group"})[columns]


def _listed(root: Path) -> pd.DataFrame:
    """Read the artists' list: `id`, `artist` and `song`, as text."""
    text, pickled = (root / f"msd-artist-list{ending}" for ending in (".txt", ".pkl"))
    if text.is_file():
        path = text
        lines = text.read_text(encoding="utf-8-sig", errors="replace").split()
    elif pickled.is_file():
        path = pickled
        lines = _pickled_strings(pickled)
    else:
        raise FileNotFoundError(
            f"ROOT must hold {pickled.name} of github.com/jiyoungpark527/msd-artist-split, or its "
            f"lines as {text.name}; got {root} without them."
        )
    songs = pd.Series(lines, dtype=object).str.extract(SONG)
    if songs.empty or songs["id"].isna().any():
        got = f"line {lines[int(songs['id'].isna().argmax())][:80]!r}" if lines else "no line"
        rule = "have lines 7digital_id/artist/song, with songs 1 to 20"
        raise ValueError(f"{path} must {rule}; got {got}.")
    return songs


def _pickled_strings(path: Path) -> list[str]:
    """Read the strings in a pickle as what they are, bytes in a file; nothing is unpickled."""
    try:
        with path.open("rb") as file:
            return [value for _, value, _ in pickletools.genops(file) if isinstance(value, str)]
    except ValueError as error:
        raise ValueError(f"{path} must be a whole pickle of lines; got: {error}") from error


def _songs_with_tags(root: Path, n_songs: int, problems: Problems) -> pd.DataFrame:
    """List so many songs that have a tag, drawn if there are more."""
    songs = _tagged(root)
    # An artist goes by a longer name too where others take part; the shorter comes first.
    by_artist = songs.sort_values("artist_name").groupby("artist_id")["artist_name"]
    names = by_artist.transform("first").fillna("")
    songs["artist"] = (names + " [" + songs["artist_id"] + "]").str.strip()
    songs["tags"] = [";".join(sorted(tags.split(","))) for tags in songs["tags"]]
    songs = _with_previews(songs, root, problems)[["path", "artist", "tags"]]
    if len(songs) > n_songs:
        drawn = np.random.default_rng(0).choice(len(songs), n_songs, replace=False)
        songs = songs.iloc[np.sort(drawn)]
    return songs


def _tagged(root: Path) -> pd.DataFrame:
    """Read each recording with a tag: `id`, `artist_id`, `artist_name`, and `tags` with commas."""
    tags, metadata = (root / name for name in DATABASES)
    for path in (tags, metadata):
        if not path.is_file():
            raise FileNotFoundError(f"ROOT must hold {' and '.join(DATABASES)}; got no {path}.")
    try:
        with closing(sqlite3.connect(f"{tags.as_uri()}?mode=ro", uri=True)) as database:
            database.execute("ATTACH ? AS metadata", (f"{metadata.as_uri()}?mode=ro",))
            rows = database.execute(TAGGED, TAGS).fetchall()
    except sqlite3.Error as error:
        rule = "have the tables tids, tags, tid_tag and songs, the last with track_7digitalid"
        raise ValueError(f"{tags} and {metadata} must {rule}; got: {error}.") from error
    songs = pd.DataFrame(rows, columns=["id", "track_id", "artist_id", "artist_name", "tags"])
    return songs.astype({"id": str})


def _with_previews(songs: pd.DataFrame, root: Path, problems: Problems) -> pd.DataFrame:
    """Give the songs whose preview is there, with `path`, and note the others."""
    paths = []
    for id_ in songs["id"]:
        places = _places(root, id_)
        paths.append(next(filter(os.path.isfile, places), None))
        if paths[-1] is None:
            problems.add(places[0], "no such file")
    return songs.assign(path=paths).dropna(subset="path")


def _places(root: Path, id_: str) -> list[str]:
    """List where a preview may lie, the most likely place first."""
    folders = "/".join((str(root), *id_[:2])), str(root)
    names = f"{id_}.clip.mp3", f"{id_}.mp3"
    return [f"{folder}/{name}" for folder in folders for name in names]
