import numpy as np
import pandas as pd
import pytest

from kmusic.datasets.splits import (
    Fractions,
    assign_folds,
    first_artists,
    hold_out,
    split_by_fold,
    split_by_group,
)
from kmusic.datasets.table import read_tracks

SIDES = ("train", "validation", "test")


def random_table(seed, groups=(4, 15)):
    """Draw 2 to 7 classes of so many groups, each of 1 to 7 rows, in any order."""
    draw = np.random.default_rng(seed)
    rows = [
        {"label": f"class {c}", "group": f"{c}-{g}"}
        for c in range(draw.integers(2, 8))
        for g in range(draw.integers(*groups))
        for _ in range(draw.integers(1, 8))
    ]
    return pd.DataFrame(rows).sample(frac=1.0, random_state=seed, ignore_index=True)


def table(groups):
    """Make a table from the groups of each class: `{"a": [rows, rows, ...], ...}`."""
    rows = [
        (c, f"{c}{i}") for c, sizes in groups.items() for i, n in enumerate(sizes) for _ in range(n)
    ]
    return pd.DataFrame(rows, columns=["label", "group"])


def sides_of_groups(tracks, column="split"):
    return {group: set(part) for group, part in tracks.groupby("group")[column]}


@pytest.mark.parametrize("seed", range(25))
def test_no_group_lies_on_two_sides_and_no_row_is_left_out(seed):
    tracks = split_by_group(random_table(seed), seed=seed)
    assert all(len(sides) == 1 for sides in sides_of_groups(tracks).values())
    assert set(tracks["split"]) == set(SIDES)


@pytest.mark.parametrize("seed", range(25))
def test_every_class_can_be_learned(seed):
    tracks = split_by_group(random_table(seed), seed=seed)
    assert set(tracks["label"][tracks["split"] == "train"]) == set(tracks["label"])


@pytest.mark.parametrize(
    ("validation", "test"), [(0.1, 0.1), (0.2, 0.2), (0.1, 0.4), (0.15, 0.35), (0.1, 0.6)]
)
def test_shares_are_near_those_asked_for(validation, test):
    misses = []
    for seed in range(12):
        fractions = Fractions(validation=validation, test=test)
        tracks = split_by_group(random_table(seed, groups=(10, 30)), fractions=fractions, seed=seed)
        shares = tracks.groupby("label")["split"].value_counts(normalize=True).unstack().fillna(0)
        asked = pd.Series({"validation": validation, "test": test})
        misses.append((shares[list(asked.index)] - asked).abs().to_numpy().mean())
        whole = tracks["split"].value_counts(normalize=True)
        # A class has 20 groups on average, so one group too many or too few is 0.05 of it.
        assert abs(whole["test"] - test) < 0.04
        assert abs(whole["validation"] - validation) < 0.04
    assert np.mean(misses) < 0.05


def test_the_seed_decides():
    tracks = random_table(3)
    splits = [split_by_group(tracks, seed=seed)["split"].tolist() for seed in (5, 5, 6)]
    assert splits[0] == splits[1]
    assert splits[0] != splits[2]


def test_the_given_table_is_left_as_it_was():
    tracks = random_table(0)
    before = tracks.copy()
    split_by_group(tracks)
    pd.testing.assert_frame_equal(tracks, before)


def test_rows_keep_their_order_and_columns():
    tracks = random_table(0).assign(note=lambda rows: range(len(rows)))
    pd.testing.assert_frame_equal(split_by_group(tracks).drop(columns="split"), tracks)


@pytest.mark.parametrize("n_groups", [2, 3])
def test_with_few_artists_a_class_every_class_still_trains(n_groups):
    tracks = split_by_group(table({c: [4] * n_groups for c in "abcdef"}))
    assert set(tracks["label"][tracks["split"] == "train"]) == set("abcdef")
    assert set(tracks["split"]) == set(SIDES)


