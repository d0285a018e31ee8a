"""Read excerpts by TensorFlow operations alone, with the optional decoder of TensorFlow I/O."""

import pandas as pd
import tensorflow as tf

from kmusic.audio.tfio import decode
from kmusic.datasets.reading import SILENT_PEAK
from kmusic.types import Tensor


class GraphReader:
    """Read excerpts as `WaveformReader` does, without Python in the pipeline.

    A track that cannot be decoded is left out and logged by TensorFlow; a graph cannot note it.

    Args:
        tracks: Readable tracks with `start` and `seconds`, from `open_tracks`; no tracks of the
            studio corpus.
        sample_rate: Rate of the excerpts, in Hz.
        samples: Length of an excerpt; shorter tracks are padded with zeros at the end.
    """

    def __init__(self, tracks: pd.DataFrame, *, sample_rate: int, samples: int) -> None:
        self.n_tracks = len(tracks)
        self._sample_rate = sample_rate
        self._samples = samples
        self._paths = tf.constant(tracks["path"].tolist())
        self._starts = tf.constant(tracks["start"].to_numpy("float32"))
        self._seconds = tf.constant(tracks["seconds"].to_numpy("float32"))

    def excerpts(self, positions: tf.data.Dataset) -> tf.data.Dataset:
        """Read in parallel; order is kept."""

        def sounds(excerpts: Tensor, _: Tensor) -> Tensor:
            peaks = tf.reduce_max(tf.abs(excerpts), axis=-1)
            return tf.reduce_all(peaks >= SILENT_PEAK)

        together = positions.element_spec[0].shape.rank > 0
        return (
            positions.map(
                self._load_together if together else self._load,
                num_parallel_calls=tf.data.AUTOTUNE,
                deterministic=True,
            )
            .ignore_errors(log_warning=True)
            .filter(sounds)
        )

    def _load_together(self, tracks: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        kinds = (tf.float32, tf.int64)
        return tf.map_fn(lambda one: self._load(*one), (tracks, places), fn_output_signature=kinds)

    def _load(self, track: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        wanted = self._samples / self._sample_rate
        seconds = self._seconds[track]
        start = self._starts[track] + place * tf.maximum(0.0, seconds - wanted)
        waveform = decode(self._paths[track], self._sample_rate, start, wanted)
        own = tf.cast(tf.round(seconds * self._sample_rate), tf.int32)
        waveform = waveform[: tf.minimum(own, self._samples)]
        padded = tf.pad(waveform, [[0, self._samples - tf.shape(waveform)[0]]])
        return tf.ensure_shape(padded, (self._samples,)), track
