"""Turn one tag into words: lower case, parted, without stop words, singular."""

import unicodedata
from functools import lru_cache
from typing import Any, Literal, TypeAlias

Singular: TypeAlias = Literal["guarded", "inflect"]
Compounds: TypeAlias = Literal["split", "drop"]

FUNCTION_WORDS = """
a an the this that these those such same own other another each every both few more most some any
all either neither no nor not none
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her
hers herself it its itself they them their theirs themselves
who whom whose which what when where why how
am is are was were be been being have has had having do does did doing
can cannot could shall should would will must ought
about above across after against along among at before below beneath beside besides between beyond
by down during except for from in into of off on onto out over per since through throughout to
toward towards under underneath until unto up upon via with within without
and but or if as than because while whereas although though unless whether so
again also else even ever further here just now once only quite rather then there thus too very yet
ain aren couldn didn doesn don hadn hasn isn ll mightn mustn needn re shan shouldn ve wasn weren
wouldn
"""

STOP_WORDS = frozenset(FUNCTION_WORDS.split())
"""English words that only hold a sentence together, and the stumps of "don't" and "they'll"."""

SINGULARS_IN_S = "blues brussels charles christmas clothes james texas thanks thomas wales xmas"

NO_PLURALS = frozenset(SINGULARS_IN_S.split())
"""Words that inflect takes for the plural of another word, and no rule on spelling tells."""


def words_of(tag: str, *, singular: Singular, compounds: Compounds) -> list[str]:
    """Give the words of a tag.

    Words of any script stay; only those in plain Latin letters are made singular. A single letter
    is no word, unless its script knows no capitals: a Chinese character is one.

    Args:
        tag: A tag as somebody wrote it.
        singular: How plurals become singulars. "guarded" leaves words alone that inflect garbles;
            "inflect" gives what its releases 3 to 5 gave, which are those of the paper's time:
            police is "polouse", bass "bas", bus "bu".
        compounds: What becomes of a tag that holds anything but letters (hip-hop, Dog_bark, drum
            kit): "split" gives its words, "drop" none.

    Returns:
        The words in the order in which they stand.

    Source:
        Favory et al. (2020), section 3.1, and their public code. Their stop words are NLTK's;
        these are of the same kinds.
    """
    return [
        _singular(word, singular)
        for word in _parted(tag, compounds)
        if not (word in STOP_WORDS or (len(word) == 1 and word.islower()))
    ]


@lru_cache(maxsize=65_536)
def _parted(tag: str, compounds: Compounds) -> tuple[str, ...]:
    tag = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag).casefold())
    kinds = [(sign, unicodedata.category(sign)) for sign in tag]
    seen = [(sign, kind[0] in "LM") for sign, kind in kinds if kind != "Cf"]  # no joiners
    parts = tuple("".join(sign if letter else " " for sign, letter in seen).split())
    is_one_word = parts == ("".join(sign for sign, _ in seen).strip(),)
    return parts if compounds == "split" or is_one_word else ()


@lru_cache(maxsize=65_536)
def _singular(word: str, how: Singular) -> str:
    if not word.isascii():
        return word
    if how == "inflect" and word.endswith("ss"):
        return word[:-1]
    if how == "inflect" and word.endswith("lice"):
        return word[:-4] + "louse"
    singular = str(_engine().singular_noun(word) or word)
    return singular if how == "inflect" or _is_plural(word, singular) else word


def _is_plural(word: str, singular: str) -> bool:
    """Say whether a word is the plural of its singular, as far as its spelling and inflect tell.

    Its ending must not be one that singulars have; its singular must be a word of three letters
    and lead back to it; and it must not be known to have a plural of its own (lens, lenses).
    """
    return (
        word not in NO_PLURALS
        and not word.endswith(("ss", "us", "is", "ics"))
        and len(singular) >= 3
        and _engine().plural_noun(singular) == word
        and _engine().singular_noun(word + "es") != word
    )


@lru_cache(maxsize=1)
def _engine() -> Any:
    import inflect  # two seconds to import

    return inflect.engine()