@pytest.mark.parametrize("seed", range(10))
def test_a_class_of_one_group_trains(seed):
    tracks = split_by_group(table({"alone": [5], "a": [2] * 6, "b": [3] * 6}), seed=seed)
    assert set(tracks["split"][tracks["label"] == "alone"]) == {"train"}


def test_a_class_of_one_group_trains_even_if_most_tracks_are_held_out():
    tracks = table({"alone": [5], "a": [2] * 10, "b": [3] * 10})
    split = split_by_group(tracks, fractions=Fractions(validation=0.1, test=0.6))
    assert set(split["split"][split["label"] == "alone"]) == {"train"}


def test_where_every_class_is_one_group_each_group_still_has_one_side():
    tracks = split_by_group(table({c: [3] for c in "abcdefghij"}))
    assert tracks["split"].value_counts().to_dict() == {"train": 24, "validation": 3, "test": 3}


def test_three_groups_are_enough_and_two_are_not():
    assert sorted(split_by_group(table({"a": [1, 1, 1]}))["split"]) == sorted(SIDES)
    with pytest.raises(ValueError, match=r"need a group each; got 2 group\(s\)"):
        split_by_group(table({"a": [4, 4]}))


def test_a_table_without_labels_is_split_by_its_groups_alone():
    tracks = split_by_group(pd.DataFrame({"group": [f"g{i // 2}" for i in range(40)]}))
    assert tracks["split"].value_counts().to_dict() == {"train": 32, "validation": 4, "test": 4}


def test_cells_that_are_missing_in_the_stratified_column_are_a_class():
    tracks = pd.DataFrame({"group": [str(i) for i in range(40)], "tags": ["x", np.nan] * 20})
    tracks = split_by_group(tracks, stratify="tags", fractions=Fractions(test=0.25))
    assert tracks[tracks["split"] == "test"]["tags"].isna().sum() == 5


@pytest.mark.parametrize(
    "shares", [(0.0, 0.1), (0.1, 0.0), (0.5, 0.5), (-0.1, 0.1), (0.1, 1.0), (float("nan"), 0.1)]
)
def test_fractions_that_leave_a_side_empty_are_refused(shares):
    with pytest.raises(ValueError, match="leave a part for training; got validation="):
        Fractions(validation=shares[0], test=shares[1])


