import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kmusic.datasets.splits import split_by_fold
from kmusic.datasets.table import TrackTableError, write_tracks
from kmusic.evaluation.judged_rows import wanted_rows
from kmusic.evaluation.linear_softmax import LinearSoftmax
from kmusic.evaluation.predictions import hear
from kmusic.evaluation.retrieval import retrieval_scores
from kmusic.evaluation.scoring import score_run
from kmusic.models.autoencoders import AEConfig
from kmusic.models.pca import PCAConfig
from kmusic.training.compose import compose
from kmusic.training.fit import train
from kmusic.training.probe import KNNConfig
from kmusic.training.recipe_files import to_json
from kmusic.training.runs import begin_run, finish_run, write_json
from tests.aligned_runs import WORDS, tagged_table, write_untrained
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


def halves(tracks):
    """Cut each track to two clips of 0.4 s, a row each."""
    clips = [tracks.assign(start=start, duration=0.4) for start in (0.0, 0.4)]
    return pd.concat(clips, ignore_index=True)


def taught(run, tracks, folder):
    """Copy a run, and let it say that it was trained on these tracks."""
    shutil.copytree(run.folder, folder)
    write_tracks(tracks, folder / "tracks.csv")
    return folder


def test_of_a_file_that_was_trained_on_in_part_the_other_parts_are_judged(run, tracks, tmp_path):
    clips = halves(tracks).assign(group=np.arange(32).astype(str))
    clips = clips.assign(split=np.where(clips["start"] > 0, "test", "train"))
    folder = taught(run, clips, tmp_path / "run")
    scores = score_run(folder)
    assert scores.named[["path", "start"]].to_numpy().tolist() == (
        [[path, 0.4] for path in tracks["path"]]
    )
    parts = f"{UNSEEN}, of the table's split test; of some of their files it was on other parts"
    assert scores.protocol["rows"] == parts
    with pytest.raises(ValueError, match="there must be a readable track to judge"):
        score_run(folder, tracks.drop(columns="split"))  # whole files, of which half was heard


def test_clips_of_a_file_that_was_trained_on_whole_are_never_judged(run, tracks):
    scores = score_run(run.folder, halves(tracks).drop(columns="split"))
    unseen = tracks.loc[tracks["split"] == "test", "path"].tolist()
    assert scores.named["path"].tolist() == unseen * 2
    assert scores.protocol["rows"] == UNSEEN


def test_a_clip_is_searched_for_among_those_of_other_files(run, elsewhere):
    clips = halves(elsewhere.drop(columns="fold"))
    (report,) = score_run(run.folder, clips).retrieval
    heard = hear(run, clips).embeddings.vectors
    cosines, labels, paths = cosine_similarity(heard), clips["label"].to_numpy(), clips["path"]
    expected = []
    for row in range(len(clips)):
        others = (paths != paths[row]).to_numpy()
        alike = labels[others] == labels[row]
        expected.append(average_precision_score(alike, cosines[row][others]))
    assert report.map == pytest.approx(np.mean(expected))
    alone = halves(elsewhere.drop_duplicates("label"))
    assert score_run(run.folder, alone).retrieval == []


def sizes(result):
    """Count the training, validation and test rows of a probe's only fold."""
    return tuple(result.protocol[name][0] for name in ("n_train", "n_validation", "n_test"))


def test_probes_are_fitted_on_the_split_s_training_rows(run, tracks):
    scores = score_run(run.folder, probes=["logistic", "linear_softmax"], seed=3)
    vectors = hear(run, tracks).embeddings.vectors
    train, validation, test = (
        (vectors[tracks["split"] == side], tracks["label"][tracks["split"] == side].to_numpy())
        for side in ("train", "validation", "test")
    )
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000)).fit(*train)
    softmax = LinearSoftmax(seed=3).fit(*train, validation_data=validation)
    for (result,), oracle in zip(scores.probes.values(), (logistic, softmax), strict=True):
        assert sizes(result) == (8, 4, 4)
        assert result.protocol["grouped"]
        named = np.array(["high", "low"])[result.named]
        np.testing.assert_array_equal(named, oracle.predict(test[0]))


def test_what_a_run_reconstructs_is_of_judged_tracks_alone(tracks, tmp_path):
    recipe = replace(RECIPE, model=AEConfig(latent_dim=2, units=(3,)), target=None)
    begin_run(tmp_path, recipe, (), tracks)
    finish_run(tmp_path, compose(recipe).model)
    (made,) = score_run(tmp_path, probes=["knn"]).reconstructions
    test = tracks[tracks["split"] == "test"]
    assert made.tracks["path"].tolist() == test["path"].tolist()
    assert made.track.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("bare", ["its own", "another"])
