import html
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from matplotlib.image import imread

from kmusic.audio.signals import tone
from kmusic.evaluation.disentanglement import judge_disentanglement
from kmusic.evaluation.embeddings import Embeddings
from kmusic.evaluation.generation import Generation, Reconstructions
from kmusic.evaluation.latent import band_statistics, correlation
from kmusic.evaluation.latent_space import LatentSpace
from kmusic.evaluation.scoring import score_run
from kmusic.report import run_pictures
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


def unlabelled(scores):
    """Take the labels from the tracks that were judged."""
    judged = scores.heard.embeddings
    bare = judged.tracks.drop(columns="label")
    bare = Embeddings(bare, judged.vectors, judged.front_end, judged.model)
    return replace(scores, report=None, heard=replace(scores.heard, embeddings=bare))


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


def test_divergences_are_drawn_where_the_history_has_them(run, scores):
    each = {"divergence_000": [1.0, 2.0], "divergence_001": [0.0, 0.0]}
    told = {"epoch": [0, 1], "loss": 1.0, "divergence": [1.0, 2.0], "capacity": [0.5, 1.5], **each}
    pd.DataFrame(told | {"seconds": 1.5}).to_csv(run / "history.csv", index=False)
    drawn = names(draw_scores(run, unlabelled(scores)))
    assert drawn == ["history.png", "capacity.png", "dimensions.png"]


def test_tracks_without_labels_leave_the_history(run, scores):
    assert names(draw_scores(run, unlabelled(scores))) == ["history.png"]


def test_a_class_that_begins_in_silence_has_no_example(run, scores, tmp_path):
    sound = np.concatenate([np.zeros(RATE, np.float32), tone(300.0, 1.0, RATE)])
    sf.write(tmp_path / "late.wav", sound, RATE)
    late = str(tmp_path / "late.wav")
    one = with_tracks(scores, path=[late, *scores.heard.embeddings.tracks["path"][1:]])
    assert "examples.png" in names(draw_scores(run, one))
    none = with_tracks(scores, path=late)
    assert "examples.png" not in names(draw_scores(run, none))


def reconstructions(n_tracks=10, n_each=3, label=True, generation=True):
    """Make up crops, each of one value: ten times the track's row, and the crop's place in it."""
    track = np.repeat(np.arange(n_tracks), n_each)
    values = 10.0 * track + np.tile(np.arange(n_each), n_tracks)
    crops = np.broadcast_to(values[:, None, None], (len(values), 32, 32)).astype(np.float32)
    tracks = pd.DataFrame({"path": [f"/music/{row}.wav" for row in range(n_tracks)]})
    if label:
        tracks["label"] = [f"label {row}" for row in range(n_tracks - 1)] + [np.nan]
    noisy = crops + np.random.default_rng(0).normal(0.0, 1.0, crops.shape).astype(np.float32)
    new = Generation(
        crops=noisy,
        bands=band_statistics(crops, noisy),
        norms=values,
        loudness=values,
        correlation=correlation(values, values, n_resamples=10) if len(values) > 2 else None,
        line=noisy[:4],
        line_values=(0.0, 0.3, 0.7, 1.0)[: len(noisy)],
    )
    return Reconstructions(
        unit="dB",
        hop_seconds=0.02,
        first_band=4,
        tracks=tracks,
        track=track,
        originals=crops,
        copies=crops - 1,
        mean_squared_error=1.0,
        standardised_error=None,
        forced_error=None,
        sources=None,
        generation=new if generation else None,
    )


GENERATED = ["generated.png", "bands.png", "interpolation.png", "loudness.png"]


def without_the_rest(scores, *made):
    """Leave nothing to draw but what models made."""
    return replace(unlabelled(scores), reconstructions=[*made])


def test_what_a_model_reconstructs_and_generates_is_drawn(tmp_path, scores):
    pictures = draw_scores(tmp_path, without_the_rest(scores, reconstructions(3, 2)))
    assert names(pictures) == ["reconstructions.png", *GENERATED]
    for path in pictures:
        assert path.parent == tmp_path / "report"
        assert np.ptp(imread(path)) > 0.5  # something dark on something light


@pytest.fixture
def drawn(tmp_path, scores, monkeypatch):
    """Function that draws the last of some models, and gives by function what it was handed."""
    calls = {}

    def keep(name):
        def called(*crops, **words):
            calls[name] = crops, words

        monkeypatch.setattr(run_pictures, name, called)

    def draw(*made):
        calls.clear()
        for function in ("pairs", "generated", "interpolation", "band_statistics", "loudness"):
            keep(f"draw_{function}")
        draw_scores(tmp_path, without_the_rest(scores, *made))
        return calls

    return draw


def test_pairs_are_the_middle_crops_of_tracks_all_over_the_table(drawn):
    last = reconstructions()
    ((originals, copies, _), words) = drawn(reconstructions(1), last)["draw_pairs"]
    rows = [0, 1, 2, 3, 5, 6, 7, 9]
    assert originals[:, 0, 0].tolist() == [10 * row + 1 for row in rows]
    assert copies[:, 0, 0].tolist() == [10 * row for row in rows]
    assert words["names"] == [f"label {row}" for row in rows[:-1]] + ["9"]
    assert (words["hop_seconds"], words["first_band"], words["unit"]) == (0.02, 4, "dB")


