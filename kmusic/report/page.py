"""Facts, tables and pictures to one HTML page that needs nothing beside it."""

import base64
import html
import mimetypes
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path

import pandas as pd

from kmusic.atomic import write_text

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, .facts td { text-align: left; }
thead th { border-bottom-width: 2px; } tbody tr:nth-child(even) { background: var(--soft); }
.facts th { font-weight: 600; vertical-align: top; } .facts td { overflow-wrap: anywhere; }
figure { margin: 1.5rem 0; } figcaption { opacity: .75; }
img { max-width: 100%; height: auto; background: white; border-radius: .4rem; }
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
{parts}
</body>
</html>
"""


def write_page(
    folder: str | Path,
    title: str,
    facts: Mapping[str, object],
    tables: Mapping[str, pd.DataFrame],
    pictures: Sequence[str | Path],
) -> Path:
    """Write `index.html`, one page with everything inside it, whole or not at all.

    Args:
        folder: Where the page goes; made if need be.
        title: Heading of the page.
        facts: What to say first, a line each. Numbers get three digits after the point; a pair of
            numbers is an interval.
        tables: Tables by heading, drawn with their index.
        pictures: Picture files in the order to show them; the name becomes the caption.

    Returns:
        Path of the page.

    Raises:
        FileNotFoundError: If a picture does not exist.
        ValueError: If a picture's suffix is not that of a picture.
    """
    parts = [_facts(facts), *map(_figure, map(Path, pictures))]
    parts += [_table(heading, table) for heading, table in tables.items()]
    page = Path(folder) / "index.html"
    write_text(page, PAGE.format(title=html.escape(title), style=STYLE, parts="\n".join(parts)))
    return page


def _facts(facts: Mapping[str, object]) -> str:
    rows = (
        f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(_said(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f'<table class="facts"><tbody>{"".join(rows)}</tbody></table>'


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Real) and not isinstance(value, int):
        return f"{float(value):.3f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_said(inner)}" for name, inner in value.items())
    if isinstance(value, (tuple, list)):
        numbers = len(value) == 2 and all(isinstance(end, float) for end in value)
        return (" to " if numbers else ", ").join(map(_said, value))
    return "-" if value is None else str(value)


def _table(heading: str, table: pd.DataFrame) -> str:
    with pd.option_context("display.max_colwidth", None):
        drawn = table.rename_axis(index=None).to_html(
            border=0, na_rep="-", float_format=lambda number: f"{number:.3f}", justify="inherit"
        )
    return f'<h2>{html.escape(heading)}</h2>\n<div class="wide">{drawn}</div>'


def _figure(picture: Path) -> str:
    kind = mimetypes.guess_type(picture.name)[0] or ""
    if not kind.startswith("image/"):
        raise ValueError(f"pictures must be image files; got {picture}.")
    inside = base64.b64encode(picture.read_bytes()).decode("ascii")
    caption = html.escape(picture.stem.replace("_", " "))
    image = f'<img src="data:{kind};base64,{inside}" alt="{caption}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
