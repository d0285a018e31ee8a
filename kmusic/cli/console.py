"""What the commands share: options, progress bars, tables and exit codes."""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
RUN = Annotated[Path, typer.Argument(help="Folder written by `kmusic train`.")]
TRACKS = Annotated[Path, typer.Option(help="Track table: CSV or Parquet with a column 'path'.")]
SET = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a field of the recipe: model.embedding_dim=64."),
]
BOUND = Annotated[bool, typer.Option("--bound", hidden=True, help="End when standard input does.")]
SHOWN = 20
TRIAL = (sys.executable, "-m", "kmusic", "trial", "--bound")
"""Runs a trial whose folder is put behind, and ends with the process that began it."""


def load_tensorflow() -> None:
    """Import TensorFlow without the notes that its libraries print before they can be told."""
    import tempfile

    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            notes.seek(0)
            os.write(screen, notes.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)


def end_with_input() -> None:
    """End this process when its standard input does: when whoever began it is no more."""

    def wait() -> None:
        while os.read(0, 4_096):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def fail(message: str) -> NoReturn:
    """Print what is wrong and end with exit code 2."""
    print(f"kmusic: {message}", file=sys.stderr)
    sys.exit(2)


def say(text: str, *, quiet: bool = False) -> None:
    """Print a line for people; nothing when the answer is for machines."""
    if not quiet:
        print(text)


def show_json(content: object) -> None:
    """Print the answer for machines."""
    print(json.dumps(content, ensure_ascii=False, indent=2))


def show_table(
    title: str, columns: list[str], rows: list[list[object]], *, words: tuple[str, ...] = ()
) -> None:
    """Print a table for people, numbers flush right, the first column and those of words left."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        left = number == 0 or column in words
        table.add_column(column, justify="left" if left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    Console(markup=False, emoji=False).print(table)  # names of files may hold [brackets]


def show_problems(problems: Mapping[str, str], said: str = "input(s) could not be used") -> None:
    """Name the inputs that could not be used, or what else failed, on standard error."""
    if not problems:
        return
    print(f"{len(problems)} {said}:", file=sys.stderr)
    for path, reason in list(problems.items())[:SHOWN]:
        print(f"  {path}: {reason}", file=sys.stderr)
    if len(problems) > SHOWN:
        print(f"  and {len(problems) - SHOWN} more", file=sys.stderr)


@contextmanager
def noting(name: str, failures: dict[str, str]) -> Iterator[None]:
    """Let a block fail without the rest, and say why on standard error.

    Args:
        name: What the block does.
        failures: Where the reason is put by that name, in one line.
    """
    import tensorflow as tf

    try:
        yield
    except (OSError, ValueError, tf.errors.OpError) as error:
        failures[name] = (str(error).splitlines() or [type(error).__name__])[0]
        print(f"kmusic: {name} failed: {failures[name]}", file=sys.stderr)


def end(problems: Mapping[str, str]) -> None:
    """End with exit code 1 if some inputs could not be used."""
    if problems:
        raise typer.Exit(1)


@contextmanager
def progress(text: str, total: float) -> Iterator[Callable[..., None]]:
    """Show a bar on standard error, if that is a terminal, while a block works.

    Args:
        text: What is being done.
        total: Work to do, in any unit.

    Yields:
        Function `advance(amount=1)`.
    """
    with _bar() as bar:
        task = bar.add_task(text, total=total)
        yield lambda amount=1: bar.advance(task, amount)


@contextmanager
def training_progress() -> Iterator[Callable[[str, float], None]]:
    """Show a bar on standard error that is told a line and a share."""
    with _bar() as bar:
        task = bar.add_task("preparing", total=1.0)
        yield lambda line, share: bar.update(task, description=line, completed=share)


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    screen = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=screen,
        disable=not screen.is_terminal,
    )


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
