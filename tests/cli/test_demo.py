"""The main job, whole but small."""

import pytest

from tests.cli.commands import assert_one_line, kmusic


def test_a_folder_in_use_is_refused(tmp_path):
    (tmp_path / "mine.txt").touch()
    assert_one_line(kmusic("demo", "--out", tmp_path), "--out must be a new folder; got ")


@pytest.mark.slow
def test_it_ends_in_a_run_figures_and_an_export_that_answers_as_keras(tmp_path):
    answer = kmusic("demo", "--out", tmp_path / "demo", "--size", "72", "--epochs", "1", "--json")
    assert answer.code == 0
    told = answer.json
    assert told["export"]["largest_difference"] < 1e-5
    assert len(told["export"]["predictions"]) == 6
    assert told["evaluation"]["protocol"]["n_tracks"] == 12
    for name in ("tracks.csv", "run/model.keras", "run/report/index.html", "saved_model/1"):
        assert (tmp_path / "demo" / name).exists()
