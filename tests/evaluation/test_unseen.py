import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from kmusic.evaluation.scoring import score_run
from kmusic.evaluation.unseen import (
    Exam,
    forget_judged,
    judge_unseen,
    over_seeds,
    read_by_track,
    read_judged,
)
from kmusic.training.runs import write_json
from tests import recordings

TABLE = pd.DataFrame(
    {
        "path": list("abcd"),
        "label": list("xxyy"),
        "split": ["test", "train"] * 2,
        "fold": [1, 2] * 2,
    }
)
N = 24


@pytest.fixture(scope="module")
def judged(run, tmp_path_factory):
    """A run judged by folds on copies that it has not seen, in an order that no fold has."""
    music = tmp_path_factory.mktemp("elsewhere") / "music"
    shutil.copytree(recordings.collection(), music)
    tracks = recordings.collection_table(music).sample(frac=1, random_state=0)
    tracks = tracks.assign(start=0.01 * np.arange(len(tracks)))
    folder = shutil.copytree(run.folder, music.with_name("run"))
    exam = Exam(tracks=tracks, folds=True, n_seeds=3)
    heard = []
    judge_unseen(folder, exam, advance=heard.append)
    scores = score_run(folder, tracks, probes=exam.probes, folds=True, n_seeds=3)
    return SimpleNamespace(folder=folder, exam=exam, heard=heard, scores=scores)


