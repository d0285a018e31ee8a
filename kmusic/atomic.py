"""Write files so that a killed program leaves the old one or the new one, never half of one."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


@contextmanager
def replacing(target: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `target` that takes its place when the block ends well.

    Args:
        target: File to write. Its folder is made if need be.

    Yields:
        Path of the same suffix to write to; removed if the block raises.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    writer = f"{os.getpid()}-{threading.get_ident()}"
    draft = target.with_name(f".{target.stem}.{writer}{target.suffix}")
    try:
        yield draft
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def write_text(target: str | Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    with replacing(target) as draft:
        draft.write_text(text, encoding="utf-8")


def write_arrays(target: str | Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays by name as an uncompressed `.npz`, whole or not at all."""
    with replacing(target) as draft, draft.open("wb") as file:
        np.savez(file, **arrays)
