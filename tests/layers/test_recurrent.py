import keras
import numpy as np
import pytest

from kmusic.layers.recurrent import require_recurrent_axis, sequence_over

FRAMES, BANDS, CHANNELS = 4, 3, 2
MAPS = np.random.default_rng(0).normal(size=(5, FRAMES, BANDS, CHANNELS)).astype(np.float32)


def laid_out(axis):
    maps = keras.Input(MAPS.shape[1:])
    return keras.Model(maps, sequence_over(axis, maps))(MAPS)


def test_over_time_a_step_holds_all_bands_of_a_frame():
    expected = MAPS.reshape(5, FRAMES, BANDS * CHANNELS)
    np.testing.assert_array_equal(laid_out("time"), expected)


def test_over_mel_a_step_holds_all_frames_of_a_band():
    expected = MAPS.transpose(0, 2, 1, 3).reshape(5, BANDS, FRAMES * CHANNELS)
    np.testing.assert_array_equal(laid_out("mel"), expected)


@pytest.mark.parametrize("axis", ["time", "mel"])
def test_both_axes_can_be_stepped_over(axis):
    require_recurrent_axis(axis)


def test_another_axis_is_refused():
    rule = r"recurrent_axis must be one of \('time', 'mel'\); got 'frames'"
    with pytest.raises(ValueError, match=rule):
        require_recurrent_axis("frames")
