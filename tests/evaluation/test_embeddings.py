import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from kmusic.audio.files import read_waveform
from kmusic.audio.signals import noise, tone
from kmusic.datasets.reading import Problems
from kmusic.evaluation.embeddings import (
    Embeddings,
    average_over_tracks,
    find_track,
    read_embeddings,
    write_embeddings,
)
from kmusic.models import embedder
from tests.recordings import RATE, RECIPE, assert_same_vectors, segments_by_hand, spoil


@pytest.fixture(scope="module")
def model(run):
    return embedder(run.model)


@pytest.fixture
def embed(model):
    """Function of a table that gives the tracks heard, their vectors and the problems."""

    def vectors_of(tracks, **settings):
        problems = Problems()
        heard, (vectors,) = average_over_tracks(model, tracks, RECIPE, problems, **settings)
        return heard, vectors, problems.as_dict()

    return vectors_of


@pytest.fixture(scope="module")
def expected(model):
    """Function of a path that gives the mean of the segments, weighted by length, by hand."""

    def mean(path):
        segments, weights = segments_by_hand(path)
        vectors = np.concatenate([model(segment[None]).numpy() for segment in segments])
        return (vectors * weights[:, None]).sum(axis=0) / weights.sum()

    return mean


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_a_vector_is_the_weighted_mean_of_segments_at_any_batch_size(
    embed, tracks, expected, batch_size
):
    heard, vectors, _ = embed(tracks, batch_size=batch_size)
    assert heard["path"].tolist() == tracks["path"].tolist()
    assert_same_vectors(vectors, np.stack([expected(path) for path in tracks["path"]]))


def test_order_and_neighbours_do_not_change_a_vector(embed, tracks):
    _, together, _ = embed(tracks)
    _, backwards, _ = embed(tracks[::-1])
    _, alone, _ = embed(tracks.iloc[[5]])
    assert_same_vectors(backwards[::-1], together)
    assert_same_vectors(alone[0], together[5])


def test_a_tail_counts_by_its_length(embed, model, tmp_path):
    head, tail = tone(200.0, 0.5, RATE), tone(3_000.0, 0.1, RATE)
    sf.write(tmp_path / "x.wav", np.concatenate([head, tail]), RATE, subtype="FLOAT")
    _, vectors, _ = embed(pd.DataFrame({"path": [str(tmp_path / "x.wav")]}))
    of_head, of_tail = model(np.stack([head, np.pad(tail, (0, len(head) - len(tail)))])).numpy()
    assert_same_vectors(vectors[0], (of_head + 0.2 * of_tail) / 1.2)


def test_silence_does_not_count(embed, model, tmp_path):
    sound = noise(0.5, RATE)
    sf.write(tmp_path / "x.wav", np.concatenate([0 * sound, sound]), RATE, subtype="FLOAT")
    _, vectors, problems = embed(pd.DataFrame({"path": [str(tmp_path / "x.wav")]}))
    assert_same_vectors(vectors[0], model(sound[None]).numpy()[0])
    assert not problems


def test_bad_files_are_named_and_the_others_heard(embed, tracks, tmp_path):
    bad = spoil(tmp_path)
    paths = [str(tmp_path / name) for name in bad]
    good = tracks[:2]
    heard, vectors, problems = embed(
        pd.concat([pd.DataFrame({"path": paths[:3]}), good, pd.DataFrame({"path": paths[3:]})])
    )
    assert {path: bad[path.split("/")[-1]] in reason for path, reason in problems.items()} == (
        dict.fromkeys(paths, True)
    )
    assert heard["path"].tolist() == good["path"].tolist()
    assert_same_vectors(vectors, embed(good)[1])


def test_a_bad_part_leaves_the_other_parts_of_its_file(embed, model, tmp_path):
    sound = noise(0.5, RATE)
    sf.write(tmp_path / "x.wav", np.concatenate([sound, 0 * sound]), RATE, subtype="FLOAT")
    parts = pd.DataFrame({"path": str(tmp_path / "x.wav"), "start": [0.0, 0.5], "duration": 0.5})
    heard, vectors, problems = embed(parts)
    assert heard["start"].tolist() == [0.0]
    assert_same_vectors(vectors[0], model(sound[None]).numpy()[0])
    assert list(problems) == [str(tmp_path / "x.wav@0.5")]


