from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kmusic.evaluation.objectives import MEASURED, measure, require_objective
from kmusic.evaluation.predictions import hear
from kmusic.training.probe import LogisticConfig
from kmusic.training.recipe import EarlyStopping, higher_is_better
from kmusic.training.runs import Run
from tests import aligned_runs


@pytest.fixture
def divided(tracks):
    """The collection, with four artists that validate and four that train."""
    sides = {0: "train", 1: "validation", 2: "train", 3: "validation"}
    artists = tracks["artist"].str[-1].astype(int)
    return tracks.assign(split=artists.map(sides)).drop(columns="fold")


def test_a_column_is_read_in_the_epoch_whose_weights_were_kept(run, tracks, tmp_path):
    history = pd.DataFrame({"val_accuracy": [0.2, 0.8, 0.5], "val_loss": [1.0, 2.0, 0.5]})
    history.to_csv(tmp_path / "history.csv", index=False)
    other = Run(tmp_path, run.recipe, run.labels, run.model)
    assert measure(other, tracks, "val_loss") == 2.0
    assert measure(other, tracks, "val_accuracy") == 0.8
    by_loss = replace(run.recipe, early_stopping=EarlyStopping(monitor="val_loss"))
    assert measure(replace(other, recipe=by_loss), tracks, "val_accuracy") == 0.5
    last = replace(run.recipe, early_stopping=None)
    assert measure(replace(other, recipe=last), tracks, "val_accuracy") == 0.5
    with pytest.raises(ValueError, match=r"of \['val_accuracy', 'val_loss'\]; got 'val_auc'"):
        measure(other, tracks, "val_auc")


def test_a_probe_learns_from_training_tracks_and_is_judged_on_validation_tracks(run, divided):
    recipe = replace(run.recipe, target=None, probe=LogisticConfig())
    # Labels that sound does not tell, so that the figure is neither 0 nor 1.
    told = divided.assign(label=["ab"[n % 3 == 0] for n in range(len(divided))])
    found = measure(replace(run, recipe=recipe, labels=()), told, "probe_accuracy")
    heard = hear(run, told).embeddings
    train, held = (heard.tracks["split"] == side for side in ("train", "validation"))
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5_000))
    probe.fit(heard.vectors[train], heard.tracks["label"][train])
    right = probe.predict(heard.vectors[held]) == heard.tracks["label"][held]
    assert found == pytest.approx(right.mean())


def test_retrieval_searches_validation_tracks_by_validation_tracks(run, divided):
    found = measure(run, divided, "retrieval_map")
    held = divided[divided["split"] == "validation"]
    heard = hear(run, held).embeddings
    units = heard.vectors / np.linalg.norm(heard.vectors, axis=1, keepdims=True)
    labels = heard.tracks["label"].to_numpy()
    precisions = []
    for row in range(len(labels)):
        others = np.arange(len(labels)) != row
        hits = labels[others] == labels[row]
        precisions.append(average_precision_score(hits, (units @ units[row])[others]))
    assert found == pytest.approx(np.mean(precisions), abs=1e-6)


def test_tags_and_tracks_find_each_other_as_often_as_counted_by_hand(tmp_path):
    table = aligned_runs.tagged_table()
    table = table.assign(split=["validation"] * 12 + ["train"] * 4)
    run = aligned_runs.write_untrained(tmp_path / "run", tracks=table)
    assert 0 <= measure(run, table, "tag_recall") <= 1
    few = table.assign(split=["validation"] * 10 + ["train"] * 6)
    with pytest.raises(ValueError, match=r"more than 10 validation tracks.*got 10"):
        measure(run, few, "tag_recall")


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        ("loss", "begins with val_; got 'loss'"),
        ("probe_accuracy", "needs a recipe with a probe"),
        ("tag_recall", "needs a recipe that aligns sound with tags"),
    ],
)
def test_what_no_trial_could_be_measured_by_is_refused(run, tracks, objective, words):
    with pytest.raises(ValueError, match=words):
        require_objective(objective, run.recipe, tracks)


def test_what_needs_labels_or_tags_needs_the_column(run, tracks):
    require_objective("val_loss", run.recipe, tracks[["path", "label"]])
    with pytest.raises(ValueError, match="the recipe needs tracks with a column 'label'"):
        require_objective("val_loss", run.recipe, tracks[["path"]])
    unlabelled = replace(run.recipe, target=None)
    require_objective("val_loss", unlabelled, tracks[["path"]])
    require_objective("retrieval_map", run.recipe, tracks)
    with pytest.raises(ValueError, match="retrieval_map needs tracks with a column 'label'"):
        require_objective("retrieval_map", unlabelled, tracks.drop(columns="label"))
    with pytest.raises(ValueError, match="tag_recall needs tracks with a column 'tags'"):
        require_objective("tag_recall", aligned_runs.RECIPE, tracks)


def test_more_is_better_of_all_that_is_measured():
    assert all(higher_is_better(name) for name in MEASURED)
    assert not higher_is_better("val_loss")
