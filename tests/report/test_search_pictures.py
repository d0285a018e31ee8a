from pathlib import Path

import keras_tuner
import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from kmusic.report import search_pictures
from kmusic.report.pictures import COLOURS
from kmusic.report.search_pictures import (
    BUDGET,
    OFF,
    Importances,
    draw_importance,
    draw_parallel,
    draw_trials,
    importances,
)
from kmusic.training.trials import Outcome, TrialRecord

ACCURACY = {"objective": "accuracy", "higher_is_better": True}
LOSS = {"objective": "loss", "higher_is_better": False}


def trial(number, score, **values):
    """A trial; one without a score failed."""
    outcome = Outcome(problem="out of memory") if score is None else Outcome(score=score)
    return TrialRecord(number=number, values=values, outcome=outcome)


def cells():
    """A space in which what a cell has depends on which it is."""
    hp = keras_tuner.HyperParameters()
    hp.Choice("cell", ["gru", "lstm", "none"])
    with hp.conditional_scope("cell", ["gru"]):
        hp.Int("units", 16, 64)
        hp.Boolean("both_ways")
    with hp.conditional_scope("cell", ["lstm"]):
        hp.Int("units", 128, 1024)
        hp.Boolean("both_ways", default=True)
    return hp.space


def draws(space, n_trials, objective, seed=0):
    """Trials with values at random, their objective a function of these."""
    rng, records = np.random.default_rng(seed), []
    for number in range(n_trials):
        values = {}
        for parameter in space:
            if all(condition.is_active(values) for condition in parameter.conditions):
                values[parameter.name] = parameter.prob_to_value(rng.random())
        records.append(trial(number, float(objective(values, rng)), **values))
    return records


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Call a function that draws; give the first axes of its figure, which is not written."""
    kept = []

    def keep(figure, target, **_):
        kept.append(figure)
        Path(target).touch()

    def draw(function, *what, **said):
        function(*what, tmp_path / "drawn.png", **said)
        return kept[-1].axes[0]

    monkeypatch.setattr(Figure, "savefig", keep)
    return draw


@pytest.fixture
def quick(monkeypatch):
    """Fewer trees, where a test does not need them."""
    monkeypatch.setattr(search_pictures, "TREES", 100)
    monkeypatch.setattr(search_pictures, "TREES_SHUFFLED", 10)


def line(axes, label):
    """Places and values of the line of a label."""
    (found,) = [line for line in axes.lines if line.get_label() == label]
    return np.asarray(found.get_xdata()).tolist(), np.asarray(found.get_ydata()).tolist()


def names(axes):
    return [text.get_text() for text in axes.get_xticklabels()]


def texts(axes, number):
    """Texts along an axis from the lowest to the highest, and their heights."""
    found = [t for t in axes.texts if abs(t.get_position()[0] - number) < 0.2]
    found = sorted((t.get_position()[1], t.get_text()) for t in found)
    return [text for _, text in found], [height for height, _ in found]


def heights(axes, number):
    """Where lines cross an axis, by the height at which they end."""
    rows = [np.asarray(line.get_ydata()) for line in axes.lines]
    return [row[number] for row in sorted(rows, key=lambda row: row[-1])]


@pytest.mark.parametrize(("said", "best"), [(ACCURACY, np.maximum), (LOSS, np.minimum)])
def test_the_best_so_far_is_that_of_all_trials_before(drawn, said, best):
    scores = np.random.default_rng(0).random(30)
    records = [trial(number, None if number % 7 == 3 else scores[number]) for number in range(30)]
    axes = drawn(draw_trials, records, **said)
    kept = [number for number in range(30) if number % 7 != 3]
    assert line(axes, "a trial") == (kept, scores[kept].tolist())
    assert line(axes, "best so far") == (kept, best.accumulate(scores[kept]).tolist())
    (steps,) = [each for each in axes.lines if each.get_label() == "best so far"]
    assert steps.get_drawstyle() == "steps-post"


def test_trials_may_come_in_any_order(drawn):
    records = [trial(2, 0.5), trial(0, 0.3), trial(1, 0.4)]
    assert line(drawn(draw_trials, records, **ACCURACY), "a trial") == ([0, 1, 2], [0.3, 0.4, 0.5])


def test_the_first_trial_is_a_line_across_all(drawn):
    axes = drawn(draw_trials, [trial(0, 0.25), trial(1, 0.5)], **ACCURACY)
    places, values = line(axes, "the defaults")
    assert (places, values) == ([0, 1], [0.25, 0.25])  # in widths of the panel
    axes = drawn(draw_trials, [trial(0, None), trial(1, 0.5)], **ACCURACY)
    assert "the defaults" not in [each.get_label() for each in axes.lines]


@pytest.mark.parametrize("score", [None, np.nan, np.inf])
def test_trials_that_failed_are_crosses_at_the_bottom_edge(drawn, score):
    axes = drawn(draw_trials, [trial(0, 0.5), trial(1, score), trial(2, 0.7)], **ACCURACY)
    (crosses,) = [each for each in axes.lines if each.get_label() == "failed"]
    assert crosses.get_marker() == "x"
    (place,) = crosses.get_transform().transform(np.column_stack(crosses.get_data()))
    assert axes.transAxes.inverted().transform(place)[1] == pytest.approx(0)
    assert axes.transData.inverted().transform(place)[0] == pytest.approx(1)
    assert axes.get_title().startswith("Trials: 3, 1 failed")


def test_the_title_names_the_best_trial(drawn):
    axes = drawn(draw_trials, [trial(0, 3.0), trial(1, 1.5), trial(2, 1.5)], **LOSS)
    assert axes.get_title().endswith("best: 1.5 in trial 1")


@pytest.mark.parametrize(("worst", "scale"), [(90.0, "linear"), (110.0, "log")])
def test_a_loss_that_leaps_does_not_flatten_the_others(drawn, worst, scale):
    records = [trial(0, 1.0, rate=0.1), trial(1, worst, rate=0.2)]
    assert drawn(draw_trials, records, **LOSS).get_yscale() == scale
    hp = keras_tuner.HyperParameters()
    hp.Float("rate", 0.0, 1.0)
    axes = drawn(draw_parallel, records, hp.space, **LOSS)
    middle = np.sqrt(worst) if scale == "log" else (1 + worst) / 2
    assert texts(axes, 1) == ([f"{worst:.4g}", f"{middle:.4g}", "1"], [0, 0.5, 1])


def test_a_log_range_has_its_geometric_mean_in_the_middle(drawn):
    hp = keras_tuner.HyperParameters()
    hp.Float("optimizer.learning_rate", 1e-5, 1e-1, sampling="log")
    rates = [1e-5, 1e-3, 1e-1]
    records = [
        trial(n, n / 10, **{"optimizer.learning_rate": rate}) for n, rate in enumerate(rates)
    ]
    axes = drawn(draw_parallel, records, hp.space, **ACCURACY)
    assert names(axes) == ["optimizer.learning_rate", "accuracy"]
    assert heights(axes, 0) == pytest.approx([0, 0.5, 1])
    assert texts(axes, 0) == (["1e-05", "0.001", "0.1"], pytest.approx([0, 0.5, 1]))


def test_all_values_of_a_choice_stand_equally_far_apart(drawn):
    hp = keras_tuner.HyperParameters()
    hp.Choice("rate", [8000, 44100, 22050, 16000])
    hp.Boolean("mono")
    records = [trial(0, 0.1, rate=44100, mono=True), trial(1, 0.2, rate=16000, mono=False)]
    axes = drawn(draw_parallel, records, hp.space, **ACCURACY)
    assert texts(axes, 0) == (["8,000", "44,100", "22,050", "16,000"], [1 / 8, 3 / 8, 5 / 8, 7 / 8])
    assert heights(axes, 0) == [3 / 8, 7 / 8]
    assert texts(axes, 1) == (["False", "True"], [0.25, 0.75])
    assert heights(axes, 1) == [0.75, 0.25]


def test_a_range_ends_with_its_greatest_whole_number(drawn):
    hp = keras_tuner.HyperParameters()
    hp.Int("units", 16, 1024, sampling="log")
    assert hp.space[0].prob_to_value(1.0) == 1025  # of KerasTuner, which draws shares below 1
    axes = drawn(draw_parallel, [trial(0, 0.1, units=32)], hp.space, **ACCURACY)
    assert texts(axes, 0)[0] == ["16", "128", "1,024"]


def test_a_short_range_has_no_middle(drawn):
    hp = keras_tuner.HyperParameters()
    hp.Int("layers", 1, 2)
    axes = drawn(draw_parallel, [trial(0, 0.1, layers=1)], hp.space, **ACCURACY)
    assert texts(axes, 0) == (["1", "2"], pytest.approx([0.25, 0.75]))


def test_a_default_lies_at_its_own_step(drawn):
    hp = keras_tuner.HyperParameters()
    dropout = hp.Float("dropout", 0.0, 0.4, step=0.1, default=0.3)
    assert dropout // 0.1 == 2  # what KerasTuner makes of it, as its third step of five
    axes = drawn(draw_parallel, [trial(0, 0.1, dropout=dropout)], hp.space, **ACCURACY)
    assert heights(axes, 0) == pytest.approx([3.5 / 5])


def test_a_default_beyond_the_range_lies_at_its_end(drawn):
    hp = keras_tuner.HyperParameters()
    hp.Int("layers", 1, 4, default=9)
    axes = drawn(draw_parallel, [trial(0, 0.1, layers=9)], hp.space, **ACCURACY)
    assert heights(axes, 0) == [1]


def test_what_a_trial_does_not_have_is_off_below_the_axis(drawn):
    records = [
        trial(0, 0.1, cell="gru", units=40, both_ways=True),
        trial(1, 0.2, cell="lstm", units=576, both_ways=False),
        trial(2, 0.3, cell="none"),
    ]
    axes = drawn(draw_parallel, records, cells(), **ACCURACY)
    assert names(axes) == ["cell", "units (gru)", "both_ways", "units (lstm)", "accuracy"]
    assert heights(axes, 1) == pytest.approx([0.5, OFF, OFF])
    assert heights(axes, 2) == pytest.approx([0.75, 0.25, OFF])
    assert heights(axes, 3) == pytest.approx([OFF, 0.5, OFF], abs=1e-3)  # Int has 897 values
    assert texts(axes, 1)[0] == ["off", "16", "40", "64"]
    assert texts(axes, 2) == (["off", "False", "True"], [OFF, 0.25, 0.75])
    assert "off" not in texts(axes, 0)[0]
    assert OFF < axes.get_ylim()[0] + 0.1 < 0  # in view, and apart from the axis


def test_what_has_one_value_has_no_axis(drawn):
    hp = keras_tuner.HyperParameters()
    hp.Fixed("loss", "cosine")
    hp.Choice("cell", ["gru"])
    hp.Int("layers", 3, 3)
    hp.Float("dropout", 0.0, 0.5, step=1.0)
    with pytest.raises(ValueError, match="a parameter must have two values; got 4 of one value"):
        drawn(draw_parallel, [trial(0, 0.1)], hp.space, **ACCURACY)
    hp.Boolean("mono")
    axes = drawn(draw_parallel, [trial(0, 0.1, mono=True)], hp.space, **ACCURACY)
    assert names(axes) == ["mono", "accuracy"]


def test_budgets_of_hyperband_come_last_by_rank(drawn):
    hp = keras_tuner.HyperParameters()
    hp.Int("tuner/bracket", 0, 3)
    hp.Boolean("mono")
    records = [
        trial(n, n / 10, mono=True, **{BUDGET: budget, "tuner/bracket": n, "tuner/round": 0})
        for n, budget in enumerate([2, 1_000, 7])
    ]
    axes = drawn(draw_parallel, records, hp.space, **ACCURACY)
    assert names(axes) == ["mono", "epochs", "accuracy"]
    assert heights(axes, 1) == pytest.approx([1 / 6, 5 / 6, 3 / 6])
    assert texts(axes, 1) == (["2", "7", "1,000"], pytest.approx([1 / 6, 3 / 6, 5 / 6]))


@pytest.mark.parametrize("said", [ACCURACY, LOSS])
def test_the_best_ends_on_top_dark_thick_and_over_the_others(drawn, said):
    scores = np.random.default_rng(0).random(9)
    records = [trial(number, score, mono=True) for number, score in enumerate(scores)]
    hp = keras_tuner.HyperParameters()
    hp.Boolean("mono")
    axes = drawn(draw_parallel, [*records, trial(9, None, mono=False)], hp.space, **said)
    ends = [each.get_ydata()[-1] for each in axes.lines]  # in the order of drawing
    places = np.sort((scores - scores.min()) / np.ptp(scores))
    expected = places if said["higher_is_better"] else np.sort(1 - places)
    assert ends == pytest.approx(expected.tolist())  # nine: what failed is not drawn
    light = [np.dot(each.get_color()[:3], [0.2126, 0.7152, 0.0722]) for each in axes.lines]
    assert np.all(np.diff(light) < 0)
    widths = [each.get_linewidth() for each in axes.lines]
    assert len(set(widths[:-1])) == 1
    assert widths[-1] > 2 * widths[0]
    assert axes.figure.axes[1].get_ylabel() == said["objective"]


def test_trials_of_one_objective_can_be_drawn(drawn):
    hp = keras_tuner.HyperParameters()
    hp.Boolean("mono")
    records = [trial(0, 0.5, mono=True), trial(1, 0.5, mono=False)]
    assert heights(drawn(draw_parallel, records, hp.space, **ACCURACY), 1) == [0.5, 0.5]


def test_the_parameter_that_the_objective_depends_on_has_nearly_all_the_share():
    hp = keras_tuner.HyperParameters()
    hp.Choice("optimizer", ["adam", "sgd"])
    hp.Float("rate", 1e-5, 1e-1, sampling="log")
    hp.Float("dropout", 0.0, 0.5)
    hp.Fixed("loss", "cosine")
    records = draws(hp.space, 40, lambda values, _: -((np.log10(values["rate"]) + 3) ** 2))
    found = importances([*records, trial(40, None)], hp.space)
    assert found.names == ("optimizer", "rate", "dropout")
    assert found.n_trials == 40
    assert sum(found.shares) == pytest.approx(1)
    assert sum(found.by_chance) == pytest.approx(1)
    assert found.shares[1] > 0.9 > 0.6 > found.by_chance[1]
    assert max(found.shares[0], found.shares[2]) < min(found.by_chance)
    assert found.explained > 0.9


@pytest.mark.usefixtures("quick")
def test_objectives_that_depend_on_nothing_are_not_explained():
    hp = keras_tuner.HyperParameters()
    hp.Boolean("mono")
    hp.Float("dropout", 0.0, 0.5)
    found = importances(draws(hp.space, 40, lambda _, rng: rng.normal()), hp.space)
    assert found.explained < 0.1
    # Noise gives more to what has more values, shuffled or not.
    assert found.shares[1] > 0.7
    assert found.shares[1] == pytest.approx(found.by_chance[1], abs=0.1)


@pytest.mark.usefixtures("quick")
def test_one_seed_gives_one_result():
    hp = keras_tuner.HyperParameters()
    hp.Boolean("mono")
    hp.Float("dropout", 0.0, 0.5)
    records = draws(hp.space, 8, lambda _, rng: rng.normal())
    first, again, other = (importances(records, hp.space, seed=seed) for seed in (3, 3, 4))
    assert first == again != other


@pytest.mark.usefixtures("quick")
def test_parameters_of_one_name_are_one_input():
    records = draws(cells(), 40, lambda values, _: values.get("units", 0))
    assert importances(records, cells()).names == ("cell", "units", "both_ways")
    for cell in ("gru", "lstm"):  # each has units of its own
        alone = [record for record in records if record.values["cell"] == cell]
        found = importances(alone, cells())
        assert found.names == ("units", "both_ways")
        assert found.shares[0] > 0.9


@pytest.mark.usefixtures("quick")
def test_to_be_without_a_parameter_is_told_from_its_least_value():
    hp = keras_tuner.HyperParameters()
    hp.Choice("cell", ["gru", "none"])
    with hp.conditional_scope("cell", ["gru"]):
        hp.Choice("ways", [1, 2])
    kinds = [{"cell": "gru", "ways": 1}, {"cell": "gru", "ways": 2}, {"cell": "none"}] * 4
    records = [trial(n, len(values) / 10, **values) for n, values in enumerate(kinds)]
    ways = hp.space[1:]  # the cell, which tells some of it too, is not asked about
    found = importances(records, ways)
    assert (found.names, found.shares) == (("ways",), (1.0,))
    assert found.explained == pytest.approx(1)  # trees that saw all three values foretell all


@pytest.mark.usefixtures("quick")
def test_what_did_not_differ_between_trials_is_left_out():
    hp = keras_tuner.HyperParameters()
    hp.Boolean("mono")
    hp.Boolean("loud")
    records = [trial(n, n / 10, mono=True, loud=n > 2) for n in range(5)]
    assert importances(records, hp.space).names == ("loud",)
    with_budgets = [trial(r.number, r.number, **r.values, **{BUDGET: r.number}) for r in records]
    assert importances(with_budgets, hp.space).names == ("loud", "epochs")


@pytest.mark.parametrize(
    ("records", "rule"),
    [
        ([trial(n, n / 10, mono=n > 2) for n in range(4)] + [trial(4, None, mono=True)], "got 4"),
        ([trial(n, 0.5, mono=n > 2) for n in range(6)], "1 objective"),
        ([trial(n, n / 10, mono=True) for n in range(6)], r"differing in \[\]"),
        ([trial(n, None, mono=n > 2) for n in range(6)], "a trial must finish; got 6, all failed"),
        ([], "a trial must finish; got 0"),
    ],
)
def test_too_little_for_importances_is_refused(records, rule):
    hp = keras_tuner.HyperParameters()
    hp.Boolean("mono")
    with pytest.raises(ValueError, match=rule):
        importances(records, hp.space)


def test_a_picture_of_what_failed_alone_is_refused(tmp_path):
    for draw in (
        lambda path: draw_trials([trial(0, None)], path, **ACCURACY),
        lambda path: draw_parallel([trial(0, None)], cells(), path, **LOSS),
    ):
        with pytest.raises(ValueError, match="a trial must finish; got 1, all failed"):
            draw(tmp_path / "a.png")
    assert not [*tmp_path.iterdir()]


FOUND = Importances(
    names=("cell", "rate", "mono"),
    shares=(0.25, 0.7, 0.05),
    by_chance=(0.3, 0.4, 0.2),
    explained=0.123,
    n_trials=30,
)


def test_bars_are_shares_the_greatest_on_top(drawn):
    axes = drawn(draw_importance, FOUND, objective="accuracy")
    bars = sorted(axes.patches, key=lambda bar: -axes.transData.transform((0, bar.get_y()))[1])
    assert [bar.get_width() for bar in bars] == [0.7, 0.25, 0.05]
    labels = sorted(axes.get_yticklabels(), key=lambda text: text.get_position()[1])
    assert [text.get_text() for text in labels] == ["rate", "cell", "mono"]
    assert axes.yaxis_inverted()
    places, rows = line(axes, "objectives shuffled")
    assert dict(zip(rows, places, strict=True)) == {0: 0.4, 1: 0.3, 2: 0.2}
    assert axes.get_title() == (
        "Importance: 30 trials\nthe forest explains R² = 0.12 of trials it has not seen"
    )


def test_bars_that_mean_nothing_are_grey_and_the_title_says_so(drawn):
    colours = set()
    for explained in (0.01, 0.0, -0.5):
        found = Importances(**(vars(FOUND) | {"explained": explained}))
        axes = drawn(draw_importance, found, objective="accuracy")
        assert ("the bars mean nothing" in axes.get_title()) == (explained <= 0)
        colours.add((explained <= 0, to_hex(axes.patches[0].get_facecolor())))
    assert colours == {(False, COLOURS[0].lower()), (True, "#bfbfbf")}


def test_names_of_any_script_and_length_can_be_drawn(tmp_path):
    # Warnings are errors: no glyph may be missing, no layout may collapse.
    hp = keras_tuner.HyperParameters()
    odd = [
        "вальс",
        "日本の歌",
        "بلوز",
        "$lang$",
        "_under",
        "🎸",
        *(["a name " * 9 + n for n in "xy"]),
    ]
    for name in odd:
        hp.Choice(name, odd)
    records = draws(hp.space, 6, lambda _, rng: rng.random())
    said = {"objective": "$cost$ of 日本の歌 " * 4, "protocol": "test split, costs $5 or $6"}
    draw_trials([*records, trial(6, None)], tmp_path / "a.png", higher_is_better=True, **said)
    draw_parallel(records, hp.space, tmp_path / "b.png", higher_is_better=True, **said)
    even = (1 / len(odd),) * len(odd)
    found = Importances(names=tuple(odd), shares=even, by_chance=even, explained=0.1, n_trials=6)
    draw_importance(found, tmp_path / "c.png", **said)
    pictures = [matplotlib.image.imread(path) for path in tmp_path.iterdir()]
    assert len(pictures) == 3
    assert all(picture[..., :3].std() > 0.01 for picture in pictures)
