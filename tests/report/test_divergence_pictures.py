import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from kmusic.features.mel import LogMelConfig
from kmusic.models.autoencoders import VAEConfig
from kmusic.report.divergence_pictures import (
    TradeOff,
    by_dimension,
    draw_capacity,
    draw_dimensions,
    draw_divergences,
    draw_trade_off,
    trade_off,
)
from kmusic.training.recipe import EarlyStopping, Recipe
from kmusic.training.recipe_files import to_json

HISTORY = pd.DataFrame(
    {
        "epoch": [0, 1, 2],
        "divergence": [4.0, 2.0, 3.0],
        "capacity": [1.0, 2.0, 3.0],
        "divergence_000": [1.0, 0.005, 0.005],
        "divergence_001": [3.0, 1.995, 2.995],
        "val_divergence": [3.0, 2.5, 3.5],
        "val_divergence_000": [0.1, 0.2, 0.3],
        "val_divergence_001": [0.4, 0.5, 0.0],
    }
)


@pytest.fixture
def axes(monkeypatch):
    """The first panel of each figure that is written."""
    seen, write = [], Figure.savefig

    def keep(figure, *arguments, **words):
        seen.append(figure.axes[0])
        write(figure, *arguments, **words)

    monkeypatch.setattr(Figure, "savefig", keep)
    return seen


def drawn_lines(panel):
    return {line.get_label(): line.get_xydata().tolist() for line in panel.lines}


def test_means_over_an_epoch_stand_in_its_middle_and_validation_at_its_end(tmp_path, axes):
    assert draw_capacity(HISTORY, tmp_path / "a.png") == tmp_path / "a.png"
    assert drawn_lines(axes[0]) == {
        "divergence, training": [[0.5, 4.0], [1.5, 2.0], [2.5, 3.0]],
        "divergence, validation": [[1.0, 3.0], [2.0, 2.5], [3.0, 3.5]],
        "target": [[0.5, 1.0], [1.5, 2.0], [2.5, 3.0]],
    }


@pytest.mark.parametrize(("first", "top"), [(400.0, 3.85), (0.0, 3.85)])
def test_the_first_epoch_does_not_flatten_the_others(first, top, tmp_path, axes):
    draw_capacity(HISTORY.assign(divergence=[first, 2.0, 3.0]), tmp_path / "a.png")
    assert axes[0].get_ylim() == pytest.approx((0.0, top))


def test_one_epoch_and_a_divergence_of_nothing_can_be_drawn(tmp_path, axes):
    draw_capacity(HISTORY[:1], tmp_path / "a.png")
    assert axes[0].get_ylim() == pytest.approx((0.0, 4.4))
    draw_capacity(pd.DataFrame({"divergence": [0.0], "capacity": [0.0]}), tmp_path / "a.png")
    assert axes[1].get_ylim() == (0.0, 1.0)


def test_dimensions_are_sorted_by_the_last_epoch_and_those_in_use_are_counted(tmp_path, axes):
    history = HISTORY.drop(columns=[name for name in HISTORY if name.startswith("val_")])
    draw_dimensions(history, tmp_path / "a.png")
    shades = np.asarray(axes[0].images[0].get_array())
    np.testing.assert_allclose(shades, [[3.0, 1.995, 2.995], [1.0, 0.005, 0.005]])
    assert axes[0].get_title().startswith("Latent dimensions: 1 of 2 above 0.01 nats")
    assert axes[0].lines[0].get_ydata() == [1, 1]  # between those in use and the others


def test_dimensions_that_carry_nothing_are_drawn_too(tmp_path, axes):
    nothing = HISTORY.assign(val_divergence_000=0.0, val_divergence_001=0.0)
    draw_dimensions(nothing, tmp_path / "a.png")
    assert axes[0].get_title().startswith("Latent dimensions: 0 of 2")
    assert np.ptp(axes[0].images[0].get_array()) == 0


