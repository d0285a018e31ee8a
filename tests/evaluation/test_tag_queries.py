"""Words of people in the words of a vocabulary; the expected ones were chosen by reading."""

import re

import pytest

from kmusic.datasets.tags import TagConfig, Vocabulary
from kmusic.evaluation.tag_queries import TagQuery, find_words, look_up, read_query

WORDS = (
    *("piano", "drum", "dark", "jazz", "electronic", "guitar", "violin", "sing", "singing"),
    *("melody", "melodic", "melodious", "melodies", "cello", "plane", "forest", "hop", "musique"),
    *("noise", "bass", "brass", "hip", "dance", "étude"),
)
COUNTS = (9, 9, 9, 9, 9, 9, 9, 5, 6, 3, 7, 5, 6, 1, 1, 1, 4, 1, 1, 1, 1, 1, 1, 1)
VOCABULARY = Vocabulary(WORDS, COUNTS, None)
CONFIG = TagConfig()


def find(*words, config=CONFIG):
    return find_words(words, VOCABULARY, config)


@pytest.mark.parametrize("word", ["piano", "Piano", " piano ", "pianos", "PIANOS"])
def test_a_word_is_taken_as_it_stands_or_singular_and_nothing_stands_in(word):
    assert find(word) == (("piano",), {})


@pytest.mark.parametrize(
    ("word", "form"),
    [
        ("pianist", "piano"),
        ("guitarists", "guitar"),
        ("violinist", "violin"),
        ("jazzy", "jazz"),
        ("darkness", "dark"),
        ("drummer", "drum"),
        ("drumming", "drum"),
        ("electronica", "electronic"),
        ("dancer", "dance"),
        ("noisy", "noise"),
        ("gutiar", "guitar"),
        ("musiqe", "musique"),
    ],
)
def test_another_form_of_the_word_or_of_its_spelling_stands_in_and_is_named(word, form):
    found, stood_in = find(word)
    assert found == (form,)
    assert [*stood_in.values()] == [(form,)]
    assert word.startswith(next(iter(stood_in)))  # singular


def test_of_many_forms_the_three_of_most_tracks_stand_in():
    assert find("melodiously") == (("melodious",), {"melodiously": ("melodious",)})
    assert find("melodist")[0] == ("melodic", "melodies", "melodious")


def test_forms_that_share_more_of_the_word_go_before_those_of_more_tracks():
    assert find("singer")[0] == ("singing", "sing")  # both share as much
    assert look_up(["danced"], Vocabulary(("danc", "dance"), (9, 1), None), CONFIG).words == (
        "dance",
    )


@pytest.mark.parametrize("word", ["cellar", "plant", "foreign", "bassoon", "brassiere", "noi"])
def test_words_that_begin_alike_but_end_as_no_form_does_are_not_near(word):
    with pytest.raises(ValueError, match="words must be near to one of the 24"):
        find(word)


def test_a_word_that_nothing_is_near_to_is_named_with_those_most_alike():
    expected = (
        "words must be near to one of the 24 that the run has learned (its vocabulary.json); "
        "got 'violent', 'xylophone'; the most alike are violin."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        find("dark", "violent", "xylophone")
    with pytest.raises(ValueError, match=r"got 'zzz'\.$"):
        find("zzz")


def test_words_that_are_missing_can_be_told_without_an_error():
    found = look_up(["dark", "xylophone", "pianist", "the"], VOCABULARY, CONFIG)
    assert found.words == ("dark", "piano")
    assert found.stood_in == {"pianist": ("piano",)}
    assert found.missing == ("xylophone",)


@pytest.mark.parametrize("compounds", ["split", "drop"])
def test_compounds_are_cut_and_each_word_is_found_once(compounds):
    found, _ = find(
        "hip-hop", "Hop", "dark_piano", "pianist", config=TagConfig(compounds=compounds)
    )
    assert found == ("hip", "hop", "dark", "piano")


# Queries


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("dark piano", "dark piano", ""),
        ("dark piano, no drums", "dark piano", "drum"),
        ("No drums; dark piano", "dark piano", "drum"),
        ("dark piano without drums and bass", "dark piano", "drum bass"),
        ("dark piano not drums, jazz", "dark piano jazz", "drum"),
        ("no drums but dark piano", "dark piano", "drum"),
        ("dark -drums piano", "dark piano", "drum"),
        ("dark piano, -drums, jazz", "dark piano jazz", "drum"),
        ("piano, - drums and bass", "piano", "drum bass"),
        ("piano, \N{EN DASH}drums", "piano", "drum"),
        ("Dark 'hip-hop' (jazz).", "dark hip hop jazz", ""),
        ("with some of the piano", "piano", ""),
        ("without drums", "", "drum"),
    ],
)
def test_what_stands_behind_no_or_a_dash_is_unwanted(text, wanted, unwanted):
    asked = read_query(text, VOCABULARY, CONFIG)
    assert (asked.wanted, asked.unwanted) == (tuple(wanted.split()), tuple(unwanted.split()))


def test_what_stands_in_is_named_on_both_sides():
    asked = read_query("pianist, no drumming", VOCABULARY, CONFIG)
    expected = {"pianist": ("piano",), "drumming": ("drum",)}
    assert asked == TagQuery(("piano",), ("drum",), expected)


@pytest.mark.parametrize("text", ["", " , ;", "the and of", "no", "-"])
def test_a_query_without_a_word_is_refused(text):
    with pytest.raises(ValueError, match="a query must hold a word that says how music sounds"):
        read_query(text, VOCABULARY, CONFIG)


@pytest.mark.parametrize("text", ["piano, no piano", "pianist, no piano", "piano -pianos"])
def test_a_word_is_not_both_wanted_and_unwanted(text):
    with pytest.raises(ValueError, match="wanted or unwanted, not both; got piano in"):
        read_query(text, VOCABULARY, CONFIG)


def test_unknown_words_of_both_sides_are_named_together():
    with pytest.raises(ValueError, match="got 'xylophone', 'zither'"):
        read_query("dark xylophone, no zither", VOCABULARY, CONFIG)
