import json

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from kmusic.evaluation.unseen import Reached
from kmusic.report.sweep import (
    Point,
    draw_sweep,
    plot_sweep,
    protocol_lines,
    sweep_table,
    write_sweep,
)

PROTOCOL = {
    "data": "other.csv",
    "division": "trained on msd.csv, the table's split",
    "rows": "tracks that no run has seen",
    "n_tracks": [96],
    "n_groups": [12],
    "seeds": [0, 1],
    "settings": ["epochs=6"],
    "versions": {"kmusic": "0.1"},
    "against": None,
    "note": "",
}


def point(recipe, n_artists, start):
    """Three figures of two seeds each, 0.1 apart from one figure to the next."""
    figures = {}
    for number, name in enumerate(("map", "knn", "linear_softmax")):
        value = start + number / 10
        figures[name] = Reached(
            value=value, interval=(value - 0.2, value + 0.1), by_seed=(value - 0.05, value + 0.05)
        )
    return Point(recipe=recipe, n_artists=n_artists, n_tracks=15 * n_artists, figures=figures)


POINTS = [
    point("basic", 500, 0.2),
    point("siamese", 500, 0.3),
    point("basic", 10_000, 0.4),
    point("siamese", 10_000, 0.5),
]
FAILED = Point(
    recipe="tags", n_artists=500, n_tracks=7_500, problems={"tags/artists-500/seed-0": "no tags."}
)


@pytest.fixture
def panels():
    figure = Figure()
    plot_sweep(figure, POINTS)
    return figure.axes


def lines(axes, label):
    """Places and values of all lines of a label."""
    return [
        (np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist())
        for line in axes.lines
        if line.get_label() == label
    ]


def test_there_is_a_panel_a_figure(panels):
    assert [axes.get_title() for axes in panels] == ["MAP", "k-NN", "linear softmax"]
    assert [axes.get_ylabel() for axes in panels] == ["MAP", "accuracy", "accuracy"]


def test_numbers_of_artists_stand_equally_far_apart(panels):
    for axes in panels:
        assert axes.get_xticks().tolist() == [0, 1]
        assert [text.get_text() for text in axes.get_xticklabels()] == ["500", "10,000"]


@pytest.mark.parametrize(("recipe", "aside", "start"), [("basic", -1, 0.2), ("siamese", 1, 0.3)])
def test_a_line_a_recipe_goes_through_its_means(panels, recipe, aside, start):
    for number, axes in enumerate(panels):
        ((places, values),) = lines(axes, recipe)
        assert places == pytest.approx([0.04 * aside, 1 + 0.04 * aside])
        assert values == pytest.approx([start + number / 10, start + number / 10 + 0.2])


def test_each_seed_is_a_point_beside_the_means(panels):
    drawn = lines(panels[1], "_seeds")
    assert [values for _, values in drawn] == [
        pytest.approx([middle - 0.05, middle + 0.05]) for middle in (0.3, 0.5, 0.4, 0.6)
    ]
    assert [places for places, _ in drawn] == [
        [pytest.approx(place)] * 2 for place in (-0.04, 0.96, 0.04, 1.04)
    ]


def test_an_interval_is_a_bar_from_end_to_end(panels):
    drawn = lines(panels[0], "_interval")
    assert [values for _, values in drawn] == [
        pytest.approx([middle - 0.2, middle + 0.1]) for middle in (0.2, 0.4, 0.3, 0.5)
    ]


def test_the_legend_names_each_recipe_once(panels):
    (legend,) = panels[0].figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["basic", "siamese"]


def test_what_failed_is_not_drawn(tmp_path):
    path = draw_sweep([FAILED, *POINTS], tmp_path / "a.png", protocol="somewhere")
    plain = draw_sweep(POINTS, tmp_path / "b.png", protocol="somewhere")
    assert np.array_equal(*(matplotlib.image.imread(file) for file in (path, plain)))


def test_a_picture_of_what_failed_alone_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a point must be judged to be drawn; got 1, all failed"):
        draw_sweep([FAILED], tmp_path / "a.png")


def test_a_row_tells_all_that_is_known_of_a_point():
    (row,) = sweep_table(POINTS[2:3]).to_dict("records")
    assert row == {
        "recipe": "basic",
        "artists": "10,000",
        "tracks": "150,000",
        "MAP": "0.400 (0.200 to 0.500)",
        "MAP by seed": "0.350 to 0.450",
        "k-NN": "0.500 (0.300 to 0.600)",
        "k-NN by seed": "0.450 to 0.550",
        "linear softmax": "0.600 (0.400 to 0.700)",
        "linear softmax by seed": "0.550 to 0.650",
    }


def test_one_seed_has_no_range():
    once = Reached(value=0.5, interval=(0.4, 0.6), by_seed=(0.5,))
    one = Point(recipe="basic", n_artists=500, n_tracks=7_500, figures={"svm": once})
    assert [*sweep_table([one])] == ["recipe", "artists", "tracks", "svm"]


def test_points_stand_as_given_and_what_failed_is_empty():
    table = sweep_table([FAILED, *POINTS])
    assert table["recipe"].tolist() == ["tags", "basic", "siamese", "basic", "siamese"]
    assert set(table.iloc[0, 3:]) == {"-"}


def test_what_is_wrong_with_the_data_follows_the_facts():
    facts, plain = protocol_lines(PROTOCOL)
    assert facts == (
        "96 tracks of 12 groups of other.csv; trained on msd.csv, the table's split; "
        "seeds 0 to 1; tracks that no run has seen; --set epochs=6; kmusic 0.1."
    )
    assert protocol_lines(PROTOCOL | {"note": "Beware."}) == [facts, f"{plain} Beware."]


def test_a_sweep_is_kept_for_people_and_for_machines(tmp_path):
    path = write_sweep(tmp_path / "new", PROTOCOL, [*POINTS, FAILED])
    text = path.read_text().splitlines()
    kept = json.loads((tmp_path / "new" / "table.json").read_text())
    assert text[:3] == ["# Number of artists", "", protocol_lines(PROTOCOL)[0]]
    assert text[-1] == "tags/artists-500/seed-0 failed: no tags."
    assert sum(line.startswith("|") for line in text) == 2 + 5
    assert kept["protocol"] == PROTOCOL
    assert kept["points"][2]["figures"]["map"] == {
        "value": 0.4,
        "interval": [0.2, 0.5],
        "by_seed": [pytest.approx(0.35), pytest.approx(0.45)],
    }
    assert (tmp_path / "new" / "sweep.png").is_file()


def test_nothing_judged_is_a_table_without_a_picture(tmp_path):
    write_sweep(tmp_path, PROTOCOL, [FAILED])
    assert {path.name for path in tmp_path.iterdir()} == {"table.md", "table.json"}
