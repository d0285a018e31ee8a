"""A run that aligns sound with tags, from training to search, through the command line."""

import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from kmusic.evaluation.aligned import AlignedRun
from kmusic.evaluation.embeddings import read_embeddings, write_embeddings
from kmusic.evaluation.retrieval import unit_rows
from kmusic.training.runs import load_run
from tests.aligned_runs import RECIPE, tagged_table
from tests.cli.commands import assert_one_line, kmusic


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Folder of a run, trained on the tags of a few tracks, and its index of all of them."""
    folder = tmp_path_factory.mktemp("search")
    tagged_table().to_csv(folder / "tracks.csv", index=False)
    (folder / "recipe.py").write_text("from tests.aligned_runs import RECIPE\n")
    words = ("--tracks", folder / "tracks.csv", "--run", folder / "run")
    for answer in (
        kmusic("train", folder / "recipe.py", *words),
        kmusic("embed", folder / "run", folder / "tracks.csv", "--out", folder / "all.npz"),
    ):
        assert answer.code == 0, answer.err
    return folder


def search(place, query, *words):
    return kmusic("search", place / "run", query, "--index", place / "all.npz", *words)


def by_hand(place, wanted, unwanted=None):
    """Give the cosine of each track with the query, by path."""
    aligned = AlignedRun(load_run(place / "run"))
    known = read_embeddings(place / "all.npz")
    query = unit_rows(aligned.tags([wanted]))[0]
    query = query - 0.5 * unit_rows(aligned.tags([unwanted]))[0] if unwanted else query
    cosines = unit_rows(aligned.sound(known.vectors)) @ query / np.linalg.norm(query)
    return dict(zip(known.tracks["path"], cosines.tolist(), strict=True))


def test_the_tracks_nearest_to_the_words_come_first(place):
    answer = search(place, "noisy high", "--top", 5, "--json").json
    cosines = by_hand(place, ["noisy", "high"])
    best = sorted(cosines, key=lambda path: -cosines[path])[:5]
    assert [track["path"] for track in answer["found"]] == best
    for track in answer["found"]:
        assert track["cosine"] == pytest.approx(cosines[track["path"]], abs=1e-5)
        assert {track["label"], track["artist"][:-2]} <= {"high", "low"}
    assert answer["query"] == "noisy high"
    assert answer["stood_in"] == answer["unwanted"] == {}


def test_what_is_not_wanted_is_taken_away_and_what_stands_in_is_named(place):
    answer = search(place, "louder and pure, no highs", "--top", 16, "--json").json
    assert answer["stood_in"] == {"louder": ["loud"]}
    assert (set(answer["wanted"]), set(answer["unwanted"])) == ({"loud", "pure"}, {"high"})
    cosines = by_hand(place, ["loud", "pure"], ["high"])
    found = {track["path"]: track["cosine"] for track in answer["found"]}
    assert found == pytest.approx(cosines, abs=1e-5)


def test_each_word_is_told_with_its_share_of_the_attention(place):
    answer = search(place, "loud, pure, no high", "--json").json
    aligned = AlignedRun(load_run(place / "run"))
    assert answer["wanted"] == pytest.approx(aligned.weights(["loud", "pure"]))
    assert sum(answer["wanted"].values()) == pytest.approx(1.0)
    assert answer["unwanted"] == pytest.approx({"high": 1.0})


def test_people_read_the_words_above_a_table(place, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    answer = search(place, "louder, no high", "--top", 3)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[:4] == [
        "wanted, with their share of the attention: loud 1.00",
        "unwanted, with their share of the attention: high 1.00",
        "louder: loud",
        lines[3],
    ]
    assert lines[3].strip() == "most like louder, no high"
    assert sum(".wav" in line or ".flac" in line for line in lines) == 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("loud bagpipes", ("words must be near to one of the 5", "'bagpipe'")),
        ("and the", ("a query must hold a word", "'and the'")),
        ("loud, no loud", ("wanted or unwanted, not both", "loud")),
    ],
    ids=["unknown", "nothing", "both"],
)
def test_a_query_that_says_nothing_is_one_line(place, query, expected):
    assert_one_line(search(place, query), *expected)


def test_an_index_of_another_model_is_one_line(place, tmp_path):
    folder = shutil.copytree(place / "run", tmp_path / "run")
    with zipfile.ZipFile(folder / "model.keras", "a") as archive:
        archive.comment = b"trained again"
    answer = kmusic("search", folder, "loud", "--index", place / "all.npz")
    assert_one_line(answer, "--index must be embedded with RUN", "the model", "all.npz")
    known = replace(read_embeddings(place / "all.npz"), front_end="other")
    write_embeddings(tmp_path / "other.npz", known)
    answer = kmusic("search", place / "run", "loud", "--index", tmp_path / "other.npz")
    assert_one_line(answer, "the front_end", "got other in", "other.npz")


def test_a_run_that_does_not_align_is_one_line(run, embeddings):
    answer = kmusic("search", run, "loud", "--index", embeddings[0])
    assert_one_line(answer, "RUN must align sound with tags", "ResidualCNNConfig", str(run))


def test_a_run_that_was_trained_on_tags_is_judged_by_them(place):
    assert load_run(place / "run").recipe == RECIPE
    answer = kmusic("evaluate", place / "run", "--zero-shot", "--probe", "knn", "--json")
    assert answer.code == 0, answer.err
    assert set(answer.json["probes"]) == {"knn", "knn of tags"}
    assert answer.json["classification"]["n_tracks"] == 4
    assert answer.json["cross_modal"][0]["n_tracks"] == 4
    assert [*answer.json["protocol"]["classes"]] == ["high", "low"]
    page = (place / "run" / "report" / "index.html").read_text()
    assert "tags to tracks: found among the nearest 1 of 4" in page


def test_people_are_told_what_stood_in_for_the_words_of_classes(place, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    tracks = tagged_table()
    names = {"high": "Highest zither", "low": "low"}
    tracks.assign(label=tracks["label"].map(names)).to_csv(tmp_path / "t.csv", index=False)
    answer = kmusic(
        "evaluate", place / "run", "--tracks", tmp_path / "t.csv", "--zero-shot", "--no-report"
    )
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[1:4] == [
        "accuracy and macro f1 are zero-shot: the nearest class by the words of its name",
        "Highest zither: high for highest",
        "Highest zither: nothing for zither",
    ]
