import keras
import numpy as np
import pytest
import tensorflow as tf

from kmusic.features.waveform import RawWaveform, WaveformConfig

SOUND = np.random.default_rng(0).uniform(-1, 1, (2, 50)).astype(np.float32)


def test_sound_is_its_own_features_to_the_last_bit():
    layer = RawWaveform(WaveformConfig())
    for features in (layer(SOUND), layer.spectrum(SOUND), layer.compress(SOUND[..., None])):
        np.testing.assert_array_equal(features, SOUND[..., None])


def test_whole_numbers_become_floats():
    assert RawWaveform(WaveformConfig())(np.ones((1, 3), np.int16)).dtype == tf.float32


def test_a_frame_is_a_sample_of_one_band():
    c = WaveformConfig(sample_rate=16_000)
    assert (c.hop_length, c.n_raw_bands, c.n_bands, c.context) == (1, 1, 1, 0)
    assert [c.n_frames(samples) for samples in (0, 1, 800)] == [0, 1, 800]


def test_frames_are_known_whenever_samples_are():
    layer = RawWaveform(WaveformConfig())
    assert layer.compute_output_shape((None, 800)) == (None, 800, 1)
    assert layer.compute_output_shape((4, None)) == (4, None, 1)


@pytest.mark.parametrize("shape", [(50,), (2, 50, 1)])
def test_what_is_not_a_batch_of_waveforms_is_refused(shape):
    with pytest.raises(ValueError, match=r"waveform must have shape \(batch, samples\); got"):
        RawWaveform(WaveformConfig())(np.zeros(shape, np.float32))


def test_a_rate_that_no_sound_has_is_refused():
    with pytest.raises(ValueError, match="sample_rate must be positive; got 0"):
        WaveformConfig(sample_rate=0)


def test_a_model_may_call_its_input_a_waveform():
    keras.backend.clear_session()  # or the layer's name depends on those built before
    waveform = keras.Input((50,), name="waveform")
    model = keras.Model(waveform, RawWaveform(WaveformConfig())(waveform))
    np.testing.assert_array_equal(model(SOUND), SOUND[..., None])
