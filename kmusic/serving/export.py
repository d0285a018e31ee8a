"""A run as a SavedModel: waveforms of any length in, probabilities and vectors out."""

import json
import shutil
from pathlib import Path

import keras
import tensorflow as tf

from kmusic.datasets.reading import SILENT_PEAK
from kmusic.models import embedder
from kmusic.training.runs import Run
from kmusic.types import Tensor


def export_saved_model(run: Run, root: str | Path, *, version: int = 1) -> Path:
    """Write a run as a SavedModel that TF Serving can load.

    The default signature takes `waveform`, float32 `(batch, samples)` at the recipe's rate, of
    any length; as in `kmusic predict`, consecutive excerpts are averaged, the tail counts by its
    length and silent excerpts do not count, unless all are silent. It gives `probabilities`
    `(batch, n_classes)`, if the run learned a target, and `embedding` `(batch, embedding_dim)`.
    The names of the classes are the asset `labels.json`.

    Args:
        run: Trained run.
        root: Folder of the model; the version becomes a folder in it.
        version: Number of the version, at least 1.

    Returns:
        The folder written.

    Raises:
        FileExistsError: If the version exists.
    """
    target = Path(root) / str(version)
    if target.exists():
        raise FileExistsError(f"an export must be a new --version; got {target}, which exists.")
    parts = embedder(run.model)
    outputs = {"embedding": parts.output}
    if run.labels:
        outputs["probabilities"] = run.model.output
    model = keras.Model(parts.input, outputs)
    samples = run.recipe.excerpt_samples

    def serve(waveform: Tensor) -> dict[str, Tensor]:
        """Average the model's outputs over the consecutive excerpts of each waveform."""
        length = tf.shape(waveform)[1]
        n_excerpts = tf.maximum(1, -(-length // samples))
        padded = tf.pad(waveform, [[0, 0], [0, n_excerpts * samples - length]])
        excerpts = tf.reshape(padded, [-1, samples])
        left = tf.maximum(length - samples * tf.range(n_excerpts), 1)  # none is heard as silence
        share = tf.cast(left, tf.float32) / samples
        peak = tf.reduce_max(tf.abs(tf.reshape(padded, [-1, n_excerpts, samples])), axis=2)
        sounding = tf.cast(peak >= SILENT_PEAK, tf.float32)
        weight = tf.minimum(share, 1.0) * tf.where(
            tf.reduce_any(sounding > 0, axis=1, keepdims=True), sounding, 1.0
        )
        weight /= tf.reduce_sum(weight, axis=1, keepdims=True)
        averaged = {}
        for name, output in model(excerpts, training=False).items():
            each = tf.reshape(output, [tf.shape(waveform)[0], n_excerpts, output.shape[-1]])
            averaged[name] = tf.einsum("bed,be->bd", each, weight)
        return averaged

    archive = tf.Module()
    archive.trained = [variable.value for variable in model.variables]
    archive.labels = tf.saved_model.Asset(str(run.folder / "labels.json"))
    archive.serve = tf.function(
        serve, input_signature=[tf.TensorSpec((None, None), tf.float32, name="waveform")]
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{version}.draft")
    shutil.rmtree(draft, ignore_errors=True)  # what a killed export left
    tf.saved_model.save(archive, str(draft), signatures={"serving_default": archive.serve})
    draft.rename(target)
    return target


def read_labels(folder: str | Path) -> tuple[str, ...]:
    """Read the names of the classes from an exported version."""
    text = (Path(folder) / "assets" / "labels.json").read_text(encoding="utf-8")
    return tuple(json.loads(text))
