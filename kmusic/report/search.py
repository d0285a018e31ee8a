"""A search in a table, in pictures, and as the recipe that it found."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from keras_tuner import HyperParameters

from kmusic import __version__
from kmusic.atomic import write_text
from kmusic.report.comparison import markdown
from kmusic.report.search_pictures import (
    TUNER,
    draw_importance,
    draw_parallel,
    draw_trials,
    importances,
)
from kmusic.training.recipe import higher_is_better
from kmusic.training.recipe_files import to_json
from kmusic.training.runs import write_json
from kmusic.training.search import Search, SearchConfig
from kmusic.training.trials import TrialRecord

PACKAGES = ("keras-tuner", "keras", "tensorflow")
NOTE = (
    "Trial 0 has the space's defaults. The objective is of validation tracks, which also chose the "
    "trial and the epoch: expect less of tracks that were never heard. No trial saw the test side."
)


@dataclass(frozen=True)
class Written:
    """What a search came to.

    Attributes:
        table: Path of `trials.md`; `trials.csv`, `trials.json` and the pictures lie beside it.
        recipe: Path of the best trial's recipe, which `kmusic train` takes; of hyperband's, with
            all epochs, however few the trial had.
        best: The best trial: `trial`, `score`, and the `defaults`' score if those finished.
    """

    table: Path
    recipe: Path
    best: dict[str, Any]


def write_search(
    search: Search,
    records: Sequence[TrialRecord],
    parameters: Sequence[Any],
    protocol: Mapping[str, Any],
) -> Written:
    """Write what a search came to into its folder.

    Args:
        search: The search.
        records: Its trials that ended.
        parameters: Its hyperparameters, as KerasTuner has them.
        protocol: How it was made; see `search_protocol`.

    Returns:
        What was written.

    Raises:
        ValueError: If no trial finished; the tables are written all the same.
    """
    folder, config = search.folder, search.config
    finished = ranked(config, records)
    defaults = {record.number: record.outcome.score for record in records}.get(0)
    told: dict[str, Any] = {}
    if finished:
        best = finished[0]
        told = {"trial": best.number, "score": best.outcome.score, "defaults": defaults}
    write_text(folder / "trials.csv", _flat(records).to_csv(index=False))
    rows = [asdict(record) for record in records]
    write_json(folder / "trials.json", {"protocol": dict(protocol), "best": told, "trials": rows})
    parts = ["# Search", *protocol_lines(protocol), markdown(trial_table(config, records))]
    write_text(folder / "trials.md", "\n\n".join(parts) + "\n")
    if not finished:
        reasons = "; ".join(dict.fromkeys(record.outcome.problem for record in records))
        raise ValueError(f"a trial must finish; all {len(records)} failed: {reasons.rstrip('.')}.")
    point = HyperParameters()
    point.values = {name: v for name, v in best.values.items() if not name.startswith(TUNER)}
    write_json(folder / "best.json", to_json(search.recipe(point)))
    _draw(search, records, parameters, "; ".join(_facts(protocol)[:3]))
    return Written(folder / "trials.md", folder / "best.json", told)


def search_protocol(search: Search, records: Sequence[TrialRecord], data: str) -> dict[str, Any]:
    """Say how a search was made.

    Args:
        search: The search.
        records: Its trials that ended.
        data: What its tracks are called.

    Returns:
        Its settings, the tracks and groups that a trial sees, how many trials ended, and versions.
    """
    name, table = next(iter(search.tables().items()))
    sides = {side: table[table["split"] == side] for side in ("train", "validation")}
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        "data": data,
        **asdict(search.config),
        "division": "the validation side"
        if name == "validation"
        else f"{search.config.folds} folds by group",
        "n_tracks": {side: len(rows) for side, rows in sides.items()},
        "n_groups": {side: rows["group"].nunique() for side, rows in sides.items()},
        "n_ended": len(records),
        "versions": {"kmusic": __version__, **versions},
    }


def protocol_lines(protocol: Mapping[str, Any]) -> list[str]:
    """Say in words how a search was made.

    Args:
        protocol: What `search_protocol` gives.

    Returns:
        A paragraph of facts and one that explains the figures.
    """
    lines = ["; ".join(_facts(protocol)) + ".", NOTE]
    if protocol["n_ended"] < protocol["trials"]:
        lines.append("It ended early: the space holds no other point that could be found.")
    return lines


def ranked(config: SearchConfig, records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Give the trials that finished, the best first; of equals the earlier."""
    sign = -1 if higher_is_better(config.objective) else 1
    scored = [(sign * r.outcome.score, r) for r in records if r.outcome.score is not None]
    return [record for _, record in sorted(scored, key=lambda pair: (pair[0], pair[1].number))]


