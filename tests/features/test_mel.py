import librosa
import numpy as np
import pytest
import soundfile

from kmusic.features.mel import LogMelConfig, LogMelSpectrogram, mel_filter_bank

GRID = [
    {},
    {"n_fft": 2_048, "hop_length": 604},  # the genre paper
    {"power": 1.0, "n_fft": 1_024},  # the artist paper
    {"window": "hamming", "power": 1.0, "n_mels": 96, "sample_rate": 22_000},  # the tag paper
    {"n_fft": 512, "hop_length": 128, "n_mels": 80, "fmin": 125.0, "fmax": 7_600.0,
     "power": 1.0, "sample_rate": 8_000, "pad_mode": "reflect"},  # bands above half the rate
    {"n_fft": 2_048, "n_mels": 64, "fmax": 8_000.0, "pad_mode": "reflect"},  # the symphony paper
    {"htk": True, "norm": None, "n_mels": 40},
    {"win_length": 600, "hop_length": 441, "window": "hamming"},
    {"win_length": 800, "htk": True, "pad_mode": "reflect"},
]  # fmt: skip


def librosas_mel(waveform, config):
    """Compute the mel spectrum as librosa does, in double precision, `(frames, n_mels)`."""
    magnitudes = np.abs(
        librosa.stft(
            waveform.astype(np.float64),
            n_fft=config.n_fft,
            hop_length=config.hop_length,
            win_length=config.win_length,
            window=config.window,
            pad_mode=config.pad_mode,
        )
    )
    return librosa.feature.melspectrogram(
        S=magnitudes**config.power,
        sr=config.sample_rate,
        n_mels=config.n_mels,
        fmin=config.fmin,
        fmax=config.fmax,
        htk=config.htk,
        norm=config.norm,
    ).T


def check_parity(waveform, config):
    layer = LogMelSpectrogram(config)
    expected = librosas_mel(waveform, config)
    actual = layer.spectrum(waveform[None]).numpy()[0]
    loud = expected > expected.max() * 10 ** (-60 / 20 * config.power)  # within 60 dB of the peak
    np.testing.assert_allclose(
        actual[loud] ** (2 / config.power), expected[loud] ** (2 / config.power), rtol=1e-4
    )  # on the power scale
    to_db = librosa.power_to_db if config.power == 2 else librosa.amplitude_to_db
    expected_db = to_db(expected, ref=1.0, amin=config.floor, top_db=None)
    # Float32 rounding rules below -60 dB, and 100 dB below the loudest band.
    audible = expected_db > max(-60.0, expected_db.max() - 100.0)
    np.testing.assert_allclose(
        layer(waveform[None]).numpy()[0][audible], expected_db[audible], atol=0.01
    )  # dB


@pytest.mark.filterwarnings("ignore:Empty filters detected:UserWarning")
@pytest.mark.parametrize("settings", GRID)
def test_log_mel_matches_librosa(settings, chirp, noise):
    config = LogMelConfig(**settings)
    check_parity(chirp, config)
    check_parity(noise, config)


@pytest.mark.parametrize("settings", [{}, {"n_fft": 2_048, "hop_length": 604, "power": 1.0}])
def test_log_mel_matches_librosa_on_recordings(settings, shared):
    for path in sorted((shared / "audio" / "librosa-examples").glob("*.ogg"))[:4]:
        waveform, sample_rate = soundfile.read(path, frames=100_000, always_2d=True)
        check_parity(waveform.mean(1), LogMelConfig(sample_rate=sample_rate, **settings))