@pytest.mark.parametrize("seed", range(10))
def test_what_is_held_out_and_what_is_kept_are_the_rows_given(seed):
    tracks = random_table(seed)
    rows = np.random.default_rng(seed).permutation(len(tracks))[: len(tracks) * 3 // 4]
    kept, held = hold_out(tracks, rows, 0.3, seed=seed)
    assert sorted([*kept, *held]) == sorted(rows)
    assert list(kept) == [row for row in rows if row in set(kept)]
    assert not set(tracks["group"][kept]) & set(tracks["group"][held])


@pytest.mark.parametrize("n_folds", [2, 3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_folds_part_the_groups_and_the_classes(n_folds, seed):
    tracks = assign_folds(random_table(seed, groups=(10, 30)), n_folds, seed=seed)
    assert all(len(folds) == 1 for folds in sides_of_groups(tracks, "fold").values())
    assert set(tracks["fold"]) == set(range(1, n_folds + 1))
    shares = tracks.groupby("label")["fold"].value_counts(normalize=True)
    assert abs(shares - 1 / n_folds).max() < 0.15  # of a class, where a group is 0.05


def test_more_folds_than_groups_are_refused():
    with pytest.raises(ValueError, match=r"got 3 group\(s\) for 4 parts"):
        assign_folds(table({"a": [2, 2, 2]}), 4)


@pytest.mark.parametrize("fold", [1, 3])
def test_a_fold_is_the_test_side_and_groups_stay_whole(fold):
    tracks = assign_folds(random_table(1), 3)
    split = split_by_fold(tracks, fold, validation=0.2)
    assert (split["split"] == "test").tolist() == (tracks["fold"] == fold).tolist()
    assert all(len(sides) == 1 for sides in sides_of_groups(split).values())
    assert set(split["split"]) == set(SIDES)


def test_rows_without_a_fold_are_left_out():
    tracks = assign_folds(random_table(1), 3)
    fold = tracks["fold"].astype("Int64").mask(tracks["group"] == "0-0")
    split = split_by_fold(tracks.assign(fold=fold), 1)
    assert len(split) == (tracks["group"] != "0-0").sum()
    assert split.index.tolist() == list(range(len(split)))


@pytest.mark.parametrize("tracks", [table({"a": [1, 1]}), assign_folds(table({"a": [1] * 4}), 2)])
def test_a_fold_that_the_table_lacks_is_refused(tracks):
    with pytest.raises(ValueError, match=r"must be one of the table's folds \[.*\]; got 7"):
        split_by_fold(tracks, 7)


# Some of the artists


def artists_table():
    """Make a table whose training tracks name D, B, A and C in this order, and validation A to E.

    Some tracks are without an artist, and test tracks are of any.
    """
    train, validation, test = list("DBDACBC"), list("ABCDE"), ["Z", "A", None]
    return pd.DataFrame(
        {
            "path": [f"{number}.wav" for number in range(17)],
            "artist": [*validation, *train, None, None, *test],
            "split": ["validation"] * 5 + ["train"] * 8 + ["validation"] + ["test"] * 3,
        },
        index=range(100, 117),
    )


@pytest.mark.parametrize(("n_artists", "named"), [(2, "DB"), (3, "DBA"), (4, "DBAC")])
def test_the_artists_that_training_tracks_name_first_stay(n_artists, named):
    tracks = first_artists(artists_table(), n_artists)
    assert "".join(tracks["artist"][tracks["split"] == "train"].unique()) == named
    assert sorted(tracks["artist"][tracks["split"] == "validation"]) == sorted(named)


def test_tracks_that_stay_keep_their_order_and_are_numbered_anew():
    whole = artists_table()
    tracks = first_artists(whole, 3)
    assert tracks.index.tolist() == list(range(len(tracks)))
    stay = whole["artist"].isin([*"DBA"]) | (whole["split"] == "test")
    pd.testing.assert_frame_equal(tracks, whole[stay].reset_index(drop=True))


def test_all_test_tracks_stay():
    tracks = first_artists(artists_table(), 2)
    assert tracks["path"][tracks["split"] == "test"].tolist() == ["14.wav", "15.wav", "16.wav"]


def test_without_a_number_of_artists_all_tracks_stay():
    pd.testing.assert_frame_equal(first_artists(artists_table(), None), artists_table())


@pytest.mark.parametrize(
    ("tracks", "got"),
    [(artists_table(), 4), (artists_table().drop(columns="artist"), 0)],
    ids=["too few", "no column"],
)
def test_more_artists_than_training_tracks_name_are_refused(tracks, got):
    rule = rf"^training tracks must have n_artists=5 artists; got {got}\.$"
    with pytest.raises(ValueError, match=rule):
        first_artists(tracks, 5)


@pytest.mark.parametrize(("name", "n_folds"), [("esc10", 5), ("instruments10", 3)])
def test_folds_of_real_clips_keep_uploads_together_and_classes_near_a_tenth(shared, name, n_folds):
    tracks = read_tracks(shared / "audio" / f"{name}.csv")
    for fold in range(1, n_folds + 1):
        split = split_by_fold(tracks, fold)
        assert all(len(sides) == 1 for sides in sides_of_groups(split).values())
        sides = pd.crosstab(split["label"], split["split"])
        assert (sides["train"] > 0).all()
        rest = sides["validation"] + sides["train"]
        assert abs(sides["validation"].sum() / rest.sum() - 0.1) < 0.03
