"""Pictures of latent spaces: written, and of every kind of features."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.image import imread

from kmusic.evaluation.latent_space import LatentSpace
from kmusic.report.latent_pictures import draw_divergence, draw_traversals


def space(n_frames=6, n_bands=5, n_dimensions=3, divergence=(0.5, 0.2, 0.001, 2.0)):
    """Make up a latent space whose traversals ramp with the value."""
    values = (-3.0, 0.0, 3.0)
    ramp = np.arange(n_dimensions * len(values), dtype=np.float32)
    crops = ramp.reshape(n_dimensions, len(values), 1, 1) + np.zeros((n_frames, n_bands))
    return LatentSpace(
        n_tracks=2,
        n_codes=9,
        divergence=np.array(divergence),
        centre=np.zeros(len(divergence), np.float32),
        dimensions=(3, 0, 1)[:n_dimensions],
        values=values,
        traversals=crops.astype(np.float32),
        unit="dB",
        hop_seconds=0.5,
        first_band=4,
    )


@pytest.fixture
def drawn(monkeypatch):
    """What was drawn as bars, curves and images, in order."""
    calls = {"bar": [], "plot": [], "imshow": []}

    def keep(name):
        drawing = getattr(Axes, name)

        def called(self, *values, **words):
            calls[name].append((values, words))
            return drawing(self, *values, **words)

        monkeypatch.setattr(Axes, name, called)

    for name in calls:
        keep(name)
    return calls


def dark_on_light(path):
    return np.ptp(imread(path)) > 0.5


def test_the_divergence_of_dimensions_is_drawn_from_the_greatest(tmp_path, drawn):
    path = draw_divergence(space(), tmp_path / "d.png", protocol="test split")
    ((ranks, nats), _) = drawn["bar"][0]
    assert ranks.tolist() == [1, 2, 3, 4]
    assert nats.tolist() == [2.0, 0.5, 0.2, 0.001]
    assert path == tmp_path / "d.png"
    assert dark_on_light(path)


@pytest.mark.parametrize(
    ("divergence", "scale"),
    [((2.0, 0.5), "linear"), ((2_000.0, 0.0), "log"), ((0.0, 0.0), "linear")],
)
def test_divergences_of_very_unlike_size_are_drawn_on_a_logarithmic_axis(
    tmp_path, monkeypatch, divergence, scale
):
    scales = ["linear"]
    monkeypatch.setattr(Axes, "set_yscale", lambda _, name: scales.append(name))
    draw_divergence(space(divergence=divergence), tmp_path / "d.png")
    assert scales[-1] == scale


def test_spectrograms_are_drawn_a_row_a_dimension_and_a_column_a_value(tmp_path, drawn):
    latent = space()
    path = draw_traversals(latent, tmp_path / "t.png", protocol="test split")
    images = [values[0] for values, _ in drawn["imshow"]]
    assert [image[0, 0] for image in images] == list(range(9))
    assert images[0].shape == (5, 6)  # bands upwards, time to the right
    assert {words["extent"] for _, words in drawn["imshow"]} == {(0.0, 3.0, 4, 9)}
    assert len({id(words["norm"]) for _, words in drawn["imshow"]}) == 1
    assert dark_on_light(path)


@pytest.mark.parametrize(
    ("shape", "along"),
    [((1, 5), [4, 5, 6, 7, 8]), ((4, 1), [0.0, 0.5, 1.0, 1.5])],
    ids=["one frame", "one band"],
)
def test_what_has_one_frame_or_one_band_is_drawn_as_curves(tmp_path, drawn, shape, along):
    path = draw_traversals(space(*shape), tmp_path / "t.png")
    assert not drawn["imshow"]
    curves = [values for values, _ in drawn["plot"]]
    assert [curve[0] for _, curve in curves] == list(range(9))
    assert all(places.tolist() == along for places, _ in curves)
    colours = [tuple(words["color"]) for _, words in drawn["plot"]]
    assert colours[:3] == colours[3:6]
    assert len(set(colours)) == 3
    assert dark_on_light(path)


def test_a_single_dimension_is_drawn(tmp_path):
    assert dark_on_light(draw_traversals(space(n_dimensions=1), tmp_path / "image.png"))
    alone = replace(space(1, 5, n_dimensions=1), values=(-1.0, 0.0, 1.0))
    assert dark_on_light(draw_traversals(alone, tmp_path / "curves.png"))
