"""Songs as drawn: rows that stand alone, artists with habits, values within the genre's bounds."""

from dataclasses import asdict

import numpy as np
import pytest

from kmusic.datasets.studio.genres import GENRES
from kmusic.datasets.studio.songs import draw_song, draw_songs

ARTISTS, TRACKS = np.divmod(np.arange(400), 20)


@pytest.mark.parametrize("genre", GENRES)
def test_a_song_is_its_row_of_the_table(genre):
    table = draw_songs(5, genre, ARTISTS, TRACKS)
    assert asdict(draw_song(5, genre, 11, 7)) == table.to_dict("records")[11 * 20 + 7]


@pytest.mark.parametrize("genre", GENRES)
def test_songs_keep_to_their_genre(genre):
    style, songs = GENRES[genre], draw_songs(0, genre, ARTISTS, TRACKS)
    assert songs["tempo_bpm"].between(*style.tempo_bpm).all()
    assert songs["density"].between(*style.density).all()
    assert set(songs["mode"]) == set(style.modes)
    assert set(songs["chords"]) == set(style.chords)
    assert set(songs["lead"]) == set(style.lead)
    assert songs["drums"].mean() == pytest.approx(style.drums, abs=0.1)  # 4 standard errors


def test_artists_keep_to_a_key_and_a_tempo():
    songs = draw_songs(0, "ballad", ARTISTS, TRACKS)
    by_artist = songs.groupby("artist_number")
    share = by_artist["key"].agg(lambda keys: keys.value_counts(normalize=True).iloc[0])
    assert share.mean() == pytest.approx(0.75 + 0.25 / 12, abs=0.1)
    assert by_artist["tempo_bpm"].std().mean() < 0.5 * songs["tempo_bpm"].std()
    assert by_artist["tuning_cents"].nunique().eq(1).all()


def test_the_meter_is_the_grooves():
    songs = draw_songs(0, "ballad", ARTISTS, TRACKS)
    assert (songs["meter"] == np.where(songs["groove"] == 2, 3, 4)).all()
