"""Teach a run names without retraining it."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kmusic.cli.console import (
    JSON,
    RUN,
    end,
    load_tensorflow,
    progress,
    say,
    show_json,
    show_problems,
    show_table,
)

if TYPE_CHECKING:
    from kmusic.evaluation.enrolment import Enrolment
    from kmusic.training.runs import Run

FEW = 20
HELD_OUT = Annotated[
    Path | None,
    typer.Option(
        help="Track table of strangers. Default: those kept in RUN, else artists of the run's own "
        "table that it was neither trained nor validated on."
    ),
]
FALSE_ACCEPTS = Annotated[
    float | None,
    typer.Option(help="Share of strangers that may be named. Default: that of RUN, else 0.05."),
]
THRESHOLD = Annotated[
    float | None, typer.Option(help="Least cosine to be named, in place of a calibrated one.")
]


def enroll(
    run: RUN,
    name: Annotated[str | None, typer.Argument(help="Artist, or any class, to enrol.")] = None,
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files, folders, or a track table of NAME.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take NAME away.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Print what is enrolled.")] = False,
    held_out: HELD_OUT = None,
    false_accepts: FALSE_ACCEPTS = None,
    threshold: THRESHOLD = None,
    json: JSON = False,
) -> None:
    """Add a name that `kmusic predict` then knows, or take one away; nothing is retrained."""
    calibrated = held_out is not None or false_accepts is not None
    new_rule = calibrated or threshold is not None
    _require_one_use(name, paths, remove, show, new_rule)
    if calibrated and threshold is not None:
        raise ValueError(
            "--threshold takes the place of --held-out and --false-accepts; "
            f"got {threshold}, {held_out} and {false_accepts}."
        )
    load_tensorflow()
    from kmusic.evaluation.enrol_files import read_enrolment, write_enrolment
    from kmusic.training.runs import load_run

    trained = load_run(run)
    known = read_enrolment(trained)
    problems: dict[str, str] = {}
    if new_rule:
        level = known.false_accepts if false_accepts is None else false_accepts
        known = replace(known, fixed=threshold, false_accepts=level)
    if remove and name is not None:
        known, name = known.without(name), None
    if not show:
        known, problems = _listen(trained, known, name, paths or [], held_out)
    answer = known.to_json()
    if not show:
        write_enrolment(trained, known)
    if json:
        show_json(answer | {"problems": problems})
    else:
        _show(answer)
    _note_few(answer)
    show_problems(problems)
    end(problems)


def _require_one_use(
    name: str | None, paths: list[str] | None, remove: bool, show: bool, new_rule: bool
) -> None:
    """Refuse words that ask for two things, or for none."""
    if show:
        one = name is None and not remove and not new_rule
    elif remove:
        one = name is not None and not paths
    else:
        one = name is not None or new_rule
    if not one:
        raise ValueError(
            "enroll takes NAME and PATHS, or NAME and --remove, or --list, or a new rule for the "
            f"threshold; got NAME {name}, PATHS {paths}, --remove {remove}, --list {show}."
        )


def _listen(
    run: "Run", known: "Enrolment", name: str | None, paths: list[str], held_out: Path | None
) -> tuple["Enrolment", dict[str, str]]:
    """Hear the tracks of a name, if one is to be enrolled, and those to hold out, if need be."""
    from kmusic.datasets.inputs import input_tracks
    from kmusic.evaluation.enrol_files import enrol, held_out_tracks, hold_out

    problems: dict[str, str] = {}
    strangers = None
    if held_out is not None or known.lacks_held_out:
        strangers = held_out_tracks(run, held_out)
    if name is not None:
        tracks, problems = input_tracks(paths)
        with progress("listening", 1.0) as advance:
            known, unheard = enrol(run, known, name, tracks, advance=advance)
        problems |= unheard
    if strangers is not None:
        with progress("listening to strangers", 1.0) as advance:
            known, unheard = hold_out(run, known, strangers, advance=advance)
        problems |= unheard
    return known, problems


def _show(answer: dict[str, Any]) -> None:
    """Print names and threshold for people."""
    if not answer["enrolled"]:
        say("nothing is enrolled")
        return
    show_table("enrolled", ["name", "tracks"], [[*row] for row in answer["enrolled"].items()])
    held_out = answer["held_out"]
    reason = (
        "fixed by hand"
        if answer["fixed"]
        else f"at most a share of {answer['false_accepts']:g} of {held_out['tracks']} track(s) of "
        f"{held_out['artists']} held-out artist(s) reaches it"
    )
    say(f"threshold {answer['threshold']:.3f}: {reason}")


def _note_few(answer: dict[str, Any]) -> None:
    """Say on standard error that few strangers calibrate coarsely."""
    n_tracks = answer["held_out"]["tracks"]
    if answer["enrolled"] and not answer["fixed"] and n_tracks < FEW:
        step = f"one is a share of {1 / n_tracks:.2f}; {FEW} or more tell finer shares"
        print(f"note: {n_tracks} held-out track(s): {step}", file=sys.stderr)
