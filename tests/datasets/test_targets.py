import numpy as np
import pandas as pd
import pytest

from kmusic.datasets.targets import class_codes, target_matrix, target_names

TRACKS = pd.DataFrame(
    {
        "path": ["a", "b", "c", "d"],
        "label": ["rock", "jazz", np.nan, "rock"],
        "artist": ["Ada", "Ada", "Bea", "Cy"],
        "tags": ["slow; loud", "loud;;loud", np.nan, " live "],
    }
)


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("label", ("jazz", "rock")),
        ("artist", ("Ada", "Bea", "Cy")),
        ("tags", ("live", "loud", "slow")),
    ],
)
def test_names_are_sorted_and_each_is_there_once(target, names):
    assert target_names(TRACKS, target) == names


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("label", [[0, 1], [1, 0], [0, 0], [0, 1]]),
        ("artist", [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ("tags", [[0, 1, 1], [0, 1, 0], [0, 0, 0], [1, 0, 0]]),
    ],
)
def test_a_one_marks_each_class_of_a_track(target, expected):
    matrix = target_matrix(TRACKS, target, target_names(TRACKS, target))
    np.testing.assert_array_equal(matrix, expected)
    assert matrix.dtype == np.float32


def test_columns_come_in_the_order_of_the_names_and_others_are_left_out():
    matrix = target_matrix(TRACKS, "tags", ("slow", "never", "loud"))
    np.testing.assert_array_equal(matrix, [[1, 0, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0]])


def test_numbers_are_names_as_they_are_written():
    assert target_names(pd.DataFrame({"label": [10, 9, 10]}), "label") == ("10", "9")


def test_one_class_is_too_few():
    tracks = pd.DataFrame({"label": ["rock", "rock", np.nan]})
    with pytest.raises(ValueError, match=r"label must name at least two classes; got \['rock'\]"):
        target_names(tracks, "label")


def test_a_table_without_the_column_is_refused_with_its_columns():
    with pytest.raises(ValueError, match=r"column 'tags' to learn it; got \['path', 'label'\]"):
        target_names(TRACKS[["path", "label"]], "tags")


@pytest.mark.parametrize(("column", "codes"), [("artist", [0, 0, 1, 2]), ("label", [0, 1, -1, 0])])
def test_classes_are_numbered_as_they_come_and_what_is_missing_is_minus_one(column, codes):
    actual = class_codes(TRACKS, column)
    np.testing.assert_array_equal(actual, codes)
    assert actual.dtype == np.int64


def test_a_table_without_the_column_has_no_classes():
    with pytest.raises(ValueError, match=r"column 'album' to learn it; got \['path', 'label', "):
        class_codes(TRACKS, "album")
