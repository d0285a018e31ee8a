"""Run one trial of a search."""

from pathlib import Path
from typing import Annotated

import typer

from kmusic.cli.console import BOUND, end_with_input, load_tensorflow


def trial(
    folder: Annotated[Path, typer.Argument(help="OUT/trials/trial_N of `kmusic tune`.")],
    bound: BOUND = False,
) -> None:
    """Run one trial of a search, as `kmusic tune` does in a process for each."""
    if bound:
        end_with_input()
    load_tensorflow()
    from kmusic.evaluation.trials import run_trial

    outcome = run_trial(folder, lambda line: print(line, flush=True))
    if outcome.score is None:
        raise typer.Exit(1)
