from importlib.util import find_spec

import numpy as np
import pytest
import soundfile as sf
import tensorflow as tf

from kmusic.audio.files import read_waveform
from kmusic.audio.signals import noise, tone
from kmusic.audio.tfio import decode

FITTING = tf.__version__.startswith(("2.16.", "2.17.")) and find_spec("tensorflow_io") is not None
WITHIN_RMS = 1e-3  # the promise; white noise of 0.2 RMS, the worst case, measures up to 5e-4


def needs_tensorflow_io(test):
    """Mark a test for `make test-io` and skip it in any other environment."""
    reason = "needs TensorFlow I/O: make test-io"
    return pytest.mark.io(pytest.mark.skipif(not FITTING, reason=reason)(test))


def rms(waveform):
    return float(np.sqrt(np.mean(np.square(waveform))))


def stereo_noise(path, seconds=2.0, rate=44_100, **settings):
    frames = np.stack([noise(seconds, rate, seed) for seed in (1, 2)], axis=1)
    sf.write(path, frames, rate, **settings)
    return path


def assert_agrees(path, *arguments):
    actual = decode(tf.constant(str(path)), *arguments).numpy()
    expected = read_waveform(path, *arguments)
    assert actual.dtype == np.float32
    assert actual.shape == expected.shape
    assert rms(actual - expected) < WITHIN_RMS


@pytest.mark.skipif(FITTING, reason="TensorFlow I/O is there")
def test_without_tensorflow_io_the_error_names_the_extra_and_the_versions():
    with pytest.raises(ImportError, match=r"0\.37\.1 with TensorFlow 2\.16 or 2\.17 .*extra `io`"):
        decode(tf.constant("any.wav"), 22_050)


@needs_tensorflow_io
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
@pytest.mark.parametrize("sample_rate", [16_000, 22_050, 44_100])
def test_it_agrees_with_read_waveform(suffix, rate, sample_rate, tmp_path):
    path = stereo_noise(tmp_path / f"noise.{suffix}", rate=rate)
    assert_agrees(path, sample_rate)
    assert_agrees(path, sample_rate, 0.3456, 1.0)
    assert_agrees(path, sample_rate, 1.5, 1.0)  # runs past the end


@needs_tensorflow_io
@pytest.mark.parametrize("rate", [11_025, 96_000, 44_101])
def test_any_rate_is_resampled(rate, tmp_path):
    assert_agrees(stereo_noise(tmp_path / "noise.wav", rate=rate), 22_050)