def test_a_track_that_breaks_in_its_middle_is_not_averaged_from_its_beginning(embed, tmp_path):
    sound = noise(17.0, RATE)  # longer than what is decoded at once, so that its beginning is heard
    sound[-1] = np.nan
    sf.write(tmp_path / "x.wav", sound, RATE, subtype="FLOAT")
    parts = pd.DataFrame({"path": str(tmp_path / "x.wav"), "start": 0.0, "duration": [17.0, 1.0]})
    heard, vectors, problems = embed(parts)
    assert (heard["seconds"].tolist(), len(vectors)) == ([1.0], 1)
    assert problems == {str(tmp_path / "x.wav@0"): "contains NaN or infinity"}


def test_no_readable_track_gives_no_vector(embed, tmp_path):
    (tmp_path / "empty.wav").touch()
    heard, vectors, _ = embed(pd.DataFrame({"path": [str(tmp_path / "empty.wav")]}))
    assert heard.empty
    assert vectors.shape == (0, 8)


def test_progress_ends_at_the_whole(embed, tracks, tmp_path):
    spoil(tmp_path)
    bad = pd.DataFrame({"path": [str(tmp_path / "silent.wav"), str(tmp_path / "truncated.flac")]})
    shares = []
    embed(pd.concat([tracks[:3], bad]), batch_size=2, advance=shares.append)
    assert len(shares) > 3
    assert sum(shares) == pytest.approx(1.0)


def test_segments_are_kept_with_their_track_and_time(model, tracks):
    kept = []
    average_over_tracks(model, tracks[:2], RECIPE, Problems(), batch_size=2, keep_segments=kept)
    places = np.concatenate([np.stack([piece.track, piece.start], axis=1) for piece in kept])
    assert sorted(places.tolist()) == [[track, 0.5 * i] for track in (0, 1) for i in range(2)]


@pytest.mark.parametrize("place", [0.0, 0.585, 1.0])
def test_with_a_place_the_segment_there_alone_is_heard(model, tracks, place):
    kept = []
    heard, (vectors,) = average_over_tracks(
        model, tracks[:5], replace(RECIPE, place=place), Problems(), keep_segments=kept
    )
    assert sum(len(piece.track) for piece in kept) == 5
    assert heard["start"].tolist() == [0.0] * 5
    for path, vector in zip(heard["path"], vectors, strict=True):
        spare = len(read_waveform(path, RATE)) / RATE - 0.5
        excerpt = read_waveform(path, RATE, place * spare, 0.5)
        assert_same_vectors(vector, model(excerpt[None]).numpy()[0])


def test_with_a_place_a_track_shorter_than_an_excerpt_is_heard_whole(model, tmp_path):
    sound = noise(0.3, RATE)
    sf.write(tmp_path / "x.wav", sound, RATE, subtype="FLOAT")
    table = pd.DataFrame({"path": [str(tmp_path / "x.wav")]})
    _, (vectors,) = average_over_tracks(model, table, replace(RECIPE, place=0.5), Problems())
    padded = np.pad(sound, (0, RECIPE.excerpt_samples - len(sound)))
    assert_same_vectors(vectors[0], model(padded[None]).numpy()[0])


@pytest.fixture
def embeddings():
    tracks = pd.DataFrame(
        {
            "path": ["/music/Подмосковные вечера.flac", "/music/b.wav"],
            "start": [0.0, 1.5],
            "seconds": [1.0, 2.0],
            "label": ["low", np.nan],
            "fold": pd.array([1, 2], dtype="Int64"),
            "mood": ["sad", "gay"],
        }
    )
    return Embeddings(tracks, np.arange(6, dtype=np.float32).reshape(2, 3), "front", "model")


