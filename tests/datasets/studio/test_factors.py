"""Factors and tags: ranges that hold, words that are true."""

import numpy as np
import pandas as pd
import pytest

from kmusic.datasets.studio.factors import studio_factors, tags
from kmusic.datasets.studio.genres import GENRES
from kmusic.datasets.studio.songs import draw_songs


@pytest.fixture(scope="module")
def songs():
    artists, tracks = np.divmod(np.arange(3_000), 10)
    return pd.concat([draw_songs(1, genre, artists, tracks) for genre in GENRES])


def test_every_factor_stays_in_its_range_and_uses_it(songs):
    for factor in studio_factors():
        column = songs[factor.name]
        if factor.values:
            assert set(column) == set(factor.values), factor.name
        else:
            used = (column.max() - column.min()) / (factor.high - factor.low)
            assert column.between(factor.low, factor.high).all(), factor.name
            assert used > 0.9, factor.name


def test_tags_say_what_the_factors_say(songs):
    genre_shown = np.linspace(0, 1, len(songs), endpoint=False)
    for row, shown, words in zip(
        songs.itertuples(), genre_shown, tags(songs, genre_shown), strict=True
    ):
        said = set(words.split(";"))
        tempo = "slow" if row.tempo_bpm < 90 else "fast" if row.tempo_bpm >= 120 else "medium"
        assert {"bass", row.chords, row.lead, row.mode, tempo} <= said
        assert ("drums" in said) == (row.drums == 1)
        assert ("triple" in said) == (row.meter == 3)
        assert (row.genre in said) == (shown < 0.5)
        assert len(words.split(";")) == len(said)


def test_no_word_but_the_bass_is_on_every_track_or_on_hardly_any(songs):
    words = pd.Series(tags(songs, np.full(len(songs), 0.7))).str.split(";").explode()
    share = words.value_counts() / len(songs)
    assert share.drop("bass").between(0.03, 0.7).all(), share
