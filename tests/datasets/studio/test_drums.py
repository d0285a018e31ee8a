"""Drums: each stroke where a drummer would expect it in the spectrum."""

import librosa
import numpy as np

from kmusic.datasets.studio.drums import Kit, strokes

SAMPLE_RATE = 22_050


def centroid(sound):
    power = np.abs(np.fft.rfft(sound)) ** 2
    return np.sum(power * np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)) / power.sum()


def test_kick_snare_and_hat_rise_in_this_order():
    kit = strokes(Kit(), SAMPLE_RATE)
    assert centroid(kit["kick"]) < 120
    assert 200 < centroid(kit["snare"]) < 5_000
    assert centroid(kit["hat"]) > 5_500


def test_strokes_have_peak_one_and_an_end():
    for sound in strokes(Kit(), SAMPLE_RATE).values():
        assert sound.dtype == np.float32
        assert np.abs(sound).max() == np.float32(1.0)
        assert len(sound) <= SAMPLE_RATE
        assert np.isfinite(sound).all()


def test_the_kick_settles_on_its_pitch():
    kick = strokes(Kit(kick_hz=60.0, kick_seconds=0.3), SAMPLE_RATE)["kick"]
    crossings = np.flatnonzero(np.diff(np.signbit(kick[3_000:12_000])))
    half_period = np.median(np.diff(crossings)) / SAMPLE_RATE
    assert abs(0.5 / half_period - 60.0) < 1.0  # Hz


def test_a_kit_is_the_same_every_time_and_another_kit_is_not():
    one, again, other = (strokes(Kit(seed=seed), SAMPLE_RATE)["hat"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    n = min(len(one), len(other))
    assert abs(np.corrcoef(one[:n], other[:n])[0, 1]) < 0.5


def test_a_ride_rings_longer_than_a_hat():
    kit = strokes(Kit(), SAMPLE_RATE)
    assert len(kit["ride"]) > 2 * len(kit["hat"])
    assert librosa.feature.rms(y=kit["ride"])[0, 8] > 0
