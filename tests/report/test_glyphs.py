import matplotlib.font_manager

from kmusic.report.glyphs import font_families, printable


def test_fonts_that_are_not_installed_are_not_named():
    assert font_families()[0] == "DejaVu Sans"
    assert set(font_families()) <= set(matplotlib.font_manager.get_font_names())


def test_names_that_fonts_have_stay_as_they_are():
    names = ["Hip-Hop", "Русская песня", "Ελληνικά", "Fado & Çifteli"]
    assert printable(names) == names


def test_characters_without_a_font_become_squares():
    assert printable(["Pop \U000e0001"]) == ["Pop □"]


def test_a_name_of_squares_alone_becomes_its_number():
    assert printable(["Pop", "\U000e0001\U000e0002"]) == ["Pop", "no. 2"]


def test_long_names_lose_their_middle():
    assert printable(["abcdefghijklmnopqrstuvwxyz"], longest=12) == ["abcdefg…wxyz"]


def test_no_two_names_look_the_same():
    names = [f"The very same beginning, {i}, and the very same end" for i in range(120)]
    texts = printable(names, longest=18)
    assert len(set(texts)) == 120
    assert max(map(len, texts)) == 18


def test_nothing_is_read_as_a_formula_or_hidden():
    assert printable(["$x_2$", "_private", "two\nlines"]) == [r"\$x_2\$", " _private", "two lines"]
