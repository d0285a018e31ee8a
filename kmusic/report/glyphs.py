"""Names in any script made fit for a picture."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from matplotlib import font_manager

# DejaVu Sans comes with matplotlib; the others are used where they are installed.
WANTED = (
    "DejaVu Sans",
    "Noto Sans",
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "WenQuanYi Micro Hei",
    "Hiragino Sans",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
)
MISSING = "\N{WHITE SQUARE}"


def font_families() -> list[str]:
    """Name the installed fonts that a picture's text may fall back on, best first."""
    installed = set(font_manager.get_font_names())
    return [family for family in WANTED if family in installed]


def printable(names: Iterable[object], *, longest: int = 28) -> list[str]:
    """Rewrite names so that a picture can hold them and no two of them look the same.

    Characters that no font has become a square; a name left with squares alone becomes its number
    in the list. Long names lose their middle, and get their number if they look alike then.

    Args:
        names: What to write.
        longest: Number of characters that a name may have, at least 12.

    Returns:
        The texts, safe from being read as formulas.
    """
    plain = [_plain(name, number) for number, name in enumerate(names, start=1)]
    short = [_shortened(text, longest) for text in plain]
    seen = Counter(short)
    texts = [
        text if seen[text] == 1 else _shortened(f"{number}: {whole}", longest)
        for number, (text, whole) in enumerate(zip(short, plain, strict=True), start=1)
    ]
    # A leading underscore hides an entry of a legend; dollar signs start a formula.
    return [(" " + text if text[:1] == "_" else text).replace("$", r"\$") for text in texts]


def _plain(name: object, number: int) -> str:
    text = " ".join(unicodedata.normalize("NFC", str(name)).split())
    known = _known_characters()
    shown = "".join(c if ord(c) in known else MISSING for c in text)
    return shown if shown == text or any(map(str.isalnum, shown)) else f"no. {number}"


def _shortened(text: str, longest: int) -> str:
    tail = longest // 3
    return text if len(text) <= longest else f"{text[: longest - 1 - tail]}…{text[-tail:]}"


@lru_cache(maxsize=1)
def _known_characters() -> frozenset[int]:
    fonts = [font_manager.get_font(font_manager.findfont(name)) for name in font_families()]
    return frozenset().union(*(font.get_charmap() for font in fonts))
