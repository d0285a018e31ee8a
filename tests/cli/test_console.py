import os
import sys

import pytest
import typer

from kmusic.cli import console


def test_no_bar_is_drawn_where_nobody_sees_it(capsys):
    with console.progress("listening", 2) as advance:
        advance()
    with console.training_progress() as report:
        report("epoch 1", 0.5)
    assert capsys.readouterr() == ("", "")


def test_problems_are_named_until_they_are_too_many(capsys):
    console.show_problems({f"{number}.wav": "empty" for number in range(23)})
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "23 input(s) could not be used:"
    assert lines[1:21] == [f"  {number}.wav: empty" for number in range(20)]
    assert lines[21:] == ["  and 3 more"]


def test_problems_decide_the_exit_code():
    console.end({})
    with pytest.raises(typer.Exit) as ended:
        console.end({"x.wav": "empty"})
    assert ended.value.exit_code == 1


def test_what_fails_is_noted_and_told_in_one_line(capsys):
    failures = {}
    with console.noting("a/seed-0", failures):
        raise ValueError("loss must stay finite; got nan.\nmore")
    with console.noting("b/seed-0", failures):
        raise OSError
    with console.noting("c/seed-0", failures):
        pass
    assert failures == {"a/seed-0": "loss must stay finite; got nan.", "b/seed-0": "OSError"}
    assert capsys.readouterr().err.splitlines() == [
        "kmusic: a/seed-0 failed: loss must stay finite; got nan.",
        "kmusic: b/seed-0 failed: OSError",
    ]


def test_a_mistake_in_the_program_is_not_hidden():
    with pytest.raises(ZeroDivisionError), console.noting("a", {}):
        raise ZeroDivisionError


def test_json_keeps_every_script(capsys):
    console.show_json({"path": "Подмосковные вечера.flac"})
    assert "Подмосковные вечера.flac" in capsys.readouterr().out


def test_brackets_in_names_are_shown_as_they_are(capsys):
    console.show_table("found [live]", ["path"], [["[bold]take[/bold] [1].wav"]])
    text = capsys.readouterr().out
    assert "[bold]take[/bold] [1].wav" in text
    assert "found [live]" in text


def test_what_keeps_tensorflow_from_loading_is_shown(tmp_path, monkeypatch, capfd):
    (tmp_path / "tensorflow.py").write_text(
        "import os\nos.write(2, b'no room left\\n')\nraise ImportError('no TensorFlow')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    with pytest.raises(ImportError, match="no TensorFlow"):
        console.load_tensorflow()
    assert capfd.readouterr().err == "no room left\n"


def test_what_tensorflow_says_while_it_loads_is_not_shown(tmp_path, monkeypatch, capfd):
    (tmp_path / "tensorflow.py").write_text("import os\nos.write(2, b'a note of a library\\n')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    console.load_tensorflow()
    os.write(2, b"and on\n")
    assert capfd.readouterr().err == "and on\n"
