"""Statistics of features, held to librosa and numpy."""

import keras
import librosa
import numpy as np
import pytest
from keras import layers

from kmusic.features.front_ends import build_front_end
from kmusic.features.mfcc import MFCCConfig
from kmusic.models.statistics import StatisticsConfig, build_statistics

SPREADS = {"deviation": np.std, "variance": np.var}
FEATURES = np.random.default_rng(0).normal(2, 3, (4, 7, 5)).astype(np.float32)
COEFFICIENTS = MFCCConfig(deltas=2, delta_width=5, delta_mode="nearest")


def on_features(**settings):
    features = keras.Input((7, 5))
    front_end = keras.Model(features, layers.Identity()(features))
    return build_statistics(StatisticsConfig(**settings), front_end)


@pytest.mark.parametrize("spread", SPREADS)
def test_the_embedding_is_mean_then_spread_of_each_band(spread):
    model = on_features(spread=spread)
    expected = [
        [*(band.mean() for band in excerpt.T), *(SPREADS[spread](band) for band in excerpt.T)]
        for excerpt in FEATURES.astype(np.float64)
    ]
    np.testing.assert_allclose(model(FEATURES), expected, rtol=1e-5)  # float32 sums of 7 numbers


def test_statistics_of_coefficients_and_derivatives_match_librosas(chirp, noise):
    waveform = keras.Input((None,))
    front_end = keras.Model(waveform, build_front_end(COEFFICIENTS)(waveform))
    for spread, function in SPREADS.items():
        model = build_statistics(StatisticsConfig(spread=spread), front_end)
        for sound in (chirp, noise):
            mfcc = librosa.feature.mfcc(y=sound, sr=COEFFICIENTS.sample_rate, n_mfcc=20)
            deltas = [
                librosa.feature.delta(mfcc, order=order, width=5, mode="nearest")
                for order in (1, 2)
            ]
            rows = np.concatenate([mfcc, *deltas])
            means, spreads = np.split(model(sound[None]).numpy()[0], 2)
            # Of the peak, as for the coefficients themselves.
            peak = np.abs(rows).max()
            np.testing.assert_allclose(means, rows.mean(axis=1), atol=1e-3 * peak)
            peak = function(rows, axis=1).max()
            np.testing.assert_allclose(spreads, function(rows, axis=1), atol=1e-3 * peak)


def test_features_that_never_change_have_no_spread():
    still = np.repeat(FEATURES[:, :1], 7, axis=1)
    expected = np.concatenate([still[:, 0], np.zeros((4, 5))], axis=1)
    np.testing.assert_allclose(on_features()(still), expected, atol=1e-3)  # of float32 squares


def test_there_is_nothing_to_train():
    assert on_features().weights == []


def test_another_spread_is_refused():
    with pytest.raises(ValueError, match='must be "deviation" or "variance"; got \'range\''):
        StatisticsConfig(spread="range")
