import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from kmusic.audio.files import AudioError, read_waveform
from kmusic.audio.signals import noise, tone
from kmusic.datasets.reading import (
    Problems,
    in_threads,
    is_silent,
    open_tracks,
    read_track,
    stream_track,
    track_seconds,
)
from kmusic.datasets.studio.tracks import compose_track
from tests import recordings

RATE = 8_000
SONG = "studio:0/waltz/0/0?seconds=1.5"


@pytest.fixture
def write(tmp_path):
    def wav(name, waveform, rate=RATE):
        sf.write(tmp_path / name, waveform, rate, subtype="FLOAT")
        return str(tmp_path / name)

    return wav


def opened(rows):
    """Open tracks; give the rows that can be used, and the problems of the others."""
    problems = Problems()
    return open_tracks(pd.DataFrame(rows), problems), problems.as_dict()


def test_of_each_path_the_first_reason_is_kept_and_paths_are_sorted():
    problems = Problems()
    for path, reason in (("b", "silent"), ("a", "empty"), ("b", "late")):
        problems.add(path, reason)
    assert list(problems.as_dict().items()) == [("a", "empty"), ("b", "silent")]


def test_problems_can_be_added_and_read_by_several_threads():
    problems, n_threads, n_paths = Problems(), 8, 2_000
    first = {}

    def add(number):
        for path in range(n_paths):
            problems.add(str(path), f"thread {number}")
            # Whoever was first stays first: a reason, once read, never changes.
            reason = problems.as_dict()[str(path)] if path % 100 == 0 else None
            if reason is not None and first.setdefault(path, reason) != reason:
                return "changed"
        return "kept"

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(n_threads) as pool:
            assert set(pool.map(add, range(n_threads))) == {"kept"}
    finally:
        sys.setswitchinterval(before)
    assert len(problems.as_dict()) == n_paths


@pytest.mark.parametrize(
    ("waveform", "silent"),
    [
        (np.zeros(100), True),
        (np.zeros(0), True),
        (np.full(100, 9e-5), True),
        (np.r_[np.zeros(99), 2e-4], False),
        (np.r_[np.zeros(99), -2e-4], False),
        (np.full(100, 0.5), False),
    ],
)
def test_silence_is_what_never_reaches_80_db_below_full_scale(waveform, silent):
    assert is_silent(waveform.astype(np.float32)) is silent


def test_a_track_s_length_comes_from_its_header(write):
    assert track_seconds(write("a.wav", tone(440, 1.25, RATE))) == 1.25
    assert track_seconds(SONG) == 1.5


@pytest.mark.parametrize("path", ["studio:0/polka/0/0", "studio:nonsense"])
def test_a_studio_path_that_names_nothing_is_a_problem_like_a_broken_file(path):
    tracks, problems = opened({"path": [path]})
    assert tracks.empty
    assert list(problems) == [path]


def test_a_part_is_what_lies_there(write):
    waveform = noise(2.0, RATE)
    path = write("a.wav", waveform)
    np.testing.assert_array_equal(read_track(path, RATE, 0.5, 0.25), waveform[4_000:6_000])
    np.testing.assert_array_equal(read_track(path, RATE, 1.5), waveform[12_000:])


def test_a_part_of_a_song_of_the_studio_is_a_part_of_the_whole():
    whole = compose_track(SONG, RATE)
    np.testing.assert_array_equal(read_track(SONG, RATE, 0.5, 0.25), whole[4_000:6_000])
    np.testing.assert_array_equal(read_track(SONG, RATE, 1.25, 9.0), whole[10_000:])


def test_a_silent_part_is_refused_and_a_loud_one_of_the_same_file_is_not(write):
    path = write("a.wav", np.concatenate([tone(440, 1.0, RATE), np.zeros(RATE)]))
    assert len(read_track(path, RATE, 0.0, 1.0)) == RATE
    with pytest.raises(AudioError, match=r"a\.wav: silent from 1\.00 s on, peak below 0\.0001"):
        read_track(path, RATE, 1.0, 1.0)


@pytest.mark.parametrize("block", [1_000, 999, 100_000])
def test_blocks_one_after_the_other_are_the_whole(write, block):
    path = write("a.wav", noise(1.1, 11_025), 11_025)
    blocks = list(stream_track(path, RATE, block))
    assert {len(part) for part in blocks[:-1]} <= {block}
    np.testing.assert_allclose(np.concatenate(blocks), read_waveform(path, RATE), atol=1e-5)


