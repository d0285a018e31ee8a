"""Instruments: the pitch, spectrum and envelope that the timbre asks for."""

import librosa
import numpy as np
import pytest

from kmusic.datasets.studio.instruments import INSTRUMENTS, Timbre, note, wavetable

SAMPLE_RATE = 22_050


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_every_instrument_plays_the_pitch_asked_for(name):
    sound = note(INSTRUMENTS[name], 440.0, 1.0, SAMPLE_RATE)[: SAMPLE_RATE // 2]
    f0 = librosa.yin(sound, fmin=200, fmax=900, sr=SAMPLE_RATE)[2:-2]
    cents = 1_200 * np.log2(np.median(f0) / 440.0)
    assert abs(cents) < 20  # two detuned voices lie around the pitch by up to 18 cents


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_a_note_neither_clicks_nor_overshoots(name):
    sound = note(INSTRUMENTS[name], 220.0, 0.5, SAMPLE_RATE)
    assert sound.dtype == np.float32
    assert sound[0] == 0.0
    assert abs(sound[-1]) < 1e-2  # -40 dB
    assert 0.3 < np.abs(sound).max() <= 1.0 + 1e-6


def test_a_wavetable_has_the_partials_asked_for():
    levels = np.abs(np.fft.rfft(wavetable(Timbre(partials=(1.0, 0.5, 0.0, 0.25)), 10, 0.0)))[1:7]
    np.testing.assert_allclose(levels / levels[0], [1, 0.5, 0, 0.25, 0, 0], atol=1e-6)


def test_no_partial_lies_above_the_band():
    sound = note(Timbre(rolloff=0.5, sustain=1.0), 3_000.0, 0.5, SAMPLE_RATE)
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    aliased = (np.abs(hz - 3_000) > 50) & (np.abs(hz - 6_000) > 50) & (np.abs(hz - 9_000) > 50)
    assert power[aliased].sum() < 1e-4 * power.sum()  # -40 dB: 2,048 steps a period


def test_a_plucked_note_fades_and_mellows():
    sound = note(INSTRUMENTS["guitar"], 220.0, 1.0, SAMPLE_RATE)
    early, late = sound[1_000:5_000], sound[15_000:19_000]
    assert np.std(late) < 0.7 * np.std(early)
    centroids = [librosa.feature.spectral_centroid(y=part).mean() for part in (early, late)]
    assert centroids[1] < 0.8 * centroids[0]


def test_vibrato_sways_by_its_depth():
    sound = note(Timbre(sustain=1.0, vibrato_cents=50, partials=(1.0,)), 440.0, 1.0, SAMPLE_RATE)
    f0 = librosa.yin(sound, fmin=300, fmax=600, sr=SAMPLE_RATE, frame_length=1_024, hop_length=256)
    cents = 1_200 * np.log2(f0[6:-12] / 440.0)
    assert np.percentile(cents, 98) == pytest.approx(50, abs=12)
    assert np.percentile(cents, 2) == pytest.approx(-50, abs=12)
