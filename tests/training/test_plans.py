from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from kmusic.datasets.splits import first_artists, split_by_fold
from kmusic.datasets.table import checked
from kmusic.training.plans import divided, find_recipes, plan_seeds
from kmusic.training.recipe_files import RecipeError
from kmusic.training.runs import begin_run

FILE = """
from kmusic.training.defaults import GENRES
RECIPES = {names}
"""


@pytest.fixture
def unsplit(tmp_path):
    """24 tracks of 12 groups, 2 classes and 3 folds."""
    rows = range(24)
    for row in rows:
        (tmp_path / f"{row}.wav").touch()
    table = {
        "path": [str(tmp_path / f"{row}.wav") for row in rows],
        "label": [["low", "high"][row % 2] for row in rows],
        "group": [f"group {row // 2}" for row in rows],
        "fold": [1 + row // 2 % 3 for row in rows],
    }
    return checked(pd.DataFrame(table))


@pytest.fixture
def experiments(tmp_path):
    """Two files of recipes, and a file of another kind."""
    folder = tmp_path / "experiments"
    folder.mkdir()
    (folder / "net.py").write_text(FILE.format(names='{"published": GENRES, "paper": GENRES}'))
    (folder / "knn.py").write_text(FILE.format(names='{"paper": GENRES}'))
    (folder / "notes.txt").write_text("no recipe")
    return folder


def test_files_come_by_name_and_recipes_in_their_order(experiments):
    assert [*find_recipes(experiments)] == ["knn:paper", "net:published", "net:paper"]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (["paper"], ["knn:paper", "net:paper"]),
        (["net"], ["net:published", "net:paper"]),
        (["net:published"], ["net:published"]),
        (["net:paper", "knn"], ["knn:paper", "net:paper"]),
    ],
)
def test_recipes_are_chosen_by_file_by_name_or_by_both(experiments, only, expected):
    assert [*find_recipes(experiments, only)] == expected


def test_one_file_is_enough(experiments):
    assert [*find_recipes(experiments / "knn.py")] == ["knn:paper"]


def test_a_choice_that_no_recipe_answers_is_refused(experiments):
    with pytest.raises(ValueError, match=r"--only must name .*'net:paper'.*got \['svm'\]"):
        find_recipes(experiments, ["net", "svm"])


@pytest.mark.parametrize("name", ["nowhere", "notes.txt"])
def test_a_place_without_recipes_is_refused(experiments, name):
    with pytest.raises(ValueError, match=f"EXPERIMENTS must be .*{name}"):
        find_recipes(experiments / name)


def test_a_file_that_holds_no_recipe_is_refused(experiments):
    (experiments / "other.py").write_text("X = 1")
    with pytest.raises(RecipeError, match="must hold RECIPE"):
        find_recipes(experiments)


def test_a_split_of_the_table_is_kept(tiny, tracks):
    (part,) = divided(tiny, tracks).values()
    assert part is tracks


def test_a_table_without_a_split_gets_one_by_group(tiny, unsplit):
    (part,) = divided(tiny, unsplit).values()
    assert set(part["split"]) == {"train", "validation", "test"}
    assert (part.groupby("group")["split"].nunique() == 1).all()


def test_one_fold_lies_in_the_folder_itself_and_all_below_it(tiny, unsplit):
    assert [*divided(tiny, unsplit, fold=2)] == [""]
    parts = divided(tiny, unsplit, folds=True)
    assert [*parts] == ["fold-1", "fold-2", "fold-3"]
    for number, part in enumerate(parts.values(), start=1):
        pd.testing.assert_frame_equal(part, split_by_fold(unsplit, number, seed=tiny.seed))


def test_the_seed_of_a_recipe_draws_its_validation_tracks(tiny, unsplit):
    drawn = [divided(replace(tiny, seed=seed), unsplit, fold=1)[""] for seed in range(4)]
    validated = {tuple(part.loc[part["split"] == "validation", "path"]) for part in drawn}
    assert len(validated) > 1


def test_the_first_artists_alone_are_planned_if_the_recipe_says_so(tiny, unsplit):
    tracks = unsplit.assign(artist=unsplit["group"], split="train")
    (part,) = divided(replace(tiny, n_artists=3), tracks).values()
    assert part["artist"].unique().tolist() == ["group 0", "group 1", "group 2"]
    with pytest.raises(ValueError, match="must have n_artists=13 artists; got 12"):
        divided(replace(tiny, n_artists=13), tracks)


def test_folds_need_a_column(tiny, tracks):
    with pytest.raises(ValueError, match="a column 'fold'"):
        divided(tiny, tracks, folds=True)


