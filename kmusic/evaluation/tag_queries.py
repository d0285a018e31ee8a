"""What a person asks for in words, in the words that a run has learned."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches

from kmusic.datasets.tags import TagConfig, Vocabulary, process_tags

FEWEST_SHARED = 4
MOST_FORMS = 3
ENDING = re.compile(
    "(a|able|al|ally|d|e|ed|er|ers|es|est|ful|ians?|ic|ical|ics|ied|ier|ies|iest|ily|iness|ing|ions?|ious|ish|"
    "ism|ists?|ive|less|ly|ment|ness|o|ors?|ous|r|rs|s|y)?"
)
"""What may follow the stem that forms of an English word share."""

CLOSE, LIKE = 0.82, 0.6
"""Shares of letters in order, as difflib counts them: of a misspelt word, of one worth a hint."""

PARTS = re.compile(r"[,;]|\bbut\b")
NEGATIONS = ("no", "not", "without")
DASHES = "-\N{EN DASH}\N{MINUS SIGN}"
AROUND = "\"'.!?()[]:\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"


@dataclass(frozen=True)
class TagQuery:
    """What is asked for.

    Attributes:
        wanted: Words of the vocabulary that tracks shall bear, each once.
        unwanted: Words that they shall not bear.
        stood_in: By word that is not in the vocabulary, those that stand in for it.
    """

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]
    stood_in: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Found:
    """Words, and what a vocabulary has of them.

    Attributes:
        words: Words of the vocabulary, each once.
        stood_in: By word that is not in it, those that stand in for it.
        missing: Words that nothing stands in for.
    """

    words: tuple[str, ...]
    stood_in: dict[str, tuple[str, ...]]
    missing: tuple[str, ...]


def look_up(words: Iterable[str], vocabulary: Vocabulary, config: TagConfig) -> Found:
    """Look words up: as they stand, else singular, else the nearest forms that there are.

    Near are forms of one word: they share a stem of four letters or more, as pianist and piano do,
    and of several such the three of most tracks that share most. Else a word one or two letters
    away is near, as guitar is to gutiar. Words that say nothing, such as "and", are left out.

    Args:
        words: Words or compounds; what is between the letters of a compound cuts it.
        vocabulary: What a run has learned.
        config: How it was learned.
    """
    splitting = replace(config, compounds="split")
    found: list[str] = []
    stood_in: dict[str, tuple[str, ...]] = {}
    missing: list[str] = []
    for word in words:
        whole = word.strip().lower()
        for form in [whole] if whole in vocabulary.words else process_tags([whole], splitting):
            near = (form,) if form in vocabulary.words else _nearest(form, vocabulary)
            if not near:
                missing.append(form)
            elif near != (form,):
                stood_in[form] = near
            found += near
    return Found(tuple(dict.fromkeys(found)), stood_in, tuple(dict.fromkeys(missing)))


def find_words(
    words: Iterable[str], vocabulary: Vocabulary, config: TagConfig
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Find words in a vocabulary; the arguments are those of `look_up`.

    Returns:
        Words of the vocabulary, each once, and by word that is not in it those that stand in.

    Raises:
        ValueError: If a word is not in the vocabulary and nothing in it is near.
    """
    known = look_up(words, vocabulary, config)
    if known.missing:
        like = get_close_matches(known.missing[0], vocabulary.words, MOST_FORMS, LIKE)
        hint = f"; the most alike are {', '.join(like)}" if like else ""
        raise ValueError(
            f"words must be near to one of the {len(vocabulary.words)} that the run has learned "
            f"(its vocabulary.json); got {', '.join(map(repr, known.missing))}{hint}."
        )
    return known.words, known.stood_in


def read_query(text: str, vocabulary: Vocabulary, config: TagConfig) -> TagQuery:
    """Read what is asked for, such as "dark piano, no drums".

    Commas, semicolons and "but" divide a query. In a part, all that stands behind "no", "not" or
    "without" is unwanted; so is a part that begins with a dash, and any word that does.

    Args:
        text: The query.
        vocabulary: What a run has learned.
        config: How it was learned.

    Raises:
        ValueError: If a word is not in the vocabulary and nothing in it is near, if there is no
            word at all, or if one is both wanted and unwanted.
    """
    asked: list[str] = []
    refused: list[str] = []
    for part in PARTS.split(text.lower()):
        refuses = part.strip().startswith(tuple(DASHES))
        for word in part.split():
            bare = word.strip(AROUND)
            refuses = refuses or bare in NEGATIONS
            side = refused if refuses or bare.startswith(tuple(DASHES)) else asked
            side += [] if bare in NEGATIONS else [bare.strip(DASHES)]
    _, stood_in = find_words(asked + refused, vocabulary, config)
    wanted, unwanted = (find_words(side, vocabulary, config)[0] for side in (asked, refused))
    if not wanted + unwanted:
        raise ValueError(f"a query must hold a word that says how music sounds; got {text!r}.")
    if both := [word for word in wanted if word in unwanted]:
        raise ValueError(
            f"a word must be wanted or unwanted, not both; got {', '.join(both)} in {text!r}."
        )
    return TagQuery(wanted, unwanted, stood_in)


def _nearest(word: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Give the forms of a word that a vocabulary has, or else the word most like it, if any."""
    shared = [_shared(word, known) for known in vocabulary.words]
    if longest := max(shared, default=0):
        forms = [row for row, length in enumerate(shared) if length == longest]
        forms.sort(key=lambda row: -vocabulary.counts[row])
        return tuple(vocabulary.words[row] for row in forms[:MOST_FORMS])
    return tuple(get_close_matches(word, vocabulary.words, 1, CLOSE))


def _shared(word: str, other: str) -> int:
    """Count the letters of the longest stem that two forms of one word share; 0 if there is none.

    A stem has four letters or more, and what follows is an ending of English words in both.
    """
    pairs = enumerate(zip(word, other, strict=False))
    shortest = min(len(word), len(other))
    alike = next((place for place, (one, two) in pairs if one != two), shortest)
    stems = range(alike, FEWEST_SHARED - 1, -1)
    return next((n for n in stems if _ends(n, word) and _ends(n, other)), 0)


def _ends(length: int, word: str) -> bool:
    """Whether an ending follows a stem, whose last letter may be doubled, as in drumming."""
    ending = word[length:]
    doubled = ending[:1] == word[length - 1]
    return bool(ENDING.fullmatch(ending) or (doubled and ENDING.fullmatch(ending[1:])))
