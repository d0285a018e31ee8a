"""Write a track table."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kmusic.cli.console import JSON, end, progress, say, show_json, show_problems

if TYPE_CHECKING:
    from kmusic.datasets.sources import Source


class Split(StrEnum):
    """Which split a table gets."""

    OWN = "own"
    NEW = "new"
    NONE = "none"


REDRAW = {"split": "--split new", "fold": "--folds N"}
"""For each side of a track that a source may bring: the words that draw a new one."""


SOURCE = Annotated[
    str,
    typer.Argument(
        help="folder, fma, gtzan, msd:ARTISTS, msd:tags, nsynth:all, nsynth:NOTES, urbansound8k, "
        "freesound, symphonies, mirdata:NAME, or studio to compose one."
    ),
]
ROOT = Annotated[
    Path,
    typer.Argument(
        help="folder: ROOT/label/artist/file. fma: the unpacked fma_small, fma_medium, fma_large "
        "or fma_full, with fma_metadata beside it or in it, or the folder of both. gtzan: genres "
        "or genres_original, and the fault-filtered lists train_filtered.txt, valid_filtered.txt "
        "and test_filtered.txt. msd: previews as 3/9/3974574.clip.mp3; with msd-artist-list.pkl "
        "for so many ARTISTS, with lastfm_tags.db and track_metadata.db for tags. nsynth: "
        "nsynth-train, nsynth-valid and nsynth-test, or some of them; NOTES to train on, or "
        "published for those of its list. urbansound8k: the unpacked UrbanSound8K. freesound: the "
        "folder of FSD50K.ground_truth and so on, or sounds.json of its API with the files. "
        "symphonies: ROOT/composer/recording, any folders between; a row is a clip of 10 s. "
        "mirdata:NAME: where mirdata keeps the data set. studio: where to write."
    ),
]
SPLIT = Annotated[
    Split,
    typer.Option(
        help="own: the source's split where it brings one, else a new one by group; "
        "new: always a new one; none: none. gtzan must keep its own."
    ),
]


def tracks(
    source: SOURCE,
    root: ROOT,
    out: Annotated[Path, typer.Option(help="Table to write: .csv or .parquet.")] = Path(
        "tracks.csv"
    ),
    split: SPLIT = Split.OWN,
    folds: Annotated[
        int, typer.Option(help="Number folds 1 to N too; 0 keeps the source's own, if any.")
    ] = 0,
    by: Annotated[str, typer.Option(help="Column whose rows stay together.")] = "group",
    seed: Annotated[int, typer.Option(help="Makes splits and the studio repeatable.")] = 0,
    quick: Annotated[bool, typer.Option(help="Read headers only; decode nothing.")] = False,
    size: Annotated[int, typer.Option(help="studio: number of tracks.")] = 288,
    artists: Annotated[int, typer.Option(help="studio: number of artists, all genres.")] = 36,
    stream: Annotated[
        bool, typer.Option(help="studio: write no audio; compose tracks as they are read.")
    ] = False,
    json: JSON = False,
) -> None:
    """Write a track table of a collection, split by group, without what cannot be used."""
    from kmusic.datasets.clips import named_among
    from kmusic.datasets.reading import Problems
    from kmusic.datasets.table import write_tracks

    found = None if source == "studio" else _found(source, split, folds, by)
    left_out = Problems()
    table = found.rows(root, left_out) if found else _composed(root, size, artists, seed, stream)
    unusable = _unusable(table, quick) if found else {}
    problems = left_out.as_dict() | unusable
    show_problems(problems)
    table = table[~named_among(table, unusable)].reset_index(drop=True)
    if table.empty:
        raise ValueError(f"no file below {root} can be used.")
    if by != "group":
        if by not in table:
            raise ValueError(f"--by must be one of {list(table.columns)}; got {by!r}.")
        table = table.assign(group=table[by])
    table = _divided(table, split, folds, seed)
    write_tracks(table, out)
    sides = table["split"].value_counts().to_dict() if "split" in table else {}
    if json:
        show_json({"tracks": len(table), "split": sides, "problems": problems, "out": str(out)})
    else:
        shares = "".join(f", {count} {side}" for side, count in sides.items())
        say(f"{out}: {len(table)} tracks, {table['group'].nunique()} groups{shares}")
    end(problems)


def _found(name: str, split: Split, folds: int, by: str) -> "Source":
    """Find a source; refuse to divide one in another way whose split is fixed."""
    from kmusic.datasets.sources import find_source

    source = find_source(name)
    asked = {
        f"--split {split}": split is not Split.OWN,
        f"--folds {folds}": folds,
        f"--by {by}": by != "group",
    }
    given = [words for words, changes in asked.items() if changes]
    if source.fixed_split and given:
        rule = f"{name} must keep its own split, without --split, --folds and --by"
        raise ValueError(f"{rule}: {source.fixed_split}; got {' '.join(given)}.")
    return source


def _composed(root: Path, size: int, artists: int, seed: int, stream: bool) -> Any:
    """Give the rows of the studio corpus, with absolute paths."""
    from kmusic.datasets.studio.corpus import StudioConfig, studio_tracks

    config = StudioConfig(n_tracks=size, n_artists=artists, seed=seed)
    return studio_tracks(config) if stream else compose_studio(root, config)


def _divided(table: Any, split: Split, folds: int, seed: int) -> Any:
    """Keep the split and folds that a source brings, or draw new ones, by group."""
    from kmusic.datasets.splits import assign_folds, split_by_group
    from kmusic.datasets.table import checked

    kept = {"split": split is Split.OWN, "fold": not folds}
    own = table[[side for side, keep in kept.items() if keep and side in table]]
    table = checked(table.drop(columns=list(kept), errors="ignore"))
    for side in own:
        n_sides = own[side].groupby(table["group"]).nunique()
        if len(cut := n_sides.index[n_sides > 1]):
            raise ValueError(
                f"a group must lie in one {side}; the source's own {side} cuts {len(cut)} "
                f"group(s), {cut[0]!r} first: draw a new one with {REDRAW[side]}."
            )
    table = checked(table.join(own))
    if split is Split.NEW or (split is Split.OWN and "split" not in own):
        table = split_by_group(table, seed=seed)
    return assign_folds(table, folds, seed=seed) if folds else table


def _unusable(table: Any, quick: bool) -> dict[str, str]:
    """Say of files, and of clips, that cannot be used why: from headers, or from all the sound."""
    from kmusic.datasets.check import check_tracks
    from kmusic.datasets.reading import Problems, open_tracks

    with progress("reading", len(table) if quick else table["path"].nunique()) as advance:
        if quick:
            found = Problems()
            open_tracks(table, found, advance)
            return found.as_dict()
        findings = check_tracks(table, advance=advance)
    return {row.path: f"{row.finding}: {row.detail}" for row in findings.itertuples()}


def compose_studio(root: Path, config: Any) -> Any:
    """Compose the studio corpus below a folder, and give its table with absolute paths."""
    from kmusic.datasets.studio.corpus import write_studio

    with progress("composing", config.n_tracks) as advance:
        done = 0

        def count(written: int) -> None:
            nonlocal done
            advance(written - done)
            done = written

        table = write_studio(root, config, count)
    return table.assign(path=[str(root.absolute() / path) for path in table["path"]])
