"""The genres' data: every pattern has a bar's length, every name is known."""

import pytest

from kmusic.datasets.studio.drums import Kit, strokes
from kmusic.datasets.studio.genres import GENRES, SCALES
from kmusic.datasets.studio.instruments import INSTRUMENTS
from kmusic.datasets.studio.production import STEMS

EACH = pytest.mark.parametrize("genre", GENRES.values(), ids=GENRES)


@EACH
def test_all_patterns_of_a_groove_have_the_length_of_its_bar(genre):
    for groove in genre.grooves:
        bar = 4 * groove.meter
        assert groove.meter in (3, 4)
        assert {len(pattern) for pattern in groove.drums.values()} <= {bar}
        assert len(groove.bass) == len(groove.chords) == bar


@EACH
def test_patterns_use_only_known_signs(genre):
    for groove in genre.grooves:
        assert set(groove.bass) <= set("r3568.")
        assert set(groove.chords) <= set("xo0123.")
        assert set("".join(groove.drums.values())) <= set("xo.")


@EACH
def test_something_sounds_when_a_groove_begins(genre):
    assert all(groove.bass[0] != "." or groove.chords[0] != "." for groove in genre.grooves)


@EACH
def test_drums_instruments_modes_and_stems_exist(genre):
    kit = strokes(Kit(), 22_050)
    assert all(set(groove.drums) <= set(kit) for groove in genre.grooves)
    assert set(genre.chords + genre.lead) <= set(INSTRUMENTS)
    assert set(genre.modes) <= set(SCALES)
    assert set(genre.balance_db) == set(STEMS)


@EACH
def test_a_chord_lasts_whole_sixteenths(genre):
    assert all((genre.chord_bars * 4 * groove.meter) % 1 == 0 for groove in genre.grooves)


def test_no_instrument_mode_or_meter_gives_a_genre_away():
    alone = {"harmonica", "accordion", "clavinet", "pad"}  # heard in one genre alone, as in life
    for instrument in set(INSTRUMENTS) - {"bass", "marimba"} - alone:
        users = [g for g in GENRES.values() if instrument in g.chords + g.lead]
        assert len(users) >= 2, instrument
    for genre in GENRES.values():
        others = [other for other in GENRES.values() if other is not genre]
        assert set(genre.modes) <= {mode for other in others for mode in other.modes}
        assert any(set(genre.chords + genre.lead) & set(o.chords + o.lead) for o in others)
