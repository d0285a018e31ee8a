import shutil

import numpy as np
import pytest
import soundfile as sf

from kmusic.audio.signals import noise
from kmusic.datasets.reading import Problems, read_track
from kmusic.datasets.splits import split_by_group
from kmusic.datasets.symphonies import PUBLISHED_COUNTS, bootstrap_split, symphony_tracks
from kmusic.datasets.table import checked, read_tracks, write_tracks

RATE = 2_000
SECONDS = {
    "Brahms/Op. 68.wav": 19.9,
    "Brahms/fanfare.wav": 9.9,
    "Haydn/Symphony 88/2 Largo.wav": 20.0,
    "Haydn/Symphony 88/CD 1/1 Adagio.flac": 25.0,
    "シベリウス/7.wav": 10.0,
}
PUBLISHED = bootstrap_split([*PUBLISHED_COUNTS.values()])


@pytest.fixture
def symphonies(tmp_path):
    for seed, (name, seconds) in enumerate(SECONDS.items()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        sf.write(tmp_path / name, noise(seconds, RATE, seed), RATE)
    (tmp_path / "Brahms/notes.mp3").write_text("These are words, not sound. " * 20)
    return tmp_path


def test_a_row_is_a_full_clip_of_a_recording(symphonies):
    tracks = symphony_tracks(symphonies)
    path = symphonies / "Haydn/Symphony 88/CD 1/1 Adagio.flac"
    assert tracks[tracks["path"] == str(path)].to_dict("records") == [
        {
            "path": str(path),
            "label": "Haydn",
            "group": "Haydn/Symphony 88/CD 1/1 Adagio.flac",
            "album": "Haydn/Symphony 88/CD 1",
            "start": start,
            "duration": 10.0,
        }
        for start in (0.0, 10.0)
    ]


def test_a_tail_has_no_row_and_a_last_full_clip_has_one(symphonies):
    counts = symphony_tracks(symphonies).groupby("group")["start"].apply(list).to_dict()
    assert counts == {
        "Brahms/Op. 68.wav": [0.0],
        "Haydn/Symphony 88/2 Largo.wav": [0.0, 10.0],
        "Haydn/Symphony 88/CD 1/1 Adagio.flac": [0.0, 10.0],
        "シベリウス/7.wav": [0.0],
    }


def test_clips_are_consecutive_parts_of_their_recording(symphonies):
    tracks = symphony_tracks(symphonies)
    for path, clips in tracks.groupby("path"):
        parts = [read_track(path, RATE, row.start, row.duration) for row in clips.itertuples()]
        assert {len(part) for part in parts} == {10 * RATE}
        whole = read_track(path, RATE)[: 10 * RATE * len(parts)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_recording_in_its_composers_own_folder_has_no_album(symphonies):
    albums = symphony_tracks(symphonies).set_index("group")["album"]
    assert albums.isna().to_dict() == {group: group.count("/") == 1 for group in albums.index}


def test_folders_of_composers_alone_give_no_column_of_albums(symphonies):
    shutil.rmtree(symphonies / "Haydn")
    assert "album" not in symphony_tracks(symphonies)


def test_short_and_broken_recordings_are_told_and_left_out(symphonies):
    problems = Problems()
    tracks = symphony_tracks(symphonies, problems)
    told = {path.removeprefix(f"{symphonies}/"): why for path, why in problems.as_dict().items()}
    assert told["Brahms/fanfare.wav"] == "too short: 9.900 s, at least 10 s needed"
    assert "not audio" in told["Brahms/notes.mp3"]
    assert len(told) == 2
    assert not tracks["path"].isin(problems.as_dict()).any()


def test_no_recording_is_cut_in_two_by_a_split(tmp_path):
    for composer in ("a", "b"):
        for movement in range(4):
            path = tmp_path / composer / "symphony" / f"{movement}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            sf.write(path, noise(20.0 + 10 * movement, 1_000, movement), 1_000)
    split = split_by_group(checked(symphony_tracks(tmp_path)))
    assert set(split["split"]) == {"train", "validation", "test"}
    assert (split.groupby("path")["split"].nunique() == 1).all()


def test_the_table_can_be_written_and_read(symphonies):
    tracks = symphony_tracks(symphonies)
    write_tracks(tracks, symphonies / "tracks.csv")
    again = read_tracks(symphonies / "tracks.csv")
    for column in tracks:
        assert again[column].dropna().tolist() == tracks[column].dropna().tolist()


def test_a_recording_of_no_composer_is_refused(symphonies):
    sf.write(symphonies / "stray.wav", noise(10.0, RATE), RATE)
    with pytest.raises(ValueError, match=r"its composer's folder; got .*stray\.wav"):
        symphony_tracks(symphonies)


def test_a_folder_without_a_clip_is_refused(tmp_path):
    (tmp_path / "Mahler").mkdir()
    sf.write(tmp_path / "Mahler/1.wav", noise(9.0, RATE), RATE)
    with pytest.raises(ValueError, match=r"10 s or more, as composer/.* none .* used of 1"):
        symphony_tracks(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"ROOT must be a folder; got .*nowhere"):
        symphony_tracks(tmp_path / "nowhere")


def test_the_published_draw_trains_on_half_of_the_clips_and_tests_on_the_others():
    # Yanchenko (2019): 5,366 training examples and 3,842 test examples of 7,665.
    assert (len(PUBLISHED.train), len(PUBLISHED.test)) == (5_366, 3_842)
    assert len(np.unique(PUBLISHED.train)) == 3_823
    both = np.union1d(PUBLISHED.train, PUBLISHED.test)
    np.testing.assert_array_equal(both, np.arange(7_665))


def test_the_published_draw_has_the_shares_of_the_papers_table_1():
    for rows, shares in (
        (PUBLISHED.train, [0.2307, 0.1154, 0.2534, 0.1711, 0.2294]),
        (PUBLISHED.test, [0.2285, 0.1244, 0.2512, 0.1843, 0.2116]),
    ):
        counts = np.bincount(PUBLISHED.classes[rows])
        np.testing.assert_allclose(counts / len(rows), shares, atol=5e-5)  # of 4 decimals


def test_the_published_draw_has_the_rows_of_the_published_code():
    # By np.random.seed(17), np.random.choice(7665, 5366) and np.random.shuffle of what is left.
    assert PUBLISHED.train[:5].tolist() == [2671, 7409, 2191, 5510, 406]
    assert PUBLISHED.shuffled_test[:3].tolist() == [6380, 236, 3252]
    assert PUBLISHED.shuffled_test[-3:].tolist() == [5057, 4347, 2426]
    np.testing.assert_array_equal(np.sort(PUBLISHED.shuffled_test), PUBLISHED.test)
    assert (np.diff(PUBLISHED.test) > 0).all()


def test_the_published_shards_are_consecutive_parts():
    shards = PUBLISHED.shards()
    assert [len(train) for train, _ in shards] == [1074, 1073, 1073, 1073, 1073]
    assert [len(test) for _, test in shards] == [769, 769, 768, 768, 768]
    for number, whole in enumerate((PUBLISHED.train, PUBLISHED.shuffled_test)):
        np.testing.assert_array_equal(np.concatenate([s[number] for s in shards]), whole)


def test_another_seed_draws_other_clips():
    first, other = (bootstrap_split([30, 10], seed=seed) for seed in (17, 3))
    assert first.train.tolist() != other.train.tolist()


def test_seven_tenths_are_drawn_unless_a_number_is_given():
    counts = (10, 11, 7_665)  # 7.7 and 5,365.5 are rounded up
    assert [len(bootstrap_split([n]).train) for n in counts] == [7, 8, 5_366]
    assert len(bootstrap_split([30, 10], 20).train) == 20


def test_the_draw_leaves_the_draws_of_others_alone():
    state = np.random.get_state()[1].copy()  # noqa: NPY002 (it could be disturbed)
    bootstrap_split([30, 10])
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("words", [([3, -1],), ([],), ([0, 0],), ([5], 0)])
def test_counts_that_nothing_can_be_drawn_of_are_refused(words):
    with pytest.raises(ValueError, match=r"got counts=\["):
        bootstrap_split(*words)