@needs_tensorflow_io
@pytest.mark.parametrize(
    ("container", "subtype"),
    [
        *(("WAV", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT")),
        *(("WAVEX", subtype) for subtype in ("PCM_16", "PCM_32", "FLOAT")),
        *(("FLAC", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24")),
    ],
)
def test_each_word_length_is_exact(container, subtype, tmp_path):
    path = stereo_noise(tmp_path / "noise.any", format=container, subtype=subtype)
    actual = decode(tf.constant(str(path)), 44_100).numpy()
    np.testing.assert_allclose(actual, read_waveform(path, 44_100), atol=1e-7)  # float32 rounding


@needs_tensorflow_io
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_channels_are_averaged(channels, tmp_path):
    path = tmp_path / "channels.wav"
    tones = [tone(100.0 * (c + 1), 0.5, 44_100) for c in range(channels)]
    sf.write(path, np.stack(tones, axis=1), 44_100)
    assert_agrees(path, 22_050)


@needs_tensorflow_io
def test_headers_may_begin_with_other_matter(tmp_path):
    mp3 = stereo_noise(tmp_path / "noise.mp3")
    tag = b"ID3\x04\0\0" + bytes([0, 0, 3, 7]) + bytes(3 * 128 + 7)
    (tmp_path / "tagged.mp3").write_bytes(tag + mp3.read_bytes())
    assert_agrees(tmp_path / "tagged.mp3", 22_050)

    wav = stereo_noise(tmp_path / "noise.wav").read_bytes()
    junk = b"JUNK" + (5).to_bytes(4, "little") + bytes(6)  # odd chunks are padded
    (tmp_path / "junk.wav").write_bytes(wav[:12] + junk + wav[12:])
    assert_agrees(tmp_path / "junk.wav", 22_050)


@needs_tensorflow_io
def test_it_maps_over_files_in_parallel_without_python(tmp_path):
    paths = [
        str(stereo_noise(tmp_path / f"№ {i}.{suffix}", 0.5 + 0.1 * i, rate))
        for i, (suffix, rate) in enumerate(
            [("wav", 44_100), ("flac", 22_050), ("ogg", 48_000), ("mp3", 32_000)] * 2
        )
    ]

    def crop(path, start):
        return decode(path, 22_050, start, 0.25)

    starts = np.linspace(0.0, 0.2, 80, dtype=np.float32)
    tracks = tf.data.Dataset.from_tensor_slices((paths * 10, starts))
    crops = list(tracks.map(crop, num_parallel_calls=8).as_numpy_iterator())
    for path, start, actual in zip(paths * 10, starts, crops, strict=True):
        expected = read_waveform(path, 22_050, float(start), 0.25)
        assert rms(actual - expected) < WITHIN_RMS

    graph = tf.function(crop).get_concrete_function(tf.TensorSpec([], tf.string), tf.TensorSpec([]))
    nodes = [graph.graph.as_graph_def().node]
    nodes += [function.node_def for function in graph.graph.as_graph_def().library.function]
    assert not any("PyFunc" in node.op for part in nodes for node in part)
    assert graph.structured_outputs.shape.rank == 1


@needs_tensorflow_io
@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("a.aiff", {}, "not a WAV, FLAC, Ogg Vorbis or MP3"),
        ("a.ogg", {"subtype": "OPUS", "rate": 48_000}, "could not open"),
        ("a.wav", {"subtype": "ULAW"}, "WAV must be PCM of"),
        ("a.wav", {"subtype": "DOUBLE"}, "WAV must be PCM of"),
    ],
)
def test_what_it_cannot_decode_is_refused(name, settings, reason, tmp_path):
    path = stereo_noise(tmp_path / name, **settings)
    with pytest.raises(tf.errors.InvalidArgumentError, match=reason):
        decode(tf.constant(str(path)), 22_050)


@needs_tensorflow_io
@pytest.mark.parametrize("name", ["half.wav", "half.flac", "half.mp3"])
def test_a_truncated_file_is_refused(name, tmp_path):
    path = stereo_noise(tmp_path / name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises((tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError)):
        decode(tf.constant(str(path)), 22_050)


@needs_tensorflow_io
def test_broken_files_are_refused(tmp_path):
    broken = tmp_path / "broken.wav"
    with pytest.raises(tf.errors.NotFoundError):
        decode(tf.constant(str(broken)), 22_050)
    broken.touch()
    with pytest.raises(tf.errors.InvalidArgumentError, match="too short"):
        decode(tf.constant(str(broken)), 22_050)
    broken.write_text("this is no music\n" * 99)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not a WAV, FLAC"):
        decode(tf.constant(str(broken)), 22_050)
    sf.write(broken, np.array([0.1, np.nan] * 99, np.float32), 22_050, subtype="FLOAT")
    with pytest.raises(tf.errors.InvalidArgumentError, match="NaN"):
        decode(tf.constant(str(broken)), 22_050)


@needs_tensorflow_io
def test_a_part_that_is_not_there_is_refused(tmp_path):
    path = tf.constant(str(stereo_noise(tmp_path / "noise.wav", seconds=1.0)))
    for start in (1.0, -0.5):
        with pytest.raises(tf.errors.InvalidArgumentError, match="start must lie"):
            decode(path, 22_050, start)
    for sample_rate, duration in ((0, None), (22_050, 0.0)):
        with pytest.raises(ValueError, match="must be positive; got"):
            decode(path, sample_rate, duration=duration)


@needs_tensorflow_io
def test_real_recordings_agree(shared):
    paths = sorted((shared / "audio" / "librosa-examples").glob("*.ogg"))
    assert len(paths) == 10
    for path in paths:
        assert_agrees(path, 16_000, 1.0, 3.0)
