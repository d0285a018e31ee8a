"""The judgement of one run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.datasets.clips import sharing_sound
from kmusic.datasets.table import absent_files, checked, read_tracks
from kmusic.evaluation.aligned import AlignedRun, aligns
from kmusic.evaluation.cross_modal import CrossModalReport
from kmusic.evaluation.generation import Reconstructions, judge_reconstructions
from kmusic.evaluation.naming import named_by_output, named_table
from kmusic.evaluation.predictions import Heard, hear
from kmusic.evaluation.probes import Fold, ProbeResult, evaluate_probe
from kmusic.evaluation.retrieval import RetrievalReport, retrieval_scores
from kmusic.evaluation.tagged_tracks import (
    TaggedTracks,
    align_tracks,
    judge_alignment,
    probe_tags,
)
from kmusic.evaluation.zero_shot import NamedClasses, name_tracks, read_classes
from kmusic.training.probe import ProbeConfig
from kmusic.training.runs import Run
from kmusic.types import Array

Advance = Callable[[float], Any]
By = Literal["split", "folds", "fold runs"]
SHOWN = 3
TRACKS = "tracks.csv"
ZERO_SHOT = "zero-shot: the nearest class by the words of its name"


@dataclass(frozen=True)
class Judged:
    """The figures of one run.

    Attributes:
        run: The run.
        protocol: Which rows were judged, how many, and the seed.
        heard: What it says of the judged tracks.
        retrieval: Of their vectors; `None` if they bear no label, all the same, or no two files
            one.
        probes: By probe, what it read.
        reconstructions: Of their first excerpts; `None` if the run makes none.
        cross_modal: How they and their tags find each other; `None` if the run does not align the
            two, or fewer than two of them bear tags that it knows.
        named: What the run named them, as `named_table` has it; `None` if nothing.
        problems: What was wrong with tracks that were not heard.
    """

    run: Run
    protocol: dict[str, Any]
    heard: Heard
    retrieval: RetrievalReport | None
    probes: dict[str, ProbeResult]
    reconstructions: Reconstructions | None
    cross_modal: CrossModalReport | None
    named: pd.DataFrame | None
    problems: dict[str, str]


def judge(
    run: Run,
    tracks: pd.DataFrame | None,
    probes: Sequence[str],
    by: By,
    *,
    zero_shot: bool = False,
    n_seeds: int,
    seed: int,
    advance: Advance,
) -> Judged:
    """Judge one run; the arguments are those of `score_run`.

    Raises:
        TrackTableError: If files of the run's own table are to be heard and are not there.
        ValueError: If there is no track to judge, or none to fit a probe on, or zero-shot is asked
            of a run that does not align sound with tags or knows no word of a class.
    """
    aligned = AlignedRun(run) if zero_shot or aligns(run) else None
    table, rule = _wanted_rows(run, tracks, probes, by, zero_shot=zero_shot)
    classes = _classes(aligned, table[table["judged"]]) if aligned and zero_shot else None
    heard = hear(run, table, advance=advance)
    rows, vectors = heard.embeddings.tracks, heard.embeddings.vectors
    judged = rows["judged"].to_numpy(dtype=bool)
    if not judged.any():
        shown = dict([*heard.problems.items()][:SHOWN])
        raise ValueError(f"there must be a readable track to judge; {shown or rule}.")
    protocol = {"rows": rule, "n_tracks": int(judged.sum()), "seed": seed}
    tagged = align_tracks(aligned, rows, vectors) if aligned and "tags" in rows else None
    retrieval, results, named = None, {}, named_by_output(run, heard, judged)
    if "label" in rows:
        labels, targets = np.unique(rows["label"].astype(str), return_inverse=True)
        retrieval = _retrieval(rows[judged], vectors[judged], targets[judged], seed)
        groups = rows["group"].to_numpy()
        settings = {"labels": labels.tolist(), "seed": seed, "groups": groups}
        spread = settings | {"n_seeds": n_seeds}
        results = _probed(probes, vectors, tagged, targets, _folds(rows, by), spread)
        if run.recipe.probe and table["taught"].any():
            named = _named_by_probe(run.recipe.probe, rows, vectors, targets, settings)
    if aligned and classes:
        named = name_tracks(aligned, classes, rows[judged], vectors[judged])
        protocol |= {"named_by": ZERO_SHOT, "classes": classes.to_json()}
    return Judged(
        run,
        protocol,
        _only(heard, judged),
        retrieval,
        results,
        judge_reconstructions(run, rows[judged], seed=seed),
        judge_alignment(tagged, judged, rows["group"].to_numpy(), seed=seed) if tagged else None,
        named,
        heard.problems,
    )


def _classes(aligned: AlignedRun, judged: pd.DataFrame) -> NamedClasses:
    """Read the classes of judged rows by their names."""
    if "label" not in judged or not judged["label"].notna().any():
        raise ValueError(
            "--zero-shot needs judged rows with a column 'label'; "
            f"got {len(judged)} rows with the columns {list(judged.columns)}."
        )
    return read_classes(judged["label"].dropna(), aligned.vocabulary, aligned.config)


def _retrieval(
    judged: pd.DataFrame, vectors: Array, targets: npt.NDArray[np.int64], seed: int
) -> RetrievalReport | None:
    """Judge the search by each judged row, if rows of two files share a class, and not all."""
    files, groups = judged["path"].to_numpy(), judged["group"].to_numpy()
    n_files = pd.Series(files).groupby(targets).nunique()
    if n_files.max() < 2 or len(n_files) < 2:
        return None
    return retrieval_scores(vectors, targets, files=files, groups=groups, seed=seed)


def _probed(
    probes: Sequence[str],
    vectors: Array,
    tagged: TaggedTracks | None,
    targets: npt.NDArray[np.int64],
    folds: list[Fold],
    settings: dict[str, Any],
) -> dict[str, ProbeResult]:
    """Fit the probes that are asked for on sound, and on known tags alone where there are any."""
    results = {}
    for name in probes:
        results[name] = evaluate_probe(name, vectors, targets, folds, **settings)
        if tagged and (told := probe_tags(tagged, name, targets, folds, **settings)):
            results[told.name] = told
    return results


def _named_by_probe(
    probe: ProbeConfig,
    rows: pd.DataFrame,
    vectors: Array,
    targets: npt.NDArray[np.int64],
    settings: dict[str, Any],
) -> pd.DataFrame:
    """Name judged rows by the recipe's probe, fitted on those that the run was trained on."""
    split = (np.flatnonzero(rows["taught"]), np.flatnonzero(rows["judged"]))
    own = evaluate_probe(probe, vectors, targets, [split], **settings)
    return named_table(rows.iloc[own.tested], np.array(settings["labels"])[own.named], "label")


