"""Run trials of a search that is led elsewhere."""

import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from kmusic.cli.console import BOUND, TRIAL, end_with_input, load_tensorflow, say


def work(
    out: Annotated[Path, typer.Argument(help="--out of `kmusic tune`, as this machine sees it.")],
    name: Annotated[str, typer.Option(help="A name no other worker has. Default: host-pid.")] = "",
    bound: BOUND = False,
) -> None:
    """Run trials of a search that `kmusic tune` leads, here or on another machine."""
    if bound:
        end_with_input()
    load_tensorflow()
    from kmusic.training.desk import work as run_trials
    from kmusic.training.search import open_search
    from kmusic.training.service import RemoteDesk, find_chief

    search = open_search(out)
    worker = name or f"{socket.gethostname()}-{os.getpid()}"
    address = find_chief(out)
    say(f"{worker}: at work for {address}")
    run_trials(RemoteDesk(address), worker, search, TRIAL)
    say(f"{worker}: no more trials")
