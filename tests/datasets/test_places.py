import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from kmusic.audio.signals import noise
from kmusic.datasets.pipelines import WaveformReader, segments
from kmusic.datasets.places import SILENCE, at_loudest, at_place, copied
from kmusic.datasets.reading import Problems, open_tracks, read_track
from kmusic.features.augment import SIX_COPIES, Copy
from kmusic.features.front_ends import build_front_end
from kmusic.features.mel import LogMelConfig
from kmusic.features.waveform import WaveformConfig


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


@pytest.mark.parametrize("place", [None, "loudest"])
def test_without_a_known_place_the_tracks_stay_whole(tracks, place):
    pd.testing.assert_frame_equal(at_place(tracks, place, 3.5), tracks)


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


# The loudest excerpt

RATE, HOP = 8_000, 256
CONFIG = LogMelConfig(sample_rate=RATE, n_fft=512, hop_length=HOP, n_mels=32)
EXCERPT = 0.5  # seconds; 16 frames


def murmur(seconds, bursts=()):
    """Make soft noise with bursts of 0.1 s, each given by its time in seconds and its peak."""
    sound = 1e-3 * noise(seconds, RATE)
    for at, peak in bursts:
        first = round(at * RATE)
        sound[first : first + 800] += 2 * peak * noise(0.1, RATE, 1)
    return sound


def written(folder, **sounds):
    """Write sounds by name, and give the table of them."""
    for name, sound in sounds.items():
        sf.write(folder / f"{name}.wav", sound, RATE, subtype="FLOAT")
    return pd.DataFrame({"path": [str(folder / f"{name}.wav") for name in sounds]})


def loudest(table, problems=None, **more):
    problems = problems or Problems()
    return at_loudest(open_tracks(table, problems), CONFIG, EXCERPT, problems, **more)


def begin_by_hand(sound):
    """Find where the loudest excerpt begins, in seconds, by one excerpt after the other."""
    spectrum = build_front_end(CONFIG).spectrum(sound[None])[0].numpy()
    energies = [np.log(frame.astype(float) + SILENCE).sum() for frame in spectrum]
    n_frames = 1 + round(EXCERPT * RATE) // HOP
    sums = {
        first: sum(energies[first : first + n_frames])
        for first in range(0, len(energies) - n_frames + 1, 12)
    }
    begin = max(sums, key=sums.get) * HOP / RATE if sums else 0.0
    return max(0.0, min(begin, len(sound) / RATE - EXCERPT))


@pytest.mark.parametrize("at", [0.0, 0.7, 1.45, 2.5])
def test_the_loudest_excerpt_holds_the_burst_of_a_quiet_track(tmp_path, at):
    sound = murmur(3.0, [(at, 0.4)])
    (row,) = loudest(written(tmp_path, quiet=sound)).itertuples()
    assert row.start <= at + 1e-3
    assert at + 0.1 <= row.start + row.seconds + 1e-3
    assert row.seconds == EXCERPT
    assert row.start == pytest.approx(begin_by_hand(sound), abs=1e-9)


def test_loudness_is_the_sum_of_logarithms_not_of_power(tmp_path):
    sound = murmur(3.0, [(0.2, 0.5)])
    sound[16_000:20_000] += 0.1 * noise(0.5, RATE, 2)  # softer, and longer
    (row,) = loudest(written(tmp_path, long=sound)).itertuples()
    assert row.start == pytest.approx(begin_by_hand(sound), abs=1e-9)
    assert 1.7 < row.start < 2.3


def test_an_excerpt_stays_within_its_track(tmp_path):
    sound = murmur(51 * HOP / RATE, [(1.53, 0.4)])  # frames 36 to 51 are 96 samples too many
    (row,) = loudest(written(tmp_path, late=sound)).itertuples()
    assert row.start + row.seconds < 36 * HOP / RATE + EXCERPT
    assert row.start + row.seconds == pytest.approx(51 * HOP / RATE, abs=1e-9)


def test_a_track_no_longer_than_an_excerpt_stays_whole(tmp_path):
    table = written(tmp_path, short=murmur(0.3, [(0.2, 0.4)]), exact=murmur(0.5, [(0.4, 0.4)]))
    rows = loudest(table)
    assert rows["start"].tolist() == [0.0, 0.0]
    assert rows["seconds"].tolist() == [0.3, 0.5]