def _wanted_rows(
    run: Run, tracks: pd.DataFrame | None, probes: Sequence[str], by: By, *, zero_shot: bool
) -> tuple[pd.DataFrame, str]:
    """List the rows to hear, and say in words which are judged.

    Each is marked: `judged`; `side`, on which the probes that are asked for use it; `taught`, if
    the recipe's probe is fitted on it, which zero-shot does without.
    """
    own = _own_tracks(run, heard=tracks is None)
    table, rule = _judged_rows(own, own if tracks is None else tracks, by)
    table = table.assign(side=_sides(table, by), taught=False)
    if probes and ("label" not in table or not (by == "folds" or table["side"].eq("train").any())):
        raise ValueError(
            "probes need labels, and rows to be fitted on: of other splits, or --folds; "
            f"got {len(table)} rows with the columns {list(table.columns)}."
        )
    wanted = table["side"] != "" if probes else table["judged"]
    labelled = {"label"} <= set(own) & set(table)
    if zero_shot or not run.recipe.probe or (aligns(run) and not labelled):
        return table[wanted], rule  # what is aligned with tags is judged by those
    if not labelled:
        raise ValueError("the recipe's probe needs a column 'label', to be fitted and judged by.")
    train = own["split"] == "train"
    borne, taught = ({*part["label"].astype(str)} for part in (table[table["judged"]], own[train]))
    if not borne <= taught:
        return table[wanted], rule  # classes that it cannot name
    if tracks is None:
        return table.assign(taught=train)[wanted | train], rule
    name = f"{run.folder / TRACKS} (the recipe's probe is fitted on it)"
    others = checked(own[train], name).assign(judged=False, side="", taught=True)
    return pd.concat([table[wanted], others], ignore_index=True), rule