def test_what_restores_is_judged_without_labels_though_its_recipe_has_a_probe(
    tracks, tmp_path, bare
):
    model = AEConfig(latent_dim=2, units=(3,))
    recipe = replace(RECIPE, model=model, target=None, probe=KNNConfig())
    own = tracks.drop(columns="label") if bare == "its own" else tracks
    begin_run(tmp_path, recipe, (), own)
    finish_run(tmp_path, compose(recipe).model)
    scores = score_run(tmp_path, None if bare == "its own" else tracks.drop(columns="label"))
    assert len(scores.reconstructions) == 1
    assert scores.report is None
    assert scores.named is None


@pytest.mark.parametrize("sides", [None, ("validation", "validation", "validation", "test")])
def test_without_training_rows_probes_are_fitted_on_all_that_are_not_judged(run, tracks, sides):
    table = tracks.drop(columns="split")
    if sides:
        table["split"] = tracks["artist"].str[-1].astype(int).map(dict(enumerate(sides)))
    scores = score_run(run.folder, table, probes=["logistic"])
    assert sizes(scores.probes["logistic"][0]) == (12, 0, 4)


def test_test_rows_that_the_run_was_trained_on_serve_no_probe(run, tracks):
    table = tracks.assign(split=tracks["split"].replace("validation", "test"))
    scores = score_run(run.folder, table, probes=["logistic"])
    assert sizes(scores.probes["logistic"][0]) == (8, 0, 4)


def test_every_judged_track_is_a_query_among_the_judged(run, elsewhere, puzzle):
    table = elsewhere.assign(label=puzzle["label"], split=["train"] * 4 + ["test"] * 12)
    (report,) = score_run(run.folder, table, probes=["knn"], seed=5).retrieval
    vectors, labels = hear(run, table[4:]).embeddings.vectors, table["label"][4:].to_numpy()
    cosines = cosine_similarity(vectors)
    expected = [
        average_precision_score(np.delete(labels == label, row), np.delete(cosines[row], row))
        for row, label in enumerate(labels)
    ]
    assert report.n_queries == 12
    assert report.map == pytest.approx(np.mean(expected))
    again = retrieval_scores(vectors, labels, groups=table["group"][4:], seed=5)
    assert report.map_interval == pytest.approx(again.map_interval)


def moved(run, folder):
    """Copy a run, and let it say that it was trained on files that are no longer there."""
    shutil.copytree(run.folder, folder)
    own = pd.read_csv(folder / "tracks.csv")
    own["path"] = [f"/gone/{number}.wav" for number in range(len(own))]
    own.to_csv(folder / "tracks.csv", index=False)
    return folder


def test_a_run_that_was_trained_elsewhere_is_judged_on_other_tracks(run, elsewhere, tmp_path):
    folder = moved(run, tmp_path / "run")
    here = score_run(run.folder, elsewhere, probes=["knn"], folds=True)
    away = score_run(folder, elsewhere, probes=["knn"], folds=True)
    note = "(told by path; 16 of its files are not here)"
    assert away.protocol["rows"] == f"{UNSEEN} {note}, probes by the table's folds"
    for figures in ("classification", "retrieval", "probes"):
        assert away.to_json()[figures] == here.to_json()[figures]
    with pytest.raises(TrackTableError, match="file must exist; got '/gone/0"):
        score_run(folder)


def test_a_run_of_no_tracks_is_judged_on_others_alone(run, elsewhere, tmp_path):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    write_tracks(pd.DataFrame(columns=["path", "split"]), folder / "tracks.csv")
    scores = score_run(folder, elsewhere)
    assert scores.protocol["n_tracks"] == 16
    rule = "tracks that the run may or may not have been trained on (it does not say)"
    assert scores.protocol["rows"] == rule
    with pytest.raises(ValueError, match="RUN has no tracks of its own; --tracks TABLE"):
        score_run(folder)


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
    out = elsewhere.index < 2
    table = elsewhere.assign(
        fold=elsewhere["fold"].mask(out), path=elsewhere["path"].mask(out, "never heard.wav")
    )
    scores = score_run(run.folder, table, probes=["knn"], folds=True)
    assert scores.probes["knn"][0].protocol["n_test"] == [6, 8]
    assert scores.protocol["n_tracks"] == 14
    assert scores.problems == {}


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
    table = test.assign(start=0.0, true=test["label"], named=expected)[[*scores.named]]
    pd.testing.assert_frame_equal(scores.named, table.reset_index(drop=True), check_dtype=False)
    assert scores.report.accuracy == accuracy_score(test["label"], expected)
    assert scores.report.n_tracks == scores.protocol["n_tracks"] == 4
    assert scores.heard.embeddings.tracks["path"].tolist() == test["path"].tolist()


