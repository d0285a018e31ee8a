import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from sklearn.neighbors import NearestCentroid

from kmusic.evaluation.embeddings import Embeddings
from kmusic.evaluation.enrolment import SAME, calibrated_threshold, empty_enrolment

FLOAT32 = 1e-6


def at(*degrees):
    """Vectors in the plane, by angle."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def heard(vectors, model="model", **columns):
    """Embeddings of tracks 0.wav, 1.wav, ..., or with other columns."""
    vectors = np.asarray(vectors, dtype=np.float32)
    paths = [f"/music/{number}.wav" for number in range(len(vectors))]
    tracks = pd.DataFrame({"path": paths, "start": 0.0, "seconds": 1.0} | columns)
    return Embeddings(tracks, vectors, "front", model)


def strangers(vectors, **columns):
    """Embeddings of held-out tracks, each by an artist of its own."""
    numbers = range(len(vectors))
    columns = {
        "path": [f"/others/{number}.wav" for number in numbers],
        "artist": [f"stranger {number}" for number in numbers],
        "label": "",
    } | columns
    return heard(vectors, **columns)


def enrolment(held_out=None, **settings):
    """An enrolment into the plane, without names yet."""
    made = replace(empty_enrolment("front", "model", 2), **settings)
    return made if held_out is None else made.with_held_out(held_out)


def threshold_by_hand(scores, level):
    """Try the scores from the greatest down until too many strangers would reach the next."""
    refused = None
    for score in sorted(set(scores)):
        if sum(other >= score for other in scores) / len(scores) > level:
            refused = score
    return refused + SAME


def test_a_prototype_is_the_mean_of_a_names_unit_vectors():
    known = enrolment().with_tracks("b", heard(5.0 * at(0)))
    known = known.with_tracks("b", heard(at(90), path=["/music/1.wav"]))
    known = known.with_tracks("a", heard(at(180, 190, 200)))
    assert known.names == ("a", "b")
    np.testing.assert_allclose(known.prototypes(), at(190, 45), atol=FLOAT32)


def test_prototypes_are_the_directions_of_sklearns_centroids():
    rng = np.random.default_rng(0)
    vectors, names = rng.normal(size=(60, 8)), rng.integers(0, 5, 60).astype(str)
    known = empty_enrolment("front", "model", 8)
    for name in "31420":
        paths = [f"{name} {number}" for number in range(sum(names == name))]
        known = known.with_tracks(name, heard(vectors[names == name], path=paths))
    units = sklearn.preprocessing.normalize(vectors)
    centroids = NearestCentroid().fit(units, names).centroids_
    expected = sklearn.preprocessing.normalize(centroids)
    np.testing.assert_allclose(known.prototypes(), expected, atol=FLOAT32)


def test_a_path_counts_once_under_a_name_and_the_newer_vector_wins():
    known = enrolment().with_tracks("a", heard(at(0, 10)))
    again = known.with_tracks("a", heard(at(50)))
    assert again.enrolled.tracks["path"].tolist() == ["/music/1.wav", "/music/0.wav"]
    np.testing.assert_allclose(again.prototypes(), at(30), atol=FLOAT32)


def test_one_path_may_bear_two_names():
    known = enrolment().with_tracks("a", heard(at(0))).with_tracks("b", heard(at(50)))
    np.testing.assert_allclose(known.prototypes(), at(0, 50), atol=FLOAT32)


def test_parts_of_one_file_are_tracks_of_their_own():
    parts = heard(at(0, 50), path="/music/0.wav", start=[0.0, 30.0])
    np.testing.assert_allclose(
        enrolment().with_tracks("a", parts).prototypes(), at(25), atol=FLOAT32
    )


def test_a_path_written_in_two_ways_is_one():
    known = enrolment().with_tracks("a", heard(at(0)))
    again = known.with_tracks("a", heard(at(50), path=["/music/live/../0.wav"]))
    assert again.enrolled.tracks["path"].tolist() == ["/music/0.wav"]


def test_what_is_removed_leaves_what_was_before():
    before = enrolment(strangers(at(50, 90))).with_tracks("a", heard(at(0)))
    after = before.with_tracks("b", heard(at(10, 20))).without("b")
    assert after.to_json() == before.to_json()
    np.testing.assert_array_equal(after.enrolled.vectors, before.enrolled.vectors)
    pd.testing.assert_frame_equal(after.enrolled.tracks, before.enrolled.tracks)


def test_a_strangers_score_is_its_greatest_cosine():
    known = enrolment(strangers(3.0 * at(20, 70, 200))).with_tracks("a", heard(at(0)))
    known = known.with_tracks("b", heard(at(90)))
    expected = np.cos(np.deg2rad([20, 20, 110]))
    np.testing.assert_allclose(known.impostor_scores(), expected, atol=FLOAT32)


@pytest.mark.parametrize(
    ("level", "angle"),
    [(0.0, 10), (0.24, 10), (0.25, 20), (0.5, 40), (0.99, 80)],  # 0.25: one of four may pass
)
def test_the_threshold_lies_just_above_the_nearest_to_be_refused(level, angle):
    known = enrolment(strangers(at(80, 10, 40, 20)), false_accepts=level)
    known = known.with_tracks("a", heard(at(0)))
    expected = np.cos(np.deg2rad(angle)) + SAME
    assert known.threshold() == pytest.approx(expected, abs=FLOAT32)


@pytest.mark.parametrize("level", [0.0, 0.03, 0.07, 0.29, 0.5, 0.999])
@pytest.mark.parametrize("n_tracks", [1, 7, 100])
def test_no_more_strangers_pass_than_allowed_and_the_threshold_is_the_least(level, n_tracks):
    rng = np.random.default_rng(n_tracks)
    for decimals in (1, 3):  # one decimal has many ties
        scores = np.round(rng.uniform(-1, 1, n_tracks), decimals)
        threshold = calibrated_threshold(scores, level)
        assert np.mean(scores >= threshold) <= level
        assert threshold == threshold_by_hand(scores.tolist(), level)


def test_a_share_that_is_a_whole_number_of_tracks_lets_in_that_many():
    scores = np.arange(100) / 100  # 0.29 * 100 is less than 29 in floating point
    assert np.sum(scores >= calibrated_threshold(scores, 0.29)) == 29


def test_held_out_tracks_that_are_heard_again_pass_no_more_often():
    vectors = np.random.default_rng(0).normal(size=(40, 2))
    known = enrolment(strangers(vectors), false_accepts=0.1).with_tracks("a", heard(at(0)))
    alone = [known.name_tracks(vector[None]).names[0] for vector in vectors]
    assert (known.name_tracks(vectors).names == alone).all()
    assert alone.count("a") <= 4


def test_the_threshold_grows_with_the_names():
    known = enrolment(strangers(at(60, 100))).with_tracks("a", heard(at(0)))
    more = known.with_tracks("b", heard(at(90)))
    cosines = np.cos(np.deg2rad([60, 10]))
    assert known.threshold() == pytest.approx(cosines[0] + SAME, abs=FLOAT32)
    assert more.threshold() == pytest.approx(cosines[1] + SAME, abs=FLOAT32)


@pytest.mark.parametrize(
    "columns",
    [
        {"path": ["/music/0.wav", "/others/1.wav"]},
        {"artist": ["a", "stranger 1"]},
        {"label": ["a", "b"]},
    ],
)
def test_who_is_enrolled_is_no_stranger(columns):
    known = enrolment(strangers(at(10, 60), **columns)).with_tracks("a", heard(at(0)))
    assert known.impostors().tolist() == [False, True]
    assert known.threshold() == pytest.approx(0.5 + SAME, abs=FLOAT32)


def test_strangers_held_out_later_take_the_place_of_the_earlier():
    known = enrolment(strangers(at(10, 20))).with_tracks("a", heard(at(0)))
    later = known.with_held_out(strangers(at(60)))
    assert later.threshold() == pytest.approx(0.5 + SAME, abs=FLOAT32)


def test_strangers_are_lacking_until_they_are_held_out_or_the_threshold_is_fixed():
    assert enrolment().lacks_held_out
    assert not enrolment(strangers(at(0))).lacks_held_out
    assert not enrolment(fixed=0.3).lacks_held_out


def test_tracks_are_named_as_by_a_slow_loop():
    rng = np.random.default_rng(0)
    known = empty_enrolment("front", "model", 4)
    known = known.with_held_out(strangers(rng.normal(size=(50, 4))))
    for name in "cadb":
        known = known.with_tracks(name, heard(rng.normal(size=(3, 4)), path=list(name * 3)))
    vectors = rng.normal(size=(2_500, 4))  # more than two blocks
    cosines = sklearn.metrics.pairwise.cosine_similarity(vectors, known.prototypes())
    named, threshold = known.name_tracks(vectors, k=2), known.threshold()
    for row, similarities in enumerate(cosines):
        order = sorted(range(4), key=lambda place: -similarities[place])
        assert named.nearest[row].tolist() == ["abcd"[place] for place in order[:2]]
        accepted = similarities[order[0]] >= threshold
        assert named.names[row] == ("abcd"[order[0]] if accepted else "unknown")
    expected = -np.sort(-cosines, axis=1)[:, :2]
    np.testing.assert_allclose(named.cosines, expected, atol=FLOAT32)
    assert 0 < np.sum(named.names == "unknown") < 2_500


def test_a_cosine_equal_to_the_threshold_is_near_enough():
    known = enrolment(fixed=0.0).with_tracks("a", heard([[1.0, 0.0]]))
    assert known.name_tracks([[0.0, 2.0], [-0.1, 2.0]]).names.tolist() == ["a", "unknown"]


def test_equally_near_names_come_by_the_alphabet_and_no_more_than_there_are():
    known = enrolment(fixed=0.0).with_tracks("b", heard(at(30))).with_tracks("a", heard(at(30)))
    assert known.name_tracks(at(30), k=5).nearest.tolist() == [["a", "b"]]


def test_silence_in_all_dimensions_is_near_to_nobody():
    known = enrolment(fixed=0.1).with_tracks("a", heard(at(0)))
    assert known.name_tracks([[0.0, 0.0]]).names.tolist() == ["unknown"]


def test_no_cosine_is_above_1():
    vectors = np.random.default_rng(0).normal(size=(50, 2))
    known = enrolment(fixed=0.0)
    for number in range(50):
        known = known.with_tracks(str(number), heard(vectors[[number]]))
    assert known.name_tracks(vectors).cosines.max() == 1.0


def test_no_tracks_have_no_names():
    named = enrolment(fixed=0.0).with_tracks("a", heard(at(0))).name_tracks(np.zeros((0, 2)))
    assert (named.names.shape, named.nearest.shape, named.cosines.shape) == ((0,), (0, 1), (0, 1))


def test_a_summary_is_plain_json():
    known = enrolment(strangers(at(60, 70, 80), artist=["x", "y", "y"]), false_accepts=0.1)
    known = known.with_tracks("b", heard(at(0, 10))).with_tracks("a", heard(at(0)))
    summary = json.loads(json.dumps(known.to_json()))
    assert summary.pop("threshold") == pytest.approx(np.cos(np.deg2rad(55)) + SAME, abs=FLOAT32)
    assert summary == {
        "enrolled": {"a": 1, "b": 2},
        "fixed": False,
        "false_accepts": 0.1,
        "held_out": {"tracks": 3, "artists": 2},
    }


def test_nobody_has_no_threshold():
    summary = enrolment(strangers(at(60))).to_json()
    assert (summary["enrolled"], summary["threshold"]) == ({}, None)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"false_accepts": 1.0}, r"must lie in \[0, 1\); got 1.0"),
        ({"false_accepts": -0.1}, "got -0.1"),
        ({"false_accepts": float("nan")}, "got nan"),
        ({"fixed": 1.1}, r"must lie in \[-1, 1\]; got 1.1"),
        ({"fixed": -1.1}, "got -1.1"),
    ],
)
def test_rules_that_mean_nothing_are_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        enrolment(**settings)


@pytest.mark.parametrize("settings", [{"false_accepts": 0.0, "fixed": -1.0}, {"fixed": 1.0}])
def test_the_ends_of_the_ranges_are_allowed(settings):
    assert enrolment(**settings).threshold() == settings["fixed"]


def test_vectors_of_another_model_are_refused():
    with pytest.raises(ValueError, match="must share"):
        enrolment().with_tracks("a", heard(at(0), model="other"))
    with pytest.raises(ValueError, match="must share"):
        enrolment(strangers(at(0), model="other"))


def test_a_name_that_nobody_enrolled_cannot_be_removed():
    known = enrolment().with_tracks("a", heard(at(0)))
    with pytest.raises(ValueError, match=r"one of the enrolled \['a'\]; got 'b'"):
        known.without("b")


@pytest.mark.parametrize(
    ("known", "rule"),
    [
        (enrolment(fixed=0.0), "a name must be enrolled"),
        (enrolment().with_tracks("a", heard(at(0))), "--threshold VALUE; got 0 held-out"),
        (
            enrolment(strangers(at(5), artist="a")).with_tracks("a", heard(at(0))),
            "--held-out TABLE or .* got 1 held-out",
        ),
    ],
    ids=["nobody", "no strangers", "all enrolled"],
)
def test_nothing_is_named_without_names_and_threshold(known, rule):
    with pytest.raises(ValueError, match=rule):
        known.name_tracks(at(0))
