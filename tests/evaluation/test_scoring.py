import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kmusic.datasets.splits import split_by_fold
from kmusic.evaluation.predictions import hear
from kmusic.evaluation.scoring import score_run
from kmusic.models.pca import PCAConfig
from kmusic.training.fit import train
from kmusic.training.probe import KNNConfig
from kmusic.training.runs import load_run
from tests.recordings import RECIPE, collection, collection_table, spoil

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


@pytest.fixture
def foreign(tracks):
    """Table of the same sound under other paths, so that no run has seen it."""
    return tracks.drop(columns=["split", "fold"]).assign(start=0.05)


@pytest.fixture
def elsewhere(foreign, tmp_path):
    """Table of copies, which the run has never seen, with two folds."""
    paths = []
    for number, path in enumerate(foreign["path"]):
        paths.append(str(shutil.copy(path, tmp_path / f"{number}.{path.split('.')[-1]}")))
    folds = pd.array([1 + number // 2 % 2 for number in range(len(paths))], dtype="Int64")
    return foreign.assign(path=paths, fold=folds)


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
    assert named.columns.tolist() == ["path", "group", "true", "named"]
    for name, column in (("path", "path"), ("group", "group"), ("true", "label")):
        assert named[name].tolist() == test[column].tolist()
    assert named["named"].tolist() == named_by(run, test)


def test_rows_that_were_trained_or_validated_on_are_never_judged(run, tracks):
    relabelled = score_run(run.folder, tracks.assign(split="test"))
    without = score_run(run.folder, tracks.drop(columns="split"))
    unseen = tracks.loc[tracks["split"] == "test", "path"].tolist()
    assert relabelled.heard.embeddings.tracks["path"].tolist() == unseen
    assert without.heard.embeddings.tracks["path"].tolist() == unseen
    assert without.protocol["rows"] == UNSEEN


def test_a_table_of_seen_rows_alone_is_refused(run, tracks):
    with pytest.raises(ValueError, match=f"a readable track to judge; {UNSEEN}"):
        score_run(run.folder, tracks[tracks["split"] != "test"])


def test_probes_are_fitted_on_the_rows_that_are_not_judged(run, tracks):
    scores = score_run(run.folder, probes=["logistic"])
    (result,) = scores.probes["logistic"]
    assert (result.protocol["n_train"], result.protocol["n_test"]) == ([12], [4])
    assert result.protocol["grouped"]
    vectors = hear(run, tracks).embeddings.vectors
    test = (tracks["split"] == "test").to_numpy()
    oracle = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000))
    oracle.fit(vectors[~test], tracks["label"][~test])
    assert result.accuracy == oracle.score(vectors[test], tracks["label"][test])


def test_a_frozen_run_is_probed_by_the_folds_of_another_table(run, elsewhere):
    table = elsewhere.assign(label=elsewhere["label"].str.upper())
    shares = []
    scores = score_run(run.folder, table, probes=["knn"], folds=True, advance=shares.append)
    (result,) = scores.probes["knn"]
    assert (result.protocol["n_train"], result.protocol["n_test"]) == ([8, 8], [8, 8])
    assert scores.protocol["rows"] == f"{UNSEEN}, probes by the table's folds"
    assert scores.report is scores.named is None  # the run cannot name these classes
    assert len(scores.retrieval) == 1
    assert sum(shares) == pytest.approx(1.0)


def test_by_folds_rows_without_a_fold_are_left_out(run, elsewhere):
    table = elsewhere.assign(fold=elsewhere["fold"].mask(elsewhere.index < 2))
    scores = score_run(run.folder, table, probes=["knn"], folds=True)
    assert scores.probes["knn"][0].protocol["n_test"] == [6, 8]
    assert scores.protocol["n_tracks"] == 14


def test_by_folds_rows_that_were_trained_on_are_left_out(run, tracks):
    scores = score_run(run.folder, tracks.drop(columns="split").assign(fold=[1, 2] * 8), folds=True)
    unseen = tracks.loc[tracks["split"] == "test", "path"].tolist()
    assert scores.heard.embeddings.tracks["path"].tolist() == unseen


@pytest.mark.parametrize("given", [False, True], ids=["own tables", "the table they come from"])
def test_runs_of_folds_judge_every_row_once_together(fold_runs, tracks, given):
    scores = score_run(fold_runs, tracks if given else None, folds=True)
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


def test_runs_of_folds_that_name_other_classes_are_refused(fold_runs, tmp_path):
    shutil.copytree(fold_runs, tmp_path / "folds")
    (tmp_path / "folds" / "fold-2" / "labels.json").write_text('["high", "middle"]')
    with pytest.raises(ValueError, match="must name the same classes"):
        score_run(tmp_path / "folds", folds=True)


def test_folds_need_runs_or_a_column(run, foreign):
    with pytest.raises(ValueError, match="--folds needs runs fold-N"):
        score_run(run.folder, foreign, folds=True)


def test_a_probe_needs_rows_to_be_fitted_on(run, elsewhere):
    with pytest.raises(ValueError, match="probes need labels, and rows to be fitted on"):
        score_run(run.folder, elsewhere, probes=["knn"])


