"""Representations of music, learned with Keras and TensorFlow."""

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Recipe": "kmusic.training.recipe",
    "build": "kmusic.models",
    "embedder": "kmusic.models",
    "export_saved_model": "kmusic.serving.export",
    "find_recipe": "kmusic.training.recipe_files",
    "hear": "kmusic.evaluation.predictions",
    "load_run": "kmusic.training.runs",
    "read_tracks": "kmusic.datasets.table",
    "read_waveform": "kmusic.audio.files",
    "score_run": "kmusic.evaluation.scoring",
    "train": "kmusic.training.fit",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import kmusic` is quick."""
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'kmusic' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted([*globals(), *_PUBLIC])
