import time
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import tensorflow as tf

from kmusic.audio.files import AudioError, read_waveform
from kmusic.audio.signals import noise, tone
from kmusic.datasets.pipelines import (
    EachTrack,
    WaveformReader,
    labelled_excerpts,
    numpy_excerpts,
    segments,
    steps_per_epoch,
)
from kmusic.datasets.reading import SILENT_PEAK, Problems, open_tracks
from kmusic.datasets.sampling import TripletConfig, Triplets
from tests import recordings

RATE = 8_000
SAMPLES = 1_000
N_TRACKS = 6
FILE_SECONDS = 2.0


def placed(track, seconds):
    """Make a sound whose every sample tells its track and when it is: `(track + time) / 10`."""
    time_ = np.linspace(0.1, 0.9, round(seconds * RATE))
    return (track + time_).astype(np.float32) / 10


def track_and_second(excerpts):
    """Read from the first sample of each excerpt which track it is of, and where it begins."""
    told = 10 * np.asarray(excerpts, float)[..., 0]
    tracks = told.astype(int)
    return tracks, (told - tracks - 0.1) / 0.8 * (FILE_SECONDS - 1 / RATE)


@pytest.fixture(scope="module")
def ramps(tmp_path_factory):
    """Six tracks of two seconds."""
    folder = tmp_path_factory.mktemp("ramps")
    for track in range(N_TRACKS):
        sf.write(folder / f"{track}.wav", placed(track, FILE_SECONDS), RATE, subtype="FLOAT")
    paths = [str(folder / f"{track}.wav") for track in range(N_TRACKS)]
    return open_tracks(pd.DataFrame({"path": paths}), Problems())


def reader(tracks, problems=None, samples=SAMPLES):
    return WaveformReader(
        tracks, sample_rate=RATE, samples=samples, problems=problems or Problems()
    )


def stream(tracks, n_batches, **settings):
    """Take batches of excerpts, shape `(n_batches, batch_size, samples)`."""
    batches = labelled_excerpts(reader(tracks), None, **{"batch_size": 4} | settings)
    return np.stack([batch.numpy() for batch in batches.take(n_batches)])


@pytest.fixture(scope="module")
def three_epochs(ramps):
    """The 9 batches of 3 epochs in which 6 tracks are heard twice."""
    return stream(ramps, 9, excerpts_per_track=2, seed=7)


@pytest.mark.parametrize(
    ("n_tracks", "batch_size", "heard", "steps"), [(6, 4, 2, 3), (6, 4, 1, 2), (1, 32, 1, 1)]
)
def test_an_epoch_has_as_many_batches_as_hear_every_track(n_tracks, batch_size, heard, steps):
    assert steps_per_epoch(n_tracks, batch_size, heard) == steps


def test_the_same_seed_gives_the_same_batches(ramps, three_epochs):
    again = stream(ramps, 9, excerpts_per_track=2, seed=7)
    np.testing.assert_array_equal(again, three_epochs)


def test_another_seed_gives_other_batches(ramps, three_epochs):
    other = stream(ramps, 9, excerpts_per_track=2, seed=8)
    assert not np.any(np.all(other == three_epochs, axis=(1, 2)))


@pytest.mark.parametrize("first_epoch", [1, 2])
def test_a_later_beginning_hears_what_an_undisturbed_stream_hears(ramps, three_epochs, first_epoch):
    late = stream(ramps, 9 - 3 * first_epoch, excerpts_per_track=2, seed=7, first_epoch=first_epoch)
    np.testing.assert_array_equal(late, three_epochs[3 * first_epoch :])


def test_every_track_is_heard_as_often_as_asked_in_every_epoch(three_epochs):
    tracks, _ = track_and_second(three_epochs)
    for epoch in tracks.reshape(3, -1):
        np.testing.assert_array_equal(np.bincount(epoch), [2] * N_TRACKS)


