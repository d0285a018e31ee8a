"""Stretch and pitch shift beside librosa's, in one process: `python benchmarks/augmentation.py`.

A batch of 16 excerpts of 3.5 s goes through one graph call, a different amount for each, and clip
by clip through `librosa.effects`. Both warm; the rounds alternate, so that neither has the machine
at a better time; the best round of each counts. The last line is what one excerpt costs a training
step that draws and applies both at once. The chords say how true the stretch is: how far, in dB re
the whole, the magnitudes of its short-time spectrum lie from the original's at the warped times.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import librosa
import numpy as np
import tensorflow as tf
from front_end import best_seconds

from kmusic.features.augment import AugmentConfig, AugmentWaveform
from kmusic.features.stretch import pitch_shift, time_stretch
from kmusic.types import Array

CLIPS, SAMPLES, SAMPLE_RATE, ROUNDS = 16, 77_175, 22_050, 6
CONFIG = AugmentConfig(semitones=2.0, stretch=(0.9, 1.1))


def chords(samples: int) -> Array:
    """Compose plucked chords, two a second, float32, shape `(samples,)`."""
    seconds = np.arange(samples) / SAMPLE_RATE
    notes = 220.0 * 2.0 ** (
        np.random.default_rng(0).integers(0, 24, (samples // 11_025 + 1, 3)) / 12
    )
    hertz = notes[(2 * seconds).astype(int)]  # (samples, 3)
    partials = [np.sin(2 * np.pi * k * hertz * (seconds % 0.5)[:, None]) / k for k in range(1, 6)]
    return (0.1 * np.sum(partials, axis=(0, 2)) * np.exp(-4 * (seconds % 0.5))).astype(np.float32)


def error_db(waveform: Array, stretched: Array, rate: float) -> float:
    """Say how far magnitudes lie from those of the waveform at the warped times, in dB."""
    before, after = np.abs(librosa.stft(waveform)), np.abs(librosa.stft(stretched))
    position = np.arange(int((before.shape[1] - 1) / rate)) * rate
    whole, share = position.astype(int), position % 1
    wanted = (1 - share) * before[:, whole] + share * before[:, whole + 1]
    return float(
        20 * np.log10(np.linalg.norm(wanted - after[:, : len(whole)]) / np.linalg.norm(wanted))
    )


def print_speed() -> None:
    """Print seconds of audio per second, ours and librosa's, and the cost of an excerpt."""
    waveforms = np.random.default_rng(0).uniform(-0.5, 0.5, (CLIPS, SAMPLES)).astype(np.float32)
    rates = np.linspace(*CONFIG.stretch, CLIPS)
    steps = np.linspace(-CONFIG.semitones, CONFIG.semitones, CLIPS)
    layer = AugmentWaveform(CONFIG, SAMPLES, SAMPLE_RATE, seed=0)
    # What a graph captures is computed once and for all; what it is given is not.
    stretch = tf.function(time_stretch)
    shift = tf.function(lambda waveform, semitones: pitch_shift(waveform, semitones, SAMPLE_RATE))
    augment = tf.function(lambda waveform: layer(waveform, training=True))
    batch, fast, high = (tf.constant(x, tf.float32) for x in (waveforms, rates, steps))
    read = tf.tile(batch, [1, 2])[:, : CONFIG.reads(SAMPLES)]

    def librosas_stretch() -> list[Array]:
        return [
            librosa.effects.time_stretch(w, rate=r) for w, r in zip(waveforms, rates, strict=True)
        ]

    def librosas_shift() -> list[Array]:
        pairs = zip(waveforms, steps, strict=True)
        return [librosa.effects.pitch_shift(w, sr=SAMPLE_RATE, n_steps=n) for w, n in pairs]

    *spent, augmenting = best_seconds(
        ROUNDS,
        lambda: stretch(batch, fast).numpy(),
        librosas_stretch,
        lambda: shift(batch, high).numpy(),
        librosas_shift,
        lambda: augment(read).numpy(),
    )
    audio = CLIPS * SAMPLES / SAMPLE_RATE
    for name, ours, theirs in zip(
        ("time stretch", "pitch shift"), spent[::2], spent[1::2], strict=True
    ):
        print(
            f"{name:14} kmusic {audio / ours:6.0f}   librosa {audio / theirs:6.0f}"
            f"   ratio {theirs / ours:4.1f}"
        )
    print(f"stretch and shift while training: {1e3 * augmenting / CLIPS:.1f} ms an excerpt")


def print_quality() -> None:
    """Print the error of stretched chords, ours and librosa's."""
    waveform = chords(4 * SAMPLE_RATE)
    for rate in (0.8, 0.9, 1.1, 1.25):
        ours = error_db(waveform, time_stretch(waveform[None], rate).numpy()[0], rate)
        theirs = error_db(waveform, librosa.effects.time_stretch(waveform, rate=rate), rate)
        print(f"chords at rate {rate:4}: error   kmusic {ours:6.1f} dB   librosa {theirs:6.1f} dB")


def main() -> None:
    """Print speed, then quality."""
    length = SAMPLES / SAMPLE_RATE
    print(f"{CLIPS} x {length} s, seconds of audio per second, {os.cpu_count()} cores")
    print_speed()
    print_quality()


if __name__ == "__main__":
    main()
