import pickle
import struct

import numpy as np
import pytest
import soundfile as sf

from kmusic.audio.decoding import BLOCK_FRAMES, AudioError, decoded, mono, opened
from kmusic.audio.files import describe_file, examine, read_waveform, stream_waveform
from kmusic.audio.signals import noise, tone

RATE = 44_100


def read_all(path):
    """Open and decode everything, as every reader does."""
    with opened(path) as file:
        return np.concatenate(list(decoded(path, file, file.frames)))


def written(folder, name, seconds=4.0):
    """Write stereo noise, which no codec makes small, and give its path."""
    path = folder / name
    sf.write(path, np.stack([noise(seconds, RATE, seed) for seed in (1, 2)], axis=1), RATE)
    return path


def cut(path, share):
    """Leave only the first share of a file's bytes."""
    contents = path.read_bytes()
    path.write_bytes(contents[: int(share * len(contents))])
    return path


def scramble(path):
    """Overwrite 20,000 bytes in the middle of a file with noise."""
    contents = bytearray(path.read_bytes())
    middle = len(contents) // 2
    contents[middle : middle + 20_000] = np.random.default_rng(0).bytes(20_000)
    path.write_bytes(contents)
    return path


def text(path):
    path.write_text("this is no music\n" * 500)
    return path


def bytes_of_zeros(path):
    path.write_bytes(bytes(5_000))
    return path


def empty(path):
    path.touch()
    return path


def folder_named(path):
    path.mkdir()
    return path


def floats(path, values):
    sf.write(path, np.asarray(values, np.float32), RATE, subtype="FLOAT")
    return path


def flac_from_a_pipe(path):
    """Make a FLAC whose header leaves the number of samples open."""
    contents = bytearray(written(path.parent, path.name).read_bytes())
    packed = int.from_bytes(contents[18:26], "big") >> 36 << 36
    contents[18:26] = packed.to_bytes(8, "big")
    path.write_bytes(contents)
    return path


BROKEN = {
    "missing": (lambda f: f / "none.wav", "no such file"),
    "a folder": (lambda f: folder_named(f / "folder.wav"), "is a directory"),
    "0 bytes": (lambda f: empty(f / "empty.mp3"), "empty (0 bytes)"),
    "text as mp3": (lambda f: text(f / "text.mp3"), "not audio"),
    "text as wav": (lambda f: text(f / "text.wav"), "not audio"),
    "zeros as ogg": (lambda f: bytes_of_zeros(f / "zeros.ogg"), "not audio"),
    "raw": (lambda f: bytes_of_zeros(f / "zeros.raw"), "not audio"),
    "wav without samples": (lambda f: floats(f / "none.wav", []), "no samples"),
    "ogg without samples": (lambda f: written(f, "none.ogg", seconds=0.0), "no samples"),
    "half a wav": (lambda f: cut(written(f, "half.wav"), 0.5), "truncated"),
    "half an aiff": (lambda f: cut(written(f, "half.aiff"), 0.5), "truncated"),
    "half a flac": (lambda f: cut(written(f, "half.flac"), 0.5), "truncated"),
    "half an ogg": (lambda f: cut(written(f, "half.ogg"), 0.5), "truncated"),
    "half an mp3": (lambda f: cut(written(f, "half.mp3"), 0.5), "truncated"),
    "99 % of a wav": (lambda f: cut(written(f, "most.wav"), 0.99), "truncated"),
    "99 % of a flac": (lambda f: cut(written(f, "most.flac"), 0.99), "truncated"),
    "scrambled flac": (lambda f: scramble(written(f, "noise.flac")), "damaged"),
    "scrambled ogg": (lambda f: scramble(written(f, "noise.ogg")), "damaged"),
    "flac from a pipe": (lambda f: flac_from_a_pipe(f / "pipe.flac"), "how long"),
    "NaN": (lambda f: floats(f / "nan.wav", [0.0, np.nan, 0.1] * 99), "NaN or infinity"),
    "infinity": (lambda f: floats(f / "inf.wav", [0.0, -np.inf, 0.1] * 99), "NaN or infinity"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_named_with_one_reason(kind, tmp_path):
    make, reason = BROKEN[kind]
    path = make(tmp_path)
    readers = (read_all, examine, lambda p: read_waveform(p, 22_050))
    for reader in (*readers, lambda p: list(stream_waveform(p, 22_050, 10_000))):
        with pytest.raises(AudioError) as caught:
            reader(path)
        assert caught.value.path == path
        assert reason in caught.value.reason
        assert "\n" not in str(caught.value)
        assert str(caught.value).count(str(path)) == 1


def test_a_truncated_file_is_found_by_its_header_where_the_header_can_tell(tmp_path):
    for name in ("half.wav", "half.aiff", "half.ogg"):
        with pytest.raises(AudioError, match="truncated"):
            describe_file(cut(written(tmp_path, name), 0.5))


def test_the_error_survives_a_process_pool():
    error = pickle.loads(pickle.dumps(AudioError("a.wav", "empty (0 bytes)")))
    assert (error.path, error.reason) == ("a.wav", "empty (0 bytes)")
    assert str(error) == "a.wav: empty (0 bytes)"
    assert isinstance(error, ValueError)


@pytest.mark.parametrize("announced", [0xFFFF_FFFF, 0x7FFF_F000])
def test_a_wav_written_to_a_pipe_is_whole(announced, tmp_path):
    path = written(tmp_path, "piped.wav")
    contents = bytearray(path.read_bytes())
    data = contents.index(b"data")
    contents[4:8] = contents[data + 4 : data + 8] = struct.pack("<I", announced)
    piped = tmp_path / "open.wav"
    piped.write_bytes(contents)
    np.testing.assert_array_equal(read_all(piped), read_all(path))


def test_bytes_after_the_samples_do_no_harm(tmp_path):
    path = written(tmp_path, "a.wav")
    expected = read_all(path)
    path.write_bytes(path.read_bytes() + bytes(777))
    np.testing.assert_array_equal(read_all(path), expected)


def test_an_mp3_may_lack_the_2_percent_that_its_header_may_guess_wrong(tmp_path):
    path = written(tmp_path, "a.mp3")
    n_whole = len(read_all(path))
    n_left = len(read_all(cut(path, 0.99)))
    assert 0.98 * n_whole <= n_left < n_whole


def test_blocks_are_decoded_from_where_the_file_stands(tmp_path):
    path = written(tmp_path, "long.wav", seconds=14.0)
    whole, _ = sf.read(path, dtype="float32")
    with opened(path) as file:
        file.seek(100)
        blocks = list(decoded(path, file, 2 * BLOCK_FRAMES + 7))
    assert [len(block) for block in blocks] == [BLOCK_FRAMES, BLOCK_FRAMES, 7]
    np.testing.assert_array_equal(np.concatenate(blocks), whole[100 : 107 + 2 * BLOCK_FRAMES])


@pytest.mark.parametrize("channels", [1, 2, 8])
def test_mono_is_the_mean_of_the_channels(channels):
    frames = np.stack([tone(100.0 * (c + 1), 0.1, 8_000) for c in range(channels)], axis=1)
    expected = frames.astype(np.float64).mean(axis=1)
    np.testing.assert_allclose(mono(frames), expected, atol=1e-7)  # float32 rounding
    assert mono(frames).dtype == np.float32