def _own_tracks(run: Run, *, heard: bool) -> pd.DataFrame:
    """Read what a run was trained on; only if that is heard, its files must be here."""
    file = run.folder / TRACKS
    own = read_tracks(file, must_exist=False)
    if heard and own.empty:
        raise ValueError(
            f"RUN has no tracks of its own; --tracks TABLE says which to judge; got {run.folder}."
        )
    return checked(own, str(file)) if heard else own


def _judged_rows(own: pd.DataFrame, tracks: pd.DataFrame, by: By) -> tuple[pd.DataFrame, str]:
    """Mark the rows that may be judged, and say in words which they are."""
    tested = own["split"] == "test"
    judged = pd.Series(~sharing_sound(tracks, own[~tested]), tracks.index)
    rule = _unseen(own)
    if by == "fold runs":
        judged &= sharing_sound(tracks, own[tested])
        rule = "all folds, each by the run that was not trained or validated on it"
    elif by == "folds":
        if "fold" not in tracks:
            raise ValueError("--folds needs runs fold-N in RUN, or a column 'fold' in the table.")
        judged &= tracks["fold"].notna()
        rule += ", probes by the table's folds"
    elif "split" in tracks:
        judged &= tracks["split"] == "test"
        rule += ", of the table's split test"
    if tracks.loc[judged, "path"].isin(own.loc[~tested, "path"]).any():
        rule += "; of some of their files it was on other parts"
    return tracks.assign(judged=judged), rule


def _unseen(own: pd.DataFrame) -> str:
    """Say in words which tracks a run has not seen, as far as its own table tells."""
    if own.empty:
        return "tracks that the run may or may not have been trained on (it does not say)"
    rule = "tracks that the run was not trained or validated on"
    n_absent = int(absent_files(own["path"].drop_duplicates()).sum())
    return f"{rule} (told by path; {n_absent} of its files are not here)" if n_absent else rule


def _sides(table: pd.DataFrame, by: By) -> pd.Series:
    """Say on which side of a fold probes use each row, the judged ones on "test"; "" is none."""
    sides = pd.Series("" if by == "folds" else "train", table.index)
    if by == "split" and "split" in table and table["split"].eq("train").any():
        sides = table["split"].replace("test", "")  # not judged: the run has seen it
    return sides.mask(table["judged"], "test")


def _folds(rows: pd.DataFrame, by: By) -> list[Fold]:
    """Give the folds that probes are fitted and judged by."""
    if by != "folds":
        sides = ("train", "test", "validation")
        return [Fold(*(np.flatnonzero(rows["side"] == side) for side in sides))]
    judged, folds = rows["judged"].to_numpy(dtype=bool), rows["fold"].to_numpy()
    return [
        Fold(np.flatnonzero(judged & (folds != fold)), np.flatnonzero(judged & (folds == fold)))
        for fold in np.unique(folds[judged])
    ]


def _only(heard: Heard, rows: npt.NDArray[np.bool_]) -> Heard:
    """Keep some of the rows."""
    kept = heard.embeddings
    kept = type(kept)(
        kept.tracks[rows].reset_index(drop=True), kept.vectors[rows], kept.front_end, kept.model
    )
    probabilities = None if heard.probabilities is None else heard.probabilities[rows]
    return Heard(kept, probabilities, heard.problems)
