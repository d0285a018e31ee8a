"""Tempo and pitch of waveforms changed apart from each other, differently for each example."""

import math

import numpy as np
import tensorflow as tf

from kmusic.types import Array, Tensor

N_FFT = 2_048  # of the vocoder; its hop is a quarter
ZERO_CROSSINGS = 32  # of the resampling sinc, on each side
PASSBAND = 0.92  # share of the lower Nyquist frequency that resampling keeps
BLOCK = 128  # output samples computed from one reading position
NODES = 6  # positions from one sample to the next that the kernel is exact at
REACH = math.ceil(ZERO_CROSSINGS / PASSBAND) + 2  # input samples on each side, at a ratio up to 1


def time_stretch(
    waveform: Tensor,
    rate: Tensor | float,
    *,
    n_fft: int = N_FFT,
    out_samples: int | Tensor | None = None,
) -> Tensor:
    """Play each waveform faster or slower at its own pitch, by a phase vocoder.

    Row `b` holds `ceil(samples / rate[b])` samples, divided in the precision of `rate`, and zeros
    after them. A rate of 1 gives the waveform back within 1e-5 of its peak.

    Args:
        waveform: Mono audio, float, shape `(batch, samples)`.
        rate: Speed, 2 for twice as fast, in `(0, inf)`, shape `(batch,)` or `()`.
        n_fft: Length of the window, in samples, a multiple of 4; the hop is a quarter of it.
        out_samples: Length of every row. `None` means that of the longest content.

    Returns:
        Stretched audio, float32, shape `(batch, out_samples)`.

    Source:
        Flanagan and Golden (1966), phases summed as in Ellis (2002), "A phase vocoder in Matlab",
        then locked to the strongest bin nearby, after Laroche and Dolson (1999); theirs looks for
        peaks, ours averages the turns of three bins by power. On ten recordings the spectrum came
        1 to 10 dB (median 5) nearer to the original's at the warped times than without the lock.
    """
    waveform = tf.cast(waveform, tf.float32)
    rate = _per_example(rate, waveform)
    lengths = _lengths(waveform, rate)
    out_samples = tf.reduce_max(lengths) if out_samples is None else out_samples

    frames = _stft(waveform, n_fft)  # (B, T, F)
    real, imaginary = tf.math.real(frames), tf.math.imag(frames)
    magnitude, phase = tf.sqrt(real**2 + imaginary**2), tf.math.atan2(imaginary, real)

    count = _ceil_div(out_samples, n_fft // 4) + 2
    position = tf.cast(rate, tf.float32)[:, None] * tf.range(tf.cast(count, tf.float32))  # (B, K)
    position = tf.minimum(position, tf.cast(tf.shape(frames)[1] - 2, tf.float32))
    before = tf.cast(position, tf.int32)
    share = (position - tf.floor(position))[..., None]
    magnitude = (1 - share) * _rows(magnitude, before) + share * _rows(magnitude, before + 1)
    advance = _rows(phase[:, 1:] - phase[:, :-1], before[:, :-1])
    summed = tf.cumsum(tf.concat([phase[:, :1], advance], axis=1), axis=1)  # (B, K, F)
    phase = _rows(phase, before)
    phase += _locked(summed - phase, magnitude)

    frames = tf.complex(magnitude * tf.cos(phase), magnitude * tf.sin(phase))
    return _silence_after(_inverse_stft(frames, n_fft)[:, :out_samples], lengths)


def resample(
    waveform: Tensor,
    ratio: Tensor | float,
    *,
    out_samples: int | Tensor | None = None,
    max_ratio: float | None = None,
) -> Tensor:
    """Read each waveform at another speed, tempo and pitch together, without aliasing.

    Row `b` holds `ceil(samples / ratio[b])` samples, divided in the precision of `ratio`, and
    zeros after them. A ratio of 1 gives the waveform back within 1e-5 of its peak. Other ratios
    keep the band up to 0.84 of the lower of the two Nyquist frequencies, are 6 dB down at 0.92
    and 80 dB from 1 on; tones err by -100 dB at 3 kHz and by -77 dB at 8 kHz (of 22,050 Hz).

    Args:
        waveform: Mono audio, float, shape `(batch, samples)`.
        ratio: Input samples per output sample, in `(0, inf)`, shape `(batch,)` or `()`.
        out_samples: Length of every row. `None` means that of the longest content.
        max_ratio: Bound on `ratio` that keeps the shapes within static. `None` measures the batch.

    Returns:
        Resampled audio, float32, shape `(batch, out_samples)`.

    Source:
        Smith and Gossett (1984), band-limited interpolation by a windowed sinc. Between samples the
        kernel is a polynomial (Farrow, 1988), so that all blocks share one matrix.
    """
    waveform = tf.cast(waveform, tf.float32)
    ratio = _per_example(ratio, waveform)
    lengths = _lengths(waveform, ratio)
    out_samples = tf.reduce_max(lengths) if out_samples is None else out_samples
    longest = tf.cast(tf.reduce_max(ratio) if max_ratio is None else max_ratio, tf.float32)
    margin = tf.cast(tf.math.ceil(REACH * tf.maximum(longest, 1.0)), tf.int32)
    taps = 2 * margin + tf.cast(tf.math.ceil(BLOCK * longest), tf.int32)

    starts = tf.cast(BLOCK * tf.range(_ceil_div(out_samples, BLOCK)), tf.float64)
    starts = starts * tf.cast(ratio, tf.float64)[:, None]  # (B, N); float32 would jitter
    whole = tf.floor(starts)
    read = tf.minimum(tf.cast(whole, tf.int32), tf.shape(waveform)[1])[..., None] + tf.range(taps)
    padded = tf.pad(waveform, [[0, 0], [margin, taps]])
    terms = _rows(padded, read) @ _kernel(tf.cast(ratio, tf.float32), margin, taps)

    terms = tf.reshape(terms, [tf.shape(waveform)[0], -1, NODES, BLOCK])  # (B, N, NODES, BLOCK)
    powers = tf.cast(starts - whole, tf.float32)[..., None] ** np.arange(NODES, dtype=np.float32)
    resampled = tf.reduce_sum(terms * powers[..., None], axis=2)  # (B, N, BLOCK)
    resampled = tf.reshape(resampled, [tf.shape(waveform)[0], -1])[:, :out_samples]
    return _silence_after(resampled, lengths)


def pitch_shift(waveform: Tensor, semitones: Tensor | float, sample_rate: int) -> Tensor:
    """Raise or lower the pitch of each waveform, at its own tempo and length.

    Args:
        waveform: Mono audio, float, shape `(batch, samples)`.
        semitones: Twelfths of an octave, positive for up, shape `(batch,)` or `()`.
        sample_rate: Sampling rate, in Hz; the vocoder's window lasts about 93 ms.

    Returns:
        Shifted audio, float32, shape `(batch, samples)`.
    """
    return stretch_and_shift(
        waveform, 1.0, semitones, sample_rate, out_samples=tf.shape(waveform)[1]
    )


def stretch_and_shift(
    waveform: Tensor,
    rate: Tensor | float,
    semitones: Tensor | float | None,
    sample_rate: int,
    *,
    out_samples: int | Tensor | None = None,
    max_semitones: float | None = None,
) -> Tensor:
    """Change tempo and pitch together, in one pass of the vocoder and one resampling.

    Args:
        waveform: Mono audio, float, shape `(batch, samples)`.
        rate: Speed, 2 for twice as fast, in `(0, inf)`, shape `(batch,)` or `()`.
        semitones: Twelfths of an octave, positive for up, shape `(batch,)` or `()`; `None` is 0
            and spares the resampling.
        sample_rate: Sampling rate, in Hz; the vocoder's window lasts about 93 ms.
        out_samples: Length of every row. `None` means that of the longest content.
        max_semitones: Bound on `semitones` that keeps the shapes within static. `None` measures
            the batch.

    Returns:
        Changed audio, float32, shape `(batch, out_samples)`; row `b` holds
        `ceil(samples / rate[b])` samples, divided in the precision of `rate`, and zeros after them.
    """
    n_fft = 2 ** round(math.log2(N_FFT / 22_050 * sample_rate))
    if semitones is None:
        return time_stretch(waveform, rate, n_fft=n_fft, out_samples=out_samples)
    waveform = tf.cast(waveform, tf.float32)
    rate, semitones = _per_example(rate, waveform), _per_example(semitones, waveform)
    lengths = _lengths(waveform, rate)
    out_samples = tf.reduce_max(lengths) if out_samples is None else out_samples
    ratio = 2.0 ** (semitones / 12.0)
    max_ratio = None if max_semitones is None else 2.0 ** (max_semitones / 12.0)
    longest = tf.cast(tf.reduce_max(ratio) if max_ratio is None else max_ratio, tf.float32)
    between = tf.math.ceil(tf.cast(out_samples + REACH, tf.float32) * tf.maximum(longest, 1.0))
    between, speed = tf.cast(between, tf.int32), tf.cast(rate, ratio.dtype) / ratio

    stretched = time_stretch(waveform, speed, n_fft=n_fft, out_samples=between)
    shifted = resample(stretched, ratio, out_samples=out_samples, max_ratio=max_ratio)
    return _silence_after(shifted, lengths)


def _per_example(value: Tensor | float, waveform: Tensor) -> Tensor:
    """Give one number an example; a Python float stays double, so that lengths are exact."""
    dtype = None if hasattr(value, "dtype") else tf.float64
    return tf.broadcast_to(tf.convert_to_tensor(value, dtype), tf.shape(waveform)[:1])


def _lengths(waveform: Tensor, speed: Tensor) -> Tensor:
    """Say how many samples each example has when read at `speed`."""
    return tf.cast(tf.math.ceil(tf.cast(tf.shape(waveform)[1], speed.dtype) / speed), tf.int32)


def _ceil_div(count: int | Tensor, step: int) -> int | Tensor:
    """Divide and round up."""
    return -(-count // step)


def _rows(table: Tensor, index: Tensor) -> Tensor:
    """Pick from each example's own rows."""
    return tf.gather(table, index, batch_dims=1)


def _silence_after(waveform: Tensor, lengths: Tensor) -> Tensor:
    """Set what follows each example's content to zero."""
    return tf.where(tf.sequence_mask(lengths, tf.shape(waveform)[1]), waveform, 0.0)


def _window(n_fft: int) -> Array:
    """Give the periodic Hann window, float32, shape `(n_fft,)`."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(np.float32)


def _stft(waveform: Tensor, n_fft: int) -> Tensor:
    """Transform frames centred on every hop, the last two of them beyond the sound."""
    hop = n_fft // 4
    count = _ceil_div(tf.shape(waveform)[1], hop) + 4
    padding = [n_fft // 2, (count + 3) * hop - n_fft // 2 - tf.shape(waveform)[1]]
    hops = tf.reshape(tf.pad(waveform, [[0, 0], padding]), [tf.shape(waveform)[0], -1, hop])
    frames = tf.concat([hops[:, i : count + i] for i in range(4)], axis=-1)  # (B, T, n_fft)
    return tf.signal.rfft(frames * _window(n_fft))


def _locked(turn: Tensor, magnitude: Tensor) -> Tensor:
    """Turn each bin as it and its two neighbours turn on average, the strongest counting most."""
    power, bins = magnitude**2, tf.shape(turn)[2]
    padded = [
        tf.pad(part, [[0, 0], [0, 0], [1, 1]])
        for part in (power * tf.sin(turn), power * tf.cos(turn))
    ]
    return tf.math.atan2(*(x[..., :bins] + x[..., 1:-1] + x[..., 2:] for x in padded))


def _inverse_stft(frames: Tensor, n_fft: int) -> Tensor:
    """Undo `_stft`: add the frames up and divide by the windows' energy, edges included."""
    window = _window(n_fft)
    ones = tf.ones_like(tf.math.real(frames[:1, :, :1]))  # (1, K, 1)
    return _overlap_add(tf.signal.irfft(frames) * window) / _overlap_add(ones * window**2)


def _overlap_add(frames: Tensor) -> Tensor:
    """Add frames a quarter of their length apart, from the centre of the first one on."""
    shape = tf.shape(frames)
    hops = tf.reshape(frames, [shape[0], shape[1], 4, shape[2] // 4])
    moved = [tf.pad(hops[:, :, i], [[0, 0], [i, 3 - i], [0, 0]]) for i in range(4)]
    return tf.reshape(tf.add_n(moved)[:, 2:-1], [shape[0], -1])


def _kernel(ratio: Tensor, margin: Tensor, taps: Tensor) -> Tensor:
    """Give the sinc under its window as polynomials, shape `(batch, taps, NODES * BLOCK)`.

    Column `(k, q)` weighs the input samples in output sample `q` of a block, times the `k`th power
    of the block's position after a whole sample.
    """
    nodes = 0.5 - 0.5 * np.cos(np.pi * np.arange(NODES) / (NODES - 1))  # Chebyshev's, with 0
    to_powers = np.linalg.inv(np.vander(nodes, increasing=True)).astype(np.float32)
    ratio = ratio[:, None, None, None]
    cutoff = tf.where(ratio == 1.0, 1.0, PASSBAND / tf.maximum(ratio, 1.0))
    tap = tf.range(-tf.cast(margin, tf.float32), tf.cast(taps - margin, tf.float32))
    block = tf.range(float(BLOCK))
    distance = cutoff * (tap[:, None, None] - nodes[:, None].astype(np.float32) - ratio * block)
    turn = np.pi * distance
    sinc = tf.where(distance == 0.0, 1.0, tf.sin(turn) / tf.where(distance == 0.0, 1.0, turn))
    fall = np.pi / ZERO_CROSSINGS * distance
    blackman = 0.42 + 0.5 * tf.cos(fall) + 0.08 * tf.cos(2.0 * fall)
    kernel = tf.where(tf.abs(distance) < ZERO_CROSSINGS, cutoff * sinc * blackman, 0.0)
    kernel = tf.einsum("btnq,kn->btkq", kernel, to_powers)
    return tf.reshape(kernel, [tf.shape(kernel)[0], taps, NODES * BLOCK])
