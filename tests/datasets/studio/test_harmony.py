"""Chords against what a harmony textbook spells."""

import numpy as np
import pytest

from kmusic.datasets.studio.genres import GENRES
from kmusic.datasets.studio.harmony import chord, progression


@pytest.mark.parametrize(
    ("symbol", "tonic", "mode", "notes"),
    [
        ("1", 0, "major", {0, 4, 7}),  # C E G
        ("6", 0, "major", {9, 0, 4}),  # A C E
        ("5", 0, "minor", {7, 10, 2}),  # G Bb D
        ("5d", 0, "minor", {7, 11, 2, 5}),  # G B D F, the raised leading note
        ("17", 2, "dorian", {2, 5, 9, 0}),  # D F A C
        ("4d", 9, "mixolydian", {2, 6, 9, 0}),  # D F# A C in A blues
    ],
)
def test_chords_are_spelled_as_in_a_textbook(symbol, tonic, mode, notes):
    spelled = chord(symbol, tonic, mode)
    assert {(spelled.root + interval) % 12 for interval in spelled.intervals} == notes


def test_a_voicing_has_the_chords_notes_around_its_centre():
    voicing = chord("47", 0, "major").voicing(60)
    assert voicing == [57, 60, 64, 65]  # A C E F, F major seventh


def test_a_melody_avoids_semitones_against_the_chord():
    assert chord("1", 0, "major").scale == (0, 2, 4, 7, 9)  # neither F against E nor B against C
    assert 0 not in chord("5d", 0, "minor").scale  # against the B of G7


@pytest.mark.parametrize("genre", GENRES.values(), ids=GENRES)
def test_every_progression_ends_in_chords(genre):
    for seed in range(20):
        symbols = progression(genre.grammar, np.random.default_rng(seed))
        assert len(symbols) >= 4
        assert all(s[0] in "1234567" and s[1:] in ("", "7", "d") for s in symbols)


def test_a_verse_is_repeated_with_its_chords():
    grammar = {"song": ("verse verse",), "verse": ("1 4", "1 5", "1 6")}
    for seed in range(10):
        symbols = progression(grammar, np.random.default_rng(seed))
        assert symbols[:2] == symbols[2:]
