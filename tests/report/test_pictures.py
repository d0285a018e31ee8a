import contextlib

import matplotlib.colors
import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from kmusic.evaluation.classification import report_from_confusion
from kmusic.report import pictures
from kmusic.report.pictures import (
    COLOURS,
    MARKERS,
    draw_confusion,
    draw_examples,
    draw_history,
    draw_map,
    draw_per_class,
    headline,
)

SCRIPTS = ["вальс", "日本の歌", "بلوز", "$lang$", "_under", "🎸", "a name " * 12]


def pixels(path):
    """The picture, RGB in [0, 1], shape `(height, width, 3)`."""
    return matplotlib.image.imread(path)[..., :3]


def place(picture, colour):
    """Mean row and column of the pixels of one colour, and how many there are."""
    near = np.abs(picture - np.array(matplotlib.colors.to_rgb(colour))).max(axis=2) < 0.02
    rows, columns = np.nonzero(near)
    return rows.mean(), columns.mean(), len(rows)


def test_true_classes_are_the_rows_of_the_confusion(tmp_path):
    report = report_from_confusion([[0, 9], [0, 0]], ["a", "b"])
    picture = pixels(draw_confusion(report, tmp_path / "a.png"))
    height, width, _ = picture.shape
    row, column, _ = place(picture[:, : int(0.86 * width)], "#08306b")  # 1.0 in Blues
    assert row < 0.5 * height
    assert column > 0.5 * width


def test_a_wide_picture_has_a_protocol_of_long_lines():
    first, *protocol, last = headline("Map", "9 tracks", "word " * 90, "done", width=90).split("\n")
    assert (first, last) == ("Map: 9 tracks", "done")
    assert 60 < max(map(len, protocol)) <= 90
    assert len(protocol) == 3


def test_bars_are_as_long_as_f1(tmp_path):
    report = report_from_confusion([[5, 0, 0], [0, 2, 2], [0, 2, 2]], ["a", "b", "c"])
    picture = pixels(draw_per_class(report, tmp_path / "a.png"))
    blue = np.abs(picture - np.array(matplotlib.colors.to_rgb(COLOURS[0]))).max(axis=2) < 0.02
    lengths = np.unique(blue.sum(axis=1)[blue.any(axis=1)])
    assert lengths[0] / lengths[-1] == pytest.approx(0.5, abs=0.02)  # pixels, and the dashed line


def test_low_bands_are_below(tmp_path):
    features = np.full((40, 16), -80.0)
    features[:, 0] = 0.0
    picture = pixels(draw_examples({"bass": features}, tmp_path / "a.png", hop_seconds=0.02))
    height, width, _ = picture.shape
    row, _, _ = place(picture[:, : int(0.8 * width)], "#fcfdbf")  # the brightest of magma
    assert row > 0.7 * height


def test_tracks_of_a_class_lie_together_on_the_map(tmp_path):
    rng = np.random.default_rng(0)
    embeddings = np.repeat([[20.0] * 5, [-20.0] * 5], 30, axis=0) + rng.normal(size=(60, 5))
    labels = ["a"] * 30 + ["b"] * 30
    for method in ("pca", "tsne"):
        picture = pixels(draw_map(embeddings, labels, tmp_path / "a.png", method=method))
        red, _, blue = np.moveaxis(picture, 2, 0)
        first, second = np.argwhere(blue > red + 0.2), np.argwhere(red > blue + 0.2)
        assert min(len(first), len(second)) > 200  # pixels
        apart = np.linalg.norm(np.median(first, axis=0) - np.median(second, axis=0))
        assert apart > 0.5 * len(picture)


def test_embeddings_that_all_coincide_can_be_drawn(tmp_path):
    assert draw_map(np.ones((5, 3)), list("aabbc"), tmp_path / "a.png").stat().st_size > 0


def test_a_hundred_classes_look_different():
    looks = {(i % len(COLOURS), i % len(MARKERS)) for i in range(100)}
    assert len(looks) == 100


def test_a_history_has_a_panel_for_losses_and_one_for_scores(tmp_path):
    history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0], "val_loss": [3, 2.5, 2.2]})
    alone = pixels(draw_history(history, tmp_path / "a.png"))
    both = pixels(draw_history(history.assign(accuracy=0.5), tmp_path / "b.png"))
    rates = pixels(draw_history(history.assign(learning_rate=1e-3), tmp_path / "c.png"))
    assert both.shape[1] > 1.5 * alone.shape[1]
    np.testing.assert_array_equal(rates, alone)