def test_tracks_without_labels_are_named_by_their_files(drawn):
    _, words = drawn(reconstructions(3, label=False))["draw_pairs"]
    assert words["names"] == ["0", "1", "2"]


def test_generated_crops_are_as_many_as_the_real_ones_beside_them(drawn):
    made = reconstructions()
    real, new, _ = drawn(made)["draw_generated"][0]
    assert real[:, 0, 0].tolist() == [10 * row + 1 for row in range(10)]
    np.testing.assert_array_equal(new, made.generation.crops[:10])
    assert len(drawn(reconstructions(20))["draw_generated"][0][0]) == 16


def test_each_picture_is_handed_its_own_figures_and_scales(drawn, tmp_path):
    made = reconstructions()
    calls, new = drawn(made), made.generation
    crops, words = calls["draw_interpolation"]
    assert crops[:2] == (new.line, new.line_values)
    assert (words["hop_seconds"], words["protocol"]) == (0.02, tmp_path.name)
    statistics, words = calls["draw_band_statistics"]
    assert statistics[0] is new.bands
    assert words["first_band"] == 4
    assert words["protocol"].startswith("first excerpts of 10 judged tracks; tracks that the run")
    quantities, words = calls["draw_loudness"]
    assert quantities[:2] == (new.norms, new.loudness)
    assert words["correlation"] is new.correlation


def test_what_is_missing_is_not_drawn(drawn):
    assert set(drawn(reconstructions(generation=False))) == {"draw_pairs"}
    assert "draw_loudness" not in drawn(reconstructions(1, 1))


def with_vectors(scores, labels):
    """Say that other tracks were judged, of these labels."""
    vectors = np.random.default_rng(0).normal(size=(len(labels), 4)).astype(np.float32)
    tracks = pd.DataFrame({"path": "/none.wav", "start": 0.0, "label": labels})
    judged = Embeddings(tracks, vectors, "front end", "model")
    return replace(scores, report=None, heard=replace(scores.heard, embeddings=judged))


def test_ten_tracks_have_a_map_of_neighbours_and_classes_one_of_their_own(
    tmp_path, scores, monkeypatch
):
    calls = []

    def keep(*values, **words):
        calls.append((values, words))
        return values[2]

    monkeypatch.setattr(run_pictures, "draw_map", keep)
    labels = ["dub", "R&B / soul", "waltz", "dub"] * 3
    maps = draw_scores(tmp_path, with_vectors(scores, labels), ["dub", "R&B / soul"])
    assert names(maps) == ["map.png", "map_tsne.png", "map_dub_R-B-soul.png"]
    assert [words.get("method") for _, words in calls] == [None, "tsne", "tsne"]
    assert calls[1][0][1] == labels
    assert calls[2][0][1] == [label for label in labels if label != "waltz"]
    assert len(calls[2][0][0]) == 9
    nine = with_vectors(scores, labels[:9])
    assert names(draw_scores(tmp_path, nine)) == ["map.png"]


def test_of_very_many_tracks_a_map_of_neighbours_shows_some(tmp_path, scores, monkeypatch):
    monkeypatch.setattr(run_pictures, "MOST_NEIGHBOURS", 5)
    drawn = {}

    def keep(_, labels, path, **__):
        drawn[path.name] = labels

    monkeypatch.setattr(run_pictures, "draw_map", keep)
    labels = [f"{row:02}" for row in range(12)]
    draw_scores(tmp_path, with_vectors(scores, labels))
    assert drawn["map.png"] == labels
    assert len(drawn["map_tsne.png"]) == 5
    assert drawn["map_tsne.png"] == sorted(drawn["map_tsne.png"])


def test_what_a_latent_space_tells_is_drawn(tmp_path, scores):
    latent = LatentSpace(
        n_tracks=2,
        n_codes=4,
        divergence=np.array([0.5, 2.0]),
        centre=np.zeros(2, np.float32),
        dimensions=(1, 0),
        values=(-1.0, 1.0),
        traversals=np.random.default_rng(0).normal(size=(2, 2, 1, 8)).astype(np.float32),
        unit="dB",
        hop_seconds=0.1,
        first_band=0,
    )
    pictures = draw_scores(tmp_path, replace(without_the_rest(scores), latent=[latent]))
    assert names(pictures) == ["divergence_of_dimensions.png", "traversals.png"]


def test_the_page_lists_the_factors(tmp_path, scores):
    factors = pd.DataFrame({"tempo_bpm": np.arange(4.0), "meter": 4})
    found = judge_disentanglement(scores.heard.embeddings.vectors[:4], factors, n_shuffles=1)
    page = write_report(tmp_path, replace(without_the_rest(scores), disentanglement=[found]))
    text = html.unescape(page.read_text(encoding="utf-8"))
    assert "<h2>Factors</h2>" in text
    assert "tempo_bpm" in text
    assert "MIG of the factors shuffled" in text


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
