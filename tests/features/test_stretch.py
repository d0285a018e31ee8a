import math

import librosa
import numpy as np
import pytest
import tensorflow as tf

from kmusic.audio.files import read_waveform
from kmusic.features.stretch import pitch_shift, resample, stretch_and_shift, time_stretch

SAMPLE_RATE = 22_050


def tone(hertz, samples=2 * SAMPLE_RATE, sample_rate=SAMPLE_RATE):
    return np.sin(2 * np.pi * hertz / sample_rate * np.arange(samples)).astype(np.float32)


def clicks(distance, samples):
    waveform = np.zeros(samples, np.float32)
    waveform[distance::distance] = 1.0
    return waveform


def loudest_hertz(waveform, sample_rate=SAMPLE_RATE):
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return np.argmax(spectrum) * sample_rate / len(waveform)


def level_db(waveform):
    """Level re a sine of amplitude 1."""
    return 20 * np.log10(np.sqrt(2 * np.mean(np.square(waveform))) + 1e-12)


def centres(waveform, distance, count):
    """Centre of energy of each click that lies about `distance` after the one before."""
    energy = np.square(waveform)
    position = np.arange(len(waveform))
    around = [np.abs(position - n * distance) < distance / 2 for n in range(1, count + 1)]
    return np.array([np.average(position[near], weights=energy[near]) for near in around])


def log_spectrum(waveform):
    return np.log(np.maximum(np.abs(librosa.stft(waveform)), 1e-3)).ravel()


def one(changed):
    return changed.numpy()[0]


@pytest.mark.parametrize("samples", [1, 700, 30_000])
def test_nothing_asked_gives_the_waveform_back_edges_included(noise, samples):
    waveform = noise[None, :samples]
    for same in (
        time_stretch(waveform, 1.0),
        resample(waveform, 1.0),
        pitch_shift(waveform, 0.0, SAMPLE_RATE),
    ):
        np.testing.assert_allclose(same, waveform, atol=1e-5)  # float32 phases; peak 0.5


@pytest.mark.parametrize("rate", [0.5, 0.9, 1.0, 1.1, 1 / 3, 3.0])
def test_lengths_are_samples_over_rate_rounded_up(noise, rate):
    waveform = noise[None, :9_000]
    expected = math.ceil(9_000 / rate)
    assert time_stretch(waveform, rate).shape == (1, expected)
    assert time_stretch(waveform, np.array([rate], np.float32)).shape == (1, expected)
    assert resample(waveform, rate).shape == (1, expected)


def test_what_follows_a_short_row_is_silent(noise):
    waveform = np.stack([noise[:9_000]] * 2)
    for change in (time_stretch, resample):
        fast = change(waveform, [0.9, 1.5]).numpy()[1]
        assert np.any(fast[5_900:6_000])
        assert not np.any(fast[6_000:])


def test_rates_in_one_batch_equal_single_calls(chirp, noise):
    waveform = np.stack([chirp, noise, chirp])[:, :30_000]
    rates, semitones = [0.9, 1.0, 1.1], [2.0, 0.0, -1.5]
    batch = stretch_and_shift(waveform, rates, semitones, SAMPLE_RATE).numpy()
    for row, rate, shift, together in zip(waveform, rates, semitones, batch, strict=True):
        alone = one(stretch_and_shift(row[None], rate, shift, SAMPLE_RATE))
        np.testing.assert_allclose(together[: len(alone)], alone, atol=1e-4)
        assert not np.any(together[len(alone) :])


@pytest.mark.parametrize("sample_rate", [8_000, SAMPLE_RATE, 48_000])
@pytest.mark.parametrize(("semitones", "hertz"), [(2.0, 493.883), (-2.0, 391.995), (12.0, 880.0)])
def test_a_tone_lands_where_its_pitch_says(semitones, hertz, sample_rate):
    waveform = tone(440.0, 2 * sample_rate, sample_rate)
    shifted = one(pitch_shift(waveform[None], semitones, sample_rate))
    assert len(shifted) == len(waveform)
    assert abs(loudest_hertz(shifted, sample_rate) - hertz) <= 0.5  # one bin
    assert abs(level_db(shifted[3_000:-3_000])) < 0.1  # librosa's unlocked phases lose 1.2 dB


@pytest.mark.parametrize("rate", [0.8, 1.1])
def test_a_stretched_tone_keeps_its_pitch(rate):
    stretched = one(time_stretch(tone(440.0)[None], rate))
    assert abs(loudest_hertz(stretched) - 440.0) <= SAMPLE_RATE / len(stretched)  # one bin


def test_tempo_and_pitch_change_together():
    changed = one(stretch_and_shift(tone(440.0)[None], 1.25, 2.0, SAMPLE_RATE))
    assert len(changed) == math.ceil(2 * SAMPLE_RATE / 1.25)
    assert abs(loudest_hertz(changed) - 493.883) <= SAMPLE_RATE / len(changed)  # one bin


