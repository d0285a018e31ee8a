import librosa
import numpy as np
import pytest

from kmusic.audio.signals import chirp, clicks, noise, tone

RATE = 22_050


def test_a_tone_has_its_frequency_and_its_peak():
    waveform = tone(1_000.0, 1.0, RATE)
    spectrum = np.abs(np.fft.rfft(waveform))  # bins of 1 Hz
    assert spectrum.argmax() == 1_000
    assert np.abs(waveform).max() == pytest.approx(0.5, abs=1e-3)  # a crest between two samples
    assert waveform[0] == 0.0


def test_a_chirp_is_librosas_chirp():
    expected = 0.5 * librosa.chirp(fmin=50, fmax=10_000, sr=RATE, duration=2.0, phi=-np.pi / 2)
    actual = chirp(50.0, 10_000.0, 2.0, RATE)
    np.testing.assert_allclose(actual, expected, atol=1e-6)  # float32 rounding


def test_clicks_come_at_their_interval():
    waveform = clicks(0.5, 1.6, 8_000)
    np.testing.assert_array_equal(np.flatnonzero(waveform), [0, 4_000, 8_000, 12_000])
    assert set(waveform) == {0.0, 0.5}


def test_noise_repeats_by_its_seed_and_is_flat():
    assert np.array_equal(noise(0.5, RATE, seed=3), noise(0.5, RATE, seed=3))
    assert not np.array_equal(noise(0.5, RATE, seed=3), noise(0.5, RATE, seed=4))
    power = np.square(np.abs(np.fft.rfft(noise(10.0, RATE))))
    low, high = np.array_split(power, 2)
    assert low.mean() == pytest.approx(high.mean(), rel=0.02)  # 55,000 bins each: 0.4 % deviation


@pytest.mark.parametrize(
    "waveform",
    [
        tone(440.0, 0.9999, 11_025),
        chirp(50.0, 100.0, 0.9999, 11_025),
        clicks(0.1, 0.9999, 11_025),
        noise(0.9999, 11_025),
    ],
    ids=["tone", "chirp", "clicks", "noise"],
)
def test_every_signal_is_float32_of_the_rounded_length(waveform):
    assert waveform.dtype == np.float32
    assert waveform.shape == (11_024,)  # 11,023.9 samples
