from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial

from kmusic.datasets.table import read_tracks
from kmusic.training.recipe_files import RecipeError
from kmusic.training.search import (
    SearchConfig,
    begin_search,
    leading,
    open_search,
    resume_search,
)
from kmusic.training.spaces import find_space
from kmusic.training.trials import Outcome, TrialRecord, write_outcome
from tests import recordings, searches


@pytest.fixture(scope="module")
def table():
    return recordings.collection_table(recordings.collection())


@pytest.fixture
def begun(table, tmp_path):
    return searches.begin(tmp_path / "search", table, trials=4)


def space_in(folder):
    return find_space(str(Path(folder).with_suffix(".py")))


def test_trials_see_the_table_without_its_test_side(begun, table):
    (seen,) = begun.tables().values()
    assert {*seen["split"]} == {"train", "validation"}
    assert {*seen["path"]} == {*table.loc[table["split"] != "test", "path"]}
    assert {*read_tracks(begun.folder / "tracks.csv")["path"]} == {*table["path"]}


def test_a_table_without_a_split_is_divided_by_group_once_and_kept(table, tmp_path):
    whole = table.drop(columns="split")
    searches.begin(tmp_path / "search", whole)
    kept = read_tracks(tmp_path / "search" / "tracks.csv")
    assert {*kept["split"]} == {"train", "validation", "test"}
    assert kept.groupby("group")["split"].nunique().max() == 1
    (seen,) = open_search(tmp_path / "search").tables().values()
    assert {*seen["path"]} == {*kept.loc[kept["split"] != "test", "path"]}


def test_each_fold_validates_on_groups_of_its_own_and_none_on_the_test_side(table, tmp_path):
    search = searches.begin(tmp_path / "search", table, folds=3)
    tables = search.tables()
    assert [*tables] == ["fold-1", "fold-2", "fold-3"]
    held_out = [{*t.loc[t["split"] == "validation", "group"]} for t in tables.values()]
    known = {*table.loc[table["split"] != "test", "group"]}
    assert set.union(*held_out) == known
    assert sum(map(len, held_out)) == len(known)
    for seen, held in zip(tables.values(), held_out, strict=True):
        assert not held & {*seen.loc[seen["split"] == "train", "group"]}
        assert len(seen) == (table["split"] != "test").sum()


def test_a_fold_of_the_table_may_be_the_test_side(table, tmp_path):
    search = searches.begin(tmp_path / "search", table, fold=2, folds=2)
    kept = read_tracks(search.folder / "tracks.csv")
    assert {*kept.loc[kept["split"] == "test", "fold"]} == {2}
    for seen in search.tables().values():
        assert {*seen["path"]} == {*table.loc[table["fold"] == 1, "path"]}


def test_a_point_is_a_recipe_with_the_search_s_settings_seed_and_epochs(table, tmp_path):
    settings = {"seed": 5, "epochs": 7, "settings": ("batch_size=3",)}
    search = searches.begin(tmp_path / "search", table, **settings)
    point = HyperParameters()
    point.values["model.embedding_dim"] = 16
    recipe = search.recipe(point)
    assert (recipe.model.embedding_dim, recipe.batch_size) == (16, 3)
    assert (recipe.seed, recipe.epochs) == (5, 7)
    point.values["tuner/epochs"] = 2
    assert search.recipe(point) == replace(recipe, epochs=2)


def test_a_search_that_is_opened_is_the_one_that_was_begun(begun, tmp_path):
    again = open_search(begun.folder)
    assert again.config == begun.config
    assert again.space.file == begun.folder / "space.py"
    assert again.load_oracle().get_space().get_config() == (
        begun.load_oracle().get_space().get_config()
    )
    with pytest.raises(FileNotFoundError, match="must have been begun"):
        open_search(tmp_path / "nothing")


def test_a_folder_in_use_is_not_begun_again(begun, table):
    with pytest.raises(FileExistsError, match="--resume"):
        begin_search(begun.folder, begun.space, table, begun.config)


def test_a_beginning_that_was_killed_is_begun_again(begun, table):
    (begun.folder / "search.json").unlink()
    with pytest.raises(FileNotFoundError):
        open_search(begun.folder)
    again = begin_search(begun.folder, space_in(begun.folder), table, begun.config, again=True)
    assert again.load_oracle().trials == {}
    assert open_search(begun.folder).config == begun.config


