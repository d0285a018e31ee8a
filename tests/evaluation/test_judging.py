import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kmusic.datasets.splits import split_by_fold
from kmusic.evaluation.predictions import hear
from kmusic.evaluation.scoring import score_run
from kmusic.models.pca import PCAConfig
from kmusic.training.fit import train
from kmusic.training.probe import KNNConfig
from tests.recordings import RECIPE, collection, collection_table

UNSEEN = "tracks that the run was not trained or validated on"


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


def test_folds_need_runs_or_a_column(run, foreign):
    with pytest.raises(ValueError, match="--folds needs runs fold-N"):
        score_run(run.folder, foreign, folds=True)


def test_a_probe_needs_rows_to_be_fitted_on(run, elsewhere):
    with pytest.raises(ValueError, match="probes need labels, and rows to be fitted on"):
        score_run(run.folder, elsewhere, probes=["knn"])


def test_tracks_that_are_all_alone_in_their_class_are_named_but_not_searched(run, tracks):
    test = tracks[tracks["split"] == "test"].drop_duplicates("label")
    scores = score_run(run.folder, test)
    assert scores.report.n_tracks == 2
    assert scores.retrieval == []


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
