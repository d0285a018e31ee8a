import librosa
import numpy as np
import pytest
import soundfile

from kmusic.features.mfcc import MFCC, MFCCConfig, delta


def librosas_mfcc(waveform, config):
    """Compute coefficients and derivatives as librosa does, `(frames, n_mfcc * (1 + deltas))`."""
    mfcc = librosa.feature.mfcc(
        y=waveform,
        sr=config.sample_rate,
        n_mfcc=config.n_mfcc,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        window=config.window,
        pad_mode=config.pad_mode,
        n_mels=config.n_mels,
        fmax=config.fmax,
        htk=config.htk,
    )
    settings = {"width": config.delta_width, "mode": config.delta_mode}
    orders = range(1, config.deltas + 1)
    return [mfcc.T, *(librosa.feature.delta(mfcc, order=k, **settings).T for k in orders)]


def check_parity(waveform, config):
    actual = np.split(MFCC(config)(waveform[None]).numpy()[0], 1 + config.deltas, axis=1)
    for ours, theirs in zip(actual, librosas_mfcc(waveform, config), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3 * np.abs(theirs).max())  # of the peak


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"n_mfcc": 13, "pad_mode": "reflect"},  # the symphony paper
        {"deltas": 2, "delta_width": 5, "delta_mode": "nearest", "sample_rate": 22_000},  # tags
        {"deltas": 2, "n_fft": 1_024, "hop_length": 604, "n_mels": 40, "htk": True},
        {"deltas": 1, "window": "hamming", "fmax": 8_000.0, "delta_width": 7},
    ],
)
def test_mfcc_matches_librosa(settings, chirp, noise):
    config = MFCCConfig(**settings)
    check_parity(chirp, config)
    check_parity(noise, config)


def test_mfcc_matches_librosa_on_recordings(shared):
    for path in sorted((shared / "audio" / "librosa-examples").glob("*.ogg"))[:4]:
        waveform, sample_rate = soundfile.read(path, frames=100_000, always_2d=True)
        check_parity(waveform.mean(1), MFCCConfig(sample_rate=sample_rate, deltas=2))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("width", [3, 5, 9])
@pytest.mark.parametrize("mode", ["interp", "nearest"])
def test_deltas_match_librosa(order, width, mode):
    features = np.random.default_rng(0).normal(size=(2, 11, 4)).astype(np.float32)
    expected = librosa.feature.delta(features, order=order, width=width, mode=mode, axis=1)
    np.testing.assert_allclose(delta(features, order, width, mode), expected, atol=1e-5)


def test_the_delta_of_a_slope_is_the_slope():
    slope = 0.5 * np.arange(12, dtype=np.float32)[None, :, None]
    np.testing.assert_allclose(delta(slope, 1, 9, "interp"), np.full((1, 12, 1), 0.5), atol=1e-6)


def test_too_few_frames_for_the_derivatives_are_refused():
    layer = MFCC(MFCCConfig(deltas=1))
    with pytest.raises(ValueError, match="at least delta_width=9 frames; got 8"):
        layer.compress(np.ones((1, 8, 128), np.float32))
    nearest = MFCC(MFCCConfig(deltas=1, delta_mode="nearest"))
    assert nearest.compress(np.ones((1, 1, 128), np.float32)).shape == (1, 1, 40)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"n_mfcc": 129}, r"n_mfcc must lie in \(0, n_mels\]; got n_mfcc=129, n_mels=128"),
        ({"deltas": 3}, "deltas must be one of"),
        ({"delta_width": 4}, "delta_width must be odd and at least 3; got 4"),
        ({"delta_mode": "mirror"}, "delta_mode must be one of"),
        ({"n_mels": 0}, "n_mels must be positive"),
    ],
)
def test_nonsense_is_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        MFCCConfig(**settings)
