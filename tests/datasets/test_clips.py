import numpy as np
import pandas as pd
import pytest

from kmusic.datasets.clips import (
    ends,
    named_among,
    row_names,
    sharing_sound,
    starts,
    told_apart,
)
from kmusic.datasets.table import read_tracks

CLIPS = pd.DataFrame(
    {"path": ["/a", "/a", "/b", "/c"], "start": [0.0, 10.0, 0.0, 7.5], "duration": 10.0}
)


def test_rows_of_one_file_are_named_with_their_start_and_others_by_path():
    assert row_names(CLIPS) == ["/a@0", "/a@10", "/b", "/c@7.5"]
    assert row_names(CLIPS[["path"]].iloc[1:]) == ["/a", "/b", "/c"]


def test_names_of_late_clips_keep_their_microseconds():
    late = pd.DataFrame({"path": "/a", "start": [35_999.123456, 35_999.123457]})
    assert row_names(late) == ["/a@35999.123456", "/a@35999.123457"]


def test_starts_are_told_where_any_file_has_several_rows():
    assert told_apart(CLIPS)[1:3] == [{"path": "/a", "start": 10.0}, {"path": "/b", "start": 0.0}]
    assert told_apart(CLIPS[2:]) == [{"path": "/b"}, {"path": "/c"}]


@pytest.mark.parametrize(
    ("names", "rows"),
    [
        ({"/a"}, [True, True, False, False]),
        ({"/a@10"}, [False, True, False, False]),
        ({"/c@7.5", "/b"}, [False, False, True, True]),
        ({}, [False] * 4),
    ],
)
def test_a_file_names_all_of_its_rows_and_a_clip_itself(names, rows):
    assert named_among(CLIPS, names).tolist() == rows


@pytest.mark.parametrize("values", [[None, 2.5], ["", "2.5"], pd.array([None, 2.5], "Float64")])
def test_what_a_table_does_not_say_is_the_beginning_and_the_end_of_the_file(values):
    tracks = pd.DataFrame({"path": ["/a", "/b"], "start": values, "duration": values})
    assert starts(tracks).tolist() == [0.0, 2.5]
    assert ends(tracks).tolist() == [np.inf, 5.0]


def test_a_table_is_the_same_when_it_is_read_again(tmp_path):
    (tmp_path / "a").touch()
    drawn = np.random.default_rng(0).uniform(0, 36_000, 200)
    tracks = pd.DataFrame({"path": "a", "start": np.sort(drawn), "duration": 0.1})
    tracks.to_csv(tmp_path / "t.csv", index=False)
    assert row_names(read_tracks(tmp_path / "t.csv")) == (
        [str(tmp_path / name) for name in row_names(tracks)]
    )


def overlap_by_hand(tracks, others):
    """Hold every row against every other."""
    return [
        any(
            row.path == other.path
            and row.start < other.start + other.duration
            and other.start < row.start + row.duration
            for other in others.itertuples()
        )
        for row in tracks.itertuples()
    ]


def test_rows_share_sound_where_they_lie_one_over_another_in_a_file():
    rng = np.random.default_rng(0)
    tables = [
        pd.DataFrame(
            {
                "path": rng.choice(list("abcdef"), 60),
                "start": rng.integers(0, 40, 60),
                "duration": rng.integers(1, 6, 60),
            },
            index=rng.permutation(60),
        )
        for _ in range(2)
    ]
    tables[1] = tables[1][tables[1]["path"] != "a"]
    shared = sharing_sound(*tables)
    assert shared.tolist() == overlap_by_hand(*tables)
    assert 10 < shared.sum() < 50


def test_a_clip_shares_nothing_with_the_next_one_and_all_with_the_whole_file():
    tenths = pd.DataFrame({"path": "/a", "start": 0.1 * np.arange(10), "duration": 0.1})
    assert not sharing_sound(tenths[::2], tenths[1::2]).any()
    assert sharing_sound(tenths, pd.DataFrame({"path": ["/a"]})).all()
    assert sharing_sound(pd.DataFrame({"path": ["/a", "/b"]}), tenths).tolist() == [True, False]
    assert not sharing_sound(tenths, tenths[:0]).any()
