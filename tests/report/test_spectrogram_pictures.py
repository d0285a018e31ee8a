import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from kmusic.evaluation.latent import band_statistics, correlation
from kmusic.report.spectrogram_pictures import (
    draw_band_statistics,
    draw_generated,
    draw_interpolation,
    draw_loudness,
    draw_pairs,
)

SQUARE = np.random.default_rng(0).uniform(-80.0, 0.0, (16, 32, 32)).astype(np.float32)
WIDE = np.random.default_rng(1).uniform(-80.0, 0.0, (16, 65, 32)).astype(np.float32)
HOP = 512 / 22_050


@pytest.fixture
def figure_of(monkeypatch, tmp_path):
    """Function that draws, and gives the figure that would have been written."""
    kept = []

    def keep(figure, target, **_):
        kept.append(figure)
        target.touch()

    def draw(function, *arguments, **words):
        monkeypatch.setattr(Figure, "savefig", keep)
        assert function(*arguments, tmp_path / "a.png", **words) == tmp_path / "a.png"
        return kept[-1]

    return draw


def panels(figure):
    """Give the axes of crops by row and column."""
    shown = [axes for axes in figure.axes if axes.images]
    places = [axes.get_subplotspec() for axes in shown]
    return dict(zip([(p.rowspan.start, p.colspan.start) for p in places], shown, strict=True))


def crops_of(figure):
    """Give the crops by row and column, `(n_frames, n_bands)`."""
    shown = panels(figure).items()
    return {place: np.asarray(axes.images[0].get_array()).T for place, axes in shown}


def assert_crops(figure, expected):
    found = crops_of(figure)
    assert set(found) == set(expected)
    for place, crop in expected.items():
        np.testing.assert_array_equal(found[place], crop)


def pairs(figure_of, crops=SQUARE, n=2, **words):
    words = {"names": range(n), "hop_seconds": HOP} | words
    return figure_of(draw_pairs, crops[:n], crops[8 : 8 + n], **words)


def test_each_original_lies_above_its_copy(figure_of):
    expected = {(0, i): SQUARE[i] for i in range(8)} | {(1, i): SQUARE[8 + i] for i in range(8)}
    assert_crops(pairs(figure_of, n=8), expected)