@pytest.mark.parametrize("renamed", [0, 2])
def test_what_two_tables_hold_is_heard_once_unless_its_class_differs(
    fitted, puzzle, elsewhere, renamed
):
    """The table asked about has the run's own training rows too, for its other probes."""
    own = sides(puzzle)[0]
    changed = own["label"].where(np.arange(len(own)) >= renamed, "c" * 2)
    others = elsewhere.assign(label=puzzle["label"], split="test")
    table = pd.concat([own.assign(label=changed), others], ignore_index=True)
    rows, _ = wanted_rows(fitted, table, ["knn"], "split", zero_shot=False)
    assert len(rows) == len(table) + renamed
    assert rows["taught"].sum() == len(own)
    assert (rows["side"] == "train").sum() == len(own)
    scores = score_run(fitted.folder, table, probes=["knn"])
    assert scores.named["named"].tolist() == named_by_neighbors(fitted, own, others)


def test_tracks_that_no_run_has_seen_are_named_by_the_tracks_it_learned(fitted, puzzle, elsewhere):
    shares = []
    table = elsewhere.assign(label=puzzle["label"])
    scores = score_run(fitted.folder, table, advance=shares.append)
    expected = named_by_neighbors(fitted, sides(puzzle)[0], table)
    assert scores.named["named"].tolist() == expected
    assert 0 < scores.report.accuracy < 1
    assert sum(shares) == pytest.approx(1.0)


def test_tracks_of_classes_that_were_not_learned_are_not_named(fitted, puzzle, elsewhere):
    table = elsewhere.assign(label=[*puzzle["label"][:-1], "d"])
    scores = score_run(fitted.folder, table)
    assert scores.report is scores.named is None
    assert len(scores.retrieval) == 1


def test_tracks_that_were_learned_must_be_there_to_name_others(fitted, puzzle, elsewhere, tmp_path):
    folder = moved(fitted, tmp_path / "run")
    rule = r"tracks\.csv \(the recipe's probe is fitted on it\) breaks 8 rule"
    with pytest.raises(TrackTableError, match=rule):
        score_run(folder, elsewhere.assign(label=puzzle["label"]))
    assert score_run(folder, elsewhere).protocol["n_tracks"] == 16  # of classes not learned


@pytest.mark.parametrize("given", [False, True], ids=["its own", "the same"])
def test_probes_that_are_asked_for_stand_beside_the_run_s_own(fitted, puzzle, given):
    scores = score_run(fitted.folder, puzzle if given else None, probes=["knn"])
    assert sizes(scores.probes["knn"][0]) == (8, 4, 4)
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


# Runs that align sound with tags


@pytest.fixture(scope="module")
def aligning(tmp_path_factory):
    return write_untrained(tmp_path_factory.mktemp("aligning"))


@pytest.fixture(scope="module")
def shared_space(aligning):
    """The tagged tracks, and their sound and tags in the space that the two share."""
    tracks = tagged_table()
    sound = aligning.model.align_sound(hear(aligning, tracks).embeddings.vectors)
    numbers = np.zeros((len(tracks), 10), np.int32)
    for row, cell in zip(numbers, tracks["tags"], strict=True):
        words = [tag.strip() for tag in cell.split(";")]
        row[: len(words)] = sorted(1 + WORDS.index(word) for word in words)
    return tracks, np.asarray(sound), np.asarray(aligning.model.align_tags(numbers))


