import keras
import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from kmusic.features.scaling import Scaling, ScalingConfig

SKLEARN = {"standard": StandardScaler, "minmax": MinMaxScaler}


@pytest.fixture(scope="module")
def batches():
    """Decibels in batches of unlike size and level, `(batch, 7 frames, 5 bands)` each."""
    rng = np.random.default_rng(0)
    levels = np.array([-60.0, -40.0, -20.0, 0.0, 20.0])
    return [
        (levels + shift + rng.normal(0, 8, (size, 7, 5))).astype(np.float32)
        for size, shift in [(4, 0.0), (1, 30.0), (6, -10.0)]
    ]


def columns(batch, per):
    """Lay a batch out as scikit-learn wants it: what shares statistics stands in one column."""
    if per == "band":
        return batch.reshape(-1, batch.shape[-1])
    if per == "frame":
        return batch.swapaxes(1, 2).reshape(-1, batch.shape[1])
    return batch.reshape(-1, 1)


@pytest.mark.parametrize("kind", ["standard", "minmax"])
@pytest.mark.parametrize("per", ["band", "frame", "global"])
def test_streamed_statistics_match_scikit_learn(kind, per, batches):
    scaling = Scaling(ScalingConfig(kind=kind, per=per))
    scaling.adapt(iter(batches))
    oracle = SKLEARN[kind]()
    for batch in batches:
        oracle.partial_fit(columns(batch.astype(np.float64), per))
    expected = oracle.transform(columns(batches[0].astype(np.float64), per))
    actual = columns(scaling(batches[0]).numpy(), per)
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_nothing_changes_before_the_fit(batches):
    np.testing.assert_array_equal(Scaling(ScalingConfig())(batches[0]), batches[0])


def test_a_small_spread_far_from_zero_is_kept():
    rng = np.random.default_rng(0)
    batches = [1e4 + rng.normal(0, 0.1, (8, 50, 1)) for _ in range(20)]
    scaling = Scaling(ScalingConfig())
    scaling.adapt(batches)
    # Sums of float32 squares would err by more than the spread itself.
    np.testing.assert_allclose(scaling.scale.numpy().item(), np.std(batches), rtol=1e-5)


@pytest.mark.parametrize("kind", ["standard", "minmax"])
def test_a_constant_band_becomes_zero(kind):
    rng = np.random.default_rng(0)
    batch = np.concatenate([np.full((3, 4, 1), -10.1), rng.normal(size=(3, 4, 1))], axis=-1)
    scaling = Scaling(ScalingConfig(kind=kind))
    scaling.adapt([batch.astype(np.float32)] * 3)
    np.testing.assert_allclose(scaling(batch.astype(np.float32))[..., 0], 0.0, atol=1e-6)
    assert np.isfinite(scaling(batch + 1.0).numpy()).all()


def test_clipping_keeps_new_data_in_the_range(batches):
    scaling = Scaling(ScalingConfig(kind="minmax", clip=True))
    scaling.adapt(batches)
    wild = scaling(3 * batches[0]).numpy()
    assert (wild.min(), wild.max()) == (0.0, 1.0)


def test_a_second_fit_forgets_the_first(batches):
    scaling = Scaling(ScalingConfig())
    scaling.adapt([100 + batches[0]])
    scaling.adapt(batches)
    fresh = Scaling(ScalingConfig())
    fresh.adapt(batches)
    np.testing.assert_array_equal(scaling(batches[0]), fresh(batches[0]))


def test_statistics_travel_with_the_model_and_are_not_trained(batches, tmp_path):
    features = keras.Input((None, 5))
    scaling = Scaling(ScalingConfig(kind="minmax", clip=True))
    model = keras.Model(features, scaling(features))
    scaling.adapt(batches)
    assert model.trainable_weights == []
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(batches[1]), model(batches[1]))
    assert loaded.layers[-1].config == scaling.config


@pytest.mark.parametrize(
    ("batches", "rule"),
    [
        ([], "at least one batch; got none"),
        ([np.zeros((2, 3, 4)), np.full((2, 3, 4), np.nan)], "finite numbers; batch 1 does not"),
        ([np.zeros((0, 3, 4))], "finite numbers; batch 0 does not"),
    ],
)
def test_data_without_statistics_are_refused(batches, rule):
    with pytest.raises(ValueError, match=rule):
        Scaling(ScalingConfig()).adapt(batches)


def test_frame_positions_need_a_known_number_of_frames():
    with pytest.raises(ValueError, match=r"per='frame' needs a known length; got shape \(None, N"):
        Scaling(ScalingConfig(per="frame"))(keras.Input((None, 5)))


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"kind": "robust"}, "kind must be one of"),
        ({"per": "batch"}, "per must be one of"),
        ({"clip": True}, "clip=True needs kind='minmax'; got kind='standard'"),
    ],
)
def test_nonsense_is_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        ScalingConfig(**settings)


@pytest.mark.parametrize("per", ["band", "frame", "global"])
def test_a_fixed_scaling_takes_its_offset_and_spread_and_fits_nothing(per, batches):
    config = ScalingConfig(kind="fixed", per=per, offset=-80.0, spread=40.0)
    scaling = Scaling(config)
    np.testing.assert_allclose(scaling(batches[0]), (batches[0] + 80.0) / 40.0, rtol=1e-6)
    assert not config.is_fitted
    with pytest.raises(ValueError, match="adapt needs statistics to fit; got kind='fixed'"):
        scaling.adapt(batches)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"offset": 1.0}, "offset and spread need kind='fixed'; got kind='standard'"),
        ({"kind": "minmax", "spread": 2.0}, "offset and spread need kind='fixed'"),
        ({"kind": "fixed", "spread": 0.0}, "offset must be finite and spread positive; got"),
        ({"kind": "fixed", "offset": float("nan")}, "offset must be finite and spread positive"),
    ],
)
def test_constants_that_scale_nothing_are_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        ScalingConfig(**settings)
