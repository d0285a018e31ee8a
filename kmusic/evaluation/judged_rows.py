"""Which rows of a track table a run is judged on, and which classifiers are fitted on."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from kmusic.datasets.clips import row_keys, sharing_sound
from kmusic.datasets.table import absent_files, checked, read_tracks
from kmusic.evaluation.aligned import aligns
from kmusic.evaluation.folds import Fold
from kmusic.training.runs import Run

By = Literal["split", "folds", "fold runs"]
TRACKS = "tracks.csv"


def wanted_rows(
    run: Run, tracks: pd.DataFrame | None, probes: Sequence[str], by: By, *, zero_shot: bool
) -> tuple[pd.DataFrame, str]:
    """List the rows to hear, and say in words which are judged; the arguments are of `score_run`.

    Returns:
        The rows, each marked: `judged`; `side`, on which the probes that are asked for use it;
        `taught`, if the recipe's probe is fitted on it, which zero-shot does without. And the rule
        by which rows are judged.

    Raises:
        TrackTableError: If files of the run's own table are to be heard and are not there.
        ValueError: If a probe has no labels, or no rows to be fitted on. The recipe's probe is done
            without where the run can be judged by something else.
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
    if zero_shot or not run.recipe.probe or (not labelled and _judged_without_labels(run)):
        return table[wanted], rule
    if not labelled:
        raise ValueError("the recipe's probe needs a column 'label', to be fitted and judged by.")
    train = own["split"] == "train"
    borne, taught = ({*part["label"].astype(str)} for part in (table[table["judged"]], own[train]))
    if not borne <= taught:
        return table[wanted], rule  # classes that it cannot name
    if tracks is None:
        return table.assign(taught=train)[wanted | train], rule
    kept, taught_rows = table[wanted], own[train]
    kept_keys, taught_keys = row_keys(kept, "label"), row_keys(taught_rows, "label")
    both = {*kept_keys} & {*taught_keys}  # heard once, though two tables have them
    kept = kept.assign(taught=[key in both for key in kept_keys])
    name = f"{run.folder / TRACKS} (the recipe's probe is fitted on it)"
    others = checked(taught_rows[[key not in both for key in taught_keys]], name)
    others = others.assign(judged=False, side="", taught=True)
    return pd.concat([kept, others], ignore_index=True), rule


def _own_tracks(run: Run, *, heard: bool) -> pd.DataFrame:
    """Read what a run was trained on; only if that is heard, its files must be here."""
    file = run.folder / TRACKS
    own = read_tracks(file, must_exist=False)
    if heard and own.empty:
        raise ValueError(
            f"RUN has no tracks of its own; --tracks TABLE says which to judge; got {run.folder}."
        )
    return checked(own, str(file)) if heard else own


def _judged_without_labels(run: Run) -> bool:
    """Say whether a run is judged by tags, by what it restores or by its codes besides."""
    return aligns(run) or any(hasattr(run.model, name) for name in ("reconstruct", "posterior"))


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


def require_classes(classes: Sequence[str], judged: pd.DataFrame) -> None:
    """Refuse a map of classes that it cannot show.

    Args:
        classes: What is to be drawn; nothing is if there is none.
        judged: Rows to judge.

    Raises:
        ValueError: If there is one class alone, or one that no judged row bears.
    """
    known = sorted(judged["label"].dropna().astype(str).unique()) if "label" in judged else []
    if len(set(classes)) == 1 or not set(classes) <= set(known):
        raise ValueError(
            f"--map must name two or more classes of judged tracks, {known}; got {[*classes]}."
        )


def folds_of(rows: pd.DataFrame, by: By) -> list[Fold]:
    """Give the folds that probes are fitted and judged by."""
    if by != "folds":
        sides = ("train", "test", "validation")
        return [Fold(*(np.flatnonzero(rows["side"] == side) for side in sides))]
    judged, folds = rows["judged"].to_numpy(dtype=bool), rows["fold"].to_numpy()
    return [
        Fold(np.flatnonzero(judged & (folds != fold)), np.flatnonzero(judged & (folds == fold)))
        for fold in np.unique(folds[judged])
    ]
