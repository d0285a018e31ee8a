"""Small copies of lists and databases of the Million Song Dataset, in their published layouts."""

import pickle
import sqlite3

import soundfile as sf

from kmusic.audio.signals import tone

RATE = 16_000
SONGS = (
    "track_id text PRIMARY KEY, title text, song_id text, release text, artist_id text, "
    "artist_mbid text, artist_name text, duration real, artist_familiarity real, "
    "artist_hotttnesss real, year int, track_7digitalid int, shs_perf int, shs_work int"
)
ARTISTS = (7, 3, 5)  # not in the order of their numbers


def song_id(artist, song):
    """Give the 7digital id of a song in the lists that are made here."""
    return f"{1_000 * artist + song}"


def artist_lines(artists=ARTISTS, songs=range(1, 21)):
    """List songs as the published list does: 7digital id, artist, and song from 1 on."""
    return [f"{song_id(a, s)}/{a}/{s}" for a in artists for s in songs]


def write_artists(root, lines=None):
    """Pickle the lines of songs, by default three artists', as Python 3.6 does."""
    path = root / "msd-artist-list.pkl"
    path.write_bytes(pickle.dumps(artist_lines() if lines is None else lines, protocol=3))
    return path


def preview(root, id_):
    """Give the place of a preview, in folders of its first two digits."""
    return root / id_[0] / id_[1:2] / f"{id_}.clip.mp3"


def write_previews(root, ids, *, sound=False):
    """Write empty files in the place of previews, or tones of as many heights."""
    for number, id_ in enumerate(ids):
        path = preview(root, id_)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        if sound:
            sf.write(path, tone(200.0 + 20 * number, 0.3, RATE), RATE, format="MP3")


def write_tags(root, weighed):
    """Write the database of Last.fm's tags from `(track, tag, weight)`."""
    tracks, tags = (list(dict.fromkeys(row[place] for row in weighed)) for place in (0, 1))
    rows = [(tracks.index(t) + 1, tags.index(tag) + 1, weight) for t, tag, weight in weighed]
    with sqlite3.connect(root / "lastfm_tags.db") as database:
        database.execute("CREATE TABLE tids (tid TEXT)")
        database.execute("CREATE TABLE tags (tag TEXT)")
        database.execute("CREATE TABLE tid_tag (tid INT, tag INT, val FLOAT)")
        database.executemany("INSERT INTO tids VALUES (?)", [(track,) for track in tracks])
        database.executemany("INSERT INTO tags VALUES (?)", [(tag,) for tag in tags])
        database.executemany("INSERT INTO tid_tag VALUES (?, ?, ?)", rows)
    database.close()


def write_metadata(root, rows):
    """Write the database of metadata from `(track, 7digital id, artist's id, artist's name)`."""
    with sqlite3.connect(root / "track_metadata.db") as database:
        database.execute(f"CREATE TABLE songs ({SONGS})")
        names = "track_id, track_7digitalid, artist_id, artist_name"
        database.executemany(f"INSERT INTO songs ({names}) VALUES (?, ?, ?, ?)", rows)
    database.close()
