"""The package's face."""

import subprocess
import sys

import pytest

import kmusic


def test_importing_kmusic_imports_nothing_heavy():
    heavy = ["tensorflow", "keras", "numpy", "pandas", "librosa", "sklearn", "matplotlib"]
    code = f"import kmusic, sys; print([m for m in {heavy} if m in sys.modules])"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"


@pytest.mark.parametrize("name", sorted(set(kmusic.__all__) - {"__version__"}))
def test_a_public_name_is_what_its_room_calls_so(name):
    public = getattr(kmusic, name)
    assert public.__name__ == name
    assert public.__module__.startswith("kmusic.")


def test_public_names_are_listed():
    assert set(kmusic.__all__) <= set(dir(kmusic))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = kmusic.nothing_like_it
