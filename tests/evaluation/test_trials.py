import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from kmusic.evaluation.trials import run_trial
from kmusic.training.fit import train
from kmusic.training.recipe_files import read_recipe
from kmusic.training.search import SearchConfig, begin_search
from kmusic.training.spaces import find_space
from kmusic.training.trials import read_outcome
from tests import recordings

SPACE = """
from dataclasses import replace

from tests.recordings import RECIPE


def space(hp):
    rate = hp.Float("optimizer.learning_rate", 1e-3, 1e-2, sampling="log", default=1e-2)
    if rate < 1e-3:
        raise ValueError("the rate is too low\\nfor this")
    return replace(RECIPE, optimizer=replace(RECIPE.optimizer, learning_rate=rate))
"""


@pytest.fixture(scope="module")
def table():
    return recordings.collection_table(recordings.collection())


def begin(folder, table, **settings):
    """Begin a search, and give the folder of its first trial, which has begun too."""
    file = folder.with_suffix(".py")
    file.write_text(SPACE)
    config = SearchConfig(**{"objective": "val_loss", "tuner": "random", "epochs": 1, **settings})
    search = begin_search(folder, find_space(str(file)), table, config)
    return search, search.trial_folder(search.load_oracle().create_trial("w").trial_id)


def change_values(folder, **values):
    told = json.loads((folder / "trial.json").read_text())
    told["hyperparameters"]["values"] |= values
    (folder / "trial.json").write_text(json.dumps(told))


def test_a_trial_trains_its_recipe_and_says_what_the_kept_epoch_reached(table, tmp_path):
    search, folder = begin(tmp_path / "search", table, epochs=2)
    said = []
    outcome = run_trial(folder, said.append)
    history = pd.read_csv(folder / "validation" / "history.csv")
    kept = history["val_accuracy"].idxmax()  # the recipe's rule watches it
    assert outcome.score == history["val_loss"][kept]
    assert (outcome.scores, outcome.epochs) == ((outcome.score,), (2,))
    assert read_outcome(folder) == outcome
    assert read_recipe(folder / "recipe.json") == read_recipe(folder / "validation" / "recipe.json")
    assert read_recipe(folder / "recipe.json").epochs == 2
    assert [line for line in said if "epoch 2/2" in line]
    assert search.problems() == {}


def test_no_trial_sees_the_test_side(tmp_path):
    """The files of the test side are gone, or their labels wrong: nothing changes."""
    root = recordings.write_collection(tmp_path / "music")
    whole = recordings.collection_table(root)
    _, folder = begin(tmp_path / "whole", whole)
    outcome = run_trial(folder, lambda _: None)
    lied = whole.assign(label=whole["label"].where(whole["split"] != "test", "high"))
    _, told_lies = begin(tmp_path / "lied", lied)
    for path in whole.loc[whole["split"] == "test", "path"]:
        (root / path).unlink()
    for place in (folder, told_lies):
        heard = pd.read_csv(place.parent.parent / "tables" / "validation.csv")
        assert "test" not in set(heard["split"])
    again = run_trial(told_lies, lambda _: None)
    assert again.score == pytest.approx(outcome.score, abs=1e-6)  # float32 sums in any order
    seen = pd.read_csv(told_lies / "validation" / "tracks.csv")
    assert len(seen) == (whole["split"] != "test").sum()


def test_the_score_of_folds_is_their_mean(table, tmp_path):
    _, folder = begin(tmp_path / "search", table, folds=2)
    outcome = run_trial(folder, lambda _: None)
    losses = [
        pd.read_csv(folder / f"fold-{n}" / "history.csv")["val_loss"].iloc[-1] for n in (1, 2)
    ]
    assert outcome.scores == tuple(losses)
    assert outcome.score == np.mean(losses)
    assert outcome.epochs == (1, 1)


def test_a_trial_that_fails_says_why_in_one_line(table, tmp_path):
    _, folder = begin(tmp_path / "search", table)
    change_values(folder, **{"optimizer.learning_rate": 1e-5})
    said = []
    outcome = run_trial(folder, said.append)
    assert outcome.score is None
    assert "the rate is too low" in outcome.problem
    assert "\n" not in outcome.problem
    assert read_outcome(folder) == outcome
    assert "Traceback" in said[-1]


def test_an_objective_that_is_no_number_is_a_failure(table, tmp_path, monkeypatch):
    monkeypatch.setattr("kmusic.evaluation.trials.measure", lambda *_: np.nan)
    _, folder = begin(tmp_path / "search", table)
    assert "must be finite" in run_trial(folder, lambda _: None).problem


def test_what_was_trained_before_a_kill_is_not_trained_again(table, tmp_path):
    _, folder = begin(tmp_path / "search", table)
    first = run_trial(folder, lambda _: None)
    trained = (folder / "validation" / "model.keras").read_bytes()
    (folder / "outcome.json").unlink()
    again = run_trial(folder, lambda _: None)
    assert replace(again, seconds=0.0) == replace(first, seconds=0.0)
    assert (folder / "validation" / "model.keras").read_bytes() == trained


def test_a_folder_of_no_trial_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("kmusic.evaluation.trials.LATE", 0.0)
    with pytest.raises(FileNotFoundError, match="must have been begun by `kmusic tune`"):
        run_trial(tmp_path)


def test_a_trial_of_hyperband_goes_on_from_the_one_it_names(table, tmp_path):
    """Two epochs and one more are three."""
    settings = {"tuner": "hyperband", "epochs": 3, "settings": ("deterministic=true",)}
    search, folder = begin(tmp_path / "search", table, **settings)
    budget = {"tuner/epochs": 2, "tuner/trial_id": "next"}
    change_values(folder, **budget | {"tuner/trial_id": None})
    assert run_trial(folder, lambda _: None).epochs == (2,)
    later = search.trial_folder("later")
    later.mkdir()
    (later / "trial.json").write_bytes((folder / "trial.json").read_bytes())
    number = folder.name.removeprefix("trial_")
    change_values(later, **{"tuner/epochs": 3, "tuner/trial_id": number})
    said = []
    assert run_trial(later, said.append).epochs == (3,)
    assert not [line for line in said if "epoch 1/" in line or "epoch 2/" in line]
    straight = tmp_path / "straight"
    recipe = read_recipe(later / "validation" / "recipe.json")
    train(recipe, search.tables()["validation"], straight)
    columns = ["loss", "accuracy", "val_loss", "val_accuracy"]
    both = [pd.read_csv(p / "history.csv")[columns] for p in (later / "validation", straight)]
    pd.testing.assert_frame_equal(*both, check_exact=True)
    ends = [place / "checkpoints" / "last.npz" for place in (straight, later / "validation")]
    with np.load(ends[0]) as one, np.load(ends[1]) as other:
        assert all(np.array_equal(one[name], other[name]) for name in one if name != "note")
