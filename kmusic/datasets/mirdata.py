"""Track tables of any data set that mirdata knows."""

from collections.abc import Iterator
from itertools import chain
from numbers import Real
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from kmusic.datasets.folder import existing_folder
from kmusic.datasets.reading import Problems

COLUMNS = {
    "label": (
        "instrument",
        "instrument_full",
        "key",
        "genre",
        "style",
        "raga",
        "raaga",
        "stroke_name",
        "effect",
    ),
    "artist": (
        "artist",
        "artists",
        "artist_id",
        "singer",
        "singer_id",
        "player_id",
        "drummer",
        "musician",
    ),
    "album": ("album", "release", "concert", "album_id"),
    "tags": ("tags", "instruments", "genres"),
    "split": ("split", "subset", "train"),
    "group": ("song_id", "mtrack_id"),
}
"""For each column: attributes of mirdata's tracks that fill it; the first that says anything."""

SPLITS = {
    "train": "train",
    "training": "train",
    "true": "train",  # of the attribute `train`
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "false": "test",
}

RULES = {
    "label": "one text or number",
    "split": f"one of {', '.join(sorted(SPLITS))}",
    "fold": "a whole number",
}
"""For each column that may not be blank: what the attribute must be."""

UNREADABLE = (OSError, AttributeError, LookupError, TypeError, ValueError)
"""What mirdata's loaders raise where an annotation is absent or malformed."""

Said: TypeAlias = list[list[str]]


def mirdata_tracks(name: str, root: str | Path, problems: Problems | None = None) -> pd.DataFrame:
    """List the tracks of a data set by its name in mirdata; nothing is downloaded.

    Args:
        name: `NAME`, `NAME:LABEL` or `NAME:LABEL:AUDIO`, as `"tinysol:family"` or
            `"guitarset::audio_mic_path"`. LABEL is the attribute of mirdata's tracks that names
            the class; left out, the first of `COLUMNS["label"]` that says anything. AUDIO is the
            attribute with the file; it is needed where a track has several.
        root: Folder with the data, mirdata's `data_home`.
        problems: Where tracks are noted that are left out: those without a file of their own,
            and, in a table with labels, split or fold, those without exactly one. What would
            have filled a column, had its file been there, is noted by `root`.

    Returns:
        Rows in mirdata's order: `path` (absolute), `track_id`, and as far as the data set has
        them `label`, `artist`, `album`, `tags`, `split`, `fold` (its split, if by numbers) and
        `group` (the song of an excerpt or stem whose artist is unknown).

    Raises:
        FileNotFoundError: If `root` is not a folder, or mirdata has no index of the data set.
        ValueError: If mirdata is not installed or does not know the data set or the attributes,
            or if no track can be used.
    """
    problems = Problems() if problems is None else problems
    root = existing_folder(root)
    parts = name.split(":")
    if len(parts) > 3:
        raise ValueError(f"SOURCE must be mirdata:NAME:LABEL:AUDIO at most; got mirdata:{name}.")
    name, label, audio = (*parts, "", "")[:3]
    every_track = _listed(name, root)
    recordings = _recordings(every_track, _audio(name, every_track[0], audio), problems)
    tracks = list(recordings.values())
    said = _said(name, tracks, label, root, problems) if tracks else {}
    table = pd.DataFrame(
        {"path": list(recordings), "track_id": [track.track_id for track in tracks]}
    )
    for column, (_, values) in said.items():
        table = table.assign(**_filled(column, values, table))
    table = table[_complete(table, said, problems)].reset_index(drop=True)
    if table.empty:
        first = next(iter(problems.as_dict().items()))
        raise ValueError(
            f"ROOT must hold tracks of mirdata:{name}; got {root} with none that can be used "
            f"of {len(every_track)}, {': '.join(first)}."
        )
    return table


def _listed(name: str, root: Path) -> list[Any]:
    """Give all of mirdata's tracks, from an index that is there already."""
    try:
        import mirdata
    except ImportError as error:
        rule = "must be there, by `pip install kmusic[datasets]`"
        raise ValueError(f"mirdata {rule}, for mirdata:{name}; {error}.") from error
    if name not in (known := mirdata.list_datasets()):
        raise ValueError(f"NAME in mirdata:NAME must be one of {', '.join(known)}; got {name!r}.")
    try:
        data_set = mirdata.initialize(name, data_home=str(root))
    except (ImportError, LookupError) as error:  # in 1.0.0, simac names no index
        reason = repr(error.__context__ or error)
        raise ValueError(f"mirdata:{name} must load in mirdata; got {reason}.") from error
    if not Path(data_set.index_path).is_file():
        fetch = f"mirdata.initialize({name!r}, data_home={str(root)!r}).download(['index'])"
        raise FileNotFoundError(
            f"mirdata's index of {name} must be fetched first, by `import mirdata; {fetch}`; "
            f"got no {data_set.index_path}."
        )
    try:
        return [data_set.track(track_id) for track_id in data_set.track_ids]
    except (ValueError, AttributeError) as error:
        rule = "mirdata's index must be whole JSON with tracks"
        raise ValueError(f"{rule}; got {data_set.index_path}: {error}") from error


