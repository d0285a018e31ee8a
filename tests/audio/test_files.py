import tracemalloc
import wave
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from kmusic.audio.files import (
    AUDIO_SUFFIXES,
    AudioError,
    describe_file,
    examine,
    read_waveform,
    stream_waveform,
)
from kmusic.audio.signals import chirp, noise, tone

RATES = (8_000, 11_025, 44_100, 48_000, 96_000)
FORMATS = {  # largest error of decoding a tone of amplitude 0.5, from the word length or the codec
    ("wav", "PCM_U8"): 1 / 127,
    ("wav", "PCM_16"): 2**-15,
    ("wav", "PCM_24"): 2**-23,
    ("wav", "PCM_32"): 1e-7,  # float32 rounding
    ("wav", "FLOAT"): 0.0,
    ("wav", "DOUBLE"): 0.0,
    ("wav", "ULAW"): 0.02,
    ("wav", "ALAW"): 0.02,
    ("flac", "PCM_S8"): 1 / 127,
    ("flac", "PCM_16"): 2**-15,
    ("flac", "PCM_24"): 2**-23,
    ("aiff", "PCM_16"): 2**-15,
    ("aiff", "PCM_24"): 2**-23,
    ("aiff", "FLOAT"): 0.0,
    ("ogg", "VORBIS"): 0.02,
    ("opus", "OPUS"): 0.02,
    ("mp3", "MPEG_LAYER_III"): 0.02,
}


def stereo_noise(path, seconds=4.0, rate=44_100):
    sf.write(path, np.stack([noise(seconds, rate, seed) for seed in (1, 2)], axis=1), rate)
    return path


@pytest.mark.parametrize(("suffix", "subtype"), FORMATS)
def test_every_format_gives_back_what_was_written(suffix, subtype, tmp_path):
    path = tmp_path / f"tone.{suffix}"
    waveform = tone(440.0, 1.0, 48_000)
    container = "OGG" if suffix == "opus" else suffix.upper()
    sf.write(path, waveform, 48_000, format=container, subtype=subtype)
    actual = read_waveform(path, 48_000)
    assert actual.dtype == np.float32
    assert actual.shape == waveform.shape
    inside = slice(2_400, -2_400)  # the codecs ring for some ms at hard edges
    np.testing.assert_allclose(
        actual[inside], waveform[inside], atol=FORMATS[suffix, subtype], rtol=0
    )
    assert path.suffix in AUDIO_SUFFIXES


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("sample_rate", [16_000, 22_050, 44_100])
def test_a_chirp_stays_itself_at_any_rate(rate, sample_rate, tmp_path):
    path = tmp_path / "chirp.wav"
    high = 0.45 * min(rate, sample_rate)  # soxr HQ passes up to 0.456 of the slower rate
    sf.write(path, chirp(50.0, high, 1.0, rate), rate, subtype="FLOAT")
    actual, expected = read_waveform(path, sample_rate), chirp(50.0, high, 1.0, sample_rate)
    assert actual.shape == expected.shape
    edge = sample_rate // 20  # the chirp breaks off; the resampler sees silence beyond
    np.testing.assert_allclose(actual[edge:-edge], expected[edge:-edge], atol=1e-4)


def test_what_the_new_rate_cannot_carry_is_removed_and_not_folded(tmp_path):
    path = tmp_path / "high.wav"
    sf.write(path, tone(15_000.0, 1.0, 44_100), 44_100, subtype="FLOAT")
    inside = read_waveform(path, 22_050)[1_000:-1_000]
    assert np.abs(inside).max() < 0.5e-5  # -100 dB re the tone; folded it would be at 7,050 Hz


@pytest.mark.parametrize("rate", [*RATES, 44_101])
@pytest.mark.parametrize("n_frames", [20, 999, 4_410, 44_103])
def test_the_length_is_the_rounded_ratio(rate, n_frames, tmp_path):
    path = tmp_path / "some.wav"
    sf.write(path, np.zeros(n_frames), rate)
    for sample_rate in (16_000, 22_050, 22_049):
        expected = int(n_frames * sample_rate / rate + 0.5)
        assert len(read_waveform(path, sample_rate)) == expected


@pytest.mark.parametrize("channels", [1, 2, 8])
def test_channels_are_averaged(channels, tmp_path):
    path = tmp_path / "channels.wav"
    tones = [tone(100.0 * (c + 1), 0.5, 96_000) for c in range(channels)]
    sf.write(path, np.stack(tones, axis=1), 96_000, subtype="FLOAT")
    expected = np.mean([tone(100.0 * (c + 1), 0.5, 22_050) for c in range(channels)], axis=0)
    actual = read_waveform(path, 22_050)
    np.testing.assert_allclose(actual[500:-500], expected[500:-500], atol=1e-4)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
