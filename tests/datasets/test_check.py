import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from kmusic.audio.signals import noise, tone
from kmusic.datasets.check import FINDINGS, check_tracks
from kmusic.datasets.clips import named_among
from tests import recordings

RATE = 8_000


def found(paths, **settings):
    """Give finding and detail by file name."""
    findings = check_tracks(pd.DataFrame({"path": list(map(str, paths))}), **settings)
    return {Path(row.path).name: (row.finding, row.detail) for row in findings.itertuples()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("music")
    recordings.spoil(root)
    recordings.enrich(root)
    return root


@pytest.mark.parametrize(
    ("name", "finding", "detail"),
    [
        ("empty.wav", "broken", "empty (0 bytes)"),
        ("text.mp3", "broken", "not audio"),
        ("truncated.flac", "broken", "truncated"),
        ("nan.wav", "broken", "NaN"),
        ("silent.wav", "silent", "peak 0.0e+00, at least 0.0001 wanted"),
        ("blink.wav", "short", "0.020 s, at least 0.1 s wanted"),
    ],
)
def test_a_bad_file_is_found(folder, name, finding, detail):
    (told,) = found([folder / name]).values()
    assert told[0] == finding
    assert detail in told[1]


def test_odd_but_good_files_are_not_found(folder):
    assert found([folder / "wide.wav", folder / "Подмосковные вечера.flac"]) == {}


def test_a_missing_file_is_broken(tmp_path):
    assert found([tmp_path / "none.wav"])["none.wav"][0] == "broken"


def test_damage_in_the_middle_of_a_long_file_is_found(tmp_path):
    path = tmp_path / "long.flac"
    sf.write(path, noise(20.0, RATE), RATE)
    contents = bytearray(path.read_bytes())
    middle = len(contents) // 2
    contents[middle : middle + 5_000] = bytes(5_000)
    path.write_bytes(contents)
    assert found([path])["long.flac"][0] == "broken"


def test_the_second_of_two_files_of_equal_sound_is_the_duplicate(tmp_path):
    sound = np.round(30_000 * tone(440, 0.5, RATE)).astype(np.int16)
    sf.write(tmp_path / "b.wav", sound, RATE)
    shutil.copy(tmp_path / "b.wav", tmp_path / "a.wav")
    sf.write(tmp_path / "c.flac", sound, RATE)  # another container, equal samples
    sf.write(tmp_path / "d.wav", sound[::-1], RATE)
    detail = f"same sound as {tmp_path / 'b.wav'}"
    told = found([tmp_path / name for name in ("b.wav", "a.wav", "c.flac", "d.wav")])
    assert told == {"a.wav": ("duplicate", detail), "c.flac": ("duplicate", detail)}


def test_two_bad_files_are_not_duplicates_of_each_other(tmp_path):
    for name in ("a.wav", "b.wav"):
        sf.write(tmp_path / name, np.zeros(RATE), RATE)
    told = found([tmp_path / "a.wav", tmp_path / "b.wav"])
    assert [finding for finding, _ in told.values()] == ["silent", "silent"]


def test_how_short_is_too_short_can_be_said(tmp_path):
    sf.write(tmp_path / "a.wav", tone(440, 0.5, RATE), RATE)
    assert found([tmp_path / "a.wav"], minimum_seconds=0.5) == {}
    told = found([tmp_path / "a.wav"], minimum_seconds=0.75)
    assert told == {"a.wav": ("short", "0.500 s, at least 0.75 s wanted")}


def test_a_file_of_several_rows_is_decoded_once_and_is_no_duplicate_of_itself(tmp_path):
    sf.write(tmp_path / "a.wav", tone(440, 0.5, RATE), RATE)
    decoded = []
    assert found([tmp_path / "a.wav"] * 3, advance=lambda: decoded.append(1)) == {}
    assert len(decoded) == 1


@pytest.fixture
def clips(tmp_path):
    """Half seconds of a file that is silent from 1 to 2 s and ends at 2.8, and of three others."""
    sound = tone(440, 2.8, RATE)
    sound[RATE : 2 * RATE] = 0.0
    sf.write(tmp_path / "a.wav", sound, RATE)
    sf.write(tmp_path / "b.wav", tone(330, 1.0, RATE), RATE)
    shutil.copy(tmp_path / "b.wav", tmp_path / "copy.wav")
    (tmp_path / "c.wav").touch()
    rows = [("a.wav", 0.5 * i) for i in range(7)]
    rows += [(name, start) for name in ("b.wav", "copy.wav", "c.wav") for start in (0.0, 0.5)]
    table = pd.DataFrame(rows, columns=["path", "start"]).assign(duration=0.5)
    return table.assign(path=[str(tmp_path / name) for name in table["path"]])


def test_a_bad_clip_alone_is_found_and_of_a_bad_file_all_clips_at_once(clips):
    read = []
    findings = check_tracks(clips, minimum_seconds=0.5, advance=lambda: read.append(1))
    assert [(Path(row.path).name, row.finding) for row in findings.itertuples()] == [
        ("a.wav@1", "silent"),
        ("a.wav@1.5", "silent"),
        ("a.wav@2.5", "short"),
        ("a.wav@3", "short"),
        ("copy.wav", "duplicate"),
        ("c.wav", "broken"),
    ]
    assert findings["detail"][2:4].tolist() == [
        "0.300 s, at least 0.5 s wanted",
        "0.000 s, at least 0.5 s wanted",
    ]
    assert len(read) == 4
    clean = clips[~named_among(clips, {*findings["path"]})]
    assert clean["start"].tolist() == [0.0, 0.5, 2.0, 0.0, 0.5]


def test_the_studio_is_never_found_wanting_and_advances_the_bar():
    read = []
    assert found(["studio:0/waltz/0/0"], advance=lambda: read.append(1)) == {}
    assert len(read) == 1


def test_findings_come_in_the_order_of_the_table(folder):
    names = ["text.mp3", "blink.wav", "wide.wav", "nan.wav", "empty.wav"]
    told = found([folder / name for name in names])
    assert list(told) == ["text.mp3", "blink.wav", "nan.wav", "empty.wav"]
    assert {finding for finding, _ in told.values()} <= set(FINDINGS)


def test_a_clean_table_has_no_findings_and_still_their_columns(folder):
    findings = check_tracks(pd.DataFrame({"path": [str(folder / "wide.wav")]}))
    assert list(findings) == ["path", "finding", "detail"]
    assert findings.empty