def _audio(name: str, track: Any, audio: str) -> str:
    """Give the attribute that holds the path of a track's recording."""
    offered = sorted(key for key in vars(track) if "audio" in key and "path" in key)
    if "audio_paths" in offered or not offered:
        held = "several to be mixed" if offered else "none"
        raise ValueError(f"a track must have a recording; those of mirdata:{name} have {held}.")
    if not audio and ("audio_path" in offered or len(offered) == 1):
        return "audio_path" if "audio_path" in offered else offered[0]
    if audio not in offered:
        raise ValueError(
            f"AUDIO in mirdata:{name}:LABEL:AUDIO must be one of {', '.join(offered)}; "
            f"got {audio!r}."
        )
    return audio


def _recordings(tracks: list[Any], audio: str, problems: Problems) -> dict[str, Any]:
    """Give the tracks whose file is there, by its path."""
    found: dict[str, Any] = {}
    for track in tracks:
        path = getattr(track, audio)
        if path is None:
            problems.add(track.track_id, f"track without {audio}")
        elif path in found:
            problems.add(path, f"track {track.track_id} repeats track {found[path].track_id}")
        elif Path(path).is_file():
            found[path] = track
        else:
            problems.add(path, "no such file")
    return found


def _said(
    name: str, tracks: list[Any], label: str, root: Path, problems: Problems
) -> dict[str, tuple[str, Said]]:
    """Give, for each column that can be filled, the attribute and what it says of each track."""
    offered = _attributes(tracks[0])
    if label and label not in offered:
        known = ", ".join(offered)
        raise ValueError(f"LABEL in mirdata:{name}:LABEL must be one of {known}; got {label!r}.")
    said = {}
    for column, attributes in (COLUMNS | ({"label": (label,)} if label else {})).items():
        reasons: list[str] = []
        for attribute in (attribute for attribute in attributes if attribute in offered):
            values = [_texts(track, attribute, reasons) for track in tracks]
            if any(values) or attribute == label:
                said[column] = attribute, values
                break
        if reasons and not any(said.get(column, ("", []))[1]):
            problems.add(root, f"no {column}: {reasons[0]}")
    return said


def _attributes(track: Any) -> list[str]:
    """List what a track can be asked, without asking: an answer may read files."""
    return [
        name
        for name in dir(track)
        if not name.startswith("_") and "audio" not in name and "path" not in name
    ]


def _texts(track: Any, attribute: str, reasons: list[str]) -> list[str]:
    """Give what an attribute says of a track; note why if it cannot be read."""
    try:
        value = getattr(track, attribute)
    except UNREADABLE as error:
        reasons.append(f"{attribute} of {track.track_id}: {type(error).__name__}: {error}")
        return []
    texts = (str(item).strip() for item in _items(value))
    return list(dict.fromkeys(text for text in texts if text))


def _items(value: Any) -> Iterator[str | Real]:
    """Give the texts and numbers in a value: itself, a list, or a dict of lists or of shares."""
    if isinstance(value, dict):
        lists = [part for part in value.values() if isinstance(part, list)]
        sure = [key for key, part in value.items() if isinstance(part, float) and part > 0.5]
        value = [*chain(*lists), *sure]
    elif not isinstance(value, list):
        value = [value]
    return (item for item in value if isinstance(item, str | Real) and item == item)  # no NaN


def _filled(column: str, values: Said, table: pd.DataFrame) -> dict[str, pd.Series]:
    """Turn what is said of each track into a column, blank where it is not what it must be."""
    texts = pd.Series([", ".join(said) or None for said in values], dtype=object)
    if column == "label":
        return {column: texts.where([len(said) == 1 for said in values], None)}
    if column == "tags":
        tags = [";".join(text.replace(";", ",") for text in said) or None for said in values]
        return {column: pd.Series(tags, dtype=object)}
    if column == "group" and "artist" in table:
        return {column: table["artist"].fillna(texts)}
    if column != "split":
        return {column: texts}
    if texts.dropna().str.isdecimal().all():
        return {"fold": pd.to_numeric(texts).astype("Int64")}
    words = texts.str.lower().str.rsplit("_").str[-1]  # of "split01_train" the last
    if not words.isin(list(SPLITS)).any() or set(words.dropna()) == {"true"}:
        return {}  # four_way_tabla takes any folder above it with "train" in its name for a split
    return {column: words.map(SPLITS)}


def _complete(
    table: pd.DataFrame, said: dict[str, tuple[str, Said]], problems: Problems
) -> pd.Series:
    """Say which rows have all that the table's columns demand, and note the others."""
    complete = pd.Series(True, index=table.index)
    for column in RULES:
        if column in table:
            attribute, values = said["split" if column == "fold" else column]
            blank = table[column].isna()
            for row in table.index[blank]:
                got = ", ".join(values[row]) or "none"
                problems.add(table["path"][row], f"{attribute} must be {RULES[column]}; got {got}")
            complete &= ~blank
    return complete