@pytest.mark.parametrize("sample_rate", [44_100, 22_050, 16_000, 48_000])
def test_a_part_is_a_slice_of_the_whole(suffix, sample_rate, tmp_path):
    path = stereo_noise(tmp_path / f"noise.{suffix}")
    whole = read_waveform(path, sample_rate)
    for start, duration in ((0.0, 0.5), (0.001, 0.5), (1.2345, 1.0), (2.71, 0.013), (3.0, 1.0)):
        first, samples = round(start * sample_rate), round(duration * sample_rate)
        part = read_waveform(path, sample_rate, start, duration)
        assert part.shape == (samples,)
        # float32 sums in another order; the neighbours that the filter hears were read too
        np.testing.assert_allclose(part, whole[first : first + samples], atol=1e-6)


def test_a_part_of_a_file_with_an_odd_rate_is_a_slice_too(tmp_path):
    path = stereo_noise(tmp_path / "odd.wav", rate=44_101)
    part = read_waveform(path, 22_050, 2.3456, 1.0)
    first = round(2.3456 * 22_050)
    np.testing.assert_allclose(part, read_waveform(path, 22_050)[first:][:22_050], atol=2e-6)


def test_a_part_that_runs_past_the_end_is_what_there_is(tmp_path):
    path = stereo_noise(tmp_path / "noise.flac", seconds=1.0)
    tail = read_waveform(path, 22_050, start=0.75, duration=9.0)
    assert tail.shape == (22_050 - round(0.75 * 22_050),)
    np.testing.assert_array_equal(tail, read_waveform(path, 22_050, start=0.75))


def test_a_start_beyond_the_end_is_an_error_that_says_where_the_end_is(tmp_path):
    path = stereo_noise(tmp_path / "noise.wav", seconds=1.0)
    for start in (1.0, 7.0):
        with pytest.raises(AudioError, match=rf"before the end \(1 s, .*got start={start:g}"):
            read_waveform(path, 22_050, start=start)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"sample_rate": 0}, "sample_rate must be positive; got sample_rate=0"),
        ({"start": -0.1}, "start must lie in .* got start=-0.1"),
        ({"start": float("nan")}, "start must lie in .* got start=nan"),
        ({"duration": 0.0}, "duration must hold a sample .* got duration=0.0"),
        ({"duration": float("inf")}, "duration must hold a sample .* got duration=inf"),
        ({"block_samples": 0}, "block_samples must be positive; got block_samples=0"),
    ],
)
def test_nonsense_is_refused_before_any_file_is_touched(settings, rule):
    settings = {"sample_rate": 22_050, **settings}
    with pytest.raises(ValueError, match=rule) as caught:
        stream_waveform("none.wav", **{"block_samples": 10, **settings})
    assert not isinstance(caught.value, AudioError)
    if "block_samples" not in settings:
        with pytest.raises(ValueError, match=rule):
            read_waveform("none.wav", **settings)


def test_what_exceeds_full_scale_is_clipped(tmp_path):
    path = tmp_path / "loud.wav"
    sf.write(path, 4.0 * tone(100.0, 0.5, 44_100), 44_100, subtype="FLOAT")
    for waveform in (read_waveform(path, 22_050), *stream_waveform(path, 22_050, 10**6)):
        assert (waveform.min(), waveform.max()) == (-1.0, 1.0)
    assert examine(path).peak == pytest.approx(2.0, abs=1e-3)  # says what was clipped


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
@pytest.mark.parametrize("suffix", ["flac", "mp3", "ogg"])
@pytest.mark.parametrize("block_samples", [1_000, 22_050, 10**6])
def test_streamed_blocks_join_to_the_whole(rate, suffix, block_samples, tmp_path):
    path = stereo_noise(tmp_path / f"noise.{suffix}", seconds=13.0, rate=rate)
    for start, duration in ((0.0, None), (1.2345, 7.0), (5.0, 99.0)):
        blocks = list(stream_waveform(path, 22_050, block_samples, start, duration))
        assert all(len(block) == block_samples for block in blocks[:-1])
        assert 0 < len(blocks[-1]) <= block_samples
        expected = read_waveform(path, 22_050, start, duration)
        assert sum(map(len, blocks)) == len(expected)
        np.testing.assert_allclose(np.concatenate(blocks), expected, atol=1e-6)


