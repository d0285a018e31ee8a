import base64
from html.parser import HTMLParser

import pandas as pd
import pytest

from kmusic.report.page import write_page

NASTY = "<script>alert('Ünïcode & \"quotes\"')</script>"


class Reading(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.links, self.texts = [], [], []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.texts.append(data.strip())


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "confusion_matrix.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n and the rest")
    return path


def test_the_page_holds_everything_itself(tmp_path, picture):
    table = pd.DataFrame({"f1": [0.51786]}, index=["Electronic"])
    page = write_page(tmp_path / "new", "Run", {"tracks": 800}, {"By class": table}, [picture])
    reading = Reading(page)
    assert page == tmp_path / "new" / "index.html"
    (link,) = reading.links
    kind, inside = link.split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(inside) == picture.read_bytes()
    for text in ("Run", "tracks", "800", "By class", "Electronic", "0.518", "confusion matrix"):
        assert text in reading.texts


def test_no_text_becomes_markup(tmp_path):
    table = pd.DataFrame({NASTY: [NASTY]}, index=[NASTY])
    reading = Reading(write_page(tmp_path, NASTY, {NASTY: NASTY}, {NASTY: table}, []))
    assert "script" not in reading.tags
    assert (
        reading.texts.count(NASTY) == 8
    )  # title twice, a fact's two, heading, column, index, cell


def test_a_picture_may_have_any_name(tmp_path, picture):
    named = picture.rename(tmp_path / '"><script>вальс.png')
    reading = Reading(write_page(tmp_path, "Run", {}, {}, [named]))
    assert "script" not in reading.tags
    assert '"><script>вальс' in reading.texts


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.85821, "0.858"),
        (7, "7"),
        (True, "yes"),
        (None, "-"),
        ((0.81, 0.9), "0.810 to 0.900"),
        ([1, 2], "1, 2"),
        ({"k": 20, "share": 0.5}, "k: 20, share: 0.500"),
    ],
)
def test_facts_are_said_plainly(value, said, tmp_path):
    assert said in Reading(write_page(tmp_path, "Run", {"fact": value}, {}, [])).texts


def test_long_cells_are_not_cut(tmp_path):
    table = pd.DataFrame({"path": ["a" * 300]})
    assert "a" * 300 in Reading(write_page(tmp_path, "Run", {}, {"Files": table}, [])).texts


def test_a_page_that_fails_leaves_the_old_one(tmp_path, picture):
    page = write_page(tmp_path, "Old", {}, {}, [picture])
    before = page.read_bytes()
    with pytest.raises(FileNotFoundError):
        write_page(tmp_path, "New", {}, {}, [tmp_path / "gone.png"])
    assert page.read_bytes() == before


def test_what_is_no_picture_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"image files; got .*notes\.txt"):
        write_page(tmp_path, "Run", {}, {}, [tmp_path / "notes.txt"])