def test_blocks_of_a_song_of_the_studio_are_the_whole():
    blocks = list(stream_track(SONG, RATE, 1_000, 0.25, 0.8))
    assert [len(block) for block in blocks] == [1_000] * 6 + [400]
    np.testing.assert_array_equal(np.concatenate(blocks), compose_track(SONG, RATE)[2_000:8_400])


def test_a_stream_is_refused_only_if_it_was_silent_to_its_end(write):
    parts = [np.zeros(4_000), tone(440, 0.5, RATE), np.zeros(4_000)]
    loud = write("loud.wav", np.concatenate(parts))
    assert len(list(stream_track(loud, RATE, 4_000))) == 3
    with pytest.raises(AudioError, match="silent, peak below"):
        list(stream_track(write("silent.wav", np.zeros(2 * RATE)), RATE, 4_000))


def test_what_can_be_read_is_kept_and_the_rest_is_told(tmp_path):
    bad = recordings.spoil(tmp_path)
    odd = recordings.enrich(tmp_path)
    tracks, problems = opened({"path": [str(tmp_path / name) for name in [*bad, *odd]]})
    kept = {path.rsplit("/")[-1] for path in tracks["path"]}
    told = {path.rsplit("/")[-1]: reason for path, reason in problems.items()}
    # What only decoding can tell is left to whoever decodes.
    assert kept >= set(odd)
    assert kept <= {*odd, "nan.wav", "silent.wav", "truncated.flac"}
    assert all(bad[name] in reason for name, reason in told.items())
    assert kept | set(told) == {*bad, *odd}


def test_start_and_length_of_every_row_are_known(write):
    path = write("a.wav", tone(440, 2.0, RATE))
    rows = {"path": [path] * 4, "start": [None, 0.5, 0.5, 1.5], "duration": [None, None, 1.0, 3.0]}
    tracks, _ = opened(rows)
    assert tracks["start"].tolist() == [0.0, 0.5, 0.5, 1.5]
    assert tracks["seconds"].tolist() == [2.0, 1.5, 1.0, 0.5]


@pytest.mark.parametrize("start", [1.95, 2.0, 7.0])
def test_a_part_that_begins_at_or_past_the_end_is_told(write, start):
    path = write("a.wav", tone(440, 2.0, RATE))
    tracks, problems = opened({"path": [path], "start": [start]})
    assert tracks.empty
    assert f"too short from start={start}" in problems[f"{path}@{start:g}"]


def test_every_part_that_is_too_short_is_told_and_a_broken_file_once(tmp_path, write):
    paths = [write("a.wav", tone(440, 2.0, RATE)), str(tmp_path / "none.wav")]
    rows = pd.DataFrame({"path": np.repeat(paths, 3), "start": [0.0, 1.95, 7.0] * 2})
    tracks, problems = opened(rows)
    assert tracks[["path", "start"]].to_numpy().tolist() == [[paths[0], 0.0]]
    assert list(problems) == [f"{paths[0]}@1.95", f"{paths[0]}@7", paths[1]]


def test_opening_twice_changes_nothing(write):
    path = write("a.wav", tone(440, 2.0, RATE))
    tracks, _ = opened({"path": [path], "start": [0.5], "duration": [1.0]})
    again, _ = opened(tracks)
    pd.testing.assert_frame_equal(again, tracks)


def test_a_table_without_rows_keeps_its_columns():
    tracks, problems = opened({"path": [], "label": []})
    assert list(tracks) == ["path", "label", "start", "seconds"]
    assert problems == {}


def test_every_row_advances_the_bar(tmp_path, write):
    counted = []
    rows = pd.DataFrame({"path": [write("a.wav", tone(440, 1.0, RATE)), str(tmp_path / "none")]})
    open_tracks(rows, Problems(), lambda: counted.append(1))
    assert len(counted) == 2


def test_threads_work_side_by_side_and_results_keep_their_order():
    four, last = threading.Barrier(4), threading.Event()

    def work(item):
        four.wait(60)  # ends only if four are at work at once
        if item == 0:
            assert last.wait(60)
        if item == 3:
            last.set()
        return item * item

    assert list(in_threads(work, range(20))) == [item * item for item in range(20)]
