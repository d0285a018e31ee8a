"""The command line: one module a command, nothing heavy imported before it runs."""

import os
import sys

import typer

from kmusic.cli.check import check
from kmusic.cli.console import fail
from kmusic.cli.demo import demo
from kmusic.cli.describe import describe
from kmusic.cli.embed import embed
from kmusic.cli.enroll import enroll
from kmusic.cli.evaluate import evaluate
from kmusic.cli.export import export
from kmusic.cli.generate import generate
from kmusic.cli.import_weights import import_weights
from kmusic.cli.predict import predict
from kmusic.cli.recommend import recommend
from kmusic.cli.reproduce import reproduce
from kmusic.cli.search import search
from kmusic.cli.similar import similar
from kmusic.cli.sweep import sweep
from kmusic.cli.tag import tag
from kmusic.cli.tracks import tracks
from kmusic.cli.train import train
from kmusic.cli.trial import trial
from kmusic.cli.tune import tune
from kmusic.cli.work import work

app = typer.Typer(
    help="Learn representations of music, compare them, and put them to use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    demo,
    tracks,
    check,
    describe,
    train,
    evaluate,
    embed,
    predict,
    enroll,
    tag,
    search,
    similar,
    recommend,
    generate,
    reproduce,
    sweep,
    tune,
    work,
    trial,
    export,
):
    app.command()(command)
app.command("import")(import_weights)


def main() -> None:
    """Run a command; wrong use ends in one line and exit code 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        app()
    except (OSError, ValueError) as error:
        if os.environ.get("KMUSIC_TRACEBACK"):
            raise
        fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
