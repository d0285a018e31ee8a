"""Productions: an artist's own, and no sign of the genre."""

import numpy as np

from kmusic.datasets.studio.genres import GENRES
from kmusic.datasets.studio.instruments import INSTRUMENTS
from kmusic.datasets.studio.production import draw_production


def test_an_artist_keeps_the_production_and_others_have_their_own():
    assert draw_production(0, "blues", 3) == draw_production(0, "blues", 3)
    drawn = {draw_production(0, genre, artist).bell_hz for genre in GENRES for artist in range(20)}
    assert len(drawn) == 20 * len(GENRES)


def test_genres_do_not_differ_in_production():
    bells = [[draw_production(0, g, artist).bell_db for artist in range(200)] for g in GENRES]
    assert np.ptp(np.mean(bells, axis=1)) < 1.0  # dB; one standard error is 0.2


def test_the_artist_bends_every_instrument_the_same_way():
    production = draw_production(0, "funk", 0)
    for name, timbre in INSTRUMENTS.items():
        played = production.timbre(name)
        assert np.isclose(played.rolloff - timbre.rolloff, production.rolloff)
        assert np.isclose(played.attack / timbre.attack, production.pace)
        assert (played.detune_cents > 0) == (timbre.detune_cents > 0)
