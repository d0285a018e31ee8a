import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from kmusic.evaluation.embeddings import read_embeddings
from kmusic.evaluation.enrol_files import FILE
from kmusic.evaluation.enrolment import SAME
from tests.cli.commands import assert_named, assert_one_line, kmusic


@pytest.fixture
def copy(run, tmp_path):
    """The trained run in a folder that a test may write to."""
    return shutil.copytree(run, tmp_path / "run")


@pytest.fixture(scope="module")
def bobs(run, collection, tmp_path_factory):
    """A run in which one track of Bob is enrolled, with a threshold by hand."""
    folder = shutil.copytree(run, tmp_path_factory.mktemp("bobs") / "run")
    file = collection.root / "low" / "low 0" / "0.wav"
    answer = kmusic("enroll", folder, "Bob", file, "--threshold", 0.5)
    assert (answer.code, answer.err) == (0, "")
    return folder


@pytest.fixture
def bob(bobs, tmp_path):
    """The same in a folder that a test may write to."""
    return shutil.copytree(bobs, tmp_path / "bob")


@pytest.fixture
def many(collection, tmp_path):
    """Track table of 20 parts of files, by 5 artists."""
    files = [collection.root / "high" / f"high {row // 2 % 4}" / "0.wav" for row in range(20)]
    parts = {"path": files, "start": np.arange(20) * 0.02, "duration": 0.5}
    artists = [f"artist {row // 4}" for row in range(20)]
    pd.DataFrame(parts | {"artist": artists}).to_csv(tmp_path / "many.csv", index=False)
    return tmp_path / "many.csv"


def test_the_runs_own_strangers_calibrate_the_threshold(copy, collection, embeddings):
    answer = kmusic("enroll", copy, "Ann", collection.root / "low" / "odd", "--json")
    known = read_embeddings(embeddings[0])
    units = known.vectors / np.linalg.norm(known.vectors, axis=1, keepdims=True)
    prototype = units[known.tracks["path"].str.contains("odd")].mean(axis=0)
    strangers = units[known.tracks["path"].str.contains("high 3|low 3")]
    greatest = cosine_similarity([prototype], strangers).max()
    assert answer.code == 0
    assert answer.json == {
        "enrolled": {"Ann": 2},
        "threshold": pytest.approx(greatest + SAME, abs=1e-5),
        "fixed": False,
        "false_accepts": 0.05,
        "held_out": {"tracks": 4, "artists": 2},
        "problems": {},
    }
    assert answer.err == (
        "note: 4 held-out track(s): one is a share of 0.25; 20 or more tell finer shares\n"
    )


def test_more_tracks_add_to_a_name_and_none_counts_twice(bob, collection):
    answer = kmusic("enroll", bob, "Bob", collection.root / "low" / "low 0", "--json")
    assert answer.json["enrolled"] == {"Bob": 2}


def test_removing_a_name_gives_back_what_was_before(bob, collection):
    before = kmusic("enroll", bob, "--list", "--json").json
    both = kmusic("enroll", bob, "Ann", collection.root / "high" / "high 0", "--json").json
    after = kmusic("enroll", bob, "Ann", "--remove", "--json").json
    assert both["enrolled"] == {"Ann": 2, "Bob": 1}
    assert after == before | {"problems": {}}
    assert kmusic("enroll", bob, "--list", "--json").json == after


def test_a_threshold_by_hand_stays_until_another_rule_is_given(bob, collection, many):
    changes = [
        ("Bob", collection.root / "low" / "low 1" / "0.wav"),
        ("--false-accepts", 0.3),  # now the run's own strangers are heard
        ("--threshold", 0.4),
        ("--held-out", many),
    ]
    answers = [kmusic("enroll", bob, *words, "--json") for words in changes]
    assert [
        (answer.json["fixed"], answer.json["false_accepts"], answer.json["held_out"]["tracks"])
        for answer in answers
    ] == [(True, 0.05, 0), (False, 0.3, 4), (True, 0.3, 4), (False, 0.3, 20)]
    assert [answers[0].json["threshold"], answers[2].json["threshold"]] == [0.5, 0.4]
    assert [bool(answer.err) for answer in answers] == [False, True, False, False]


def test_people_read_names_and_what_the_threshold_rests_on(bob, many):
    answer = kmusic("enroll", bob, "--held-out", many, "--false-accepts", 0.1)
    lines = answer.out.splitlines()
    assert (answer.code, answer.err) == (0, "")
    assert lines[0].strip() == "enrolled"
    assert ["Bob", "1"] in [[word for word in line.split() if word.isalnum()] for line in lines]
    assert lines[-1].startswith("threshold 0.")
    assert lines[-1].endswith(
        ": at most a share of 0.1 of 20 track(s) of 5 held-out artist(s) reaches it"
    )
    assert kmusic("enroll", bob, "--list").out == answer.out


