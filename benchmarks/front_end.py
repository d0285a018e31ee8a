"""Log-mel throughput beside librosa's, in one process: `python benchmarks/front_end.py`.

A batch of 32 excerpts of 3 s goes through `LogMelSpectrogram` in one graph call, and clip by clip
through `librosa.feature.melspectrogram` and `power_to_db`. Both warm; the rounds alternate, so that
neither has the machine at a better time; the best round of each counts.
"""

import os
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import librosa
import numpy as np
import tensorflow as tf

from kmusic.features.mel import LogMelConfig, LogMelSpectrogram
from kmusic.types import Array

CLIPS, SECONDS, ROUNDS = 32, 3, 15
CONFIGS = {
    "genre methods": LogMelConfig(n_fft=2_048, hop_length=604),
    "artist labels": LogMelConfig(n_fft=1_024, hop_length=512),
}


def librosas_log_mel(waveforms: Array, config: LogMelConfig) -> list[Array]:
    """Compute the same log-mel spectrograms with librosa, clip by clip."""
    return [
        librosa.power_to_db(
            librosa.feature.melspectrogram(
                y=waveform,
                sr=config.sample_rate,
                n_fft=config.n_fft,
                hop_length=config.hop_length,
                n_mels=config.n_mels,
            ),
            top_db=None,
        )
        for waveform in waveforms
    ]


def best_seconds(rounds: int, *jobs: Callable[[], object]) -> list[float]:
    """Time jobs in turns and give the best time of each, in seconds."""
    times: list[list[float]] = [[] for _ in jobs]
    for _ in range(1 + rounds):
        for job, spent in zip(jobs, times, strict=True):
            start = time.perf_counter()
            job()
            spent.append(time.perf_counter() - start)
    return [min(spent[1:]) for spent in times]  # the first round warms up


def main() -> None:
    """Print seconds of audio per second for each config."""
    print(f"log-mel of {CLIPS} x {SECONDS} s, seconds of audio per second, {os.cpu_count()} cores")
    for name, config in CONFIGS.items():
        samples = SECONDS * config.sample_rate
        rng = np.random.default_rng(0)
        waveforms = rng.uniform(-0.5, 0.5, (CLIPS, samples)).astype(np.float32)
        batch, graph = tf.constant(waveforms), tf.function(LogMelSpectrogram(config))
        ours, theirs = best_seconds(
            ROUNDS,
            lambda graph=graph, batch=batch: graph(batch).numpy(),
            lambda waveforms=waveforms, config=config: librosas_log_mel(waveforms, config),
        )
        audio = CLIPS * SECONDS
        print(
            f"{name}, n_fft {config.n_fft}, hop {config.hop_length}: "
            f"kmusic {audio / ours:,.0f}, librosa {audio / theirs:,.0f}, ratio {theirs / ours:.1f}"
        )


if __name__ == "__main__":
    main()
