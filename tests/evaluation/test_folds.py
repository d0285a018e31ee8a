"""What is wrong with folds is told through probes; here what they are and how they are told."""

import numpy as np
import pytest

from kmusic.evaluation.folds import Fold, describe_folds, read_folds


def test_a_fold_may_leave_out_rows_that_choose_an_epoch():
    first, second = read_folds([([0, 1], [2]), ([0], [1], [2, 3])])
    assert [side.tolist() for side in first] == [[0, 1], [2], []]
    assert [side.tolist() for side in second] == [[0], [1], [2, 3]]
    assert all(side.dtype == np.int64 for side in second)


def test_rows_are_numbers():
    with pytest.raises(ValueError, match="splits must hold row numbers; got bool"):
        read_folds([([True, False], [1])])


def test_folds_are_told_by_their_sizes_and_groups():
    folds = [Fold(np.array([0, 1]), np.array([2])), Fold(np.array([2]), np.array([0, 1]))]
    told = describe_folds(folds, np.array([7, 7, 8]))
    assert (told["n_folds"], told["n_train"], told["n_test"]) == (2, [2, 1], [1, 2])
    assert (told["grouped"], told["resampled"]) == (True, "groups")
    assert describe_folds(folds, np.array([7, 8, 8]))["grouped"] is False
    assert describe_folds(folds, None)["resampled"] == "tracks"
