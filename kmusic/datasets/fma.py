"""Track tables of the Free Music Archive (FMA): genre tree and official split."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kmusic.datasets.folder import existing_folder
from kmusic.datasets.reading import Problems

SUBSETS = ("small", "medium", "large", "full")
"""Names of the sets, each of which holds those before it; `full` is `large` untrimmed."""

BROKEN = {
    98565: "known to be cut to a second or two",
    98567: "known to be cut to a second or two",
    98569: "known to be cut to a second or two",
    99134: "known to hold no audio",
    108925: "known to hold no audio",
    133297: "known to hold no audio",
}
"""Clips of `fma_small`, and so of the larger sets of clips, that were trimmed wrongly, by id."""

SPLITS = {"training": "train", "validation": "validation", "test": "test"}

COLUMNS = {
    "split": ("set", "split"),
    "subset": ("set", "subset"),
    "artist": ("artist", "name"),
    "artist_id": ("artist", "id"),
    "album": ("album", "title"),
    "album_id": ("album", "id"),
    "title": ("track", "title"),
    "licence": ("track", "license"),
    "genre_top": ("track", "genre_top"),
    "genres": ("track", "genres"),
}
"""The columns of `tracks.csv` that are read, by the two rows of its header."""


@dataclass(frozen=True, kw_only=True)
class Genre:
    """A genre and its place in the tree.

    Attributes:
        title: Name of the genre.
        lineage: Ids of the genre itself, its parent, and so on up to its top-level genre.
    """

    title: str
    lineage: tuple[int, ...]


def fma_tracks(root: str | Path, problems: Problems | None = None) -> pd.DataFrame:
    """List the tracks of a set of the Free Music Archive, with its official split.

    Args:
        root: Folder `fma_small`, `fma_medium`, `fma_large` or `fma_full` as unpacked, with
            `fma_metadata` in it or beside it; or the folder that holds one of them.
        problems: Where tracks are noted that are left out: those whose file is missing, as in a
            partial download, and clips that are known to be broken.

    Returns:
        Rows in the order of the metadata: `path` (absolute); the top-level genre, as `label` if
        every track of the set has one (small and medium), else as `genre_top`, which may be
        missing; `tags` (all its genres and their ancestors, a semicolon in a title made a comma);
        `artist` and `album`, unique by id, as in `"Monk [12]"`; `title`; `licence`; `split`.

    Raises:
        FileNotFoundError: If there is no such folder, or no metadata with it.
        ValueError: If the metadata lack a column or hold values that they should not, or no track
            can be used.

    Source:
        Defferrard et al. (2017), FMA: A dataset for music analysis; the split is the one of its
        `tracks.csv`, which keeps each artist on one side.
    """
    problems = Problems() if problems is None else problems
    clips, metadata = _places(existing_folder(root))
    rows = _set_rows(metadata / "tracks.csv", clips.name.removeprefix("fma_"))
    genres = read_genres(metadata / "genres.csv")
    columns = {
        "path": [str(clips / f"{id_ // 1000:03d}" / f"{id_:06d}.mp3") for id_ in rows.index],
        "label" if rows["genre_top"].notna().all() else "genre_top": rows["genre_top"],
        "tags": [_tags(text, genres, metadata / "tracks.csv") for text in rows["genres"]],
        "artist": _unique(rows["artist"], rows["artist_id"]),
        "album": _unique(rows["album"], rows["album_id"]),
        "title": rows["title"],
        "licence": rows["licence"],
        "split": rows["split"],
    }
    tracks = pd.DataFrame(columns, index=rows.index)
    left_out = _left_out(tracks["path"], {} if clips.name == "fma_full" else BROKEN)
    if len(left_out) == len(tracks):
        raise ValueError(
            f"ROOT must hold tracks as NNN/NNNNNN.mp3; "
            f"got {clips} with none that can be used of {len(tracks)}."
        )
    for path, reason in left_out.items():
        problems.add(path, reason)
    return tracks[~tracks["path"].isin(left_out)].reset_index(drop=True)


def read_genres(path: str | Path) -> dict[int, Genre]:
    """Read the genre tree of `genres.csv`, by id.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it lacks a column, or a genre's parent is unknown or its own descendant.
    """
    path = Path(path)
    rows = _read_csv(path)
    if absent := [name for name in ("genre_id", "parent", "title") if name not in rows]:
        raise ValueError(
            f"{path} must have the columns genre_id, parent, title; it lacks {absent}."
        )
    ids = _whole_numbers(rows["genre_id"], "genre_id", path)
    parents = dict(zip(ids, _whole_numbers(rows["parent"], "parent", path), strict=True))
    titles = rows["title"].fillna("")
    return {
        id_: Genre(title=title, lineage=_lineage(id_, parents, path))
        for id_, title in zip(ids, titles, strict=True)
    }


def _places(root: Path) -> tuple[Path, Path]:
    """Find the folder of a set and that of its metadata."""
    names = [f"fma_{subset}" for subset in SUBSETS]
    sets = (
        [root] if root.name in names else [root / name for name in names if (root / name).is_dir()]
    )
    if len(sets) != 1:
        held = f" with {', '.join(place.name for place in sets)}" if sets else ""
        raise ValueError(f"ROOT must be, or hold, one of {', '.join(names)}; got {root}{held}.")
    (clips,) = sets
    looked = [clips / "fma_metadata", clips.parent / "fma_metadata"]
    for metadata in looked:
        if all((metadata / name).is_file() for name in ("tracks.csv", "genres.csv")):
            return clips, metadata
    raise FileNotFoundError(
        "tracks.csv and genres.csv of the archive fma_metadata must lie in one of "
        f"{', '.join(map(str, looked))}; got neither."
    )


def _set_rows(path: Path, subset: str) -> pd.DataFrame:
    """Read the metadata of the tracks of a set, by id, the split in this program's words."""
    header = list(zip(*_read_csv(path, header=None, nrows=2).to_numpy(), strict=True))
    if absent := [pair for pair in COLUMNS.values() if pair not in header]:
        raise ValueError(f"{path} must have a header of two rows with {absent}.")
    places = {0: "id"} | {header.index(pair): name for name, pair in COLUMNS.items()}
    # pandas selects no columns under a header of two rows, and the file has 250 MB.
    rows = _read_csv(
        path, header=None, skiprows=2, names=range(len(header)), usecols=list(places)
    ).rename(columns=places)
    rows = rows[rows["id"] != "track_id"]  # the row that names the index
    rows = rows.set_index(pd.Index(_whole_numbers(rows["id"], "track_id", path)))
    _check_values(rows["subset"], SUBSETS[:3], "set subset", path)
    rows = rows[rows["subset"].isin(SUBSETS[: SUBSETS.index(subset) + 1])]
    _check_values(rows["split"], tuple(SPLITS), "set split", path)
    return rows.assign(split=rows["split"].map(SPLITS))


