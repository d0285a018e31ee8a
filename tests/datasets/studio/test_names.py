"""Invented names: unlike numbers, unlike names, and words that can be said."""

import re

import numpy as np

from kmusic.datasets.studio.draws import Draws
from kmusic.datasets.studio.names import artist_names, titles


def test_no_two_of_100_000_artists_share_a_name():
    assert len(set(artist_names(3, np.arange(100_000)))) == 100_000


def test_a_name_alternates_consonants_and_vowels():
    syllable = "[bdfghklmnprstv][aeiou]"
    pattern = re.compile(f"({syllable}){{2}} ({syllable}){{2}}[lnrs]?", re.IGNORECASE)
    assert all(pattern.fullmatch(name) for name in artist_names(0, np.arange(500)))


def test_another_seed_names_other_artists():
    assert not set(artist_names(0, np.arange(36))) & set(artist_names(1, np.arange(36)))


def test_titles_are_two_words_and_vary():
    names = titles(Draws(0, np.arange(200)), "title")
    assert all(len(name.split()) == 2 for name in names)
    assert len(set(names)) > 150  # of 1,600 pairs; 188 expected