def test_epochs_differ_in_order_and_places(three_epochs):
    tracks, seconds = track_and_second(three_epochs)
    assert len({tuple(epoch) for epoch in tracks.reshape(3, -1)}) == 3
    assert len(np.unique(seconds.round(6))) == seconds.size


def test_full_batches_are_filled_from_the_head_of_the_order(ramps):
    tracks, _ = track_and_second(stream(ramps, 2, batch_size=4))
    order = tracks.ravel()
    assert sorted(order[:N_TRACKS]) == list(range(N_TRACKS))
    np.testing.assert_array_equal(order[N_TRACKS:], order[: 8 - N_TRACKS])


def test_a_batch_may_be_larger_than_the_table(ramps):
    tracks, _ = track_and_second(stream(ramps, 2, batch_size=20))
    assert tracks.shape == (2, 20)
    assert np.all(np.apply_along_axis(np.bincount, 1, tracks) >= 3)


def test_crops_vary_in_place_and_cover_the_track(ramps):
    _, seconds = track_and_second(stream(ramps, 60))
    latest = FILE_SECONDS - SAMPLES / RATE
    assert seconds.min() < 0.05 * latest
    assert seconds.max() > 0.95 * latest
    # Even: 240 draws leave the mean within four standard errors, 4 * 0.289 / sqrt(240) = 0.075.
    assert abs(seconds.mean() / latest - 0.5) < 0.075


def test_crops_lie_inside_the_part_that_the_table_names(ramps):
    parts = open_tracks(ramps.assign(start=0.5, duration=0.75), Problems())
    excerpts = stream(parts, 30)
    _, first = track_and_second(excerpts)
    _, last = track_and_second(excerpts[..., -1:])
    assert first.min() >= 0.5 - 1 / RATE
    assert last.max() <= 1.25 + 1 / RATE
    assert np.ptp(first) > 0.5


def test_nothing_is_heard_beyond_a_part_that_is_shorter_than_an_excerpt(ramps):
    parts = open_tracks(ramps.assign(start=0.5, duration=0.1), Problems())
    excerpts = stream(parts, 2)
    tracks, seconds = track_and_second(excerpts)
    np.testing.assert_allclose(seconds, 0.5, atol=1 / RATE)
    assert np.all(excerpts[..., :800] > 0)
    assert not excerpts[..., 800:].any()
    assert len(np.unique(tracks)) == N_TRACKS


def test_an_excerpt_is_the_sound_of_the_file(ramps):
    excerpt = reader(ramps).read(3, 0.4)
    start = 0.4 * (FILE_SECONDS - SAMPLES / RATE)
    expected = read_waveform(ramps["path"][3], RATE, start, SAMPLES / RATE)
    np.testing.assert_array_equal(excerpt, expected)


def test_a_short_file_is_padded_at_its_end(tmp_path):
    sf.write(tmp_path / "short.wav", placed(0, 0.11), RATE, subtype="FLOAT")
    tracks = open_tracks(pd.DataFrame({"path": [str(tmp_path / "short.wav")]}), Problems())
    for excerpt in stream(tracks, 2, batch_size=2).reshape(4, SAMPLES):
        np.testing.assert_array_equal(excerpt[:880], placed(0, 0.11))
        assert not excerpt[880:].any()


def test_shapes_are_static_and_targets_belong_to_their_excerpts(ramps):
    batches = labelled_excerpts(
        reader(ramps), np.eye(N_TRACKS, dtype=np.float32), batch_size=4, excerpts_per_track=2
    )
    assert batches.element_spec == (
        tf.TensorSpec((4, SAMPLES), tf.float32),
        tf.TensorSpec((4, N_TRACKS), tf.float32),
    )
    for excerpt, target in batches.take(6):
        tracks, _ = track_and_second(excerpt.numpy())
        np.testing.assert_array_equal(target.numpy(), np.eye(N_TRACKS)[tracks])


