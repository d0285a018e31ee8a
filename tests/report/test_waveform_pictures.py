import numpy as np
import pytest
from matplotlib.figure import Figure

from kmusic.report.waveform_pictures import draw_waveform_examples, draw_waveform_pairs

SOUND = np.random.default_rng(0).uniform(-1, 1, (9, 50, 1)).astype(np.float32)
COPIES = SOUND / 2
RATE = 8_000
WORDS = {"hop_seconds": 1 / RATE}


@pytest.fixture
def figure_of(monkeypatch, tmp_path):
    """Function that draws, and gives the figure that would have been written."""
    kept = []

    def keep(figure, target, **_):
        kept.append(figure)
        target.touch()

    def draw(function, *arguments, **words):
        monkeypatch.setattr(Figure, "savefig", keep)
        assert function(*arguments, tmp_path / "a.png", **WORDS, **words) == tmp_path / "a.png"
        return kept[-1]

    return draw


def lines_of(figure):
    """Give the lines of each panel, `(n_lines, n_frames)`, with its name."""
    panels = [axes for axes in figure.axes if axes.axison]
    names = [axes.get_title(loc="left") for axes in panels]
    lines = [np.stack([line.get_ydata() for line in axes.get_lines()]) for axes in panels]
    return dict(zip(names, lines, strict=True))


@pytest.mark.parametrize("n", [1, 5, 8])
def test_each_original_and_its_copy_share_a_panel(figure_of, n):
    figure = figure_of(draw_waveform_pairs, SOUND[:n], COPIES[:n], names=range(n))
    found = lines_of(figure)
    assert list(found) == [str(i) for i in range(n)]
    for i, lines in enumerate(found.values()):
        np.testing.assert_array_equal(lines, [SOUND[i, :, 0], COPIES[i, :, 0]])


def test_originals_and_copies_look_unlike_and_are_named(figure_of):
    titles = ("sound", "echo")
    figure = figure_of(draw_waveform_pairs, SOUND[:2], COPIES[:2], names="ab", titles=titles)
    (legend,) = figure.legends
    assert tuple(text.get_text() for text in legend.get_texts()) == titles
    first, second = figure.axes[0].get_lines()
    assert first.get_color() != second.get_color()
    assert (first.get_linestyle(), second.get_linestyle()) == ("-", "--")
    assert figure.get_suptitle() == "Pairs: sound and echo, 2 crop(s)"


def test_axes_count_seconds_and_have_the_unit_and_one_scale(figure_of):
    loud = SOUND[:5] * np.arange(1, 6)[:, None, None]
    figure = figure_of(draw_waveform_pairs, loud, loud, names="abcde", unit="z-score")
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("time in seconds", "z-score")
    seconds = figure.axes[0].get_lines()[0].get_xdata()
    np.testing.assert_allclose(seconds, np.arange(50) / RATE)
    assert len({axes.get_ylim() for axes in figure.axes if axes.axison}) == 1
    counted = [axes.xaxis.get_tick_params()["labelbottom"] for axes in figure.axes[:5]]
    assert counted == [False, True, True, True, True]  # the first has one below it


def test_examples_are_a_panel_a_class(figure_of):
    features = {"rock": SOUND[0], "jazz": SOUND[1]}
    figure = figure_of(draw_waveform_examples, features, protocol="first excerpts")
    found = lines_of(figure)
    assert list(found) == ["rock", "jazz"]
    for lines, expected in zip(found.values(), features.values(), strict=True):
        np.testing.assert_array_equal(lines, [expected[:, 0]])
    assert figure.get_suptitle() == "Examples: one excerpt a class\nfirst excerpts"
    assert not figure.legends


def test_a_picture_is_written(tmp_path):
    path = draw_waveform_pairs(SOUND[:1], COPIES[:1], tmp_path / "a.png", names="a", **WORDS)
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("draw", "rule"),
    [
        (lambda p: draw_waveform_pairs(SOUND[:2], SOUND[:1], p, names="ab", **WORDS), "one shape"),
        (lambda p: draw_waveform_pairs(SOUND[:2], SOUND[:2], p, names="a", **WORDS), "and 1 names"),
        (lambda p: draw_waveform_pairs(SOUND, SOUND, p, names="a" * 9, **WORDS), "1 to 8"),
        (lambda p: draw_waveform_examples({}, p, **WORDS), "1 to 32"),
        (lambda p: draw_waveform_examples({"a": SOUND[0] * np.nan}, p, **WORDS), "50 not finite"),
        (lambda p: draw_waveform_examples({"a": np.ones((5, 2))}, p, **WORDS), r"\(1, 5, 2\)"),
        (lambda p: draw_waveform_examples({"a": SOUND[0]}, p, hop_seconds=0), "hop_seconds=0"),
    ],
)
def test_nonsense_is_refused(draw, rule, tmp_path):
    with pytest.raises(ValueError, match=rule):
        draw(tmp_path / "a.png")
    assert not [*tmp_path.iterdir()]