def _left_out(paths: pd.Series, broken: dict[int, str]) -> dict[str, str]:
    """Say of each path, indexed by track id, that is not to be used why not."""
    reasons = {
        path: broken.get(id_) or (None if Path(path).is_file() else "no such file")
        for id_, path in paths.items()
    }
    return {path: reason for path, reason in reasons.items() if reason}


def _read_csv(path: Path, **settings: Any) -> pd.DataFrame:
    """Read cells as the text they are; blank ones are missing."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""], **settings)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        complaint = str(error).strip().rstrip(".")
        raise ValueError(f"{path} must be a CSV table in UTF-8; {complaint}.") from error


def _whole_numbers(values: pd.Series, name: str, path: Path) -> list[int]:
    wrong = values[~values.str.fullmatch("[0-9]+", na=False)]
    if len(wrong):
        raise ValueError(f"{name} in {path} must be a whole number; got {wrong.iloc[0]!r}.")
    return [int(value) for value in values]


def _check_values(values: pd.Series, known: tuple[str, ...], name: str, path: Path) -> None:
    wrong = values[~values.isin(known)]
    if len(wrong):
        raise ValueError(
            f"{name} in {path} must be one of {', '.join(known)}; "
            f"got {wrong.iloc[0]!r} for track {wrong.index[0]}."
        )


def _lineage(id_: int, parents: dict[int, int], path: Path) -> tuple[int, ...]:
    lineage = [id_]
    while (parent := parents[lineage[-1]]) != 0:
        if parent not in parents or parent in lineage:
            rule = "be a genre of the table or 0, and not a descendant"
            raise ValueError(f"parent in {path} must {rule}; got {parent} for genre {lineage[-1]}.")
        lineage.append(parent)
    return tuple(lineage)


def _tags(text: str, genres: dict[int, Genre], path: Path) -> str | None:
    """Name the genres of a list of ids and all their ancestors, sorted."""
    try:
        ids = json.loads(text) if isinstance(text, str) else []
        titles = {genres[above].title for id_ in ids for above in genres[id_].lineage}
    except (KeyError, TypeError, ValueError) as error:
        rule = "a list of ids that genres.csv has"
        raise ValueError(f"track genres in {path} must be {rule}; got {text!r}.") from error
    return ";".join(sorted(title.replace(";", ",") for title in titles)) or None


def _unique(names: pd.Series, ids: pd.Series) -> pd.Series:
    """Set ids behind names, which may repeat; the archive says -1 where there is none."""
    texts = (names.fillna("") + " [" + ids + "]").str.strip()
    return texts.mask(ids.isna() | (ids == "-1"))