def test_people_are_told_of_a_threshold_by_hand_and_of_nobody(bob):
    assert kmusic("enroll", bob, "--list").out.endswith("\nthreshold 0.500: fixed by hand\n")
    assert kmusic("enroll", bob, "Bob", "--remove").out == "nothing is enrolled\n"
    assert kmusic("enroll", bob, "--list").out == "nothing is enrolled\n"


def test_a_list_writes_nothing(copy):
    assert kmusic("enroll", copy, "--list").out == "nothing is enrolled\n"
    assert not (copy / FILE).exists()


def test_bad_files_are_named_and_the_rest_enrolled(bob, collection):
    answer = kmusic("enroll", bob, "Ann", collection.root / "high", "gone.wav", "--json")
    assert answer.code == 1
    assert_named(answer.json["problems"], collection.bad | {"gone.wav": "no such file"})
    assert answer.json["enrolled"] == {"Ann": 8, "Bob": 1}
    assert "gone.wav: no such file" in answer.err


def test_strangers_that_cannot_be_heard_are_named(bob, collection, many):
    table = pd.read_csv(many)
    table.loc[0, "path"] = str(collection.root / "high" / "spoiled" / "empty.wav")
    table.to_csv(many, index=False)
    answer = kmusic("enroll", bob, "--held-out", many, "--json")
    assert answer.code == 1
    assert_named(answer.json["problems"], {"empty.wav": "empty"})
    assert answer.json["held_out"] == {"tracks": 19, "artists": 5}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("", "{good}"), ("NAME must not be empty",)),
        (("unknown", "{good}"), ("NAME must not be empty", "'unknown'")),
        (("low", "{good}"), ("a class that RUN has learned", "'low'")),
        (("Bob",), ("PATHS must name at least one track",)),
        (("Bob", "gone.wav"), ("PATHS must name at least one track", "gone.wav")),
        (("Bob", "{bad}"), ("PATHS must hold a readable track", "empty.wav")),
        (("Bob", "{good}", "--threshold", "1.5"), ("must lie in [-1, 1]", "1.5")),
        (("Bob", "{good}", "--false-accepts", "1"), ("must lie in [0, 1)", "1.0")),
        (("Bob", "{good}", "--held-out", "gone.csv"), ("track table must exist", "gone.csv")),
        (("Bob", "--remove"), ("NAME must be one of the enrolled []", "'Bob'")),
        ((), ("enroll takes NAME and PATHS", "--list")),
        (("--remove",), ("enroll takes NAME and PATHS", "--remove True")),
        (("Bob", "{good}", "--remove"), ("enroll takes NAME and PATHS", "--remove True")),
        (("Bob", "--list"), ("enroll takes NAME and PATHS", "NAME Bob")),
        (("Bob", "--list", "--remove"), ("enroll takes NAME and PATHS", "--list True")),
        (("--list", "--remove"), ("enroll takes NAME and PATHS", "--list True")),
        (("--list", "--threshold", "0.5"), ("enroll takes NAME and PATHS", "--list True")),
    ],
)
def test_wrong_use_is_one_line_and_nothing_is_written(copy, collection, words, expected):
    known = {
        "good": collection.root / "low" / "low 0",
        "bad": collection.root / "high" / "spoiled" / "empty.wav",
    }
    answer = kmusic("enroll", copy, *(word.format(**known) for word in words))
    assert_one_line(answer, *expected)
    assert not (copy / FILE).exists()


@pytest.mark.parametrize("rule", [("--false-accepts", 0.1), ("--held-out", "others.csv")])
def test_a_threshold_by_hand_and_a_calibrated_one_exclude_each_other(copy, collection, rule):
    words = ("Bob", collection.root / "low" / "low 0", "--threshold", 0.5, *rule)
    assert_one_line(kmusic("enroll", copy, *words), "--threshold takes the place", str(rule[1]))


def test_a_run_without_strangers_is_told_what_helps_and_nothing_is_written(copy, collection):
    table = pd.read_csv(copy / "tracks.csv")
    table.assign(split="train").to_csv(copy / "tracks.csv", index=False)
    answer = kmusic("enroll", copy, "Bob", collection.root / "low" / "low 0")
    assert_one_line(answer, "--held-out TABLE or --threshold VALUE")
    assert not (copy / FILE).exists()


def test_a_run_whose_strangers_are_all_enrolled_is_told_what_helps(copy, collection):
    good = [collection.root / label / f"{label} 3" for label in ("low", "high")]
    answer = kmusic("enroll", copy, "Bob", *good)
    assert_one_line(answer, "--held-out TABLE or --threshold VALUE", "4 held-out")
    assert not (copy / FILE).exists()
