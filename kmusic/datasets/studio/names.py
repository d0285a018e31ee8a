"""Invented names: artists, songs and albums."""

import numpy as np

from kmusic.datasets.studio.draws import Draws, Integers

CONSONANTS = ("b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v")
SYLLABLES = tuple(consonant + vowel for consonant in CONSONANTS for vowel in "aeiou")
CODAS = ("", "l", "n", "r", "s")
N_NAMES = len(SYLLABLES) ** 4
STRIDE = 7_368_787  # shares no factor with 70, so that numbers never meet before N_NAMES

ADJECTIVES = (
    "Amber Ancient Bitter Blue Broken Burning Distant Early Electric Empty Endless Faded "
    "Fallen Frozen Gentle Golden Hidden Hollow Late Little Lonely Lost Lucky Midnight Narrow "
    "Northern Open Paper Quiet Restless Second Silent Silver Sleeping Slow Southern Sudden "
    "Summer Velvet Wild"
)
NOUNS = (
    "Avenue Bridge Carnival Circle Coast Cloud Corner Dance Daylight Engine Field Fire Garden "
    "Harbour Hour House Island Kingdom Lantern Letter Machine Mirror Moon Morning Mountain "
    "Ocean Orchard Parade Promise Rain River Road Shadow Signal Station Stranger Tower Train "
    "Window Winter"
)


def artist_names(seed: int, numbers: Integers) -> list[str]:
    """Give pronounceable names; within a seed, unlike numbers have unlike names.

    Args:
        seed: Seed of the corpus.
        numbers: One number an artist, in `[0, N_NAMES)`.
    """
    start = int(Draws(seed).words("names")[0] >> np.uint64(32))
    return [_spelled((int(number) * STRIDE + start) % N_NAMES) for number in numbers]


def titles(draws: Draws, name: str) -> list[str]:
    """Give an adjective and a noun a row, such as "Quiet Harbour"; rows may repeat."""
    columns = []
    for kind, written in (("adjective", ADJECTIVES), ("noun", NOUNS)):
        words = written.split()
        picked = draws.pick(f"{name} {kind}", (1.0,) * len(words))
        columns.append([words[index] for index in picked])
    return [" ".join(pair) for pair in zip(*columns, strict=True)]


def _spelled(code: int) -> str:
    """Write a code as two words of two syllables, its digits to base 70."""
    digits = [code // len(SYLLABLES) ** place % len(SYLLABLES) for place in range(4)]
    first, second, third, fourth = (SYLLABLES[digit] for digit in digits)
    return f"{first}{second} {third}{fourth}{CODAS[code % len(CODAS)]}".title()