def silence_of_hours(path, hours, rate=8_000):
    """Write 16-bit silence that takes no room on the disk."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.setnframes(hours * 3_600 * rate)
        file.writeframesraw(b"")
        file._patchheader = lambda: None  # the samples follow below, as a hole in the file
    with path.open("r+b") as file:
        file.truncate(44 + 2 * hours * 3_600 * rate)
    return path


def test_a_file_of_ten_hours_is_read_from_its_middle(tmp_path):
    path = silence_of_hours(tmp_path / "long.wav", hours=10)
    assert describe_file(path).seconds == 36_000.0
    tracemalloc.start()
    part = read_waveform(path, 22_050, start=35_999.0, duration=3.5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert part.shape == (22_050,)
    assert peak < 2**20  # bytes


def test_streaming_needs_no_more_memory_for_a_longer_file(tmp_path):
    peaks = []
    for hours in (1, 2):
        path = silence_of_hours(tmp_path / f"{hours}.wav", hours, rate=4_000)
        tracemalloc.start()
        n_samples = sum(map(len, stream_waveform(path, 2_000, 2_000)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert n_samples == hours * 3_600 * 2_000
    assert peaks[1] < 1.1 * peaks[0] < 8 * 2**20  # bytes; a block of 2**18 frames, a few times


@pytest.mark.parametrize("name", ["Чайковский — Времена года.flac", "two words.wav", "🎻.ogg"])
def test_names_in_any_script_are_read(name, tmp_path):
    path = stereo_noise(tmp_path / name, seconds=1.0)
    assert read_waveform(str(path), 22_050).shape == read_waveform(path, 22_050).shape == (22_050,)
    assert examine(path).seconds == describe_file(str(path)).seconds == 1.0


def test_the_header_is_described(tmp_path):
    path = tmp_path / "eight.wav"
    sf.write(path, np.zeros((9_600, 8)), 96_000)
    info = describe_file(path)
    assert (info.sample_rate, info.channels, info.seconds, info.format) == (96_000, 8, 0.1, "WAV")


def test_the_digest_tells_contents_and_not_names(tmp_path):
    waveform = (2**15 * noise(7.0, 44_100)).astype(np.int16)
    other = waveform.copy()
    other[-1] += 1
    for name, samples, rate in (
        ("a.wav", waveform, 44_100),
        ("b.flac", waveform, 44_100),
        ("c.wav", other, 44_100),
        ("d.wav", waveform, 48_000),
    ):
        sf.write(tmp_path / name, samples, rate, subtype="PCM_16")
    a, b, c, d = (examine(tmp_path / name) for name in ("a.wav", "b.flac", "c.wav", "d.wav"))
    assert a == b  # both hold the same 16-bit samples
    assert len({a.digest, c.digest, d.digest}) == 3
    assert len(a.digest) == 40
    assert a.seconds == 7.0
    assert a.peak == pytest.approx(0.5, abs=1e-3)


def test_silence_has_peak_zero(tmp_path):
    path = tmp_path / "silent.wav"
    sf.write(path, np.zeros(8_000), 8_000)
    assert examine(path).peak == 0.0


def test_parts_are_looked_at_while_the_whole_is_decoded_once(tmp_path):
    rate, path = 44_100, tmp_path / "long.wav"
    waveform = noise(20.0, rate)  # several blocks
    waveform[: 8 * rate] *= np.float32(0.1)
    waveform[15 * rate :] = 0.0
    sf.write(path, waveform, rate, subtype="FLOAT")
    parts = [(0.0, 5.5), (5.5, 13.0), (12.9, 15.1), (15.0, np.inf), (21.0, 22.0), (0.0, np.inf)]
    seen = examine(path, parts)
    samples = [slice(*(int(min(x, 99) * rate) for x in part)) for part in parts]
    expected = [np.abs(waveform[part]).max(initial=0.0) for part in samples]
    assert seen.part_peaks == pytest.approx(expected)
    assert [peak > 0 for peak in expected] == [True, True, True, False, False, True]
    assert replace(seen, part_peaks=()) == examine(path)


def test_real_recordings_are_read_whole_in_parts_and_in_blocks(shared):
    paths = sorted((shared / "audio" / "librosa-examples").glob("*.ogg"))
    assert len(paths) == 10
    for path in paths:
        info, found = describe_file(path), examine(path)
        assert (found.seconds, found.sample_rate) == (info.seconds, info.sample_rate)
        whole = read_waveform(path, 16_000)
        assert len(whole) == int(info.seconds * 16_000 + 0.5)
        part = read_waveform(path, 16_000, 1.5, 2.0)
        np.testing.assert_allclose(part, whole[24_000:56_000], atol=1e-6)
        blocks = list(stream_waveform(path, 16_000, 50_000))
        assert sum(map(len, blocks)) == len(whole)
        np.testing.assert_allclose(np.concatenate(blocks), whole, atol=1e-6)
