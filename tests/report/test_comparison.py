import json
from dataclasses import replace

import matplotlib.colors
import matplotlib.image
import numpy as np
import pytest

from kmusic.evaluation.comparison import Difference, Standing
from kmusic.report.comparison import (
    Entry,
    comparison_table,
    draw_comparison,
    protocol_lines,
    span,
    write_comparison,
)
from kmusic.report.pictures import COLOURS
from kmusic.training.recipe import PaperFigure

PROTOCOL = {
    "data": "music.csv",
    "division": "fold 1 held out",
    "rows": "tracks that no run has seen",
    "n_tracks": [96],
    "n_groups": [12],
    "seeds": [0, 1, 2],
    "settings": ["epochs=6"],
    "versions": {"kmusic": "0.1"},
    "against": None,
}
REACHED = Standing(
    n_tracks=96,
    n_groups=12,
    by_seed=(0.7, 0.9, 0.8),
    accuracy=0.8,
    accuracy_interval=(0.6, 0.95),
    macro_f1=0.75,
    macro_f1_interval=(0.55, 0.9),
)
NET = Entry(
    recipe="net-paper",
    standing=REACHED,
    parameters=(1_099_784, 1_095_800),
    seconds=1234.4,
    epochs=(16, 31),
    paper=PaperFigure(place="table 2", metric="accuracy", value=0.5025, data="fma_small"),
)
FAILED = Entry(recipe="crnn-paper", problem="loss must stay finite; got nan in epoch 0.")


def marked(path, colour):
    """Mean column of the pixels of one colour, as a share of the width, and their number."""
    picture = matplotlib.image.imread(path)[..., :3]
    near = np.abs(picture - np.array(matplotlib.colors.to_rgb(colour))).max(axis=2) < 0.02
    near[int(0.8 * len(near)) :] = False  # the legend
    columns = np.nonzero(near)[1]
    return columns.mean() / picture.shape[1] if len(columns) else np.nan, len(columns)


def test_a_row_tells_all_that_is_known_of_a_recipe():
    (row,) = comparison_table([NET]).to_dict("records")
    assert row == {
        "recipe": "net-paper",
        "accuracy": "0.800 (0.600 to 0.950)",
        "macro-F1": "0.750 (0.550 to 0.900)",
        "by seed": "0.700 to 0.900",
        "paper": "0.5025 (accuracy, fma_small, table 2)",
        "parameters": "1,099,784",
        "trainable": "1,095,800",
        "training, s": "1,234",
        "epochs": "16 to 31",
    }


def test_a_difference_wears_its_sign():
    entry = replace(NET, difference=Difference(accuracy=0.05, interval=(-0.01, 0.11)))
    assert comparison_table([entry])["difference"].tolist() == ["+0.050 (-0.010 to +0.110)"]


def test_recipes_stand_as_given_and_what_failed_is_empty():
    table = comparison_table([FAILED, NET])
    assert table["recipe"].tolist() == ["crnn-paper", "net-paper"]
    assert set(table.iloc[0, 1:]) == {"-"}


def test_one_seed_has_no_range():
    once = replace(NET, standing=replace(REACHED, by_seed=(0.8,)))
    assert "by seed" not in comparison_table([once])


@pytest.mark.parametrize(
    ("numbers", "said"), [([3], "3"), ([0, 2, 1], "0 to 2"), ([1000], "1,000"), ([], "0")]
)
def test_numbers_are_said_by_the_first_and_the_last(numbers, said):
    assert span(numbers) == said


def test_the_protocol_names_data_division_seeds_settings_and_versions():
    facts, note = protocol_lines(PROTOCOL)
    assert facts == (
        "96 tracks of 12 groups of music.csv; fold 1 held out; seeds 0 to 2; "
        "tracks that no run has seen; --set epochs=6; kmusic 0.1."
    )
    assert "mean over seeds" in note


def test_the_protocol_of_a_difference_names_the_other_side():
    facts, note = protocol_lines(PROTOCOL | {"against": "runs/plain"})
    assert facts.endswith("; against runs/plain.")
    assert "this less that" in note


def test_a_comparison_is_kept_for_people_and_for_machines(tmp_path):
    path = write_comparison(tmp_path / "new", "genre methods", PROTOCOL, [NET, FAILED])
    lines = path.read_text().splitlines()
    kept = json.loads((tmp_path / "new" / "table.json").read_text())
    assert lines[:3] == ["# genre methods", "", protocol_lines(PROTOCOL)[0]]
    assert lines[-1] == f"crnn-paper failed: {FAILED.problem}"
    assert [line.count("|") for line in lines if line.startswith("|")] == [10] * 4
    assert kept["protocol"] == PROTOCOL
    assert [entry["recipe"] for entry in kept["recipes"]] == ["net-paper", "crnn-paper"]
    assert kept["recipes"][0]["standing"]["accuracy_interval"] == [0.6, 0.95]
    assert (tmp_path / "new" / "comparison.png").is_file()


def test_a_name_with_a_bar_stays_one_cell(tmp_path):
    path = write_comparison(tmp_path, "a", PROTOCOL, [replace(NET, recipe="a|b-paper")])
    assert r"| a\|b-paper | 0.800" in path.read_text()


def test_nothing_judged_is_a_table_without_a_picture(tmp_path):
    write_comparison(tmp_path, "all failed", PROTOCOL, [FAILED])
    assert {path.name for path in tmp_path.iterdir()} == {"table.md", "table.json"}


def test_marks_move_with_the_figures(tmp_path):
    def places(ours, theirs):
        reached = replace(REACHED, accuracy=ours, accuracy_interval=(ours - 0.05, ours + 0.05))
        entry = replace(NET, standing=reached, paper=replace(NET.paper, value=theirs))
        path = draw_comparison([entry], tmp_path / "a.png")
        return [marked(path, COLOURS[number])[0] for number in (0, 3)]

    (low, high), (high_again, low_again) = places(0.2, 0.8), places(0.8, 0.2)
    assert low < high - 0.3  # shares of the picture's width
    assert [low_again, high_again] == pytest.approx([low, high], abs=0.01)


def test_a_figure_of_another_kind_is_no_mark(tmp_path):
    other = replace(NET, paper=replace(NET.paper, metric="MAP"))
    assert marked(draw_comparison([NET], tmp_path / "a.png"), COLOURS[3])[1] > 0
    assert marked(draw_comparison([other], tmp_path / "b.png"), COLOURS[3])[1] == 0


def test_a_picture_of_what_failed_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a recipe must be judged to be drawn; got 1"):
        draw_comparison([FAILED], tmp_path / "a.png")
