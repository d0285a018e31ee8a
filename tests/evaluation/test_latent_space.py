"""What the dimensions of made latent spaces tell and do, held to the same done by hand."""

import json

import numpy as np
import pandas as pd
import pytest
from keras import ops

from kmusic.evaluation import heard_crops
from kmusic.evaluation.heard_crops import HeardCrops
from kmusic.evaluation.latent_space import judge_latent_space
from kmusic.training.runs import Run

N_CROPS, N_FRAMES, N_BANDS = 6, 4, 3


class Told:
    """A model whose codes are the frames themselves, dimension 1 told best and 2 not at all.

    A code stands for a crop of one frame that has each coordinate as a band, doubled.
    """

    spread = np.array([0.5, 0.1, 1.0])

    def posterior(self, features):
        codes = ops.reshape(features, (-1, N_BANDS)) * [1.0, 1.0, 0.0]
        return codes, ops.zeros_like(codes) + 2 * np.log(self.spread)

    def decode(self, code):
        return 2 * ops.convert_to_tensor(code)[:, None]


@pytest.fixture
def heard():
    """Six crops of four tracks, one of which was silent; their unit is ten times as large."""
    return HeardCrops(
        tracks=pd.DataFrame({"path": ["a", "b", "c", "d"]}),
        track=np.array([0, 0, 1, 1, 3, 3]),
        crops=np.random.default_rng(0).normal(1, 1, (N_CROPS, N_FRAMES, N_BANDS)).astype("float32"),
        restored=lambda crops: 10 * crops,
        unit="dB",
        hop_seconds=0.02,
        first_band=4,
    )


@pytest.fixture
def space(heard):
    return judge_latent_space(Run(".", None, (), Told()), heard)


def test_the_divergence_of_a_dimension_is_its_mean_over_all_codes(space, heard):
    expected = []
    for dimension, deviation in enumerate(Told.spread):
        means = heard.crops[..., dimension].ravel() * (dimension < 2)
        nats = [(m * m + deviation**2 - 1 - 2 * np.log(deviation)) / 2 for m in means.tolist()]
        expected.append(np.mean(nats))
    np.testing.assert_allclose(space.divergence, expected, rtol=1e-5, atol=1e-7)  # float32
    assert (space.n_codes, space.n_tracks, space.n_active) == (24, 3, 2)


def test_dimensions_are_moved_one_by_one_from_the_median_code(space, heard):
    assert space.dimensions == (1, 0, 2)
    centre = np.median(heard.crops.reshape(-1, N_BANDS) * [1, 1, 0], axis=0)
    np.testing.assert_allclose(space.centre, centre, rtol=1e-6)
    assert space.values == (-3, -2, -1, 0, 1, 2, 3)
    assert space.traversals.shape == (3, 7, 1, N_BANDS)
    for row, dimension in enumerate(space.dimensions):
        for column, value in enumerate(space.values):
            code = centre.copy()
            code[dimension] = value
            np.testing.assert_allclose(space.traversals[row, column, 0], 20 * code, rtol=1e-6)


def test_batches_change_no_figure(space, heard, monkeypatch):
    for module in (heard_crops, judge_latent_space.__globals__):
        set_in = monkeypatch.setitem if isinstance(module, dict) else monkeypatch.setattr
        set_in(module, "CROPS_AT_ONCE", 4)
    again = judge_latent_space(Run(".", None, (), Told()), heard)
    np.testing.assert_allclose(again.divergence, space.divergence)
    np.testing.assert_allclose(again.traversals, space.traversals)


def test_of_many_dimensions_the_eight_that_tell_most_are_moved(heard, monkeypatch):
    monkeypatch.setattr(Told, "posterior", lambda _, x: (x[:, 0], x[:, 1]))
    rng = np.random.default_rng(0)
    crops = np.stack([rng.normal(size=(N_CROPS, 20)), np.zeros((N_CROPS, 20))], axis=1)
    heard = HeardCrops(**{**vars(heard), "crops": crops.astype("float32")})
    space = judge_latent_space(Run(".", None, (), Told()), heard)
    nats = np.square(crops[:, 0]).mean(axis=0) / 2
    assert list(space.dimensions) == np.argsort(-nats)[:8].tolist()


def test_a_model_without_a_posterior_is_not_asked(heard):
    assert judge_latent_space(Run(".", None, (), object()), heard) is None


def test_figures_are_plain_values_without_traversals(space, heard):
    answer = json.loads(json.dumps(space.to_json()))
    assert answer["divergence"] == pytest.approx(sum(answer["divergence_of_dimensions"]))
    assert (answer["n_active"], answer["active_above"], answer["latent_dim"]) == (2, 0.01, 3)
    assert answer["traversed"] == [1, 0, 2]
    assert (space.unit, space.hop_seconds, space.first_band) == ("dB", 0.02, 4)
    assert len(json.dumps(answer)) < 500
    del heard