def test_without_targets_the_excerpts_come_alone(ramps):
    batches = labelled_excerpts(reader(ramps), None, batch_size=4)
    assert batches.element_spec == tf.TensorSpec((4, SAMPLES), tf.float32)


def raise_by_row(excerpt, row):
    """Add the number of its row to each excerpt."""
    return excerpt + tf.cast(row, tf.float32)[:, None]


def test_a_change_is_given_the_row_of_each_excerpt(ramps):
    settings = {"batch_size": 4, "excerpts_per_track": 2, "seed": 7}
    changed = labelled_excerpts(reader(ramps), None, change=raise_by_row, **settings)
    assert changed.element_spec == tf.TensorSpec((4, SAMPLES), tf.float32)
    for excerpt, plain in zip(changed.take(6), stream(ramps, 6, **settings), strict=True):
        tracks, _ = track_and_second(plain)
        np.testing.assert_array_equal(excerpt.numpy(), plain + tracks[:, None].astype("float32"))


def test_a_slow_change_is_not_overtaken(ramps):
    waits = iter([0.5] + 5 * [0.0])

    def dawdle(excerpt):
        time.sleep(next(waits, 0.0))
        return excerpt

    def change(excerpt, _):
        return tf.ensure_shape(tf.numpy_function(dawdle, [excerpt], tf.float32), excerpt.shape)

    batches = labelled_excerpts(reader(ramps), None, batch_size=4, change=change).take(6)
    np.testing.assert_array_equal(np.stack(list(batches)), stream(ramps, 6))


def test_targets_belong_to_changed_excerpts(ramps):
    targets = np.eye(N_TRACKS, dtype=np.float32)
    batches = labelled_excerpts(reader(ramps), targets, batch_size=4, change=raise_by_row)
    for excerpt, target in batches.take(6):
        np.testing.assert_array_equal(np.floor(excerpt[:, 0]), target.numpy().argmax(axis=1))


def test_what_is_read_is_heard():
    log = []

    def read(track, place):
        log.append((track, np.float32(place)))
        time.sleep(0.001)
        return np.array([track, place], np.float32)

    noting = SimpleNamespace(
        n_tracks=8, excerpts=lambda positions: numpy_excerpts(positions, read, (2,), Problems())
    )
    batches = labelled_excerpts(noting, None, batch_size=4, excerpts_per_track=2).take(24)
    heard = set()
    for batch in batches:
        heard |= {(int(track), place) for track, place in batch.numpy()}
        time.sleep(0.01)  # a slow consumer: there is time to read what is not wanted
    assert set(log[: 4 * 16]) <= heard  # of six epochs; the last reads may lie in a buffer


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """Six bad files beside two odd ones; what only decoding can tell is still in the table."""
    folder = tmp_path_factory.mktemp("spoiled")
    bad, odd = recordings.spoil(folder), recordings.enrich(folder)
    table = pd.DataFrame({"path": [str(folder / name) for name in [*bad, *odd]]})
    return SimpleNamespace(folder=folder, bad=bad, odd=odd, table=table)


def assert_told(problems, spoiled):
    """Every bad file is told with its reason, and no good one is."""
    told = problems.as_dict()
    assert set(told) == {str(spoiled.folder / name) for name in spoiled.bad}
    assert all(word in told[str(spoiled.folder / name)] for name, word in spoiled.bad.items())


def test_excerpts_leave_bad_files_out_and_tell_of_each(spoiled):
    problems = Problems()
    tracks = open_tracks(spoiled.table, problems)
    targets = np.eye(len(tracks), dtype=np.float32)
    batches = labelled_excerpts(
        reader(tracks, problems, samples=16_000), targets, batch_size=4, excerpts_per_track=4
    )
    heard = np.sum([target.numpy().sum(axis=0) for _, target in batches.take(15)], axis=0)
    names = [path.rsplit("/")[-1] for path in tracks["path"]]
    # Of the truncated file the head can be read.
    assert {name for name, n in zip(names, heard, strict=True) if n} <= {
        *spoiled.odd,
        "truncated.flac",
    }
    assert all(heard[names.index(name)] > 15 for name in spoiled.odd)
    assert_told(problems, spoiled)


