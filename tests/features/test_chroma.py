import librosa
import numpy as np
import pytest
import soundfile

from kmusic.features.chroma import ChromaConfig, Chromagram


def check_parity(waveform, config):
    actual = Chromagram(config)(waveform[None]).numpy()[0]
    expected = librosa.feature.chroma_stft(
        y=waveform,
        sr=config.sample_rate,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        win_length=config.win_length,
        window=config.window,
        pad_mode=config.pad_mode,
        n_chroma=config.n_chroma,
        tuning=config.tuning,
    )
    np.testing.assert_allclose(actual, expected.T, atol=1e-3)  # the peak of every frame is 1


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"pad_mode": "reflect", "tuning": 0.25},
        {"n_fft": 4_096, "hop_length": 604, "n_chroma": 24},
        {"window": "hamming", "win_length": 1_500, "sample_rate": 44_100},
    ],
)
def test_chroma_matches_librosa(settings, chirp, noise):
    config = ChromaConfig(**settings)
    check_parity(chirp, config)
    check_parity(noise, config)


def test_chroma_matches_librosa_on_recordings(shared):
    for path in sorted((shared / "audio" / "librosa-examples").glob("*.ogg"))[:4]:
        waveform, sample_rate = soundfile.read(path, frames=100_000, always_2d=True)
        check_parity(waveform.mean(1), ChromaConfig(sample_rate=sample_rate))


@pytest.mark.parametrize(("hz", "pitch_class"), [(261.63, 0), (440.0, 9), (987.77, 11)])
def test_a_tone_has_its_pitch_class(hz, pitch_class):
    tone = np.sin(2 * np.pi * hz * np.arange(22_050) / 22_050)[None].astype(np.float32)
    chroma = Chromagram(ChromaConfig())(tone).numpy()[0, 20]
    assert chroma.argmax() == pitch_class
    assert chroma.max() == 1.0


def test_the_second_stage_changes_nothing(chirp):
    layer = Chromagram(ChromaConfig())
    chroma = layer.spectrum(chirp[None]).numpy()
    np.testing.assert_array_equal(layer.compress(chroma), chroma)


def test_silence_has_no_pitch_class():
    assert not Chromagram(ChromaConfig())(np.zeros((1, 4_096), np.float32)).numpy().any()


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="n_chroma must be positive; got 0"):
        ChromaConfig(n_chroma=0)
    with pytest.raises(ValueError, match="hop_length must lie in"):
        ChromaConfig(hop_length=0)