def test_judged_tracks_and_their_tags_are_looked_for_by_each_other(aligning, shared_space):
    tracks, sound, tags = shared_space
    quiet = tracks["split"].eq("train") & tracks["tags"].str.contains("loud")
    table = tracks.assign(tags=tracks["tags"].mask(quiet))
    scores = score_run(aligning.folder, table, probes=["knn"])
    test = (tracks["split"] == "test").to_numpy()
    cosines = cosine_similarity(sound[test], tags[test])
    own = np.diagonal(cosines)
    (report,) = scores.cross_modal
    assert (report.n_tracks, report.pool_size, report.n_untagged) == (4, 4, 0)
    assert report.to_tags.ranks.tolist() == (cosines >= own[:, None]).sum(axis=1).tolist()
    assert report.to_tracks.ranks.tolist() == (cosines >= own).sum(axis=0).tolist()
    assert scores.to_json()["cross_modal"] == [report.to_json()]
    assert [*scores.probes] == ["knn", "knn of tags"]
    (result,) = scores.probes["knn of tags"]
    assert result.protocol["n_without_tags"] == [quiet.sum()]
    train = (tracks["split"].eq("train") & ~quiet).to_numpy()
    assert sizes(result) == (train.sum(), 4, 4)
    oracle = KNeighborsClassifier(train.sum(), metric="cosine")
    oracle.fit(tags[train], tracks["label"][train])
    named = np.array(["high", "low"])[result.named]
    assert named.tolist() == oracle.predict(tags[test]).tolist()


def test_a_run_of_tags_without_labels_is_judged_by_its_tags_alone(aligning, tmp_path):
    bare = tagged_table().drop(columns="label")
    folder = taught(aligning, bare, tmp_path / "run")
    recipe = replace(aligning.recipe, probe=KNNConfig(n_neighbors=3))
    write_json(folder / "recipe.json", to_json(recipe))
    scores = score_run(folder, bare)
    assert scores.named is None
    assert len(scores.cross_modal) == 1


def test_zero_shot_names_the_class_whose_words_are_nearest(aligning, shared_space, tmp_path):
    tracks, sound, _ = shared_space
    test = (tracks["split"] == "test").to_numpy()
    renamed = {"high": "High pitch", "low": "Noise, purely"}
    tracks = tracks.assign(label=tracks["label"].map(renamed))
    # The recipe's probe, which would hear what it is fitted on, is done without.
    gone = tracks.assign(path=tracks["path"].mask(~test, "/gone" + tracks["path"]))
    folder = taught(aligning, gone, tmp_path / "run")
    recipe = replace(aligning.recipe, probe=KNNConfig(n_neighbors=3))
    write_json(folder / "recipe.json", to_json(recipe))
    table = tracks[test].drop(columns="tags")
    scores = score_run(folder, table, zero_shot=True)
    words = aligning.model.align_tags(np.int32([[1, 0], [3, 4]]))
    nearest = cosine_similarity(sound[test], words).argmax(axis=1)
    assert scores.named["named"].tolist() == [[*renamed.values()][n] for n in nearest]
    assert scores.named["true"].tolist() == table["label"].tolist()
    assert scores.report.n_tracks == 4
    assert scores.protocol["named_by"].startswith("zero-shot: ")
    assert scores.protocol["classes"] == {
        "High pitch": {"words": ["high"], "missing": ["pitch"]},
        "Noise, purely": {
            "words": ["noisy", "pure"],
            "stood_in": {"noise": ["noisy"], "purely": ["pure"]},
        },
    }
    assert scores.cross_modal == []  # there are no tags


def test_zero_shot_is_refused_before_anything_is_heard(aligning, run, monkeypatch):
    monkeypatch.setattr("kmusic.evaluation.judging.hear", None)
    with pytest.raises(ValueError, match=r"RUN must align sound with tags.* got ResidualCNNConfig"):
        score_run(run.folder, zero_shot=True)
    tracks = tagged_table()
    other = tracks.assign(label=tracks["label"].replace({"high": "bebop", "low": "swing"}))
    with pytest.raises(ValueError, match=r"got 2 of 2 without: bebop, swing\.$"):
        score_run(aligning.folder, other, zero_shot=True)
    with pytest.raises(ValueError, match="--zero-shot needs judged rows with a column 'label'"):
        score_run(aligning.folder, tracks.drop(columns="label"), zero_shot=True)


def test_runs_of_folds_tell_each_what_tags_find_and_what_words_stand_for_classes(
    aligning, tmp_path
):
    tracks = tagged_table()
    tracks["tags"] = tracks["tags"].mask(tracks["fold"] == 2)
    for fold in (1, 2):
        part = split_by_fold(tracks, fold, validation=0.5)
        taught(aligning, part, tmp_path / f"fold-{fold}")
    scores = score_run(tmp_path, folds=True, zero_shot=True, probes=["knn"])
    (report,) = scores.cross_modal
    assert (report.n_tracks, scores.report.n_tracks) == (8, 16)
    assert "knn of tags" not in scores.probes  # all tags are on one side
    words = {name: {"words": [name]} for name in ("high", "low")}
    assert scores.protocol["classes"] == {"fold-1": words, "fold-2": words}