def test_seeds_count_from_the_recipes_own_and_share_a_division(tiny, unsplit, tmp_path):
    plans = plan_seeds(tmp_path, replace(tiny, seed=7), unsplit, 2, folds=True)
    assert [plan.folder for plan in plans] == [tmp_path / "seed-7", tmp_path / "seed-8"]
    assert [plan.recipe for plan in plans] == [replace(tiny, seed=seed) for seed in (7, 8)]
    assert [place.name for place in plans[1].runs] == ["fold-1", "fold-2", "fold-3"]
    for first, second in zip(plans[0].runs.values(), plans[1].runs.values(), strict=True):
        pd.testing.assert_frame_equal(first, second)


def test_a_plan_knows_whether_it_has_a_run_a_fold(tiny, unsplit, tmp_path):
    (one,), (several,) = (
        plan_seeds(tmp_path, tiny, unsplit, 1, **how) for how in ({"fold": 1}, {"folds": True})
    )
    assert not one.by_fold
    assert several.by_fold


def test_a_run_of_the_same_recipe_and_tracks_goes_on(tiny, unsplit, tmp_path):
    (plan,) = plan_seeds(tmp_path, tiny, unsplit, 1, fold=1)
    plan.check()
    begin_run(plan.folder, tiny, ("high", "low"), plan.runs[plan.folder])
    plan.check()


def test_a_run_of_another_recipe_is_refused(tiny, unsplit, tmp_path):
    (plan,) = plan_seeds(tmp_path, tiny, unsplit, 1, fold=1)
    other = replace(tiny, batch_size=5)
    begin_run(plan.folder, other, ("high", "low"), plan.runs[plan.folder])
    with pytest.raises(ValueError, match=r"go on with its own recipe; got another for .*seed-0"):
        plan.check()


def test_a_run_with_tracks_on_other_sides_is_refused(tiny, unsplit, tmp_path):
    first, second = (plan_seeds(tmp_path, tiny, unsplit, 1, fold=fold)[0] for fold in (1, 2))
    begin_run(first.folder, tiny, ("high", "low"), first.runs[first.folder])
    with pytest.raises(ValueError, match=r"its own tracks, .*; got others for .*such as .*/0\.wav"):
        second.check()


def test_a_run_with_other_training_tracks_is_refused(tiny, unsplit, tmp_path):
    (plan,) = plan_seeds(tmp_path, tiny, unsplit, 1, fold=1)
    own = plan.runs[plan.folder]
    fewer = own.drop(own.index[own["split"] == "train"][0])
    begin_run(plan.folder, tiny, ("high", "low"), fewer)
    with pytest.raises(ValueError, match="a run must go on with its own tracks"):
        plan.check()


@pytest.mark.parametrize("column", ["start", "duration"])
def test_a_run_with_other_clips_of_its_files_is_refused(tiny, unsplit, tmp_path, column):
    clips = unsplit.assign(start=[0.0, 10.0] * 12, duration=10.0, path=unsplit["path"][0])
    clips = clips.iloc[:2].assign(split=["train", "test"], group=["a", "b"])
    (plan,) = plan_seeds(tmp_path, tiny, clips, 1)
    others = clips.assign(**{column: [clips[column][0], 7.5]})
    begin_run(plan.folder, tiny, ("high", "low"), others)
    with pytest.raises(ValueError, match=r"got others for .*such as .*/0\.wav@(7\.5|10)\."):
        plan.check()


def test_a_run_of_clips_goes_on_unless_two_have_changed_sides(tiny, unsplit, tmp_path):
    clips = unsplit.assign(path=unsplit["path"][0], start=np.arange(24) / 3, duration=1 / 3)
    clips = clips.assign(group=clips.index.astype(str), split=["train", "test"] * 12)
    (plan,) = plan_seeds(tmp_path, tiny, clips, 1)
    begin_run(plan.folder, tiny, ("high", "low"), clips)
    plan.check()
    swapped = clips.assign(split=["test", "train", *clips["split"][2:]])
    (other,) = plan_seeds(tmp_path, tiny, swapped, 1)
    with pytest.raises(ValueError, match=r"got others for .*such as .*/0\.wav\."):
        other.check()


def test_a_run_of_the_first_artists_goes_on(tiny, unsplit, tmp_path):
    recipe = replace(tiny, n_artists=2)
    tracks = unsplit.assign(artist=unsplit["label"], split="train")
    (plan,) = plan_seeds(tmp_path, recipe, tracks, 1)
    begin_run(plan.folder, recipe, ("high", "low"), first_artists(tracks, 2))
    plan.check()