def test_an_epoch_with_bad_tracks_keeps_its_length_and_repeats(ramps, tmp_path):
    sf.write(tmp_path / "half.wav", np.r_[placed(0, 1.0), np.zeros(RATE)], RATE, subtype="FLOAT")
    sf.write(tmp_path / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    more = pd.DataFrame({"path": [str(tmp_path / n) for n in ("half.wav", "nan.wav")]})
    tracks = pd.concat([ramps, open_tracks(more, Problems())], ignore_index=True)
    whole = stream(tracks, 12, excerpts_per_track=2)
    late = stream(tracks, 8, excerpts_per_track=2, first_epoch=1)
    np.testing.assert_array_equal(late, whole[4:])
    # What stands in is not the same excerpt again.
    assert len(np.unique(whole.reshape(-1, SAMPLES), axis=0)) == whole.size // SAMPLES
    assert np.abs(whole).max(axis=-1).min() >= SILENT_PEAK


def test_where_nothing_can_be_read_the_stream_ends_in_an_error(tmp_path):
    sf.write(tmp_path / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    problems = Problems()
    tracks = open_tracks(pd.DataFrame({"path": [str(tmp_path / "nan.wav")]}), problems)
    batches = labelled_excerpts(reader(tracks, problems), None, batch_size=4)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"AudioError: .*nan\.wav: contains"):
        next(iter(batches))
    assert list(problems.as_dict()) == [str(tmp_path / "nan.wav")]


def test_seldom_successes_do_not_end_the_stream():
    def read(_, place):
        if place < 0.945:
            raise AudioError("x.wav", "silent here")
        return np.full(3, place, np.float32)

    positions = tf.data.Dataset.range(4_000).map(lambda i: (i, tf.cast(i % 100, tf.float32) / 100))
    read_ones = numpy_excerpts(positions, read, (3,), Problems())
    assert [int(track) % 100 for _, track in read_ones] == [95, 96, 97, 98, 99] * 40


def test_an_error_that_is_not_the_file_s_is_not_hidden():
    def read(*_):
        raise ZeroDivisionError("a bug")

    positions = tf.data.Dataset.from_tensors((tf.constant(0, tf.int64), 0.5))
    with pytest.raises(tf.errors.OpError, match="a bug"):
        list(numpy_excerpts(positions, read, (3,), Problems()))


# Several excerpts that make an example


@pytest.fixture(scope="module")
def pairs():
    """A draw of anchor, positive and two negatives from three classes of two tracks."""
    return Triplets([0, 0, 1, 1, 2, 2], TripletConfig(n_negatives=2))


def drawn_by_hand(draw, epoch, n_laps, seed=7):
    """Give tracks and places of the laps of an epoch, `(n_laps * n_examples, n_excerpts)`."""
    key = tf.constant([seed, epoch], tf.int64)
    examples = tf.data.Dataset.range(n_laps).flat_map(lambda lap: draw.lap(key, lap))
    return (np.stack(part) for part in zip(*examples.as_numpy_iterator(), strict=True))


def test_excerpts_that_belong_together_are_read_together(ramps, pairs):
    excerpts = stream(ramps, 4, draw=pairs, seed=7).reshape(2, 8, 4, SAMPLES)
    for epoch, heard in enumerate(excerpts):
        tracks, seconds = track_and_second(heard)
        expected, places = drawn_by_hand(pairs, epoch, 2)
        # Six anchors fill two batches of four with the next lap's first two.
        np.testing.assert_array_equal(tracks, expected[:8])
        latest = FILE_SECONDS - SAMPLES / RATE
        np.testing.assert_allclose(seconds, latest * places[:8], atol=1 / RATE)


def test_targets_come_for_each_of_the_excerpts_together(ramps, pairs):
    numbers = np.arange(N_TRACKS) + 100
    batches = labelled_excerpts(reader(ramps), numbers, batch_size=4, draw=pairs)
    assert batches.element_spec == (
        tf.TensorSpec((4, 4, SAMPLES), tf.float32),
        tf.TensorSpec((4, 4), tf.int64),
    )
    for excerpts, targets in batches.take(3):
        tracks, _ = track_and_second(excerpts.numpy())
        np.testing.assert_array_equal(targets, tracks + 100)


def test_a_later_beginning_hears_the_same_excerpts_together(ramps, pairs):
    whole, late = (stream(ramps, n, draw=pairs, first_epoch=e) for n, e in ((6, 0), (4, 1)))
    np.testing.assert_array_equal(late, whole[2:])


@pytest.mark.parametrize("bad", ["nan.wav", "lost.wav"])
def test_excerpts_together_are_left_out_together(ramps, pairs, tmp_path, bad):
    sf.write(tmp_path / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    tracks, problems = ramps.copy(), Problems()
    tracks.loc[5, "path"] = str(tmp_path / bad)
    batches = labelled_excerpts(reader(tracks, problems), None, batch_size=4, draw=pairs, seed=7)
    heard, seconds = track_and_second(np.concatenate([*batches.take(2)]))
    expected, places = drawn_by_hand(pairs, 0, 10)
    good = np.all(expected != 5, axis=1)
    assert good[:8].any()
    assert not good[:8].all()
    # Later examples stand in.
    np.testing.assert_array_equal(heard, expected[good][:8])
    latest = FILE_SECONDS - SAMPLES / RATE
    np.testing.assert_allclose(seconds, latest * places[good][:8], atol=1 / RATE)
    assert list(problems.as_dict()) == [str(tmp_path / bad)]


def test_without_a_draw_each_track_is_an_example(ramps, three_epochs):
    same = stream(ramps, 9, draw=EachTrack(N_TRACKS), excerpts_per_track=2, seed=7)
    np.testing.assert_array_equal(same, three_epochs)


def test_fewer_examples_than_tracks_make_a_shorter_epoch(ramps):
    less = stream(ramps, 4, draw=EachTrack(4), seed=7, batch_size=2)
    tracks, _ = track_and_second(less)
    assert [sorted(epoch) for epoch in tracks.reshape(2, 4)] == [[0, 1, 2, 3]] * 2


# Segments


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Seven tracks of different lengths, rates and channels."""
    folder = tmp_path_factory.mktemp("songs")
    for number, rate in enumerate((8_000, 11_025, 44_100, 8_000, 22_050, 16_000, 48_000)):
        seconds = 0.3 + 0.37 * number
        both = [noise(seconds, rate, seed) for seed in (number, 100 + number)]
        sf.write(folder / f"{number}.flac", np.stack(both, axis=1), rate)
    paths = [str(folder / f"{number}.flac") for number in range(7)]
    return open_tracks(pd.DataFrame({"path": paths}), Problems())


def heard(tracks, problems=None, batch_size=4, **settings):
    """Give waveform, track, start and weight of all segments."""
    batches = segments(
        tracks,
        sample_rate=RATE,
        samples=SAMPLES,
        batch_size=batch_size,
        problems=problems or Problems(),
        **settings,
    )
    return [np.concatenate(column) for column in zip(*batches.as_numpy_iterator(), strict=True)]


def test_segments_one_after_the_other_are_the_track(songs):
    waveforms, rows, _, _ = heard(songs)
    for row, path in enumerate(songs["path"]):
        whole = read_waveform(path, RATE)
        joined = waveforms[rows == row].ravel()
        np.testing.assert_allclose(joined[: len(whole)], whole, atol=1e-4)  # of full scale
        assert not joined[len(whole) :].any()
        assert len(joined) - len(whole) < SAMPLES


def test_segments_are_in_order_and_know_their_time(songs):
    _, rows, starts, _ = heard(songs)
    for row in range(len(songs)):
        own = starts[rows == row]
        np.testing.assert_allclose(own, np.arange(len(own)) * SAMPLES / RATE, rtol=1e-6)


def test_weights_add_up_to_the_length_of_the_track(songs):
    _, rows, _, weights = heard(songs)
    samples = np.bincount(rows, weights) * SAMPLES
    lengths = [len(read_waveform(path, RATE)) for path in songs["path"]]
    np.testing.assert_allclose(samples, lengths, atol=0.01)
    assert weights.min() > 0
    assert weights.max() == 1


def test_tracks_are_interleaved_in_the_same_way_every_time(songs):
    runs = [heard(songs, batch_size=batch_size) for batch_size in (4, 4, 7)]
    for columns in zip(*runs, strict=True):
        np.testing.assert_array_equal(columns[0], columns[1])
        np.testing.assert_array_equal(columns[0], columns[2])
    rows = runs[0][1]
    assert np.any(np.diff(rows) < 0)


def test_segments_of_a_part_are_of_the_part(songs):
    part = open_tracks(songs[6:].assign(start=0.7, duration=0.4), Problems())
    waveforms, _, starts, weights = heard(part)
    expected = read_waveform(songs["path"][6], RATE, 0.7, 0.4)
    np.testing.assert_allclose(waveforms.ravel()[: len(expected)], expected, atol=1e-4)
    np.testing.assert_allclose(starts, [0.0, 0.125, 0.25, 0.375])
    np.testing.assert_allclose(weights, [1.0, 1.0, 1.0, 0.2])


def test_silent_segments_are_left_out_and_the_others_keep_their_times(tmp_path):
    loud, silent = tone(440, 0.125, RATE), np.zeros(1_000, np.float32)
    sf.write(tmp_path / "x.wav", np.concatenate([silent, loud, silent, silent, loud]), RATE)
    tracks = open_tracks(pd.DataFrame({"path": [str(tmp_path / "x.wav")]}), Problems())
    _, _, starts, _ = heard(tracks)
    np.testing.assert_allclose(starts, [0.125, 0.5])


def test_segments_tell_of_bad_files_and_lose_none_of_the_good(spoiled):
    problems, broken = Problems(), set()
    tracks = open_tracks(spoiled.table, problems)
    _, rows, _, weights = heard(tracks, problems, broken=broken)
    assert_told(problems, spoiled)
    names = [path.rsplit("/")[-1] for path in tracks["path"]]
    for name in spoiled.odd:
        row = names.index(name)
        np.testing.assert_allclose(weights[rows == row].sum(), 8.0, atol=0.01)  # a second
        assert row not in broken
    assert {names[row] for row in broken} == {n for n in names if n not in spoiled.odd}


def test_where_nothing_can_be_read_there_are_no_segments(tmp_path):
    sf.write(tmp_path / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    problems = Problems()
    tracks = open_tracks(pd.DataFrame({"path": [str(tmp_path / "nan.wav")] * 5}), problems)
    assert heard(tracks, problems) == []
    assert len(problems.as_dict()) == 1


def test_no_tracks_give_no_segments():
    tracks = open_tracks(pd.DataFrame({"path": []}), Problems())
    assert heard(tracks) == []


def test_a_long_file_is_never_held_whole(tmp_path):
    with sf.SoundFile(tmp_path / "long.wav", "w", RATE, 1) as file:
        for seed in range(20):
            file.write(noise(60.0, RATE, seed))
    tracks = open_tracks(pd.DataFrame({"path": [str(tmp_path / "long.wav")]}), Problems())
    batches = segments(
        tracks, sample_rate=RATE, samples=8 * RATE, batch_size=4, problems=Problems()
    )
    tracemalloc.start()
    try:
        weight = sum(float(tf.reduce_sum(weights)) for *_, weights in batches)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert weight == 150
    assert peak < 10e6  # bytes; the whole would be 38 MB