def test_validation_tells_of_dimensions_before_training():
    values, words = by_dimension(HISTORY)
    assert words == "validation"
    assert values.tolist() == [[0.1, 0.4], [0.2, 0.5], [0.3, 0.0]]
    assert by_dimension(HISTORY[["divergence_001"]])[1] == "training"


def test_what_a_history_does_not_tell_is_not_drawn(tmp_path):
    files = [path.name for path in draw_divergences(HISTORY, tmp_path)]
    assert files == ["capacity.png", "dimensions.png"]
    assert draw_divergences(HISTORY[["divergence", "val_divergence_000"]], tmp_path) == []


def run_of(folder, early_stopping, **columns):
    """Write what is read of a run: its history and its recipe."""
    folder.mkdir()
    recipe = Recipe(
        frontend=LogMelConfig(),
        excerpt_seconds=1.0,
        model=VAEConfig(),
        target=None,
        early_stopping=early_stopping,
    )
    (folder / "recipe.json").write_text(json.dumps(to_json(recipe)))
    pd.DataFrame(columns).to_csv(folder / "history.csv", index=False)
    return folder


def test_a_run_is_judged_by_the_epoch_that_was_kept_on_validation_tracks_if_there_are(tmp_path):
    validation = {"val_divergence": [7.0, 8.0, 9.0], "val_reconstruction": [0.3, 0.2, 0.1]}
    told = {"divergence": [1.0, 2.0, 3.0], "reconstruction": [0.6, 0.5, 0.4]}
    losses, scores = {"val_loss": [3.0, 1.0, 2.0]}, {"val_accuracy": [0.9, 0.5, 0.6]}
    lowest = EarlyStopping(monitor="val_loss", patience=9)
    highest = EarlyStopping(monitor="val_accuracy", patience=9)
    folders = [
        run_of(tmp_path / "lowest", lowest, **losses, **told, **validation),
        run_of(tmp_path / "highest", highest, **scores, **told, **validation),
        run_of(tmp_path / "last", None, **losses, **told, **validation),
        run_of(tmp_path / "training", None, **told),
    ]
    assert trade_off(folders) == [
        TradeOff(name="lowest", divergence=8.0, error=0.2),
        TradeOff(name="highest", divergence=7.0, error=0.3),
        TradeOff(name="last", divergence=9.0, error=0.1),
        TradeOff(name="training", divergence=3.0, error=0.4),
    ]


def test_a_run_is_a_point_with_its_name(tmp_path, axes):
    points = [
        TradeOff(name="beta 4", divergence=1.0, error=0.9),
        TradeOff(name="日本 $1$", divergence=9.0, error=0.1),
        TradeOff(name="beta 1", divergence=5.0, error=0.4),
    ]
    draw_trade_off(points, tmp_path / "a.png", protocol="some tracks")
    line, *marks = (each.get_xydata().tolist() for each in axes[0].lines)
    assert line == [[1.0, 0.9], [5.0, 0.4], [9.0, 0.1]]
    assert marks == [[point] for point in line]
    assert [text.xy for text in axes[0].texts] == [tuple(point) for point in line]
    assert axes[0].texts[1].get_text() == "beta 1"


@pytest.mark.parametrize(
    ("draw", "rule"),
    [
        (lambda p: draw_capacity(HISTORY.drop(columns="capacity"), p), "must hold divergence, cap"),
        (lambda p: draw_capacity(HISTORY[:0], p), "and 0 rows"),
        (lambda p: draw_dimensions(HISTORY[["divergence"]], p), "must hold divergence_000"),
        (lambda p: draw_dimensions(HISTORY[:0], p), "and 0 rows"),
        (lambda p: draw_trade_off([], p), "a run at least; got none"),
        (lambda p: trade_off([run_of(p, None, loss=[1.0])]), "must have divergence and recon"),
    ],
)
def test_nonsense_is_refused(draw, rule, tmp_path):
    with pytest.raises(ValueError, match=rule):
        draw(tmp_path / "a.png")