def test_a_tone_lands_in_its_band():
    config = LogMelConfig()
    tone = np.sin(2 * np.pi * 1_000 * np.arange(22_050) / 22_050)[None].astype(np.float32)
    strongest = LogMelSpectrogram(config)(tone).numpy()[0, 20].argmax()
    centres = librosa.mel_frequencies(config.n_mels + 2, fmin=0.0, fmax=11_025.0)[1:-1]
    assert strongest == np.abs(centres - 1_000).argmin()


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("top_db", [None, 40.0])
def test_decibels_re_the_maximum_match_librosa(power, top_db, chirp):
    config = LogMelConfig(power=power, reference="max", top_db=top_db, floor=1e-5)
    mel = LogMelSpectrogram(config).spectrum(chirp[None])
    to_db = librosa.power_to_db if power == 2 else librosa.amplitude_to_db
    expected = to_db(mel.numpy()[0], ref=np.max, amin=1e-5, top_db=top_db)
    np.testing.assert_allclose(
        LogMelSpectrogram(config).compress(mel).numpy()[0], expected, atol=1e-4
    )  # dB; the same mel spectrum on both sides


def test_a_fixed_reference_shifts_the_decibels(chirp):
    plain = LogMelSpectrogram(LogMelConfig())(chirp[None]).numpy()
    shifted = LogMelSpectrogram(LogMelConfig(reference=100.0))(chirp[None]).numpy()
    np.testing.assert_allclose(shifted, plain - 20.0, atol=1e-4)  # dB


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"scale": "linear"}, [0.0, 0.5, 9.9]),
        ({"scale": "log10"}, [0.0, np.log10(6.0), 2.0]),
        ({"scale": "log10", "gain": 2.0}, [0.0, np.log10(2.0), np.log10(20.8)]),
        ({"scale": "log", "log_offset": 0.1}, [np.log(0.1), np.log(0.6), np.log(10.0)]),
        ({"scale": "db"}, [-100.0, -3.0103, 9.9564]),
        ({"scale": "db", "power": 1.0}, [-200.0, -6.0206, 19.9127]),
        ({"scale": "db", "top_db": 10.0}, [-0.0436, -0.0436, 9.9564]),
    ],
)
def test_scales_by_hand(settings, expected):
    layer = LogMelSpectrogram(LogMelConfig(n_mels=3, **settings))
    mel = np.array([[[0.0, 0.5, 9.9]]], np.float32)
    np.testing.assert_allclose(layer.compress(mel)[0, 0], expected, atol=1e-4)


def test_an_excerpt_does_not_depend_on_its_neighbours(chirp, noise):
    layer = LogMelSpectrogram(LogMelConfig(reference="max", top_db=80.0))
    alone = layer(0.01 * chirp[None]).numpy()[0]
    beside = layer(np.stack([noise, 0.01 * chirp])).numpy()[1]
    np.testing.assert_allclose(beside, alone, atol=1e-4)  # dB; matmuls may sum in another order


def test_silence_is_finite():
    silence = np.zeros((1, 4_096), np.float32)
    assert np.all(LogMelSpectrogram(LogMelConfig())(silence).numpy() == -100.0)
    relative = LogMelConfig(reference="max", top_db=80.0)
    assert np.all(LogMelSpectrogram(relative)(silence).numpy() == 0.0)


def test_bands_above_half_the_sampling_rate_stay_empty():
    config = LogMelConfig(sample_rate=8_000, n_fft=512, n_mels=80, fmin=125.0, fmax=7_600.0)
    empty = mel_filter_bank(config).max(axis=1) == 0
    assert np.flatnonzero(empty).tolist() == list(range(64, 80))  # the paper's last 16


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"n_mels": 0}, "n_mels must be positive; got 0"),
        ({"fmin": 12_000.0}, r"fmin must lie in \[0, fmax\); got fmin=12000.0, fmax=11025.0"),
        ({"norm": "l1"}, "norm must be one of"),
        ({"power": 3.0}, "power must be one of"),
        ({"scale": "ln"}, "scale must be one of"),
        ({"reference": "mean"}, "reference must be positive; got 'mean'"),
        ({"reference": 0.0}, "reference must be positive; got 0.0"),
        ({"top_db": -80.0}, "top_db must be positive; got -80.0"),
        ({"floor": 0.0}, "floor must be positive; got 0.0"),
        ({"log_offset": 0.0}, "log_offset must be positive"),
        ({"gain": -1.0}, "gain must be positive"),
        ({"hop_length": 0}, "hop_length must lie in"),
    ],
)
def test_nonsense_is_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        LogMelConfig(**settings)
