import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from kmusic.datasets.pipelines import WaveformReader, segments
from kmusic.datasets.places import at_place, copied
from kmusic.datasets.reading import Problems, open_tracks
from kmusic.features.augment import SIX_COPIES, Copy


@pytest.fixture
def tracks():
    """A clip of 30 s, the last 10 s of a file, and a sound shorter than an excerpt."""
    return pd.DataFrame(
        {
            "path": ["/m/clip.mp3", "/m/part.wav", "/m/short.wav"],
            "label": ["a", "b", "a"],
            "start": [0.0, 50.0, 2.0],
            "seconds": [30.0, 10.0, 3.0],
        }
    )


def test_the_published_place_is_fifteen_and_a_half_seconds_into_a_clip(tracks):
    excerpt = at_place(tracks, 0.585, 3.5).loc[0]
    assert abs(excerpt["start"] - 15.5) < 0.01  # seconds; 0.585 * 26.5 = 15.5025
    assert excerpt["seconds"] == 3.5


def test_the_place_of_the_second_copy_is_twenty_one_and_a_half_seconds_into_a_clip(tracks):
    place = SIX_COPIES[1].place
    assert abs(at_place(tracks, place, 3.5)["start"][0] - 21.5) < 0.01  # seconds


def test_what_is_read_beyond_an_excerpt_does_not_move_it(tracks):
    longer = at_place(tracks, 0.585, 3.5, 3.85).loc[0]
    assert abs(longer["start"] - 15.5) < 0.01  # seconds
    assert longer["seconds"] == 3.85


def test_an_excerpt_at_the_end_begins_earlier_if_more_is_read(tracks):
    assert at_place(tracks, 1.0, 3.5, 3.85)["start"].tolist() == [26.15, 56.15, 2.0]
    assert copied(tracks, (Copy(place=1.0),), None, 3.5, 3.85)["start"][0] == 26.15


@pytest.mark.parametrize(
    ("place", "starts"), [(0.0, [0.0, 50.0]), (0.5, [13.25, 53.25]), (1.0, [26.5, 56.5])]
)
def test_a_place_lies_between_the_first_and_the_last_excerpt_of_the_part(tracks, place, starts):
    assert at_place(tracks, place, 3.5)["start"][:2].tolist() == starts


@pytest.mark.parametrize("place", [0.0, 0.585, 1.0])
def test_a_track_that_is_shorter_than_an_excerpt_stays_whole(tracks, place):
    short = at_place(tracks, place, 3.5).loc[2]
    assert (short["start"], short["seconds"]) == (2.0, 3.0)


def test_without_a_place_the_tracks_stay_whole(tracks):
    pd.testing.assert_frame_equal(at_place(tracks, None, 3.5), tracks)


def test_a_place_leaves_the_other_columns_and_the_table_given(tracks):
    before = tracks.copy()
    others = at_place(tracks, 0.5, 3.5).drop(columns=["start", "seconds"])
    pd.testing.assert_frame_equal(others, before[["path", "label"]])
    pd.testing.assert_frame_equal(tracks, before)


def test_copies_are_listed_one_after_the_other(tracks):
    rows = copied(tracks, SIX_COPIES, 0.5, 3.5)
    assert rows.index.tolist() == list(range(18))
    assert rows["path"].tolist() == 6 * tracks["path"].tolist()
    assert rows["label"].tolist() == 6 * tracks["label"].tolist()
    assert rows["semitones"].tolist() == np.repeat([0.0, 0.0, 2.0, -2.0, 0.0, 0.0], 3).tolist()
    assert rows["stretch"].tolist() == np.repeat([1.0, 1.0, 1.0, 1.0, 1.1, 0.9], 3).tolist()


def test_a_copy_lies_at_its_own_place_or_else_at_that_of_all(tracks):
    copies = (Copy(place=0.0), Copy(semitones=2.0), Copy(place=1.0))
    rows = copied(tracks[:2], copies, 0.5, 3.5)
    assert rows["start"].tolist() == [0.0, 50.0, 13.25, 53.25, 26.5, 56.5]
    assert rows["seconds"].tolist() == [3.5] * 6


def test_where_nothing_names_a_place_copies_stay_whole(tracks):
    rows = copied(tracks, (Copy(stretch=1.1), Copy(place=0.5)), None, 3.5)
    pd.testing.assert_frame_equal(rows[tracks.columns][:3], tracks)
    assert rows["seconds"][3:].tolist() == [3.5, 3.5, 3.0]


@pytest.mark.parametrize("place", [None, 0.5])
def test_without_copies_the_tracks_are_listed_once(tracks, place):
    pd.testing.assert_frame_equal(copied(tracks, (), place, 3.5), at_place(tracks, place, 3.5))


@pytest.fixture
def ramp(tmp_path):
    """Two seconds at 11,025 Hz, whose value rises evenly from 0 to 1."""
    sf.write(tmp_path / "x.wav", np.linspace(0, 1, 22_050), 11_025, subtype="FLOAT")
    return open_tracks(pd.DataFrame({"path": [str(tmp_path / "x.wav")]}), Problems())


@pytest.mark.parametrize("chance", [0.0, 0.9])
def test_a_reader_hears_the_same_excerpt_whatever_the_chance(ramp, chance):
    excerpt = at_place(ramp, 0.25, 0.5)
    reader = WaveformReader(excerpt, sample_rate=8_000, samples=4_000, problems=Problems())
    # From 0.375 to 0.875 of 2 s; resampling a ramp errs by less than 1e-3.
    np.testing.assert_allclose(
        reader.read(0, chance), np.linspace(0.1875, 0.4375, 4_000), atol=1e-3
    )


@pytest.mark.parametrize("seconds", [0.5, 0.30006, 0.29994])  # half a sample more and less
@pytest.mark.parametrize("place", [0.0, 0.333, 0.585, 1.0])
def test_an_excerpt_is_one_segment_whatever_the_rounding(ramp, seconds, place):
    batches = segments(
        at_place(ramp, place, seconds),
        sample_rate=8_000,
        samples=round(seconds * 8_000),
        batch_size=4,
        problems=Problems(),
    )
    weights = np.concatenate([weight.numpy() for *_, weight in batches])
    np.testing.assert_allclose(weights, [1.0], rtol=1e-3)  # of which the last sample may lack
