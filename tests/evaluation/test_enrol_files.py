import os
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from kmusic.evaluation.enrol_files import (
    FILE,
    enrol,
    held_out_tracks,
    hold_out,
    read_enrolment,
    write_enrolment,
)
from kmusic.evaluation.predictions import hear
from kmusic.training.runs import Run
from tests.recordings import assert_same_vectors, spoil


@pytest.fixture
def own(run, tmp_path):
    """The trained run in a folder that a test may write to."""
    return replace(run, folder=shutil.copytree(run.folder, tmp_path / "run"))


@pytest.fixture
def known(own):
    """Function that enrols vectors without listening."""

    def enrolled(seed=0):
        rng = np.random.default_rng(seed)
        empty = read_enrolment(own)
        tracks = pd.DataFrame({"path": ["/a.wav", "/ё [1].wav"], "start": [0.0, 1.5]})
        others = tracks.assign(artist=["x", "y"], label="")
        new = replace(empty.enrolled, tracks=tracks, vectors=rng.normal(size=(2, 8)))
        strangers = replace(empty.held_out, tracks=others, vectors=rng.normal(size=(2, 8)))
        return empty.with_tracks("Ёж", new).with_held_out(strangers)

    return enrolled


def own_table(run: Run, **columns):
    """Write other columns into the run's own table."""
    table = pd.read_csv(run.folder / "tracks.csv")
    table.assign(**columns).dropna(axis="columns", how="all").to_csv(
        run.folder / "tracks.csv", index=False
    )


def test_what_is_written_is_read(own, known):
    for settings in ({"fixed": 0.25}, {"fixed": None, "false_accepts": 0.3}):
        written = replace(known(), **settings)
        write_enrolment(own, written)
        read = read_enrolment(own)
        for part, expected in (
            (read.enrolled, written.enrolled),
            (read.held_out, written.held_out),
        ):
            pd.testing.assert_frame_equal(part.tracks, expected.tracks)
            np.testing.assert_array_equal(part.vectors, expected.vectors)
        assert (read.fixed, read.false_accepts) == (written.fixed, written.false_accepts)


def test_a_run_begins_with_nobody_in_the_space_of_its_vectors(own):
    nobody = read_enrolment(own)
    assert (nobody.names, nobody.enrolled.vectors.shape) == ((), (0, 8))
    write_enrolment(own, nobody)
    assert read_enrolment(own).names == ()


