import json
import shutil
from typing import get_type_hints

import pandas as pd
import pytest

from kmusic.cli.evaluate import evaluate, show_scores
from kmusic.evaluation.probes import PROBES
from tests.cli.commands import assert_one_line, kmusic


@pytest.fixture(scope="module")
def answer(run):
    return kmusic("evaluate", run, "--probe", "knn", "--json")


def test_the_figures_come_with_their_protocol(run, answer):
    assert answer.json["protocol"] == {
        "rows": "tracks that the run was not trained or validated on, of the table's split test",
        "n_tracks": 4,
        "seed": 0,
        "run": str(run),
        "fold_runs": [],
        "data": "the run's own tracks",
    }


def test_the_figures_are_kept_with_the_run(run, answer):
    kept = json.loads((run / "metrics.json").read_text())
    assert kept == {name: answer.json[name] for name in kept}
    assert kept["classification"]["n_tracks"] == 4


def test_what_each_track_was_named_is_kept_with_the_run(run, answer):
    named = pd.read_csv(run / "predictions.csv")
    assert named.columns.tolist() == ["path", "start", "group", "true", "named"]
    assert named["true"].tolist() == ["high", "high", "low", "low"]
    accuracy = (named["true"] == named["named"]).mean()
    assert accuracy == answer.json["classification"]["accuracy"]


def test_names_of_other_tracks_do_not_outlive_a_judgement_without_names(run, clean, tmp_path):
    table = pd.read_csv(clean)
    table["label"] = table["label"].str.upper()  # the run cannot name these classes
    table.to_csv(tmp_path / "upper.csv", index=False)
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / "predictions.csv").write_text("path,group,true,named\n")
    answer = kmusic("evaluate", folder, "--tracks", tmp_path / "upper.csv", "--no-report")
    assert answer.code == 0
    assert not (folder / "predictions.csv").exists()


def test_bad_files_that_a_probe_would_have_heard_are_named(answer, collection):
    assert answer.code == 1
    assert len(answer.json["problems"]) == len(collection.bad)


def test_people_read_figures_below_their_protocol(run, clean, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    answer = kmusic("evaluate", run, "--tracks", clean, "--no-report")
    lines = answer.out.splitlines()
    assert answer.code == 0
    assert lines[0].startswith(f"4 tracks of {clean}; tracks that the run was not trained")
    assert any("accuracy" in line and " to " in line for line in lines)


def test_factors_are_judged_and_shown_with_what_is_constant(run, clean, tmp_path, monkeypatch):
    table = pd.read_csv(clean)
    table["hz"] = [3_000 if label == "high" else 200 for label in table["label"]]
    table.assign(meter=4).to_csv(tmp_path / "told.csv", index=False)
    monkeypatch.setenv("COLUMNS", "200")
    words = ("--tracks", tmp_path / "told.csv", "--factors", "hz, meter", "--no-report")
    answer = kmusic("evaluate", run, *words)
    assert answer.code == 0
    (row,) = (line for line in answer.out.splitlines() if line.startswith("│ hz"))
    assert "classes of 4" in row
    assert "constant among the judged tracks: meter" in answer.out
    (found,) = json.loads((run / "metrics.json").read_text())["disentanglement"]
    assert 0 <= found["mig"] == found["factors"]["hz"]["mig"] <= 1
    assert (found["n_tracks"], found["n_coordinates"]) == (4, 8)


def test_factors_of_several_runs_say_which_run_they_are_of(capsys):
    told = {"kind": "classes", "n_tracks": 4, "mig": 0.5, "mig_shuffled": 0.1}
    factors = {"hz": told | {"sap": 0.25, "sap_shuffled": 0.0}}
    result = {"mig": 0.5, "mig_shuffled": 0.1, "sap": 0.25, "sap_shuffled": 0.0, "n_tracks": 4}
    judged = result | {"factors": factors, "constant": ["meter"]}
    protocol = {"n_tracks": 8, "data": "tracks", "rows": "all folds"}
    answer = {"protocol": protocol, "classification": None, "probes": {}, "retrieval": []}
    show_scores(answer | {"disentanglement": [judged, judged]})
    both = capsys.readouterr().out
    show_scores(answer | {"disentanglement": [judged]})
    alone = capsys.readouterr().out
    for words in ("factors", "constant among the judged tracks"):
        assert [f"{words}, run {number}" in both for number in (1, 2, 3)] == [True, True, False]
    assert "constant among the judged tracks: meter" in alone
    assert "run 1" not in alone


def test_a_map_of_some_classes_is_drawn(run, clean, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("kmusic.report.run_pictures.draw_scores", lambda *x: drawn.append(x) or [])
    folder = shutil.copytree(run, tmp_path / "run")
    assert kmusic("evaluate", folder, "--tracks", clean, "--map", "high,low").code == 0
    assert drawn[0][2] == ["high", "low"]


def test_the_help_names_every_probe():
    (option,) = get_type_hints(evaluate, include_extras=True)["probe"].__metadata__
    names, _ = option.help.split("; ")
    assert sorted(names.split(", ")) == sorted(PROBES)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nowhere",), ("RUN must be a folder", "nowhere")),
        (("{run}", "--tracks", "none.csv"), ("track table must exist", "none.csv")),
        (("{run}", "--probe", "oracle"), ("probes must be among", "oracle")),
        (("{run}", "--folds", "--tracks", "{table}"), ("--folds needs", "'fold'")),
        (("{run}", "--tracks", "{seen}"), ("there must be a readable track to judge",)),
        (("{run}", "--factors", "key"), ("--factors must be columns", "'label'", "got 'key'")),
        (("{run}", "--map", "high,jazz"), ("--map must name two or more", "['high', 'low']")),
        (("{bare}",), ("RUN has no tracks of its own; --tracks TABLE", "bare")),
    ],
    ids=["run", "table", "probe", "folds", "seen", "factors", "map", "bare"],
)
def test_wrong_use_is_one_line(run, clean, tmp_path, words, expected):
    table = pd.read_csv(clean)
    table[table["split"] == "train"].to_csv(tmp_path / "seen.csv", index=False)
    bare = shutil.copytree(run, tmp_path / "bare")
    (bare / "tracks.csv").write_text("path,split\n")
    known = {"run": run, "table": clean, "seen": tmp_path / "seen.csv", "bare": bare}
    assert_one_line(kmusic("evaluate", *(word.format(**known) for word in words)), *expected)