def test_embeddings_come_back_from_their_file(embeddings, tmp_path):
    write_embeddings(tmp_path / "e.npz", embeddings)
    back = read_embeddings(tmp_path / "e.npz")
    np.testing.assert_array_equal(back.vectors, embeddings.vectors)
    assert back.vectors.dtype == np.float32
    assert (back.front_end, back.model) == ("front", "model")
    pd.testing.assert_frame_equal(
        back.tracks,
        embeddings.tracks.drop(columns="mood").astype({"fold": str}),
        check_dtype=False,
    )


def test_the_file_holds_plain_arrays(embeddings, tmp_path):
    write_embeddings(tmp_path / "e.npz", embeddings)
    with np.load(tmp_path / "e.npz", allow_pickle=False) as arrays:
        assert {array.dtype.kind for array in arrays.values()} == {"U", "f"}


def test_the_rows_of_two_files_join(embeddings):
    joined = embeddings.joined(embeddings)
    assert joined.tracks["path"].tolist() == 2 * embeddings.tracks["path"].tolist()
    np.testing.assert_array_equal(joined.vectors[2:], embeddings.vectors)


@pytest.mark.parametrize("name", ["front_end", "model"])
def test_what_does_not_compare_does_not_join(embeddings, name):
    other = {"front_end": "front", "model": "model", name: "other"}
    with pytest.raises(ValueError, match=f"share one {name}"):
        embeddings.joined(Embeddings(embeddings.tracks, embeddings.vectors, **other))


def write_npy(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def write_pickle(path):
    names = {"path": np.array(["a"], dtype=object), "front_end": "f", "model": "m"}
    with path.open("wb") as file:
        np.savez(file, vectors=np.zeros((1, 2), np.float32), **names)


def write_pathless(path):
    with path.open("wb") as file:
        np.savez(file, vectors=np.zeros((1, 2), np.float32), front_end="f", model="m")


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_text("not arrays"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK\x03\x04 cut short"),
        lambda path: np.savez(path, track=np.zeros(3)),
        write_npy,
        write_pickle,
        write_pathless,
    ],
    ids=["text", "empty", "truncated", "other arrays", "npy", "pickle", "without paths"],
)
def test_other_files_are_refused(write, tmp_path):
    write(tmp_path / "e.npz")
    with pytest.raises(ValueError, match=r"e\.npz must be written by `kmusic embed`"):
        read_embeddings(tmp_path / "e.npz")


@pytest.mark.parametrize(
    ("name", "row"),
    [("/m/a.wav", 0), ("aa.wav", 1), ("b/c.wav", 2), ("zebra", 3)],
    ids=["the whole path", "its only ending", "folder and file", "a part of it"],
)
def test_a_track_is_found_by_name(name, row):
    tracks = pd.DataFrame({"path": ["/m/a.wav", "/m/aa.wav", "/m/b/c.wav", "/m/zebra x.wav"]})
    assert find_track(tracks, name) == row


CLIPS = pd.DataFrame({"path": ["/m/a.wav"] * 3 + ["/m/b@20.wav"], "start": [0.0, 12.5, 20.0, 20.0]})


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("/m/a.wav@0", 0),
        ("a.wav@12.5", 1),
        ("m/a@20.0", 2),
        ("b@20", 3),
        ("b@20.wav@20", 3),
        ("b@20.wav", 3),
    ],
    ids=["whole", "ending", "part", "a name with @", "both", "the only one"],
)
def test_a_clip_is_found_by_its_start_behind_the_name(name, row):
    assert find_track(CLIPS, name) == row


@pytest.mark.parametrize("name", ["/m/a.wav", "a.wav@20.5", "a.wav@late"])
def test_the_name_of_a_file_of_several_clips_is_not_enough(name):
    found = ["/m/a.wav@0", "/m/a.wav@12.5", "/m/a.wav@20"] if "@" not in name else []
    with pytest.raises(ValueError, match=re.escape(f"got {name!r}, found {found}.")):
        find_track(CLIPS, name)


@pytest.mark.parametrize("name", [".wav", "nothing"])
def test_a_name_of_several_tracks_or_none_is_refused(name):
    tracks = pd.DataFrame({"path": ["/m/a.wav", "/m/b.wav"]})
    with pytest.raises(ValueError, match="QUERY must be one track"):
        find_track(tracks, name)