def test_an_unknown_probe_is_refused_before_anything_is_heard(tmp_path):
    with pytest.raises(ValueError, match=r"probes must be among .*knn.*; got \['oracle'\]"):
        score_run(tmp_path, probes=["knn", "oracle"])


def test_tracks_that_are_all_alone_in_their_class_are_named_but_not_searched(run, tracks):
    test = tracks[tracks["split"] == "test"].drop_duplicates("label")
    scores = score_run(run.folder, test)
    assert scores.report.n_tracks == 2
    assert scores.retrieval == []


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
    assert set(answer) == {"protocol", "classification", "retrieval", "probes", "problems"}
    assert answer["protocol"]["seed"] == 0


COMPONENTS = replace(
    RECIPE,
    model=PCAConfig(n_components=4),
    target=None,
    probe=KNNConfig(n_neighbors=3),
    epochs=1,
    early_stopping=None,
)


@pytest.fixture(scope="module")
def puzzle():
    """The collection with labels that nothing sounds like, so that neighbours err."""
    tracks = collection_table(collection())
    return tracks.assign(label=np.random.default_rng(0).choice(["a", "b", "c"], len(tracks)))


@pytest.fixture(scope="module")
def fitted(puzzle, tmp_path_factory):
    return train(COMPONENTS, puzzle, tmp_path_factory.mktemp("fitted"))[0]


def named_by_neighbors(run, taught, judged):
    """Name the class of each judged track by scikit-learn's neighbours."""
    vectors = [hear(run, table).embeddings.vectors for table in (taught, judged)]
    oracle = KNeighborsClassifier(3, weights="distance").fit(vectors[0], taught["label"])
    return oracle.predict(vectors[1]).tolist()


def sides(table):
    return table[table["split"] == "train"], table[table["split"] == "test"]


def test_a_run_without_a_target_is_judged_by_its_probe_on_the_tracks_it_learned(fitted, puzzle):
    taught, test = sides(puzzle)
    scores = score_run(fitted.folder)
    expected = named_by_neighbors(fitted, taught, test)
    table = test[["path", "group"]].assign(true=test["label"], named=expected)
    pd.testing.assert_frame_equal(scores.named, table.reset_index(drop=True), check_dtype=False)
    assert scores.report.accuracy == accuracy_score(test["label"], expected)
    assert scores.report.n_tracks == scores.protocol["n_tracks"] == 4
    assert scores.heard.embeddings.tracks["path"].tolist() == test["path"].tolist()


def test_tracks_that_no_run_has_seen_are_named_by_the_tracks_it_learned(fitted, puzzle, elsewhere):
    shares = []
    table = elsewhere.assign(label=puzzle["label"])
    scores = score_run(fitted.folder, table, advance=shares.append)
    expected = named_by_neighbors(fitted, sides(puzzle)[0], table)
    assert scores.named["named"].tolist() == expected
    assert 0 < scores.report.accuracy < 1
    assert sum(shares) == pytest.approx(1.0)


def test_a_class_that_was_not_learned_is_never_named(fitted, elsewhere):
    scores = score_run(fitted.folder, elsewhere.assign(label="d"))
    assert scores.report.accuracy == 0
    assert set(scores.named["named"]) <= {"a", "b", "c"}


def test_probes_that_are_asked_for_stand_beside_the_run_s_own(fitted):
    scores = score_run(fitted.folder, probes=["knn"])
    assert scores.probes["knn"][0].protocol["n_train"] == [12]  # those that validate as well
    pd.testing.assert_frame_equal(scores.named, score_run(fitted.folder).named)


def test_a_run_with_a_probe_is_probed_by_the_folds_of_another_table(
    fitted, puzzle, elsewhere, tmp_path
):
    folder = shutil.copytree(fitted.folder, tmp_path / "run")
    puzzle.drop(columns="fold").to_csv(folder / "tracks.csv", index=False)
    table = elsewhere.assign(label=puzzle["label"])
    scores = score_run(folder, table, probes=["knn"], folds=True)
    assert scores.probes["knn"][0].protocol["n_train"] == [8, 8]
    assert scores.named["named"].tolist() == named_by_neighbors(fitted, sides(puzzle)[0], table)


def test_runs_of_folds_with_a_probe_are_judged_together(puzzle, tmp_path):
    expected = []
    for fold in (1, 2):
        part = split_by_fold(puzzle, fold, validation=0.5)
        run, _ = train(COMPONENTS, part, tmp_path / f"fold-{fold}")
        expected += named_by_neighbors(run, *sides(part))
    scores = score_run(tmp_path, folds=True)
    assert sorted(scores.named["path"]) == sorted(puzzle["path"])
    assert scores.named["named"].tolist() == expected
    assert scores.report.accuracy == accuracy_score(scores.named["true"], expected)
    assert scores.report.n_tracks == scores.protocol["n_tracks"] == 16


@pytest.mark.parametrize("without", ["its own", "another"])
def test_a_probe_of_a_run_needs_labels_in_both_tables(fitted, puzzle, tmp_path, without):
    folder, bare = shutil.copytree(fitted.folder, tmp_path / "run"), puzzle.drop(columns="label")
    if without == "its own":
        bare.to_csv(folder / "tracks.csv", index=False)
    with pytest.raises(ValueError, match="recipe's probe needs a column 'label'"):
        score_run(folder, bare if without == "another" else puzzle)
