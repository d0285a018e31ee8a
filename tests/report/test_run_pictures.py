import html
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from matplotlib.image import imread

from kmusic.audio.signals import tone
from kmusic.evaluation.embeddings import Embeddings
from kmusic.evaluation.scoring import score_run
from kmusic.report.run_pictures import draw_scores, write_report
from tests import recordings
from tests.recordings import RATE


@pytest.fixture(scope="module")
def scores():
    return score_run(recordings.trained().folder, probes=["knn"])


@pytest.fixture
def run(tmp_path):
    """Folder of a run that a test may write to."""
    return shutil.copytree(recordings.trained().folder, tmp_path / "run")


def names(pictures):
    return [path.name for path in pictures]


def with_tracks(scores, **columns):
    """Change the tracks that were judged."""
    judged = scores.heard.embeddings
    tracks = judged.tracks.assign(**columns)
    changed = Embeddings(tracks, judged.vectors, judged.front_end, judged.model)
    return replace(scores, heard=replace(scores.heard, embeddings=changed))


def test_a_run_is_drawn_from_history_to_examples(run, scores):
    pictures = draw_scores(run, scores)
    expected = ["history.png", "confusion.png", "per_class.png", "map.png", "examples.png"]
    assert names(pictures) == expected
    for path in pictures:
        assert path.parent == run / "report"
        assert np.ptp(imread(path)) > 0.5  # something dark on something light


def test_runs_of_folds_are_drawn_without_history_and_examples(tmp_path, scores):
    pictures = draw_scores(tmp_path, scores)
    assert names(pictures) == ["confusion.png", "per_class.png", "map.png"]


def test_a_history_of_nothing_but_epochs_is_not_drawn(run, scores):
    pd.DataFrame({"epoch": [0], "seconds": [1.5]}).to_csv(run / "history.csv", index=False)
    expected = ["confusion.png", "per_class.png", "map.png", "examples.png"]
    assert names(draw_scores(run, scores)) == expected


def test_tracks_without_labels_leave_the_history(run, scores):
    judged = scores.heard.embeddings
    bare = Embeddings(
        judged.tracks.drop(columns="label"), judged.vectors, judged.front_end, judged.model
    )
    unlabelled = replace(scores, report=None, heard=replace(scores.heard, embeddings=bare))
    assert names(draw_scores(run, unlabelled)) == ["history.png"]


def test_a_class_that_begins_in_silence_has_no_example(run, scores, tmp_path):
    sound = np.concatenate([np.zeros(RATE, np.float32), tone(300.0, 1.0, RATE)])
    sf.write(tmp_path / "late.wav", sound, RATE)
    late = str(tmp_path / "late.wav")
    one = with_tracks(scores, path=[late, *scores.heard.embeddings.tracks["path"][1:]])
    assert "examples.png" in names(draw_scores(run, one))
    none = with_tracks(scores, path=late)
    assert "examples.png" not in names(draw_scores(run, none))


def test_the_page_tells_figures_protocol_and_what_was_left_out(run, scores):
    page = write_report(run, replace(scores, problems={"/music/x.wav": "empty (0 bytes)"}))
    text = html.unescape(page.read_text(encoding="utf-8"))
    assert page == run / "report" / "index.html"
    for words in (
        scores.protocol["rows"],
        "accuracy",
        "knn probe",
        "retrieval MAP",
        "/music/x.wav",
        "empty (0 bytes)",
    ):
        assert words in text
    assert text.count("<img") == 5
