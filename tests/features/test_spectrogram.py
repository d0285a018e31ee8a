import numpy as np
import pytest
import scipy.signal
import tensorflow as tf

from kmusic.features.spectrogram import BandEnergies, SpectrogramConfig, analysis_window


class BareConfig(SpectrogramConfig):
    n_bands = 129


def bare(config, power=2.0):
    """Give the short-time transform itself: a filter bank that lets every bin through."""
    return BandEnergies(config, np.eye(1 + config.n_fft // 2, dtype=np.float32), power)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"sample_rate": 0}, "sample_rate must be positive; got 0"),
        ({"n_fft": 1_023}, "n_fft must be positive and even; got 1023"),
        ({"hop_length": 0}, r"hop_length must lie in \(0, n_fft\]; got hop_length=0, n_fft=2048"),
        ({"hop_length": 4_096}, "hop_length must lie in"),
        ({"win_length": 4_096}, "win_length must lie in"),
        ({"window": "kaiser"}, "window must be one of"),
        ({"pad_mode": "edge"}, "pad_mode must be one of"),
    ],
)
def test_nonsense_is_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        SpectrogramConfig(**settings)


def test_a_short_window_stands_in_the_middle_of_the_frame():
    window = analysis_window(SpectrogramConfig(n_fft=8, hop_length=2, win_length=4))
    np.testing.assert_allclose(window, [0, 0, 0, 0.5, 1, 0.5, 0, 0], atol=1e-7)  # periodic Hann


def test_hamming_is_scipys_periodic_window():
    window = analysis_window(SpectrogramConfig(n_fft=16, hop_length=4, window="hamming"))
    np.testing.assert_allclose(window, scipy.signal.get_window("hamming", 16), atol=1e-7)


def test_an_impulse_has_the_windows_weight_in_every_bin():
    config = BareConfig(n_fft=256, hop_length=64)
    waveform = np.zeros((1, 1_024), np.float32)
    waveform[0, 512] = 1.0
    magnitudes = bare(config, power=1.0).spectrum(waveform).numpy()[0]
    expected = np.zeros(17)
    expected[7:10] = [0.5, 1.0, 0.5]  # Hann at a quarter, the middle, three quarters
    np.testing.assert_allclose(magnitudes, np.tile(expected[:, None], 129), atol=1e-6)


def test_energies_are_squared_magnitudes(noise):
    config = BareConfig(n_fft=256, hop_length=100)
    magnitudes = bare(config, power=1.0).spectrum(noise[None, :2_000]).numpy()
    energies = bare(config, power=2.0).spectrum(noise[None, :2_000]).numpy()
    np.testing.assert_allclose(energies, magnitudes**2, rtol=1e-5)


@pytest.mark.parametrize("samples", [0, 1, 63, 64, 65, 500, 1_000])
@pytest.mark.parametrize("hop_length", [64, 100, 256])
def test_any_length_has_as_many_frames_as_the_config_says(samples, hop_length):
    config = BareConfig(n_fft=256, hop_length=hop_length)
    spectrum = bare(config).spectrum(np.ones((2, samples), np.float32))
    assert spectrum.shape == (2, config.n_frames(samples), 129)


def test_pieces_join_to_what_a_signal_of_unknown_length_gives(noise):
    config = BareConfig(n_fft=256, hop_length=100)
    layer = bare(config)
    whole = tf.function(layer.spectrum, input_signature=[tf.TensorSpec((None, None))])
    waveform = noise[None, :5_000]
    np.testing.assert_allclose(layer.spectrum(waveform), whole(waveform), rtol=1e-6)


def test_frames_are_known_whenever_samples_are():
    layer = bare(BareConfig(n_fft=256, hop_length=100))
    concrete = tf.function(layer).get_concrete_function(tf.TensorSpec((None, 5_000)))
    assert concrete.output_shapes == tf.TensorShape((None, 51, 129))
    assert layer.compute_output_shape((None, 5_000)) == (None, 51, 129)
    assert layer.compute_output_shape((4, None)) == (4, None, 129)


def test_a_waveform_without_batch_axis_is_refused():
    with pytest.raises(ValueError, match=r"waveform must have shape \(batch, samples\); got"):
        bare(BareConfig(n_fft=256, hop_length=64)).spectrum(np.zeros(1_000, np.float32))


def test_a_signal_too_short_to_be_mirrored_is_refused():
    layer = bare(BareConfig(n_fft=256, hop_length=64, pad_mode="reflect"))
    with pytest.raises(ValueError, match="more than n_fft // 2 = 128 samples; got 128"):
        layer.spectrum(np.zeros((1, 128), np.float32))
