"""Paths of composed tracks: written and read back, or refused with the rule."""

import re

import pytest

from kmusic.datasets.studio.addresses import Address, parse_address


@pytest.mark.parametrize(
    ("address", "written"),
    [
        (Address(0, "techno", 3, 7), "studio:0/techno/3/7"),
        (Address(12, "waltz", 0, 99_999, 30.0), "studio:12/waltz/0/99999?seconds=30.0"),
        (Address(1, "funk", 2, 3, 10 / 3), "studio:1/funk/2/3?seconds=3.3333333333333335"),
    ],
)
def test_a_path_reads_back_as_its_address(address, written):
    assert str(address) == written
    assert parse_address(written) == address


def test_whole_seconds_may_be_written_without_a_point():
    assert parse_address("studio:0/blues/0/0?seconds=5").seconds == 5.0


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "songs/a.flac",
        "studio:",
        "studio:0/techno/3",
        "studio:-1/techno/3/7",
        "studio:0/techno/3/7/",
        "studio:0/techno/3/7?seconds=",
        "studio:0/techno/3/7?seconds=nan",
        "studio:0/techno/3/7?seconds=0.5",
        "studio:0/techno/3/7?seconds=9999",
        "studio:0/techno/3/7\n",
        "studio:0/techno/٣/7",
    ],
)
def test_other_writing_is_refused_with_rule_and_value(uri):
    with pytest.raises(ValueError, match=re.escape("studio:<seed>/<genre>")) as refused:
        parse_address(uri)
    assert repr(uri) in str(refused.value)


def test_an_unknown_genre_is_refused_with_those_that_exist():
    with pytest.raises(ValueError, match=r"one of techno, .*; got 'studio:0/polka/1/2'"):
        parse_address("studio:0/polka/1/2")
