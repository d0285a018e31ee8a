"""Sound files of any format, rate and channel count, as mono waveforms."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, gcd
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from kmusic.audio.decoding import AudioError, decoded, mono, opened
from kmusic.types import Array

__all__ = [
    "AUDIO_SUFFIXES",
    "AudioError",
    "Examination",
    "FileInfo",
    "describe_file",
    "examine",
    "read_waveform",
    "stream_waveform",
]

AUDIO_SUFFIXES = (".aif", ".aiff", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav")
"""Endings of the files that `read_waveform` is meant for, in lower case."""

EDGE_SAMPLES = 128  # soxr HQ hears no farther, in samples of the slower rate: error below 3e-7
TOO_SHORT = "truncated or damaged: ends before the part that was asked for"


@dataclass(frozen=True, kw_only=True)
class FileInfo:
    """What the header of a sound file says.

    Attributes:
        sample_rate: Sampling rate, in Hz.
        channels: Number of channels.
        seconds: Length, in seconds; an estimate for an MP3 without a Xing header.
        format: Container, as libsndfile names it: `"WAV"`, `"FLAC"`, `"OGG"`, `"MP3"`, `"AIFF"`.
    """

    sample_rate: int
    channels: int
    seconds: float
    format: str


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What decoding a whole sound file showed.

    Attributes:
        seconds: Length of what was decoded, in seconds.
        sample_rate: Sampling rate, in Hz.
        channels: Number of channels.
        peak: Largest magnitude of the mono mix, before clipping; 0 for silence.
        digest: 40 hexadecimal digits, equal for files of equal rate and equal samples.
        part_peaks: As `peak`, of each part that was asked for; 0 for one past the end.
    """

    seconds: float
    sample_rate: int
    channels: int
    peak: float
    digest: str
    part_peaks: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Frames to decode, and which of the samples they become to keep."""

    first_frame: int
    n_frames: int
    skip: int
    n_samples: int


def read_waveform(
    path: str | Path, sample_rate: int, start: float = 0.0, duration: float | None = None
) -> Array:
    """Read a sound file, or a part of it, as a mono waveform at the asked rate.

    A part equals the same slice of the whole to 1e-6: it is decoded with the neighbouring frames
    that the resampler hears, and on the resampler's grid. Only these frames are read.

    Args:
        path: WAV, FLAC, OGG, MP3 or AIFF file, of any rate and number of channels.
        sample_rate: Sampling rate of the result, in Hz.
        start: Where the part begins, in seconds, before the end of the file.
        duration: Length of the part, in seconds. `None` reads to the end.

    Returns:
        The mean of the channels in `[-1, 1]`, what lies outside clipped, float32, shape
        `(samples,)`: `round(duration * sample_rate)`, or fewer where the file ends before. A whole
        file of `n` frames at `rate` gives `floor(n * sample_rate / rate + 0.5)`.

    Raises:
        AudioError: If the file is missing, empty, not audio, without samples, truncated, damaged,
            holds NaN or infinity, or ends before `start`.
        ValueError: If `sample_rate`, `start` or `duration` make no sense for any file.
    """
    _check_request(sample_rate, start, duration)
    with opened(path) as file:
        part = _plan(path, file, sample_rate, start, duration)
        file.seek(part.first_frame)
        pieces = [mono(frames) for frames in decoded(path, file, part.n_frames)]
    waveform: Array = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    if file.samplerate != sample_rate:
        waveform = soxr.resample(waveform, file.samplerate, sample_rate, "HQ")
    waveform = waveform[part.skip : part.skip + part.n_samples]
    if not len(waveform):
        raise AudioError(path, TOO_SHORT)
    return np.clip(waveform, -1.0, 1.0, out=waveform)


def stream_waveform(
    path: str | Path,
    sample_rate: int,
    block_samples: int,
    start: float = 0.0,
    duration: float | None = None,
) -> Iterator[Array]:
    """Read a sound file block by block, in memory that does not grow with its length.

    Args:
        path: As for `read_waveform`.
        sample_rate: Sampling rate of the result, in Hz.
        block_samples: Length of a block, in samples.
        start: Where the part begins, in seconds, before the end of the file.
        duration: Length of the part, in seconds. `None` reads to the end.

    Returns:
        Consecutive blocks, float32, shape `(block_samples,)`, the last one possibly shorter; one
        after the other they are `read_waveform` of the same arguments.

    Raises:
        AudioError: As `read_waveform`, when the block concerned is asked for.
        ValueError: As `read_waveform`, or if `block_samples` is not positive.
    """
    _check_request(sample_rate, start, duration)
    if block_samples < 1:
        raise ValueError(f"block_samples must be positive; got block_samples={block_samples}.")
    return _stream(path, sample_rate, block_samples, start, duration)


def describe_file(path: str | Path) -> FileInfo:
    """Read the header of a sound file.

    Raises:
        AudioError: If the file is missing, empty, not audio, without samples, or shorter than
            its header or its last page says.
    """
    with opened(path) as file:
        return FileInfo(
            sample_rate=file.samplerate,
            channels=file.channels,
            seconds=file.frames / file.samplerate,
            format=file.format,
        )


def examine(path: str | Path, parts: Sequence[tuple[float, float]] = ()) -> Examination:
    """Decode a whole sound file once, block by block, and say what is in it.

    Args:
        path: As for `read_waveform`.
        parts: Where parts that are looked at besides begin and end, in seconds; infinity stands
            for the end of the file.

    Raises:
        AudioError: If `read_waveform` of the whole file would raise it.
    """
    with opened(path) as file:
        rate, channels = file.samplerate, file.channels
        digest = hashlib.blake2b(f"{rate} {channels}".encode(), digest_size=20)
        first, last = np.rint(np.reshape(parts, (-1, 2)).T * rate).clip(max=2**53).astype(int)
        n_frames, peak, part_peaks = 0, 0.0, np.zeros(len(parts))
        for frames in decoded(path, file, file.frames):
            digest.update(frames.tobytes())
            magnitude = np.abs(mono(frames))
            peak = max(peak, float(magnitude.max(initial=0.0)))
            for i in np.flatnonzero((first < n_frames + len(frames)) & (last > n_frames)):
                heard = magnitude[max(0, first[i] - n_frames) : last[i] - n_frames]
                part_peaks[i] = heard.max(initial=part_peaks[i])
            n_frames += len(frames)
    return Examination(
        seconds=n_frames / rate,
        sample_rate=rate,
        channels=channels,
        peak=peak,
        digest=digest.hexdigest(),
        part_peaks=tuple(part_peaks.tolist()),
    )


def _check_request(sample_rate: int, start: float, duration: float | None) -> None:
    """Refuse what no file could answer."""
    if sample_rate < 1:
        raise ValueError(f"sample_rate must be positive; got sample_rate={sample_rate}.")
    if not 0.0 <= start < np.inf:
        raise ValueError(f"start must lie in [0, inf) seconds; got start={start}.")
    if duration is not None and not 1.0 / sample_rate <= duration < np.inf:
        raise ValueError(f"duration must hold a sample and be finite; got duration={duration}.")


def _plan(
    path: str | Path, file: sf.SoundFile, sample_rate: int, start: float, duration: float | None
) -> _Part:
    """Find the frames that the part and the resampler's edges need, on the resampler's grid."""
    rate = file.samplerate
    n_whole = (2 * file.frames * sample_rate + rate) // (2 * rate)  # as soxr rounds
    first = round(start * sample_rate)
    if first >= n_whole:
        end = f"the end ({file.frames / rate:g} s, {n_whole} samples at {sample_rate} Hz)"
        raise AudioError(path, f"start must lie before {end}; got start={start:g}")
    n_samples = n_whole - first
    if duration is not None:
        n_samples = min(n_samples, round(duration * sample_rate))

    edge = 0 if rate == sample_rate else ceil(EDGE_SAMPLES * max(1.0, rate / sample_rate))
    meetings = gcd(rate, sample_rate)  # a second, of a frame and a sample
    frames_apart, samples_apart = rate // meetings, sample_rate // meetings
    meeting = max(0, first // samples_apart - ceil(edge / frames_apart))
    first_frame = meeting * frames_apart
    stop_frame = min(file.frames, -(-(first + n_samples) * rate // sample_rate) + edge)
    return _Part(
        first_frame=first_frame,
        n_frames=stop_frame - first_frame,
        skip=first - meeting * samples_apart,
        n_samples=n_samples,
    )


def _resampled(
    path: str | Path, file: sf.SoundFile, n_frames: int, sample_rate: int
) -> Iterator[Array]:
    """Decode and resample frames from where the file stands, in pieces of any length."""
    pieces: Iterator[Array] = map(mono, decoded(path, file, n_frames))
    if file.samplerate == sample_rate:
        yield from pieces
        return
    resampler = soxr.ResampleStream(file.samplerate, sample_rate, 1, quality="HQ")
    for piece in pieces:
        yield resampler.resample_chunk(piece)
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def _stream(
    path: str | Path, sample_rate: int, block_samples: int, start: float, duration: float | None
) -> Iterator[Array]:
    """Cut the pieces of a part into blocks of one length."""
    with opened(path) as file:
        part = _plan(path, file, sample_rate, start, duration)
        file.seek(part.first_frame)
        block, filled = np.empty(block_samples, np.float32), 0
        to_skip, to_keep = part.skip, part.n_samples
        for piece in _resampled(path, file, part.n_frames, sample_rate):
            rest = piece[to_skip:][:to_keep]
            to_skip -= min(to_skip, len(piece))
            to_keep -= len(rest)
            while len(rest):
                taken, rest = np.split(rest, [block_samples - filled])
                block[filled : filled + len(taken)] = taken
                filled += len(taken)
                if filled == block_samples:
                    yield np.clip(block, -1.0, 1.0, out=block)
                    block, filled = np.empty(block_samples, np.float32), 0
    if to_keep == part.n_samples:
        raise AudioError(path, TOO_SHORT)
    if filled:
        yield np.clip(block[:filled], -1.0, 1.0)
