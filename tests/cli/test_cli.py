import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kmusic.cli import app
from tests.cli.commands import assert_named, assert_one_line, kmusic

INSTALLED = Path(sys.executable).with_name("kmusic")
HEAVY = {"tensorflow", "keras", "numpy", "pandas", "librosa", "sklearn", "matplotlib", "scipy"}
HELP = """
import sys
sys.argv = ["kmusic", *sys.argv[1:]]
from kmusic.cli import main
try:
    main()
finally:
    print("loaded:", *(name for name in sys.modules if "." not in name))
"""


def run_installed(*words, **settings):
    """Run the installed command in a process of its own."""
    if not INSTALLED.is_file():
        pytest.skip("kmusic is not installed beside this Python")
    return subprocess.run(
        [INSTALLED, *map(str, words)], capture_output=True, text=True, check=False, **settings
    )


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["demo", "--help"]])
def test_help_loads_nothing_heavy(words):
    done = subprocess.run(
        [sys.executable, "-c", HELP, *words], capture_output=True, text=True, check=True
    )
    help_text, loaded = done.stdout.split("loaded:")
    assert "Usage: kmusic" in help_text
    assert HEAVY & set(loaded.split()) == set()


def test_help_names_every_command():
    modules = Path(sys.modules["kmusic.cli"].__file__).parent.glob("*.py")
    files = {path.stem for path in modules} - {"__init__", "console"}
    commands = {command.callback.__name__ for command in app.registered_commands}
    names = [each.name or each.callback.__name__ for each in app.registered_commands]
    help_text = kmusic("--help").out
    assert commands == files
    assert [name for name in names if not re.search(rf"^│ {name}\s", help_text, re.M)] == []


@pytest.mark.parametrize(
    "words",
    [["sing"], ["train"], ["export", "run", "--version", "0"], ["check", "t.csv", "--loud"]],
    ids=["command", "argument", "value", "option"],
)
def test_words_that_no_command_has_end_with_usage(words):
    answer = kmusic(*words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("Usage: ")


def test_an_error_of_the_system_is_one_line(tmp_path):
    answer = kmusic("similar", tmp_path, "query")
    assert_one_line(answer, "Is a directory", str(tmp_path))


def test_a_traceback_is_shown_on_request(tmp_path, monkeypatch):
    monkeypatch.setenv("KMUSIC_TRACEBACK", "1")
    with pytest.raises(FileNotFoundError):
        kmusic("check", tmp_path / "none.csv")


def test_the_installed_command_ends_with_0_when_all_is_done(collection, tmp_path):
    done = run_installed("tracks", "folder", collection.root / "low", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("tracks.csv: 10 tracks")


def test_the_installed_command_ends_with_1_when_some_files_are_bad(collection, tmp_path):
    done = run_installed("check", collection.table, "--json", cwd=tmp_path)
    found = {row["path"]: str(row) for row in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert_named(found, collection.bad)


def test_the_installed_command_ends_with_2_and_one_line_on_wrong_use(tmp_path):
    done = run_installed("embed", "nowhere", "x.wav", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "kmusic: RUN must be a folder that `kmusic train` finished; "
        "got nowhere without recipe.json.\n"
    )


def test_the_installed_command_prints_json_and_nothing_else(run, collection, tmp_path):
    file = collection.root / "low" / "odd" / collection.odd[1]
    quiet = {name: text for name, text in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = run_installed("predict", run, file, "--json", cwd=tmp_path, env=quiet)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["tracks"][0]["path"] == str(file)