def test_nats_have_a_panel_of_their_own_and_values_of_vectors_none(tmp_path):
    history = pd.DataFrame({"epoch": [1, 2], "loss": [3.0, 2.0], "reconstruction": [0.2, 0.1]})
    scored = pixels(draw_history(history, tmp_path / "a.png"))
    nats = history.assign(divergence=[9.0, 8.0], val_divergence=9.0, capacity=[5.0, 6.0])
    three = pixels(draw_history(nats, tmp_path / "b.png"))
    assert three.shape[1] > 1.3 * scored.shape[1]
    each = nats.assign(divergence_000=1.0, val_divergence_099=500.0)
    np.testing.assert_array_equal(pixels(draw_history(each, tmp_path / "c.png")), three)


def test_one_epoch_and_gaps_can_be_drawn(tmp_path):
    history = pd.DataFrame({"d_loss": [1.0], "g_loss": [2.0], "val_accuracy": [np.nan]})
    assert draw_history(history, tmp_path / "a.png").stat().st_size > 0


@pytest.mark.parametrize("n_classes", [7, 100])
def test_names_of_any_script_and_length_can_be_drawn(n_classes, tmp_path):
    # Warnings are errors: no glyph may be missing, no layout may collapse.
    names = SCRIPTS + [f"{i} and a very long name indeed" for i in range(n_classes - 7)]
    rng = np.random.default_rng(0)
    report = report_from_confusion(rng.integers(0, 2, (n_classes, n_classes)), names)
    protocol = "test split of 日本の歌, grouped by artist, seed 0, costs $5 or $6"
    draw_confusion(report, tmp_path / "a.png", protocol=protocol)
    draw_per_class(report, tmp_path / "b.png", protocol=protocol)
    draw_map(rng.normal(size=(n_classes, 4)), names, tmp_path / "c.png", protocol=protocol)
    examples = {name: rng.normal(size=(6, 4)) for name in names[:20]}
    draw_examples(examples, tmp_path / "d.png", hop_seconds=0.1, protocol=protocol)
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "b.png", "c.png", "d.png"}


def test_the_same_numbers_give_the_same_picture(tmp_path):
    embeddings = np.random.default_rng(0).normal(size=(20, 4))
    first, again = (
        draw_map(embeddings, ["a"] * 20, tmp_path / name, method="tsne").read_bytes()
        for name in ("a.png", "b.png")
    )
    assert first == again


def test_points_that_all_coincide_are_laid_out_from_random_places(tmp_path, monkeypatch):
    begun = []

    class Neighbours:
        def __init__(self, *_, init, **__):
            begun.append(init)

        def fit_transform(self, points):
            return points[:, :2]

    monkeypatch.setattr(pictures, "TSNE", Neighbours)
    for points in (np.ones((12, 4)), np.eye(12)):
        draw_map(points, ["a"] * 12, tmp_path / "map.png", method="tsne")
    assert begun == ["random", "pca"]  # a plane through one point is none


def test_a_drawing_that_fails_leaves_the_old_picture(tmp_path, monkeypatch):
    history = pd.DataFrame({"loss": [1.0]})
    path = draw_history(history, tmp_path / "a.png")
    before = path.read_bytes()

    def fill_the_disk(_, target, **__):
        target.write_bytes(b"half a picture")
        raise OSError("no space left")

    monkeypatch.setattr(Figure, "savefig", fill_the_disk)
    with pytest.raises(OSError, match="no space"):
        draw_history(history, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("draw", "rule"),
    [
        (lambda p: draw_history(pd.DataFrame({"epoch": [1]}), p), "a measure and an epoch"),
        (lambda p: draw_history(pd.DataFrame({"loss": []}, dtype=float), p), "0 rows"),
        (lambda p: draw_map(np.ones((2, 4)), ["a", "b"], p), "at least 3 tracks"),
        (lambda p: draw_map(np.ones((4, 1)), list("abcd"), p), "2 dimensions"),
        (lambda p: draw_map(np.eye(4), list("abcd"), p, method="umap"), "got 'umap'"),
        (lambda p: draw_examples({}, p, hop_seconds=0.1), "got 0 classes"),
        (lambda p: draw_examples({"a": np.ones((2, 2))}, p, hop_seconds=0), "hop_seconds=0"),
    ],
)
def test_nonsense_is_refused(draw, rule, tmp_path):
    with pytest.raises(ValueError, match=rule):
        draw(tmp_path / "a.png")


def test_a_loss_that_leaps_does_not_flatten_the_others(tmp_path, monkeypatch):
    scales = []
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *_, **__: scales.append(self.axes[0].get_yscale())
    )
    for leap in (9.0, 400.0):
        with contextlib.suppress(FileNotFoundError):  # nothing is written
            draw_history(
                pd.DataFrame({"d_loss": [0.5, 0.6], "val_d_loss": [1.0, leap]}), tmp_path / "a"
            )
    assert scales == ["linear", "log"]