@pytest.mark.parametrize(("rate", "semitones"), [(1.1, 0.0), (1.0, 2.0), (0.9, -2.0)])
def test_clicks_keep_the_beat(rate, semitones):
    waveform = clicks(8_000, 100_000)
    changed = one(stretch_and_shift(waveform[None], rate, semitones, SAMPLE_RATE))
    found = centres(changed, 8_000 / rate, 12)
    spacing = np.polyfit(np.arange(12), found, 1)[0]
    np.testing.assert_allclose(spacing, 8_000 / rate, rtol=0.01)
    # A phase vocoder smears a click within its window of 2,048 samples.
    np.testing.assert_allclose(found, 8_000 / rate * np.arange(1, 13), atol=1_024)


@pytest.mark.parametrize("ratio", [0.5, 0.8909, 1.0001, 1.1225])
@pytest.mark.parametrize("hertz", [440.0, 3_000.0, 8_000.0])
def test_resampled_tones_equal_tones_computed_at_the_other_rate(ratio, hertz):
    resampled = one(resample(tone(hertz)[None], ratio))
    expected = np.sin(2 * np.pi * hertz / SAMPLE_RATE * ratio * np.arange(len(resampled)))
    inside = slice(200, -200)  # the sinc reaches over the ends
    assert level_db((resampled - expected)[inside]) < -75.0


@pytest.mark.parametrize(("hertz", "ratio"), [(10_000.0, 1.1225), (6_000.0, 2.0)])
def test_what_would_alias_is_removed(hertz, ratio):
    assert level_db(one(resample(tone(hertz)[None], ratio))[200:-200]) < -75.0


def test_a_high_tone_shifted_down_has_no_image():
    # 9 kHz goes to 8,018 Hz; its image about 11,025 Hz would land at 11,025 Hz and below.
    shifted = one(pitch_shift(tone(9_000.0)[None], -2.0, SAMPLE_RATE))[3_000:-3_000]
    spectrum = np.abs(np.fft.rfft(shifted * np.hanning(len(shifted))))
    hertz = np.fft.rfftfreq(len(shifted), 1 / SAMPLE_RATE)
    elsewhere = np.abs(hertz - 9_000.0 * 2 ** (-2 / 12)) > 500.0
    assert spectrum[elsewhere].max() < 1e-3 * spectrum.max()  # -60 dB


@pytest.fixture
def music(shared):
    """Three and a half seconds of recorded jazz."""
    path = next((shared / "audio" / "librosa-examples").glob("*Vibe_Ace*"))
    return read_waveform(path, SAMPLE_RATE, start=2.0, duration=3.5)


def test_stretched_music_keeps_its_level(music):
    for rate in (0.8, 1.1):
        stretched = one(time_stretch(music[None], rate))
        assert abs(level_db(stretched) - level_db(music)) < 0.5  # librosa loses 2 dB


@pytest.mark.parametrize("rate", [0.8, 1.1])
def test_stretched_music_is_nearer_to_the_warped_spectrum_than_librosas(music, rate):
    spectrum = np.abs(librosa.stft(music))
    position = np.arange(int((spectrum.shape[1] - 1) / rate)) * rate
    before, share = position.astype(int), position % 1
    expected = (1 - share) * spectrum[:, before] + share * spectrum[:, before + 1]

    def error(stretched):
        return np.linalg.norm(np.abs(librosa.stft(stretched))[:, : len(position)] - expected)

    ours = error(one(time_stretch(music[None], rate)))
    theirs = error(librosa.effects.time_stretch(music, rate=rate))
    assert ours < 0.7 * theirs  # 3 dB


@pytest.mark.parametrize("amount", [2.0, -2.0])
def test_music_agrees_with_librosa(music, amount):
    rate = 1 - amount / 20
    pairs = (
        (time_stretch(music[None], rate), librosa.effects.time_stretch(music, rate=rate)),
        (
            pitch_shift(music[None], amount, SAMPLE_RATE),
            librosa.effects.pitch_shift(music, sr=SAMPLE_RATE, n_steps=amount),
        ),
    )
    for ours, theirs in pairs:
        ours = log_spectrum(one(ours)[: len(theirs)])
        theirs = log_spectrum(theirs)
        assert np.corrcoef(ours, theirs)[0, 1] > 0.95


def test_it_runs_inside_a_pipeline_with_static_shapes(noise):
    def change(waveform):
        return stretch_and_shift(waveform, 1.1, 2.0, SAMPLE_RATE, out_samples=8_000)

    pipeline = tf.data.Dataset.from_tensors(noise[None, :8_800]).map(change)
    assert pipeline.element_spec.shape == (1, 8_000)
    expected = change(noise[None, :8_800])
    np.testing.assert_allclose(next(iter(pipeline)), expected, atol=1e-4)


def test_bounded_shapes_compile_with_xla(noise):
    def change(waveform, semitones):
        return stretch_and_shift(
            waveform, 1.1, semitones, SAMPLE_RATE, out_samples=8_000, max_semitones=2.0
        )

    waveform, semitones = tf.constant(noise[None, :8_800]), tf.constant([-1.0])
    compiled = tf.function(change, jit_compile=True)(waveform, semitones)
    np.testing.assert_allclose(compiled, change(waveform, semitones), atol=1e-4)