def test_long_tracks_are_heard_block_by_block_alike(tmp_path, monkeypatch):
    monkeypatch.setattr("kmusic.datasets.spectra.FRAMES_AT_ONCE", 7)
    sound = murmur(3.0, [(1.9, 0.4)])
    (row,) = loudest(written(tmp_path, quiet=sound)).itertuples()
    assert row.start == pytest.approx(begin_by_hand(sound), abs=1e-9)


def test_what_cannot_be_heard_is_noted_and_left_out(tmp_path):
    sounds = {"good": murmur(1.0, [(0.8, 0.4)]), "silent": np.zeros(RATE), "late": murmur(1.0)}
    table = written(tmp_path, **sounds).assign(label=["a", "b", "c"])
    sf.write(tmp_path / "cut.flac", noise(2.0, RATE), RATE)
    whole = (tmp_path / "cut.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    table.loc[3] = [str(tmp_path / "cut.flac"), "d"]
    problems, told = Problems(), []
    rows = loudest(table, problems, advance=lambda: told.append(None))
    assert rows["label"].tolist() == ["a", "c"]
    assert rows.index.tolist() == [0, 1]
    assert len(told) == 4
    (cut, truncated), (silent, reason) = problems.as_dict().items()
    assert (cut, silent) == (str(tmp_path / "cut.flac"), str(tmp_path / "silent.wav"))
    assert "truncated" in truncated
    assert reason.startswith("silent")


def test_where_nothing_can_be_heard_no_track_is_left(tmp_path):
    rows = loudest(written(tmp_path, silent=np.zeros(RATE)))
    assert rows.columns.tolist() == ["path", "start", "seconds"]
    assert rows.empty


def test_clips_of_one_file_have_their_own_loudest_excerpts(tmp_path):
    sound = murmur(4.0, [(0.9, 0.3), (2.9, 0.4)])
    sound[24_800:] = 0.0  # from 3.1 s on
    table = pd.concat([written(tmp_path, clips=sound)] * 3, ignore_index=True)
    table = table.assign(start=[0.0, 2.0, 3.2], duration=[2.0, None, 0.7])
    problems = Problems()
    rows = loudest(table, problems)
    first, second = rows["start"]
    assert first == pytest.approx(begin_by_hand(sound[: 2 * RATE]), abs=1e-9)
    assert second == pytest.approx(2.0 + begin_by_hand(sound[2 * RATE :]), abs=1e-9)
    assert first <= 0.9 < first + EXCERPT
    assert second <= 2.9 < second + EXCERPT
    assert list(problems.as_dict()) == [f"{table['path'][0]}@3.2"]


def test_songs_of_the_studio_have_their_loudest_excerpts():
    path = "studio:0/waltz/0/0?seconds=3"
    table = pd.DataFrame({"path": [path] * 2, "start": [0.0, 1.25], "duration": [None, 1.0]})
    whole, part = loudest(table)["start"]
    sound = read_track(path, RATE)
    assert whole == pytest.approx(begin_by_hand(sound), abs=1e-9)
    expected = 1.25 + begin_by_hand(sound[round(1.25 * RATE) : round(2.25 * RATE)])
    assert part == pytest.approx(expected, abs=1e-9)


def test_a_loudest_excerpt_leaves_the_table_given(tmp_path):
    tracks = open_tracks(written(tmp_path, a=murmur(1.0, [(0.6, 0.4)])), Problems())
    before = tracks.copy()
    at_loudest(tracks, CONFIG, EXCERPT, Problems())
    pd.testing.assert_frame_equal(tracks, before)


def test_the_loudest_excerpt_of_raw_sound_is_that_of_the_largest_magnitudes(tmp_path):
    table = written(tmp_path, low=-np.abs(murmur(1.0, [(0.7, 0.4)])))
    tracks = open_tracks(table, Problems())
    (row,) = at_loudest(tracks, WaveformConfig(), 0.1, Problems()).itertuples()
    assert row.start == pytest.approx(0.7, abs=0.002)  # seconds; excerpts lie 12 samples apart