def trial_table(config: SearchConfig, records: Sequence[TrialRecord]) -> pd.DataFrame:
    """Put trials into one table of text, the best first, those that failed last.

    Args:
        config: What decides the search.
        records: The trials.

    Returns:
        `trial`, the objective, `by fold` if there are several, `epochs`, `seconds`, and `point`:
        what the first trial has, of others what they have differently; or why a trial failed.
    """
    finished = ranked(config, records)
    failed = [record for record in records if record.outcome.score is None]
    defaults = next((record.values for record in records if record.number == 0), {})
    rows = []
    for record in [*finished, *failed]:
        outcome = record.outcome
        row = {"trial": str(record.number), config.objective: _number(outcome.score)}
        if config.folds:
            ends = [f"{end(outcome.scores):.4f}" for end in (min, max) if outcome.scores]
            row["by fold"] = " to ".join(ends) or "-"
        row["epochs"] = ", ".join(map(str, outcome.epochs)) or "-"
        row["seconds"] = f"{outcome.seconds:,.0f}"
        row["point"] = outcome.problem or _point(record, defaults)
        rows.append(row)
    return pd.DataFrame(rows)


def _facts(protocol: Mapping[str, Any]) -> list[str]:
    n_tracks, n_groups = protocol["n_tracks"], protocol["n_groups"]
    sides = " and ".join(
        f"{n_tracks[side]:,} tracks of {n_groups[side]:,} groups for {word}"
        for side, word in (("train", "training"), ("validation", "validation"))
    )
    settings = " ".join(f"--set {setting}" for setting in protocol["settings"])
    epochs = protocol["epochs"]
    return [
        f"{protocol['n_ended']} of {protocol['trials']} trials by {protocol['tuner']}",
        f"{protocol['objective']} on {protocol['division']}",
        f"{sides} of {protocol['data']}"
        + ("" if protocol["fold"] is None else f" without fold {protocol['fold']}"),
        f"at most {epochs} epochs" if epochs else "as many epochs as the recipes say",
        settings or "recipes as the space gives them",
        f"seed {protocol['seed']}",
        ", ".join(f"{name} {version}" for name, version in protocol["versions"].items()),
    ]


def _draw(
    search: Search, records: Sequence[TrialRecord], parameters: Sequence[Any], protocol: str
) -> None:
    """Draw what can be drawn: importance needs five trials that differ."""
    objective = search.config.objective
    told: dict[str, Any] = {
        "objective": objective,
        "higher_is_better": higher_is_better(objective),
        "protocol": protocol,
    }
    draw_trials(records, search.folder / "trials.png", **told)
    draw_parallel(records, parameters, search.folder / "parallel.png", **told)
    try:
        found = importances(records, parameters, seed=search.config.seed)
    except ValueError:
        (search.folder / "importance.png").unlink(missing_ok=True)
        return
    write_json(search.folder / "importance.json", asdict(found))
    draw_importance(found, search.folder / "importance.png", objective=objective, protocol=protocol)


def _flat(records: Sequence[TrialRecord]) -> pd.DataFrame:
    """Put trials into a table, a column each hyperparameter."""
    rows = []
    for record in records:
        outcome = record.outcome
        by_fold = {f"fold_{n}": score for n, score in enumerate(outcome.scores, start=1)}
        told: dict[str, Any] = {"trial": record.number, "score": outcome.score}
        told |= by_fold if len(by_fold) > 1 else {}
        told |= {"epochs": " ".join(map(str, outcome.epochs)), "seconds": outcome.seconds}
        rows.append(told | dict(record.values) | {"problem": outcome.problem})
    table = pd.DataFrame(rows)
    return table[[*table.columns.drop("problem"), "problem"]]


def _point(record: TrialRecord, defaults: Mapping[str, Any]) -> str:
    """Say what a trial has that the first has not; of the first, all."""
    told = {
        name: value
        for name, value in record.values.items()
        if not name.startswith(TUNER)
        and (record.number == 0 or name not in defaults or defaults[name] != value)
    }
    return ", ".join(f"{name}={_number(value)}" for name, value in told.items()) or "-"


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
