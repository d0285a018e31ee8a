"""Search for the best recipe of a space."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kmusic.cli.console import (
    JSON,
    SET,
    TRACKS,
    TRIAL,
    end,
    load_tensorflow,
    progress,
    say,
    show_json,
    show_problems,
    show_table,
)

if TYPE_CHECKING:
    import pandas as pd

    from kmusic.training.desk import OwnDesk
    from kmusic.training.search import Search, SearchConfig
    from kmusic.training.spaces import Space
    from kmusic.training.trials import TrialRecord

HERE = "127.0.0.1:0"
SHOWN = 20


def tune(
    space: Annotated[str, typer.Argument(help="file.py that holds space(hp), or file.py:name.")],
    tracks: TRACKS,
    out: Annotated[Path, typer.Option(help="Folder of the search; new, or with --resume.")],
    tuner: Annotated[str, typer.Option(help="random, bayesian or hyperband.")] = "bayesian",
    trials: Annotated[int, typer.Option(min=1, help="Trials, the first with the defaults.")] = 30,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Most epochs of a trial. Default: the recipe's.")
    ] = None,
    fold: Annotated[
        int | None, typer.Option(help="Keep this fold of the table aside as its test side.")
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Divide the rest into so many folds by group; average over them."),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="Validation column of history.csv (val_accuracy), probe_accuracy, retrieval_map "
            "or tag_recall. Default: what the space names."
        ),
    ] = None,
    settings: SET = None,
    seed: Annotated[int, typer.Option(min=0, help="Makes all of it repeatable.")] = 0,
    workers: Annotated[
        int, typer.Option(min=0, help="Trials at once on this machine. 0 with --listen only leads.")
    ] = 1,
    listen: Annotated[
        str | None,
        typer.Option(help="host:port where workers of other machines (kmusic work OUT) ask."),
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on where a killed search stopped.")] = False,
    json: JSON = False,
) -> None:
    """Search a space for the recipe that is best on validation tracks; test tracks stay unseen."""
    load_tensorflow()
    from kmusic.datasets.table import read_tracks
    from kmusic.training.desk import OwnDesk, forget_all_models
    from kmusic.training.search import SearchConfig, leading
    from kmusic.training.spaces import find_space

    if not workers and not listen:
        raise ValueError("--workers must be positive, or --listen must let others in.")
    found = find_space(space)
    wanted = objective or found.objective
    if wanted is None:
        raise ValueError(f"--objective must be given, or OBJECTIVE in {found.file}; got neither.")
    config = SearchConfig(
        objective=wanted,
        tuner=tuner,
        trials=trials,
        epochs=epochs,
        fold=fold,
        folds=folds,
        settings=tuple(settings or ()),
        seed=seed,
        function=found.name,
    )
    search = _entered(out, found, read_tracks(tracks), config, resume)
    with leading(out):
        oracle = search.load_oracle()
        with progress("searching", trials) as advance:
            told = _Teller(search, advance, json)
            _run(search, OwnDesk(search, oracle, told), workers, listen, json)
        forget_all_models(search)
        _show(search, oracle, str(tracks), json)


def _entered(
    out: Path, space: "Space", table: "pd.DataFrame", config: "SearchConfig", resume: bool
) -> "Search":
    """Begin a search, or open the one that is to go on."""
    from keras_tuner import HyperParameters

    from kmusic.evaluation.objectives import require_objective
    from kmusic.training.recipe_files import override
    from kmusic.training.search import SEARCH, begin_search, resume_search

    first = override(space.recipe(HyperParameters()), config.settings)
    require_objective(config.objective, first, table)
    if resume and (out / SEARCH).is_file():
        return resume_search(out, space, table, config)
    return begin_search(out, space, table, config, again=resume)


class _Teller:
    """Tells of each trial that ended."""

    def __init__(self, search: "Search", advance: Any, quiet: bool) -> None:
        self._config, self._advance, self._quiet = search.config, advance, quiet
        self._ended = len(search.records())
        advance(self._ended)

    def __call__(self, record: "TrialRecord") -> None:
        self._advance(1)
        self._ended += 1
        outcome = record.outcome
        result = f"failed, {outcome.problem}"
        if outcome.score is not None:
            result = f"{self._config.objective} {outcome.score:.4f} in {outcome.seconds:.0f} s"
        count = f"{self._ended} of {self._config.trials}"
        say(f"{count}: trial {record.number}, {result}", quiet=self._quiet)


def _run(search: "Search", desk: "OwnDesk", workers: int, listen: str | None, quiet: bool) -> None:
    """Run trials here, or lead those who do."""
    from kmusic.training.desk import work
    from kmusic.training.service import lead, serving

    if workers == 1 and not listen:
        work(desk, "here", search, TRIAL)
        return
    with serving(desk, search.folder, listen or HERE) as service:
        if listen:
            say(f"workers of other machines: kmusic work {search.folder}", quiet=quiet)
        with _workers(search.folder, workers) as processes:
            lead(
                desk,
                service,
                processes,
                stay=listen is not None,
                tell=lambda line: print(f"kmusic: {line}", file=sys.stderr),
            )


@contextmanager
def _workers(folder: Path, n_workers: int) -> Iterator[list[tuple[str, "subprocess.Popen[bytes]"]]]:
    """Start workers that end with this process, and end those that are left."""
    processes = []
    for number in range(1, n_workers + 1):
        name = f"worker-{number}"
        with (folder / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-m", "kmusic", "work", str(folder)]
            command += ["--name", name, "--bound"]
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        processes.append((name, process))
    try:
        yield processes
    finally:
        for _, process in processes:
            process.communicate()  # its standard input ends, and it with that


def _show(search: "Search", oracle: Any, data: str, json: bool) -> None:
    """Write tables, pictures and the best recipe, and print them."""
    from kmusic.report.search import protocol_lines, search_protocol, trial_table, write_search

    records, problems = search.records(), search.problems()
    protocol = search_protocol(search, records, data)
    written = write_search(search, records, oracle.get_space().space, protocol)
    told = {f"trial {record.number}": record.outcome.problem for record in records}
    failures = {name: problem for name, problem in told.items() if problem}
    if json:
        show_json(
            {
                "protocol": protocol,
                "best": written.best,
                "recipe": str(written.recipe),
                "table": str(written.table),
                "failed": failures,
                "problems": problems,
            }
        )
    else:
        for line in protocol_lines(protocol):
            say(line)
        shown = trial_table(search.config, records)[:SHOWN]
        rows = shown.to_numpy().tolist()
        show_table(f"trials: {written.table}", [*shown.columns], rows, words=("point",))
        say(f"best recipe: {written.recipe}")
    show_problems(failures, "trial(s) failed")
    show_problems(problems)
    end(failures | problems)
