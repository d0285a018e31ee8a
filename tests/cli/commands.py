"""Run a command of kmusic in this process, and see what a person would see."""

import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any
from unittest.mock import patch

from kmusic.cli import main


@dataclass(frozen=True)
class Answer:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def kmusic(*words: object) -> Answer:
    """Run the installed entry point with these words."""
    out, err, code = StringIO(), StringIO(), 0
    with (
        patch.object(sys, "argv", ["kmusic", *map(str, words)]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Answer(code, out.getvalue(), err.getvalue())


def assert_one_line(answer: Answer, *words: str) -> None:
    """Hold a refused command to one line on standard error, in which all words stand."""
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("kmusic: ")
    assert answer.err.count("\n") == 1
    assert [word for word in words if word not in answer.err] == []


def assert_named(problems: dict[str, str], expected: dict[str, str]) -> None:
    """Hold the problems of files, by path, to a word of what is wrong, by file name."""
    found = {path.split("/")[-1]: reason for path, reason in problems.items()}
    assert {name: expected[name] in reason for name, reason in found.items()} == (
        dict.fromkeys(expected, True)
    )
