import json

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from tests.cli.commands import assert_named, assert_one_line, kmusic
from tests.recordings import RATE


def test_bad_files_are_named_and_the_rest_trained_on(collection, training):
    assert training.answer.code == 1
    assert_named(training.answer.json["problems"], collection.bad)
    (answer,) = training.answer.json["runs"]
    assert answer["run"] == str(training.run)
    assert answer["tracks"] == {"train": 14, "validation": 6, "test": 4}
    assert (training.run / "model.keras").is_file()


def test_the_best_epoch_is_told(training):
    (answer,) = training.answer.json["runs"]
    history = pd.read_csv(training.run / "history.csv")
    assert answer["epochs"] == len(history) == 2
    assert answer["val_accuracy"] == history["val_accuracy"].max()
    assert answer["best_epoch"] == history["val_accuracy"].argmax() + 1


def test_the_problems_stay_with_the_run(collection, run):
    assert_named(json.loads((run / "problems.json").read_text()), collection.bad)


def test_folds_are_trained_one_after_the_other(collection, clean, tmp_path):
    table = pd.read_csv(clean).drop(columns="split")
    table.assign(fold=np.arange(len(table)) % 2).to_csv(tmp_path / "folds.csv", index=False)
    answer = kmusic(
        *("train", collection.recipe, "--tracks", tmp_path / "folds.csv", "--folds"),
        *("--run", tmp_path / "run", "--set", "epochs=1"),
    )
    assert (answer.code, answer.err) == (0, "")
    assert [line.split(":")[0] for line in answer.out.splitlines()] == [
        f"{tmp_path}/run/fold-{fold}" for fold in (0, 1)
    ]
    sides = [pd.read_csv(tmp_path / f"run/fold-{fold}/tracks.csv") for fold in (0, 1)]
    assert [set(part.loc[part["split"] == "test", "fold"]) for part in sides] == [{0}, {1}]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nothing.py", "--tracks", "{table}"), ("RECIPE", "nothing.py")),
        (("{recipe}", "--tracks", "none.csv"), ("track table must exist", "none.csv")),
        (("{recipe}", "--tracks", "{table}", "--run", "{run}"), ("run folder must be new",)),
        (("{recipe}", "--tracks", "{table}", "--fold", "1"), ("a column 'fold'",)),
        (("{recipe}", "--tracks", "{table}", "--fold", "1", "--folds"), ("--fold 1",)),
        (("{recipe}", "--tracks", "{table}", "--set", 'target="artist"'), ("column 'artist'",)),
        (("{recipe}", "--tracks", "{table}", "--set", "epochs=0"), ("epochs must be positive",)),
    ],
    ids=["recipe", "table", "run in use", "no folds", "one and all", "no target", "setting"],
)
def test_wrong_use_is_one_line(collection, run, clean, tmp_path, monkeypatch, words, expected):
    monkeypatch.chdir(tmp_path)
    known = {"recipe": collection.recipe, "table": clean, "run": run}
    assert_one_line(kmusic("train", *(word.format(**known) for word in words)), *expected)
    assert [path.name for path in tmp_path.iterdir()] == ["clean.csv"]


def test_silence_alone_is_one_line(collection, tmp_path):
    for number in range(4):
        sf.write(tmp_path / f"{number}.wav", np.zeros(RATE), RATE)
    rows = {"path": [f"{number}.wav" for number in range(4)], "label": ["low", "high"] * 2}
    table = pd.DataFrame(rows).assign(split=["train", "train", "validation", "validation"])
    table.to_csv(tmp_path / "t.csv", index=False)
    answer = kmusic(
        *("train", collection.recipe, "--tracks", tmp_path / "t.csv", "--run", tmp_path / "run"),
        *("--set", "early_stopping=null"),
    )
    assert_one_line(answer, "training tracks must", "silent", ".wav")
