import pytest

from kmusic.serving.export import read_labels
from tests.cli.commands import assert_one_line, kmusic


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("saved") / "tiny"
    return out, kmusic("export", run, "--out", out, "--json")


def test_the_folder_rate_and_labels_are_told(exported):
    out, answer = exported
    assert answer.code == 0
    assert answer.json == {
        "folder": f"{out}/1",
        "sample_rate": 16_000,
        "labels": ["high", "low"],
    }
    assert read_labels(out / "1") == ("high", "low")


def test_people_read_the_folder(run, exported):
    out, _ = exported
    answer = kmusic("export", run, "--out", out, "--version", 2)
    assert (answer.code, answer.out, answer.err) == (0, f"{out}/2\n", "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nowhere",), ("RUN must be a folder", "nowhere")),
        (("{unfinished}",), ("RUN must be a folder", "without model.keras")),
        (("{run}", "--out", "{out}"), ("must be a new --version", "which exists")),
        (("{run}", "--out", "{file}"), ("saved.txt",)),
    ],
    ids=["run", "unfinished", "version", "file"],
)
def test_wrong_use_is_one_line(run, exported, tmp_path, words, expected):
    (tmp_path / "unfinished").mkdir()
    for name in ("recipe.json", "labels.json"):
        (tmp_path / "unfinished" / name).write_text((run / name).read_text())
    (tmp_path / "saved.txt").touch()
    known = {
        "run": run,
        "out": exported[0],
        "unfinished": tmp_path / "unfinished",
        "file": tmp_path / "saved.txt",
    }
    assert_one_line(kmusic("export", *(word.format(**known) for word in words)), *expected)
