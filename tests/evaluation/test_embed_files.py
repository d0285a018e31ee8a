import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kmusic.evaluation.embed_files import embed_to_file
from kmusic.evaluation.embeddings import read_embeddings
from kmusic.evaluation.predictions import hear
from kmusic.models import embedder
from tests.recordings import assert_same_vectors, segments_by_hand, spoil


@pytest.fixture
def copies(tracks, tmp_path):
    """Table of four tracks in files that a test may remove."""
    paths = []
    for number, path in enumerate(tracks["path"][:4]):
        paths.append(str(shutil.copy(path, tmp_path / f"{number}{Path(path).suffix}")))
    return tracks[:4].assign(path=paths)


def stop_after(share):
    """Make a progress function that stops the work like Ctrl-C once a share of it is done."""
    done = 0.0

    def advance(step):
        nonlocal done
        done += step
        if done > share:
            raise KeyboardInterrupt

    return advance


def test_the_file_holds_what_is_heard(run, tracks, tmp_path):
    embeddings, problems = embed_to_file(run, tracks, tmp_path / "e.npz")
    expected = hear(run, tracks).embeddings
    back = read_embeddings(tmp_path / "e.npz")
    np.testing.assert_array_equal(back.vectors, embeddings.vectors)
    assert_same_vectors(back.vectors, expected.vectors)
    assert back.tracks["path"].tolist() == tracks["path"].tolist()
    assert back.tracks["label"].tolist() == tracks["label"].tolist()
    assert (back.front_end, back.model) == (run.front_end, expected.model)
    assert not problems


def test_parts_make_no_difference_and_leave_nothing_behind(run, tracks, tmp_path):
    whole, _ = embed_to_file(run, tracks, tmp_path / "whole.npz")
    parts, _ = embed_to_file(run, tracks, tmp_path / "parts.npz", tracks_a_part=5)
    assert_same_vectors(parts.vectors, whole.vectors)
    assert parts.tracks["path"].tolist() == whole.tracks["path"].tolist()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts.npz", "whole.npz"]


def test_a_stopped_run_goes_on_without_hearing_finished_parts_again(run, copies, tmp_path):
    out = tmp_path / "e.npz"
    with pytest.raises(KeyboardInterrupt):
        embed_to_file(run, copies, out, tracks_a_part=2, advance=stop_after(0.6))
    assert not out.exists()
    expected = hear(run, copies).embeddings.vectors
    for path in copies["path"][:2]:
        Path(path).unlink()  # the first part was finished: nothing asks for its files
    shares = []
    embeddings, problems = embed_to_file(run, copies, out, tracks_a_part=2, advance=shares.append)
    assert_same_vectors(embeddings.vectors, expected)
    assert not problems
    assert sum(shares) == pytest.approx(1.0)


def test_problems_of_finished_parts_are_still_told(run, copies, tmp_path):
    Path(copies["path"][1]).write_bytes(b"")
    with pytest.raises(KeyboardInterrupt):
        embed_to_file(run, copies, tmp_path / "e.npz", tracks_a_part=2, advance=stop_after(0.6))
    _, problems = embed_to_file(run, copies, tmp_path / "e.npz", tracks_a_part=2)
    assert problems == {copies["path"][1]: "empty (0 bytes)"}


@pytest.mark.parametrize("change", [{"start": 0.25}, {"label": "other"}])
def test_another_question_does_not_take_the_parts_of_a_stopped_run(run, copies, tmp_path, change):
    with pytest.raises(KeyboardInterrupt):
        embed_to_file(run, copies, tmp_path / "e.npz", tracks_a_part=2, advance=stop_after(0.6))
    other = copies.assign(**change)
    embeddings, _ = embed_to_file(run, other, tmp_path / "e.npz", tracks_a_part=2)
    expected, _ = embed_to_file(run, other, tmp_path / "f.npz", tracks_a_part=2)
    np.testing.assert_array_equal(embeddings.vectors, expected.vectors)
    pd.testing.assert_frame_equal(embeddings.tracks, expected.tracks)


@pytest.mark.parametrize("tracks_a_part", [3, 256])
def test_the_segments_file_holds_every_segment_of_every_track_in_order(
    run, tracks, tmp_path, tracks_a_part
):
    bad = [str(tmp_path / name) for name in spoil(tmp_path)]
    table = pd.concat([tracks[:2], pd.DataFrame({"path": bad}), tracks[8:11]], ignore_index=True)
    embeddings, _ = embed_to_file(
        run, table, tmp_path / "e.npz", segments=True, tracks_a_part=tracks_a_part
    )
    assert len(embeddings.tracks) == 5
    with np.load(tmp_path / "e.segments.npz", allow_pickle=False) as arrays:
        track, start, vectors = (arrays[name] for name in ("track", "start", "vectors"))
    model = embedder(run.model)
    by_hand = [segments_by_hand(path)[0] for path in embeddings.tracks["path"]]
    assert track.tolist() == [t for t, pieces in enumerate(by_hand) for _ in pieces]
    assert start.tolist() == [0.5 * i for pieces in by_hand for i in range(len(pieces))]
    expected = model(np.concatenate(by_hand)).numpy()
    assert_same_vectors(vectors, expected)


def test_nothing_readable_is_one_error_and_leaves_nothing_behind(run, tmp_path):
    bad = spoil(tmp_path / "bad")
    table = pd.DataFrame({"path": [str(tmp_path / "bad" / name) for name in bad]})
    with pytest.raises(ValueError, match=r"a track must be readable; got 6 .*blink\.wav.*short"):
        embed_to_file(run, table, tmp_path / "e.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["bad"]


def test_a_table_without_rows_is_refused(run, tracks, tmp_path):
    with pytest.raises(ValueError, match="must have a row"):
        embed_to_file(run, tracks[:0], tmp_path / "e.npz")


def test_another_ending_is_refused(run, tracks, tmp_path):
    with pytest.raises(ValueError, match=r"--out must end in \.npz; got .*e\.csv"):
        embed_to_file(run, tracks, tmp_path / "e.csv")
