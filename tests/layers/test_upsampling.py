import numpy as np
import pytest

from kmusic.layers.upsampling import Upsampling

RNG = np.random.default_rng(0)


def untouched(scales, n_bands, **settings):
    """Build the layer with bands that are not mixed."""
    layer = Upsampling(scales, **settings)
    layer.build((None, 5, n_bands))
    layer.mixture.assign(np.eye(n_bands))
    return layer


@pytest.mark.parametrize("weight_norm", [False, True])
def test_at_first_values_are_repeated_and_averaged(weight_norm):
    features = RNG.normal(size=(2, 5, 3)).astype(np.float32)
    layer = untouched((3, 2), 3, weight_norm=weight_norm)
    expected = features
    for scale in (3, 2):
        expected = np.repeat(expected, scale, axis=1)
        padded = np.pad(expected, ((0, 0), (scale, scale), (0, 0)))
        size = 2 * scale + 1
        expected = np.stack(
            [padded[:, t : t + size].mean(axis=1) for t in range(expected.shape[1])], axis=1
        )
    np.testing.assert_allclose(layer(features), expected, atol=1e-6)


def test_47_published_frames_become_6016_samples():
    layer = Upsampling((4, 4, 4, 2))
    assert layer(np.zeros((1, 47, 80), np.float32)).shape == (1, 6_016, 80)
    assert layer.compute_output_shape((None, 47, 80)) == (None, 6_016, 80)
    assert layer.count_params() == 80 * 80 + 3 * 9 + 5


def test_a_filter_looks_back_and_ahead_as_it_is_laid():
    layer = untouched((2,), 1)
    layer.filters[0].assign([1.0, 0.0, 0.0, 0.0, 0.0])  # two samples back
    ramp = np.arange(1.0, 4.0, dtype=np.float32).reshape(1, 3, 1)
    assert layer(ramp).numpy().ravel().tolist() == [0, 0, 1, 1, 2, 2]


def test_bands_are_mixed_before_they_are_stretched():
    layer = Upsampling((2,))
    layer.build((None, None, 2))
    layer.mixture.assign([[0.0, 1.0], [0.0, 0.0]])  # the second band is the first
    layer.filters[0].assign([0.0, 0.0, 1.0, 0.0, 0.0])
    features = np.float32([[[1, 5], [2, 6]]])
    assert layer(features).numpy().tolist() == [[[0, 1], [0, 1], [0, 2], [0, 2]]]


def test_weight_norm_adds_a_length_a_stage():
    plain, normed = untouched((4, 2), 3), untouched((4, 2), 3, weight_norm=True)
    assert normed.count_params() == plain.count_params() + 2
    features = RNG.normal(size=(1, 5, 3)).astype(np.float32)
    normed.filters[0].assign(10 * normed.filters[0].numpy())
    np.testing.assert_allclose(normed(features), plain(features), atol=1e-6)


def test_half_precision_stays_outside():
    layer = untouched((3,), 2, dtype="mixed_bfloat16")
    assert layer.compute_dtype == "float32"
    assert layer(np.zeros((1, 5, 2), np.float32)).dtype == "float32"
