"""The judgement of one run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from kmusic.evaluation.aligned import AlignedRun, aligns
from kmusic.evaluation.cross_modal import CrossModalReport
from kmusic.evaluation.disentanglement import (
    Disentanglement,
    judge_disentanglement,
    require_factors,
)
from kmusic.evaluation.folds import Fold
from kmusic.evaluation.generation import Reconstructions, judge_reconstructions
from kmusic.evaluation.heard_crops import hear_crops
from kmusic.evaluation.judged_rows import By, folds_of, require_classes, wanted_rows
from kmusic.evaluation.latent_space import LatentSpace, judge_latent_space
from kmusic.evaluation.naming import named_by_output, named_table
from kmusic.evaluation.predictions import Heard, hear
from kmusic.evaluation.probes import ProbeResult, evaluate_probe
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
SHOWN = 3
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
        latent: What the dimensions of its latent space tell of them; `None` if it has no
            posterior.
        disentanglement: How well their vectors keep factors apart; `None` if none are asked for.
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
    latent: LatentSpace | None
    disentanglement: Disentanglement | None
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
    factors: Sequence[str] = (),
    classes: Sequence[str] = (),
    n_seeds: int,
    seed: int,
    advance: Advance,
) -> Judged:
    """Judge one run; the arguments are those of `score_run`.

    Raises:
        TrackTableError: If files of the run's own table are to be heard and are not there.
        ValueError: If there is no track to judge, or none to fit a probe on, zero-shot is asked of
            a run that does not align sound with tags or knows no word of a class, or the table has
            no such factor or class.
    """
    aligned = AlignedRun(run) if zero_shot or aligns(run) else None
    table, rule = wanted_rows(run, tracks, probes, by, zero_shot=zero_shot)
    known = require_factors(factors, table.drop(columns=["judged", "side", "taught"]))
    require_classes(classes, table[table["judged"]])
    words = _classes(aligned, table[table["judged"]]) if aligned and zero_shot else None
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
        results = _probed(probes, vectors, tagged, targets, folds_of(rows, by), spread)
        if run.recipe.probe and table["taught"].any():
            named = _named_by_probe(run.recipe.probe, rows, vectors, targets, settings)
    if aligned and words:
        named = name_tracks(aligned, words, rows[judged], vectors[judged])
        protocol |= {"named_by": ZERO_SHOT, "classes": words.to_json()}
    crops, told = hear_crops(run, rows[judged], seed=seed), rows.loc[judged, [*known]]
    return Judged(
        run,
        protocol,
        _only(heard, judged),
        retrieval,
        results,
        judge_reconstructions(run, crops, seed=seed) if crops else None,
        judge_latent_space(run, crops) if crops else None,
        judge_disentanglement(vectors[judged], told, seed=seed) if known else None,
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


def _only(heard: Heard, rows: npt.NDArray[np.bool_]) -> Heard:
    """Keep some of the rows."""
    kept = heard.embeddings
    kept = type(kept)(
        kept.tracks[rows].reset_index(drop=True), kept.vectors[rows], kept.front_end, kept.model
    )
    probabilities = None if heard.probabilities is None else heard.probabilities[rows]
    return Heard(kept, probabilities, heard.problems)
