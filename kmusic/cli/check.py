"""Find the tracks of a table that should not be used."""

from pathlib import Path
from typing import Annotated

import typer

from kmusic.cli.console import JSON, end, progress, say, show_json, show_table


def check(
    tracks: Annotated[Path, typer.Argument(help="Track table.")],
    out: Annotated[Path | None, typer.Option(help="Write the table without them here.")] = None,
    minimum_seconds: Annotated[float, typer.Option(help="Shorter files are found short.")] = 0.1,
    json: JSON = False,
) -> None:
    """Decode every file of a table and list broken, silent, short and duplicate ones."""
    from kmusic.datasets.check import check_tracks
    from kmusic.datasets.clips import named_among
    from kmusic.datasets.table import read_tracks, write_tracks

    table = read_tracks(tracks)
    with progress("decoding", table["path"].nunique()) as advance:
        findings = check_tracks(table, minimum_seconds=minimum_seconds, advance=advance)
    clean = table[~named_among(table, {*findings["path"]})]
    if out:
        write_tracks(clean, out)
    if json:
        records = findings.to_dict("records")
        show_json({"tracks": len(table), "clean": len(clean), "findings": records})
    else:
        if len(findings):
            rows = findings[["finding", "path", "detail"]].to_numpy().tolist()
            show_table("findings", ["finding", "path", "detail"], rows)
        say(f"{len(table)} tracks, {len(clean)} clean" + (f"; written to {out}" if out else ""))
    end(dict.fromkeys(findings["path"], ""))
