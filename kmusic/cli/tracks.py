"""Write a track table."""

from pathlib import Path
from typing import Annotated, Any

import typer

from kmusic.cli.console import JSON, end, progress, say, show_json, show_problems


def tracks(
    source: Annotated[str, typer.Argument(help="folder, or studio to compose one.")],
    root: Annotated[Path, typer.Argument(help="Folder of recordings: ROOT/label/artist/file.")],
    out: Annotated[Path, typer.Option(help="Table to write: .csv or .parquet.")] = Path(
        "tracks.csv"
    ),
    split: Annotated[bool, typer.Option(help="Assign train, validation and test.")] = True,
    folds: Annotated[int, typer.Option(help="Number folds 1 to N too; 0 for none.")] = 0,
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
    from kmusic.datasets.splits import assign_folds, split_by_group
    from kmusic.datasets.table import checked, write_tracks

    table = _listed(source, root, (size, artists, seed), stream)
    problems = {} if source == "studio" else _unusable(table, quick)
    show_problems(problems)
    table = table[~table["path"].isin(problems)].reset_index(drop=True)
    if table.empty:
        raise ValueError(f"no file below {root} can be used.")
    if by != "group":
        if by not in table:
            raise ValueError(f"--by must be one of {list(table.columns)}; got {by!r}.")
        table = table.assign(group=table[by])
    table = checked(table)
    if split:
        table = split_by_group(table, seed=seed)
    if folds:
        table = assign_folds(table, folds, seed=seed)
    write_tracks(table, out)
    sides = table["split"].value_counts().to_dict() if split else {}
    if json:
        show_json({"tracks": len(table), "split": sides, "problems": problems, "out": str(out)})
    else:
        shares = "".join(f", {count} {side}" for side, count in sides.items())
        say(f"{out}: {len(table)} tracks, {table['group'].nunique()} groups{shares}")
    end(problems)


def _listed(source: str, root: Path, studio: tuple[int, int, int], stream: bool) -> Any:
    """Give the rows of a source, with absolute paths."""
    from kmusic.datasets.sources import SOURCES
    from kmusic.datasets.studio.corpus import StudioConfig, studio_tracks

    if source == "studio":
        config = StudioConfig(n_tracks=studio[0], n_artists=studio[1], seed=studio[2])
        return studio_tracks(config) if stream else compose_studio(root, config)
    if source not in SOURCES:
        raise ValueError(f"SOURCE must be one of {[*SOURCES, 'studio']}; got {source!r}.")
    return SOURCES[source](root)


def _unusable(table: Any, quick: bool) -> dict[str, str]:
    """Say of each file that cannot be used what is wrong, from its header or its whole sound."""
    from kmusic.datasets.check import check_tracks
    from kmusic.datasets.reading import Problems, open_tracks

    with progress("reading", len(table)) as advance:
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
