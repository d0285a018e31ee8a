import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from kmusic.evaluation.comparison import paired_difference, read_named, standing

N = 24


def drawn(seed, right):
    """Tracks of 3 classes and 8 groups, each named rightly with a chance of `right`."""
    rng = np.random.default_rng(seed)
    true = np.array(list("abc"))[np.arange(N) % 3]
    wrong = np.array(list("bca"))[np.arange(N) % 3]
    return pd.DataFrame(
        {
            "path": [f"/{row}.wav" for row in range(N)],
            "group": [f"artist {row // 3}" for row in range(N)],
            "true": true,
            "named": np.where(rng.random(N) < right, true, wrong),
        }
    )


def share(table):
    return float(np.mean(table["named"] == table["true"]))


def test_accuracy_is_the_mean_over_seeds():
    seeds = [drawn(seed, right) for seed, right in enumerate((0.9, 0.5, 0.3))]
    reached = standing(seeds)
    assert reached.by_seed == tuple(map(share, seeds))
    assert reached.accuracy == pytest.approx(np.mean([share(table) for table in seeds]))
    assert (reached.n_tracks, reached.n_groups) == (N, 8)


def test_macro_f1_is_of_all_seeds_together():
    seeds = [drawn(seed, 0.6) for seed in range(3)]
    rows = pd.concat(seeds)
    expected = f1_score(rows["true"], rows["named"], average="macro")
    assert standing(seeds).macro_f1 == pytest.approx(expected)


def test_more_seeds_of_the_same_answers_narrow_no_interval():
    table = drawn(0, 0.6)
    once, thrice = standing([table]), standing([table] * 3)
    assert thrice.accuracy_interval == once.accuracy_interval
    assert thrice.macro_f1_interval == pytest.approx(once.macro_f1_interval)


def test_a_difference_takes_each_track_with_its_mean_over_seeds():
    ours, theirs = [drawn(0, 0.9), drawn(1, 0.8)], [drawn(seed, 0.4) for seed in (2, 3, 4)]
    expected = np.mean(list(map(share, ours))) - np.mean(list(map(share, theirs)))
    assert paired_difference(ours, theirs).accuracy == pytest.approx(expected)


def test_the_order_of_tracks_does_not_matter():
    ours, theirs = drawn(0, 0.7), drawn(1, 0.4)
    shuffled = theirs.sample(frac=1, random_state=0)
    assert paired_difference([ours], [shuffled]) == paired_difference([ours], [theirs])


def test_whole_groups_are_drawn_for_a_difference():
    # Half of the groups gain on every track, half on none: over 8 groups the mean gain has a
    # deviation of sqrt(0.25 / 8) = 0.18; over 24 tracks drawn one by one it would be 0.10.
    theirs = drawn(0, 0.0)
    gains = np.arange(N) // 3 % 2 == 0
    ours = theirs.assign(named=np.where(gains, theirs["true"], theirs["named"]))
    low, high = paired_difference([ours], [theirs]).interval
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 8), abs=0.13)  # one group in 8


def test_tracks_that_are_hard_for_both_do_not_widen_the_interval():
    table = drawn(0, 0.5)
    assert paired_difference([table], [table.copy()]).interval == (0.0, 0.0)


def test_parts_of_one_file_are_told_apart_by_their_order():
    mixed = drawn(0, 0.0).assign(path=["/a.wav", "/b.wav"] * (N // 2), group="one", true="a")
    sorted_by_file = mixed.sort_values("path", kind="stable")
    better = sorted_by_file.assign(named=["a", *sorted_by_file["named"][1:]])
    gained = (better["named"] == "a").sum() - (mixed["named"] == "a").sum()
    assert gained == 1
    assert paired_difference([better], [mixed]).accuracy == pytest.approx(1 / N)


def clips(seed, right):
    """Named clips of two files, six a file in a group."""
    table = drawn(seed, right).iloc[:12]
    return table.assign(
        path=np.repeat(["/a.wav", "/b.wav"], 6), start=np.tile(10.0 * np.arange(6), 2), true="a"
    )


def test_clips_of_one_file_are_told_apart_by_their_start():
    ours, theirs = clips(0, 0.8), clips(1, 0.3)
    expected = share(ours) - share(theirs)
    shuffled = theirs.sample(frac=1, random_state=0)
    gained = paired_difference([ours], [shuffled])
    assert gained.accuracy == pytest.approx(expected)
    assert gained == paired_difference([ours], [theirs])
    assert paired_difference([ours], [ours[::-1]]).interval == (0.0, 0.0)


def test_a_clip_that_one_side_lacks_is_named_with_its_start():
    table = clips(0, 0.5)
    with pytest.raises(ValueError, match=r"got 1 of 12 on one side alone, such as /b\.wav@20\."):
        paired_difference([table], [table.drop(8)])


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.iloc[1:],
        lambda table: table.assign(path=["/new.wav", *table["path"][1:]]),
        lambda table: table.assign(group=["new", *table["group"][1:]]),
        lambda table: table.assign(true=["c", *table["true"][1:]]),
    ],
    ids=["fewer", "path", "group", "class"],
)
def test_other_tracks_are_refused(change):
    ours = drawn(0, 0.5)
    with pytest.raises(ValueError, match=r"must be judged on the same tracks.*such as /0\.wav|new"):
        paired_difference([ours], [change(ours)])
    with pytest.raises(ValueError, match="must be judged on the same tracks"):
        standing([ours, change(ours)])


def test_a_class_may_be_called_na_and_a_group_by_a_number(tmp_path):
    rows = pd.DataFrame(
        {"path": ["/a"] * 2, "group": ["007", "null"], "true": ["NA", "1"], "named": ["NA", ""]}
    ).assign(start=[0.0, 12.5])
    rows.to_csv(tmp_path / "predictions.csv", index=False)
    pd.testing.assert_frame_equal(read_named(tmp_path / "predictions.csv"), rows)


def test_named_tracks_from_before_starts_were_written_begin_with_their_file(tmp_path):
    rows = drawn(0, 0.5)
    rows.to_csv(tmp_path / "predictions.csv", index=False)
    read = read_named(tmp_path / "predictions.csv")
    pd.testing.assert_frame_equal(read, rows.assign(start=0.0), check_dtype=False)
    assert paired_difference([read], [rows.assign(start=0.0)]).accuracy == 0.0
