"""Where track tables come from."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from kmusic.datasets.folder import folder_tracks

SOURCES: dict[str, Callable[[Path], pd.DataFrame]] = {
    "folder": folder_tracks,
}