def test_a_search_is_led_by_one_process_at_a_time(begun):
    with leading(begun.folder), pytest.raises(ValueError, match="another leads"):
        leading(begun.folder).__enter__()
    with leading(begun.folder):
        pass


def test_a_search_goes_on_with_more_trials_and_nothing_else_changed(begun, table):
    space = space_in(begun.folder)
    more = replace(begun.config, trials=9)
    assert resume_search(begun.folder, space, table, more).config.trials == 9
    assert open_search(begun.folder).load_oracle().max_trials == 9
    with pytest.raises(ValueError, match="or more, 9; got 4"):
        resume_search(begun.folder, space, table, begun.config)
    begun = replace(begun, config=more)
    for change in ({"seed": 1}, {"folds": 2}, {"epochs": 9}, {"tuner": "bayesian"}):
        (name, own), *_ = [(n, getattr(begun.config, n)) for n in change]
        with pytest.raises(ValueError, match=f"own settings.*{name}.: {own!r}"):
            resume_search(begun.folder, space, table, replace(begun.config, **change))


def test_a_search_does_not_go_on_with_other_tracks_or_another_space(begun, table):
    space = space_in(begun.folder)
    with pytest.raises(ValueError, match="own tracks"):
        resume_search(begun.folder, space, table[1:], begun.config)
    swapped = table["split"].replace({"validation": "test", "test": "validation"})
    with pytest.raises(ValueError, match="own tracks"):
        resume_search(begun.folder, space, table.assign(split=swapped), begun.config)
    space.file.write_text(searches.SPACE + "\n")
    with pytest.raises(ValueError, match="own space"):
        resume_search(begun.folder, space, table, begun.config)


def test_a_setting_that_is_searched_is_refused(table, tmp_path):
    with pytest.raises(ValueError, match=r"not change what is searched.*learning_rate"):
        searches.begin(tmp_path / "s", table, settings=("optimizer.learning_rate=0.1",))
    with pytest.raises(RecipeError, match="field must be one of"):
        searches.begin(tmp_path / "s", table, settings=("epoch=1",))
    assert not (tmp_path / "s").exists()
    searches.begin(tmp_path / "s", table)


def test_hyperband_needs_the_trials_of_a_bracket(table, tmp_path):
    """Of 9 trials of one epoch 3 go on to three, and of these 1 to nine."""
    with pytest.raises(ValueError, match=r"at least 13 for hyperband.*got 12"):
        searches.begin(tmp_path / "s", table, tuner="hyperband", epochs=9, trials=12)
    searches.begin(tmp_path / "t", table, tuner="hyperband", epochs=9, trials=13)


def test_tracks_that_leave_nothing_to_validate_on_are_refused(table, tmp_path):
    with pytest.raises(ValueError, match="rows for train and for validation"):
        searches.begin(tmp_path / "s", table[table["split"] != "validation"])


@pytest.mark.parametrize(
    "wrong",
    [{"tuner": "grid"}, {"trials": 0}, {"epochs": 0}, {"folds": 1}, {"seed": -1}, {"seed": 2**31}],
)
def test_a_search_that_cannot_be_is_refused(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        SearchConfig(objective="val_accuracy", **wrong)


def test_a_trial_is_a_record_once_the_oracle_has_noted_its_end(begun):
    oracle = begun.load_oracle()
    trial = oracle.create_trial("w")
    outcome = Outcome(score=0.5, scores=(0.25, 0.75), epochs=(3, 4), seconds=1.5)
    write_outcome(begun.trial_folder(trial.trial_id), outcome)
    assert begun.records() == []
    oracle.update_trial(trial.trial_id, {"val_accuracy": 0.5})
    oracle.end_trial(Trial(trial.hyperparameters, trial.trial_id, "COMPLETED"))
    values = dict(trial.hyperparameters.values)
    assert begun.records() == [TrialRecord(number=0, values=values, outcome=outcome)]


def test_what_was_wrong_with_tracks_is_gathered_from_all_trials(begun):
    oracle = begun.load_oracle()
    for worker, text in (("one", '{"a.wav": "empty"}'), ("two", '{"b.wav": "silent"}')):
        place = begun.trial_folder(oracle.create_trial(worker).trial_id) / "validation"
        place.mkdir()
        (place / "problems.json").write_text(text)
    assert begun.problems() == {"a.wav": "empty", "b.wav": "silent"}
    assert isinstance(begun.tables()["validation"], pd.DataFrame)
