import subprocess
import sys
from pathlib import Path

from kmusic.training.trials import read_outcome
from tests import recordings, searches
from tests.cli.commands import assert_one_line, kmusic


def begun(folder):
    """Begin a search, and give the folder of its first trial, which has begun too."""
    table = recordings.collection_table(recordings.collection())
    search = searches.begin(folder, table, trials=2, epochs=1)
    return search.trial_folder(search.load_oracle().create_trial("w").trial_id)


def test_a_trial_can_be_run_by_hand(tmp_path):
    folder = begun(tmp_path / "search")
    answer = kmusic("trial", folder)
    assert answer.code == 0
    assert "validation: epoch 1/1" in answer.out
    assert f"val_accuracy {read_outcome(folder).score:.4f} after 1 epoch(s)" in answer.out


def test_a_trial_that_fails_ends_with_1_and_says_why(tmp_path):
    folder = begun(tmp_path / "search")
    (folder.parent.parent / "tables" / "validation.csv").write_text("path\nno.wav\n")
    answer = kmusic("trial", folder)
    assert answer.code == 1
    assert "file must exist" in answer.out
    assert read_outcome(folder).problem.startswith("TrackTableError: ")


def test_a_folder_of_no_trial_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("kmusic.evaluation.trials.LATE", 0.0)
    assert_one_line(kmusic("trial", tmp_path), "must have been begun by `kmusic tune`")


def test_a_bound_trial_ends_when_its_standard_input_does(tmp_path):
    command = [sys.executable, "-m", "kmusic", "trial", "--bound", str(tmp_path)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=240, check=False, cwd=root)
    assert done.returncode == 1
    assert read_outcome(tmp_path) is None
