"""Signals, shared paths and the --slow switch."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

SAMPLE_RATE = 22_050


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))


@pytest.fixture(scope="session")
def shared():
    """Folder of real clips and published weights; absent on most machines."""
    folder = Path(os.environ.get("KMUSIC_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "audio").is_dir():
        pytest.skip(f"no shared material at {folder}; set KMUSIC_SHARED")
    return folder


@pytest.fixture(scope="session")
def chirp():
    """Two seconds of a sweep from 50 Hz to 10 kHz, float32, shape `(44_100,)`."""
    seconds = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    phase = 2 * np.pi * 50 * 2 / np.log(200) * (200 ** (seconds / 2) - 1)
    return (0.5 * np.sin(phase)).astype(np.float32)


@pytest.fixture(scope="session")
def noise():
    """Two seconds of white noise, float32, shape `(44_100,)`."""
    return np.random.default_rng(0).uniform(-0.5, 0.5, 2 * SAMPLE_RATE).astype(np.float32)
