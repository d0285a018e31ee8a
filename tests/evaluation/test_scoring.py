import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from kmusic.datasets.splits import split_by_fold
from kmusic.evaluation.generation import judge_reconstructions
from kmusic.evaluation.heard_crops import hear_crops
from kmusic.evaluation.predictions import hear
from kmusic.evaluation.scoring import score_run
from kmusic.models.autoencoders import AEConfig
from kmusic.training.compose import compose
from kmusic.training.runs import begin_run, finish_run, load_run
from tests.recordings import RECIPE, spoil

UNSEEN = "tracks that the run was not trained or validated on"


def named_by(run, tracks):
    """Name the class of each track, by hand."""
    return [run.labels[i] for i in hear(run, tracks).probabilities.argmax(axis=1)]


def retold(run, folder, target, labels):
    """Copy a run and say that it had learned something else."""
    shutil.copytree(run.folder, folder)
    recipe = json.loads((folder / "recipe.json").read_text())
    (folder / "recipe.json").write_text(json.dumps(recipe | {"target": target}))
    (folder / "labels.json").write_text(json.dumps(labels))
    return folder


def test_a_run_is_judged_on_its_test_rows(run, tracks):
    scores = score_run(run.folder)
    test = tracks[tracks["split"] == "test"]
    assert scores.heard.embeddings.tracks["path"].tolist() == test["path"].tolist()
    assert scores.report.accuracy == accuracy_score(test["label"], named_by(run, test))
    assert scores.report.n_tracks == scores.protocol["n_tracks"] == 4
    assert scores.protocol["rows"] == f"{UNSEEN}, of the table's split test"
    assert scores.protocol["run"] == str(run.folder)


def test_a_judged_row_stands_beside_what_it_was_named(run, tracks):
    named = score_run(run.folder).named
    test = tracks[tracks["split"] == "test"]
    assert named.columns.tolist() == ["path", "start", "group", "true", "named"]
    for name, column in (("path", "path"), ("group", "group"), ("true", "label")):
        assert named[name].tolist() == test[column].tolist()
    assert named["named"].tolist() == named_by(run, test)


@pytest.mark.parametrize("given", [False, True], ids=["own tables", "the table they come from"])
def test_runs_of_folds_judge_every_row_once_together(fold_runs, tracks, given):
    scores = score_run(fold_runs, tracks if given else None, probes=["knn"], folds=True)
    named = []
    for fold in (1, 2):
        part = tracks[tracks["fold"] == fold]
        named.append(pd.Series(named_by(load_run(fold_runs / f"fold-{fold}"), part), part.index))
    expected = accuracy_score(tracks["label"], pd.concat(named).sort_index())
    assert scores.report.n_tracks == scores.protocol["n_tracks"] == len(tracks)
    assert scores.report.accuracy == expected
    assert sorted(scores.named["path"]) == sorted(tracks["path"])
    assert scores.protocol["fold_runs"] == ["fold-1", "fold-2"]
    assert scores.protocol["rows"].startswith("all folds, each by the run")
    assert len(scores.retrieval) == 2
    fitted_on = [result.protocol["n_train"] for result in scores.probes["knn"]]
    assert fitted_on == [[8], [8]]  # all of the other fold, whatever the table's split says


def test_runs_of_folds_that_name_other_classes_are_refused(fold_runs, tmp_path):
    shutil.copytree(fold_runs, tmp_path / "folds")
    (tmp_path / "folds" / "fold-2" / "labels.json").write_text('["high", "middle"]')
    with pytest.raises(ValueError, match="must name the same classes"):
        score_run(tmp_path / "folds", folds=True)


def test_an_unknown_probe_is_refused_before_anything_is_heard(tmp_path):
    with pytest.raises(ValueError, match=r"probes must be among .*knn.*; got \['oracle'\]"):
        score_run(tmp_path, probes=["knn", "oracle"])


def test_bad_files_are_named_and_the_others_judged(run, tracks, tmp_path):
    bad = spoil(tmp_path)
    rows = pd.DataFrame({"path": [str(tmp_path / name) for name in bad]})
    rows = rows.assign(label="low", artist="x", group="x", split="test")
    scores = score_run(run.folder, pd.concat([tracks, rows], ignore_index=True))
    assert list(scores.problems) == sorted(rows["path"])
    assert scores.report.n_tracks == 4


def test_tracks_whose_artist_is_unknown_do_not_count(run, tracks, tmp_path):
    test = tracks[tracks["split"] == "test"].assign(artist=["a", "b", "a", np.nan])
    folder = retold(run, tmp_path / "run", "artist", ["a", "b"])
    report = score_run(folder, test).report
    named = [{"high": "a", "low": "b"}[name] for name in named_by(run, test[:3])]
    assert report.n_tracks == 3
    assert report.accuracy == accuracy_score(["a", "b", "a"], named)


def test_tags_are_judged_one_by_one(run, tracks, tmp_path):
    test = tracks[tracks["split"] == "test"].assign(tags=["x", "x; y", "y", "z"])
    folder = retold(run, tmp_path / "run", "tags", ["x", "y"])
    report = score_run(folder, test).report
    truth = np.array([[1, 0], [1, 1], [0, 1], [0, 0]])
    probabilities = hear(run, test).probabilities
    assert report.roc_auc == pytest.approx(roc_auc_score(truth, probabilities))


def test_scores_are_plain_values(run):
    answer = json.loads(json.dumps(score_run(run.folder, probes=["knn"]).to_json()))
    assert set(answer) == {
        *("protocol", "classification", "retrieval", "probes", "reconstruction", "cross_modal"),
        *("latent", "disentanglement", "problems"),
    }
    assert answer["protocol"]["seed"] == 0
    assert answer["reconstruction"] == answer["cross_modal"] == []


def test_runs_of_folds_tell_what_each_reconstructs(tracks, tmp_path):
    recipe = replace(RECIPE, model=AEConfig(latent_dim=2, units=(3,)), target=None)
    for fold in (1, 2):
        folder = tmp_path / f"fold-{fold}"
        begin_run(folder, recipe, (), split_by_fold(tracks, fold, validation=0.5))
        finish_run(folder, compose(replace(recipe, seed=fold)).model)
    scores = score_run(tmp_path, folds=True, seed=3)
    reports = scores.to_json()["reconstruction"]
    for fold, report in enumerate(reports, start=1):
        judged = tracks[tracks["fold"] == fold].assign(start=0.0, seconds=0.9)
        run = load_run(tmp_path / f"fold-{fold}")
        expected = judge_reconstructions(run, hear_crops(run, judged, seed=3), seed=3)
        assert report["n_tracks"] == 8
        assert report == expected.to_json()
    assert reports[0] != reports[1]
    paths = scores.reconstructions[-1].tracks["path"].tolist()
    assert paths == tracks.loc[tracks["fold"] == 2, "path"].tolist()