def drawn(seed, chance):
    """Figures of 24 tracks of 8 groups; the last track is no query."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "path": [f"/{row}.wav" for row in range(N)],
            "group": [f"artist {row // 3}" for row in range(N)],
            "true": "a",
            "map": [*rng.random(N - 1), np.nan],
            "knn": (rng.random(N) < chance).astype(float),
        }
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probes": ("knn", "oracle")}, r"probes must be among .*got \['oracle'\]"),
        ({"tracks": TABLE.drop(columns="label")}, r"columns 'label' and 'split'; got \['path'"),
        ({"tracks": TABLE.drop(columns="split")}, "columns 'label' and 'split'"),
        ({"tracks": TABLE.drop(columns="fold"), "folds": True}, "columns 'label' and 'fold'"),
        ({"tracks": TABLE.assign(split="test")}, r"the split test and another; got \['test'\]"),
        ({"tracks": TABLE.replace("test", "validation")}, "the split test and another"),
        ({"tracks": TABLE.assign(fold=3), "folds": True}, r"must lie in two folds; got \[3\]"),
        ({"tracks": TABLE.assign(label="x")}, r"must have two labels; got \['x'\]"),
    ],
    ids=["probe", "label", "split", "fold", "no rest", "no test", "one fold", "one label"],
)
def test_what_no_run_could_answer_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Exam(**{"tracks": TABLE} | change)


def test_figures_of_tracks_add_up_to_those_of_the_run(judged):
    (retrieval,), probes = judged.scores.retrieval, judged.scores.probes
    reached = over_seeds([read_by_track(judged.folder)])
    assert [*reached] == ["map", "knn", "linear_softmax"]
    assert reached["map"].value == pytest.approx(retrieval.map)
    assert reached["map"].interval == pytest.approx(retrieval.map_interval)
    for name in ("knn", "linear_softmax"):
        (result,) = probes[name]
        assert reached[name].value == pytest.approx(result.accuracy)
        assert reached[name].interval == pytest.approx(result.accuracy_interval)


def test_each_track_has_its_own_figure(judged):
    ((result,), rows) = judged.scores.probes["knn"], judged.exam.tracks.reset_index(drop=True)
    tested = rows.loc[result.tested]
    named = np.array(result.report.labels)[result.named]
    expected = dict(zip(tested["path"], named == tested["label"], strict=True))
    table = read_by_track(judged.folder).set_index("path")
    assert set(expected.values()) == {True, False}
    assert (table["knn"] == 1).to_dict() == expected
    assert table["true"].to_dict() == rows.set_index("path")["label"].to_dict()


def test_the_figures_of_the_run_are_kept_with_what_was_asked(judged):
    kept = read_judged(judged.folder, judged.exam)
    assert kept == {"exam": judged.exam.described, **judged.scores.to_json()}
    assert sum(judged.heard) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"tracks": TABLE.assign(label=list("yyxx"))},
        {"probes": ("knn",)},
        {"n_seeds": 4},
        {"seed": 1},
        {"folds": True},
    ],
    ids=["tracks", "probes", "seeds", "seed", "sides"],
)
def test_what_was_asked_otherwise_is_not_read(tmp_path, change):
    exam = Exam(tracks=TABLE)
    write_json(tmp_path / "unseen.json", {"exam": exam.described})
    assert read_judged(tmp_path, replace(exam, tracks=TABLE.copy()))
    assert read_judged(tmp_path, replace(exam, **change)) == {}


def test_what_is_forgotten_is_judged_no_more(tmp_path):
    exam = Exam(tracks=TABLE)
    forget_judged(tmp_path)
    write_json(tmp_path / "unseen.json", {"exam": exam.described})
    forget_judged(tmp_path)
    assert read_judged(tmp_path, exam) == {}


def test_labels_that_nobody_shares_are_told(judged):
    alone = judged.exam.tracks.iloc[:3].assign(label=[*"abc"], split=["test", "test", "train"])
    with pytest.raises(ValueError, match=r"must share labels across .*; got 2 tracks that do not"):
        judge_unseen(judged.folder, Exam(tracks=alone, probes=()))


def test_a_figure_is_the_mean_over_seeds():
    tables = [drawn(seed, chance) for seed, chance in enumerate((0.9, 0.3))]
    reached = over_seeds(tables)
    assert reached["knn"].by_seed == tuple(table["knn"].mean() for table in tables)
    assert reached["knn"].value == pytest.approx(np.mean(reached["knn"].by_seed))
    assert reached["map"].by_seed == pytest.approx([t["map"][:-1].mean() for t in tables])


def test_more_seeds_of_the_same_answers_narrow_no_interval():
    once, thrice = over_seeds([drawn(0, 0.6)]), over_seeds([drawn(0, 0.6)] * 3)
    assert thrice["knn"].interval == pytest.approx(once["knn"].interval)


def test_whole_groups_are_drawn():
    # Half of the groups are named rightly on every track, half on none: over 8 groups the mean
    # has a deviation of sqrt(0.25 / 8) = 0.18; over 24 tracks drawn one by one it would be 0.10.
    table = drawn(0, 0.5).assign(knn=np.arange(N) // 3 % 2)
    low, high = over_seeds([table])["knn"].interval
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 8), abs=0.13)  # one group in 8


def test_seeds_that_were_judged_on_other_tracks_are_refused():
    with pytest.raises(ValueError, match="must be judged on the same tracks"):
        over_seeds([drawn(0, 0.5), drawn(1, 0.5).iloc[1:]])


def test_labels_and_groups_are_text_whatever_they_look_like(tmp_path):
    rows = {"path": ["/a", "/b"], "group": ["007", "08"], "true": ["NA", "1"]}
    pd.DataFrame(rows | {"map": [0.5, np.nan]}).to_csv(tmp_path / "unseen.csv", index=False)
    table = read_by_track(tmp_path)
    assert table[[*rows]].to_dict("list") == rows
    assert table["map"].isna().tolist() == [False, True]
    assert table["start"].tolist() == [0.0, 0.0]  # from before it was written


def test_clips_of_one_file_are_put_together_by_their_start(judged):
    clips = drawn(0, 0.5).assign(path="/a.wav", start=2.5 * np.arange(N))
    reached = over_seeds([clips, clips[::-1]])
    once = over_seeds([clips])
    for name in ("map", "knn"):
        assert reached[name].interval == pytest.approx(once[name].interval)
    assert read_by_track(judged.folder)["start"].tolist() == judged.exam.tracks["start"].tolist()
