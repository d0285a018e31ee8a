"""Scores: the key, the beat, the swing and the form that the song asks for."""

from dataclasses import replace

import numpy as np
import pytest

from kmusic.datasets.studio.composition import compose
from kmusic.datasets.studio.genres import GENRES, KEYS, SCALES
from kmusic.datasets.studio.songs import draw_song

EACH = pytest.mark.parametrize("genre", GENRES)


@EACH
def test_a_score_repeats_exactly(genre):
    song = draw_song(0, genre, 1, 2)
    assert compose(song, 12.0) == compose(song, 12.0)


@EACH
def test_most_notes_lie_in_the_scale_and_the_bass_begins_on_the_tonic(genre):
    for track in range(6):
        song = draw_song(0, genre, track, track)
        score, tonic = compose(song, 12.0), KEYS.index(song.key)
        notes = score.bass + score.chords + score.lead
        degrees = [(note.pitch - tonic) % 12 for note in notes]
        home = {"ballad": SCALES[song.mode]}.get(genre, (0,))  # a verse may open elsewhere
        assert (score.bass[0].pitch - tonic) % 12 in home
        assert np.isin(degrees, SCALES[song.mode]).mean() > 0.75


@EACH
def test_notes_are_in_time_order_and_last(genre):
    score = compose(draw_song(0, genre, 2, 0), 12.0)
    for part in (score.bass, score.chords, score.lead):
        starts = [note.start for note in part]
        assert starts == sorted(starts)
        assert all(note.duration > 0 for note in part)
        assert starts[-1] > 8.0  # every part plays to the end


def test_four_on_the_floor_kicks_every_beat():
    song = replace(draw_song(0, "techno", 0, 0), tempo_bpm=120.0)
    kicks = [hit.start for hit in compose(song, 12.0).hits if hit.drum == "kick"]
    np.testing.assert_allclose(kicks, np.arange(24) * 0.5)


def test_triplet_swing_puts_the_off_beat_at_two_thirds():
    song = replace(draw_song(0, "blues", 0, 0), tempo_bpm=60.0, swing=1 / 3, drums=1, groove=0)
    rides = [hit.start for hit in compose(song, 4.0).hits if hit.drum == "ride"]
    np.testing.assert_allclose(rides, [0, 2 / 3, 1, 5 / 3, 2, 8 / 3, 3, 11 / 3])


def test_a_song_without_drums_has_no_hits():
    song = draw_song(0, "funk", 0, 0)
    assert compose(song, 12.0).hits
    assert not compose(replace(song, drums=0), 12.0).hits


def test_every_fourth_bar_ends_in_a_fill():
    song = replace(draw_song(0, "funk", 0, 0), groove=1, tempo_bpm=120.0, swing=0.0)
    snares = {round(hit.start, 3) for hit in compose(song, 12.0).hits if hit.drum == "snare"}
    assert {7.5, 7.625, 7.75, 7.875} <= snares
    assert not {5.625, 5.75, 5.875} & snares


def test_a_change_of_chord_within_a_bar_sounds_its_root():
    song = replace(draw_song(0, "ballad", 0, 0), groove=2, meter=3, tempo_bpm=60.0)
    starts = [note.start for note in compose(song, 12.0).bass]
    np.testing.assert_allclose(starts, np.arange(len(starts)) * 1.5, atol=0.2)  # half a bar