def test_wide_pairs_are_broken_into_lines_of_four(figure_of):
    originals = {(2 * (i // 4), i % 4): WIDE[i] for i in range(5)}
    copies = {(2 * (i // 4) + 1, i % 4): WIDE[8 + i] for i in range(5)}
    figure = pairs(figure_of, WIDE, 5)
    assert_crops(figure, originals | copies)
    assert sum(axes.axison for axes in figure.axes) == 11  # the crops and the colour bar


def test_pairs_are_named_and_their_rows_too(figure_of):
    shown = panels(pairs(figure_of, WIDE, 5, names="abcde", titles=("sound", "echo")))
    names = {place: axes.get_title(loc="left") for place, axes in shown.items()}
    assert {place: name for place, name in names.items() if name} == {
        (0, 0): "a",
        (0, 1): "b",
        (0, 2): "c",
        (0, 3): "d",
        (2, 0): "e",
    }
    rows = {place: axes.get_ylabel() for place, axes in shown.items() if axes.get_ylabel()}
    assert rows == {(0, 0): "sound", (1, 0): "echo", (2, 0): "sound", (3, 0): "echo"}


def test_axes_count_seconds_and_bands(figure_of):
    figure = pairs(figure_of, WIDE, hop_seconds=0.5, first_band=7)
    assert {tuple(axes.axis()) for axes in panels(figure).values()} == {(0.0, 32.5, 7.0, 39.0)}
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("time in seconds", "band")


def test_low_bands_are_below_and_time_runs_to_the_right(tmp_path):
    crop = np.full((32, 32), -80.0)
    crop[16:, :16] = 0.0
    path = draw_interpolation([crop], [0.0], tmp_path / "a.png", hop_seconds=HOP)
    picture = matplotlib.image.imread(path)[..., :3]
    bright, dark = (
        np.argwhere(np.abs(picture[:, :520] - colour).max(axis=2) < 0.01)  # without the colour bar
        for colour in ([0.988, 0.992, 0.749], [0.0015, 0.0005, 0.0139])  # the ends of magma
    )
    row, column = np.median(bright, axis=0) - np.median(dark, axis=0)
    assert min(row, column) > 20  # pixels


def test_all_panels_share_one_scale_and_its_bar_has_the_unit(figure_of):
    crops = SQUARE - np.arange(16)[:, None, None]
    figure = pairs(figure_of, crops, unit="z-score")
    drawn = np.concatenate([crops[:2], crops[8:10]])
    (limits,) = {axes.images[0].get_clim() for axes in panels(figure).values()}
    assert limits == pytest.approx((np.percentile(drawn, 1), drawn.max()))
    assert [axes.get_ylabel() for axes in figure.axes if not axes.images][-1] == "z-score"
    assert {axes.images[0].get_cmap().name for axes in panels(figure).values()} == {"magma"}


def test_crops_that_all_coincide_look_alike(figure_of):
    figure = pairs(figure_of, np.zeros_like(SQUARE))
    assert len({axes.images[0].get_clim() for axes in panels(figure).values()}) == 1


def test_ticks_are_told_at_the_edges_of_a_block_alone(figure_of):
    figure = figure_of(draw_generated, SQUARE[:5], SQUARE[:9], hop_seconds=HOP)
    told = {
        place: (axes.xaxis.get_tick_params(), axes.yaxis.get_tick_params())
        for place, axes in panels(figure).items()
    }
    left = {place for place, (_, y) in told.items() if y["labelleft"]}
    below = {place for place, (x, _) in told.items() if x["labelbottom"]}
    assert left == {(0, 0), (1, 0), (0, 5), (1, 5), (2, 5)}
    assert below == {(1, 0), (0, 1), (0, 2), (0, 3), (2, 5), (1, 6), (1, 7), (1, 8)}


def test_real_and_generated_crops_make_two_blocks(figure_of):
    figure = figure_of(draw_generated, SQUARE[:6], SQUARE[7:], hop_seconds=HOP)
    real = {(i // 4, i % 4): SQUARE[i] for i in range(6)}
    generated = {(i // 4, 5 + i % 4): SQUARE[7 + i] for i in range(9)}
    assert_crops(figure, real | generated)
    titles = {place: axes.get_title(loc="left") for place, axes in panels(figure).items()}
    assert {p: t for p, t in titles.items() if t} == {(0, 0): "real", (0, 5): "generated"}


def test_wide_blocks_have_two_columns(figure_of):
    figure = figure_of(draw_generated, WIDE[:3], WIDE[3:7], hop_seconds=HOP)
    assert set(panels(figure)) == {(0, 0), (0, 1), (1, 0), (0, 3), (0, 4), (1, 3), (1, 4)}


def test_interpolation_goes_row_after_row_with_its_values(figure_of):
    figure = figure_of(draw_interpolation, SQUARE, np.linspace(0, 1, 16), hop_seconds=HOP)
    assert_crops(figure, {(i // 4, i % 4): SQUARE[i] for i in range(16)})
    titles = [axes.get_title(loc="left") for axes in panels(figure).values()]
    assert titles == [f"{i / 15:.2f}" for i in range(16)]
    assert "16 points, all coordinates from 0 to 1" in figure.get_suptitle()


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (draw_pairs, (SQUARE[:2], SQUARE[:2])),
        (draw_generated, (SQUARE[:2], SQUARE[:2])),
        (draw_interpolation, (SQUARE[:2], [0, 1])),
    ],
)
def test_the_protocol_is_told(function, arguments, figure_of):
    words = {"names": "ab"} if function is draw_pairs else {}
    figure = figure_of(function, *arguments, hop_seconds=HOP, protocol="test split", **words)
    assert figure.get_suptitle().endswith("\ntest split")


def test_any_names_and_numbers_of_crops_can_be_drawn(tmp_path):
    # Warnings are errors: no layout may collapse, no glyph be missing.
    crops = np.random.default_rng(2).uniform(-80, 0, (8, 431, 64))
    names = ["シベリウス", "Haydn", "Haydn", "$x$", "a very long name indeed", "🎸", "_", ""]
    words = {"hop_seconds": HOP, "protocol": "test split of $5 " * 20}
    draw_pairs(SQUARE[:8], SQUARE[8:], tmp_path / "a.png", names=names, **words)
    draw_generated(crops[:1], crops[:3], tmp_path / "b.png", **words)
    draw_interpolation(crops[:1], [0.5], tmp_path / "c.png", **words)
    assert all(path.stat().st_size > 10_000 for path in tmp_path.iterdir())


def test_band_statistics_are_drawn_with_their_spread(figure_of):
    real, generated = SQUARE[:, :, :6], 0.5 * SQUARE[:, :, :6]
    statistics = band_statistics(real, generated)
    figure = figure_of(draw_band_statistics, statistics, first_band=3, protocol="test split")
    (axes,) = figure.axes
    for line, spread, crops in zip(axes.lines, axes.collections, (real, generated), strict=True):
        values = np.moveaxis(crops, 2, 0).reshape(6, -1).astype(float)
        np.testing.assert_array_equal(line.get_xdata(), np.arange(3, 9))
        np.testing.assert_allclose(line.get_ydata(), values.mean(axis=1), rtol=1e-5)
        ends = spread.get_paths()[0].vertices[:, 1]
        highest = (values.mean(axis=1) + values.std(axis=1)).max()
        lowest = (values.mean(axis=1) - values.std(axis=1)).min()
        np.testing.assert_allclose((ends.min(), ends.max()), (lowest, highest), rtol=1e-5)
    assert [text.get_text() for text in axes.get_legend().texts] == ["real", "generated"]
    result = f"means {statistics.mean_difference:.2f} dB apart, variances 2.00 doublings"
    assert axes.get_title().split("\n")[1:] == ["test split", result]


def test_constant_bands_are_told(figure_of):
    constant = np.zeros((2, 4, 3))
    figure = figure_of(draw_band_statistics, band_statistics(constant, constant + 1), unit="z")
    assert figure.axes[0].get_title().endswith("means 1.00 z apart, 3 band(s) constant")


def test_the_length_of_codes_is_drawn_over_the_loudness(figure_of):
    norms, loudness = np.array([10.0, 11, 10.5, 1]), np.array([-60.0, -50, -40, 0])
    measured = correlation(norms, loudness, groups=list("aabb"), n_resamples=10)
    figure = figure_of(draw_loudness, norms, loudness, correlation=measured, protocol="test split")
    (axes,) = figure.axes
    np.testing.assert_array_equal(axes.collections[0].get_offsets(), np.c_[loudness, norms])
    first, protocol, *results = axes.get_title().split("\n")
    assert (first, protocol) == ("Latent length and loudness: 4 crops of 2 group(s)", "test split")
    for result, value, (low, high) in (
        (results[0], measured.value, measured.interval),
        (results[1], measured.rank_value, measured.rank_interval),
    ):
        assert result.endswith(f"{value:.2f} (95 % {low:.2f} to {high:.2f})")


def test_nothing_correlated_can_be_drawn(tmp_path):
    measured = correlation([3, 3, 3], [1, 2, 3], n_resamples=10)
    path = draw_loudness([3, 3, 3], [1, 2, 3], tmp_path / "a.png", correlation=measured)
    assert path.stat().st_size > 0


@pytest.mark.parametrize(
    ("draw", "rule"),
    [
        (lambda p: draw_pairs(SQUARE[:2], SQUARE[:1], p, names="ab", hop_seconds=1), "one shape"),
        (lambda p: draw_pairs(SQUARE[:2], SQUARE[:2], p, names="a", hop_seconds=1), "and 1 names"),
        (lambda p: draw_pairs(SQUARE[:9], SQUARE[:9], p, names="a" * 9, hop_seconds=1), "1 to 8"),
        (lambda p: draw_pairs(SQUARE[:0], SQUARE[:0], p, names="", hop_seconds=1), "1 to 8"),
        (lambda p: draw_generated(SQUARE[0], SQUARE, p, hop_seconds=1), r"shape \(32, 32\)"),
        (lambda p: draw_generated(SQUARE, SQUARE[..., :3], p, hop_seconds=1), "have one size"),
        (lambda p: draw_generated(SQUARE, SQUARE * np.nan, p, hop_seconds=1), "16384 not finite"),
        (lambda p: draw_interpolation(SQUARE, [0, 1], p, hop_seconds=1), "got 2 for 16"),
        (lambda p: draw_interpolation(SQUARE[:1], [0], p, hop_seconds=0), "hop_seconds=0"),
        (lambda p: draw_loudness([1, 2], [1], p, correlation=None), "one entry a crop"),
        (lambda p: draw_loudness([], [], p, correlation=None), "one entry a crop"),
    ],
)
def test_nonsense_is_refused(draw, rule, tmp_path):
    with pytest.raises(ValueError, match=rule):
        draw(tmp_path / "a.png")
    assert not [*tmp_path.iterdir()]