def test_a_stopped_write_leaves_what_was_enrolled_before(own, known, monkeypatch):
    write_enrolment(own, known())
    before = (own.folder / FILE).read_bytes()
    files = sorted(own.folder.iterdir())

    def stop(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_enrolment(own, known(seed=1))
    assert (own.folder / FILE).read_bytes() == before
    assert sorted(own.folder.iterdir()) == files


def test_names_of_a_model_before_it_was_retrained_are_refused(own, known):
    write_enrolment(own, known())
    with (own.folder / "model.keras").open("ab") as file:
        file.write(b"trained again")
    with pytest.raises(ValueError, match=r"enrolled\.npz .* retrained since: .* enrol again"):
        read_enrolment(own)


def test_names_of_another_front_end_are_refused(own, known):
    write_enrolment(own, known())
    frontend = replace(own.recipe.frontend, n_mels=40)
    with pytest.raises(ValueError, match="retrained since"):
        read_enrolment(replace(own, recipe=replace(own.recipe, frontend=frontend)))


@pytest.mark.parametrize(
    "content",
    [
        {"vectors": np.zeros((1, 8), np.float32)},
        {"model": np.array([{"an": "object"}], dtype=object)},
    ],
    ids=["half", "pickle"],
)
def test_other_arrays_are_refused(own, content):
    np.savez(own.folder / FILE, **content)
    with pytest.raises(ValueError, match="must be written by `kmusic enroll`"):
        read_enrolment(own)


def test_a_file_of_words_is_refused(own):
    (own.folder / FILE).write_text("words")
    with pytest.raises(ValueError, match="must be written by `kmusic enroll`"):
        read_enrolment(own)


def test_tracks_are_heard_and_enrolled(run, tracks, tmp_path):
    bad = spoil(tmp_path)
    mixed = pd.concat([tracks[:3], pd.DataFrame({"path": [str(tmp_path / "empty.wav")]})])
    known, problems = enrol(run, read_enrolment(run), "Bob", mixed)
    vectors = hear(run, tracks[:3]).embeddings.vectors.astype(float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert_same_vectors(known.enrolled.vectors, vectors)
    assert known.enrolled.tracks["path"].tolist() == tracks["path"][:3].tolist()
    assert bad["empty.wav"] in problems[str(tmp_path / "empty.wav")]


@pytest.mark.parametrize("name", ["", "  ", "unknown", " Unknown", "low"])
def test_a_name_that_says_nothing_or_something_else_is_refused(run, tracks, name):
    with pytest.raises(ValueError, match="NAME must not be empty"):
        enrol(run, read_enrolment(run), name, tracks)


def test_somebody_must_be_heard(run, tmp_path):
    spoil(tmp_path)
    bad = pd.DataFrame({"path": [str(tmp_path / "empty.wav")]})
    with pytest.raises(ValueError, match=r"PATHS must hold a readable track; got 1: .*empty\.wav"):
        enrol(run, read_enrolment(run), "Bob", bad)
    with pytest.raises(ValueError, match=r"--held-out TABLE or .* got 1 .*empty\.wav"):
        hold_out(run, read_enrolment(run), bad.assign(artist="x", label=""))


def test_strangers_are_the_artists_that_the_run_has_not_seen(run, tracks):
    strangers = held_out_tracks(run)
    expected = tracks[tracks["split"] == "test"]
    assert strangers["path"].tolist() == expected["path"].tolist()
    assert strangers["artist"].tolist() == expected["artist"].tolist()
    assert strangers["label"].tolist() == expected["label"].tolist()


@pytest.mark.parametrize("split", ["train", "validation"])
def test_an_artist_who_was_seen_in_training_is_no_stranger(own, tracks, split):
    tested = tracks["split"] == "test"
    first = tested & ~tested.shift(fill_value=False)
    seen = tracks.loc[tracks["split"] == split, "artist"].iloc[0]
    own_table(own, artist=tracks["artist"].mask(first, seen), group=tracks["path"])
    assert held_out_tracks(own)["path"].tolist() == tracks["path"][tested & ~first].tolist()


def test_rows_without_an_artist_were_seen_or_not_all_the_same(own, tracks):
    tested = tracks["split"] == "test"
    first = tested & ~tested.shift(fill_value=False)
    own_table(own, artist=tracks["artist"].where(first), label=None)
    strangers = held_out_tracks(own)
    expected = tracks["artist"].where(first, tracks["group"])[tested]
    assert strangers["path"].tolist() == tracks["path"][tested].tolist()
    assert strangers["artist"].tolist() == expected.tolist()


def test_the_runs_own_files_may_lie_elsewhere(own, tracks):
    own_table(own, path=[f"/elsewhere/{row}.wav" for row in range(len(tracks))])
    strangers = held_out_tracks(own)
    assert len(strangers) == 4
    with pytest.raises(ValueError, match="--threshold VALUE; got 4 that cannot be read"):
        hold_out(own, read_enrolment(own), strangers)


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({"artist": ["x", None], "label": ["l", "m"]}, ["x", "m"]),
        ({"label": ["l", "l"]}, ["l", "l"]),
        ({"group": ["g", "g"]}, ["g", "g"]),
        ({}, "path"),
    ],
    ids=["artist", "label", "group", "path"],
)
def test_strangers_of_a_table_are_named_by_what_it_says(run, tracks, tmp_path, columns, names):
    table = pd.DataFrame({"path": tracks["path"][:2].tolist()} | columns)
    table.to_csv(tmp_path / "others.csv", index=False)
    strangers = held_out_tracks(run, tmp_path / "others.csv")
    expected = table["path"].tolist() if names == "path" else names
    assert strangers["artist"].tolist() == expected
    assert strangers["label"].tolist() == columns.get("label", ["", ""])


def test_strangers_are_heard_and_held_out(run):
    rows = held_out_tracks(run)
    known, problems = hold_out(run, read_enrolment(run), rows)
    assert problems == {}
    assert known.held_out.tracks["artist"].tolist() == rows["artist"].tolist()
    np.testing.assert_allclose(np.linalg.norm(known.held_out.vectors, axis=1), 1.0, atol=1e-6)


def test_a_run_that_has_seen_all_its_tracks_has_no_strangers(own):
    own_table(own, split="train")
    with pytest.raises(ValueError, match=r"--threshold VALUE; RUN has seen all 16"):
        held_out_tracks(own)


def test_a_run_without_a_table_has_no_strangers(own):
    (own.folder / "tracks.csv").unlink()
    with pytest.raises(ValueError, match=r"--held-out TABLE or .*tracks\.csv"):
        held_out_tracks(own)
