"""Mixes: each factor moves the sound the way its name says, and levels stay sane."""

from dataclasses import replace

import librosa
import numpy as np
import pytest

from kmusic.datasets.studio.composition import Note, Score, compose
from kmusic.datasets.studio.genres import GENRES
from kmusic.datasets.studio.mixing import SAMPLE_RATE, render
from kmusic.datasets.studio.production import draw_production
from kmusic.datasets.studio.songs import draw_song


def played(genre="ballad", seconds=6.0, **changes):
    song = replace(draw_song(0, genre, 0, 0), **changes)
    return render(compose(song, seconds), song, draw_production(0, genre, 0), seconds)


@pytest.mark.parametrize("genre", GENRES)
def test_a_track_is_loud_enough_and_neither_clips_nor_clicks(genre):
    for artist in range(4):
        song, production = draw_song(0, genre, artist, 0), draw_production(0, genre, artist)
        track = render(compose(song, 6.0), song, production, 6.0)
        assert track.dtype == np.float32
        assert track.shape == (6 * SAMPLE_RATE,)
        assert np.isfinite(track).all()
        assert np.abs(track).max() <= 0.9701
        assert -24 < 20 * np.log10(np.std(track)) < -14  # dB re full scale
        assert np.abs(track[:5]).max() < 0.03
        assert np.abs(track[-5:]).max() < 0.03


@pytest.mark.parametrize("genre", GENRES)
def test_no_second_is_silent(genre):
    seconds = played(genre).reshape(6, SAMPLE_RATE).std(axis=1)
    assert 20 * np.log10(seconds.min() / seconds.max()) > -15  # dB


def test_brightness_tilts_the_spectrum_by_its_decibels_an_octave():
    def level(track, low, high):
        power = np.abs(np.fft.rfft(track)) ** 2
        hz = np.fft.rfftfreq(len(track), 1 / SAMPLE_RATE)
        return 10 * np.log10(power[(hz > low) & (hz < high)].sum())

    flat, bright = played(brightness=0.0), played(brightness=1.0)
    risen = [
        level(bright, f / 1.05, f * 1.05) - level(flat, f / 1.05, f * 1.05) for f in (250, 2_000)
    ]
    assert risen[1] - risen[0] == pytest.approx(3.0, abs=0.3)  # three octaves of 1 dB


def test_tuning_moves_every_pitch_by_its_cents():
    score = Score(bass=[], chords=[], lead=[Note(0.0, 2.0, 69, 1.0)], hits=[])
    song = replace(draw_song(0, "ballad", 0, 0), lead="guitar", tuning_cents=30.0, reverb=0.0)
    track = render(score, song, draw_production(0, "ballad", 0), 2.0)
    f0 = np.median(librosa.yin(track, fmin=300, fmax=700, sr=SAMPLE_RATE)[4:30])
    assert 1_200 * np.log2(f0 / 440.0) == pytest.approx(30.0, abs=4.0)  # yin's own grid


def test_a_note_dies_away_in_the_artists_room():
    score = Score(bass=[], chords=[], lead=[Note(0.0, 0.1, 69, 1.0)], hits=[])
    song = replace(draw_song(0, "ballad", 0, 0), lead="marimba", reverb=0.4)
    production = replace(draw_production(0, "ballad", 0), room_seconds=1.5, hiss_db=-120.0)
    rooms = [replace(production, seed=seed) for seed in range(16)]  # one fades unevenly
    tracks = np.array([render(score, song, room, 2.0) for room in rooms])
    early, late = tracks.reshape(16, 4, -1)[:, 1:3].std(axis=2).mean(axis=0)
    assert 20 * np.log10(early / late) == pytest.approx(60 / 1.5 * 0.5, abs=2.0)  # dB in 0.5 s
    dry = render(score, replace(song, reverb=0.0), production, 2.0)
    assert np.abs(dry[11_025:]).max() < 1e-3


def test_echoes_come_three_sixteenths_apart():
    score = Score(bass=[], chords=[], lead=[Note(0.0, 0.05, 81, 1.0)], hits=[])
    song = replace(draw_song(0, "techno", 0, 0), lead="marimba", reverb=0.0, tempo_bpm=60.0)
    track = render(score, song, draw_production(0, "techno", 0), 3.0)
    heard = [track[start : start + 3_000].std() for start in (0, round(0.75 * 22_050), 33_075)]
    np.testing.assert_allclose(heard[1:], [0.3 * heard[0], 0.09 * heard[0]], rtol=0.1)


def test_drive_makes_peaks_rounder():
    def crest(track):
        return np.abs(track).max() / np.std(track)

    assert crest(played("techno", drive=0.8)) < crest(played("techno", drive=0.0))


@pytest.mark.parametrize("genre", GENRES)
def test_drums_are_heard_in_the_mix(genre):
    for artist in range(4):
        song, production = draw_song(0, genre, artist, 0), draw_production(0, genre, artist)
        with_drums, without = (
            render(compose(version, 6.0), version, production, 6.0)
            for version in (replace(song, drums=drums, drive=0.0) for drums in (1, 0))
        )
        rest = with_drums - without * (with_drums @ without) / (without @ without)
        assert rest @ rest > 0.03 * (with_drums @ with_drums)  # above -15 dB of the track
        percussive = librosa.effects.percussive(rest)
        assert percussive @ percussive > 0.2 * (rest @ rest)


def test_silence_stays_finite():
    song = draw_song(0, "ballad", 0, 0)
    empty = Score(bass=[], chords=[], lead=[], hits=[])
    assert np.isfinite(render(empty, song, draw_production(0, "ballad", 0), 1.0)).all()
