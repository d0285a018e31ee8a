import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from kmusic.evaluation.vocoding import vocode_track
from kmusic.training.runs import load_run
from tests.cli.commands import assert_one_line, kmusic
from tests.wavenet_runs import RATE, write_run


@pytest.fixture(scope="module")
def wavenet(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("wavenet") / "run").folder


def test_each_track_is_played_beside_what_was_heard(wavenet, collection, tmp_path):
    folder = collection.root / "high" / "high 0"
    answer = kmusic("generate", wavenet, folder, "--out", tmp_path, "--seconds", 0.2, "--json")
    assert answer.code == 0
    names = ["0.original.wav", "0.wav", "1.original.wav", "1.wav"]
    assert sorted(file.name for file in tmp_path.iterdir()) == names
    assert {sf.info(file).frames for file in tmp_path.iterdir()} == {RATE // 5}
    played = answer.json["tracks"]
    assert [track["played"] for track in played] == [str(tmp_path / n) for n in ("0.wav", "1.wav")]


def test_the_draws_are_those_of_seed_and_temperature(wavenet, collection, tmp_path):
    good = collection.root / "high" / "high 0" / "0.wav"
    drawn = {"seconds": 0.1, "seed": 3, "temperature": 0.5}
    options = [word for name, value in drawn.items() for word in (f"--{name}", value)]
    assert kmusic("generate", wavenet, good, "--out", tmp_path, *options).code == 0
    _, expected = vocode_track(load_run(wavenet), str(good), **drawn)
    np.testing.assert_allclose(sf.read(tmp_path / "0.wav")[0], expected, atol=2**-15)  # 16 bits


def test_tracks_of_one_name_get_files_of_their_own(wavenet, collection, tmp_path):
    paths = [collection.root / label / f"{label} 0" / "0.wav" for label in ("high", "low")]
    answer = kmusic("generate", wavenet, *paths, "--out", tmp_path, "--seconds", 0.1)
    assert answer.code == 0
    assert {"0.wav", "0-2.wav"} <= {file.name for file in tmp_path.iterdir()}
    assert answer.out.split() == [str(tmp_path / "0.wav"), str(tmp_path / "0-2.wav")]


def test_a_bad_file_costs_nothing_but_itself(wavenet, collection, tmp_path):
    good = collection.root / "high" / "high 0" / "0.wav"
    bad = collection.root / "high" / "spoiled" / "silent.wav"
    answer = kmusic("generate", wavenet, bad, good, "--out", tmp_path, "--seconds", 0.1)
    assert answer.code == 1
    assert answer.err.splitlines()[1:] == [f"  {bad}: silent from 0.00 s on, peak below 0.0001"]
    assert (tmp_path / "0.wav").is_file()


def test_clips_of_one_file_are_played_and_named_each(wavenet, collection, tmp_path):
    good = collection.root / "high" / "high 0" / "0.wav"
    table = tmp_path / "clips.csv"
    table.write_text(
        f"path,start,duration\n{good},0,0.1\n{good},0.2,0.1\n{good},500,1\n{good},600,1\n"
    )
    answer = kmusic("generate", wavenet, table, "--out", tmp_path / "new", "--json")
    assert [Path(track["played"]).name for track in answer.json["tracks"]] == ["0.wav", "0-2.wav"]
    assert [*answer.json["problems"]] == [f"{good}@500", f"{good}@600"]


def test_names_that_end_as_those_of_what_was_heard_do_not_clash(wavenet, collection, tmp_path):
    good = collection.root / "high" / "high 0" / "0.wav"
    names = ("x.original.wav", "x.wav", "deeper/x.wav", "x-2.wav", "x-3.original.wav")
    (tmp_path / "old" / "deeper").mkdir(parents=True)
    old = [shutil.copy(good, tmp_path / "old" / name) for name in names]
    new = tmp_path / "new"
    answer = kmusic("generate", wavenet, *old, "--out", new, "--seconds", 0.1, "--json")
    written = {track[side] for track in answer.json["tracks"] for side in ("played", "original")}
    assert len(written) == 10
    assert {str(file) for file in new.iterdir()} == written


def test_no_track_is_written_over(wavenet, collection, tmp_path):
    good = shutil.copy(collection.root / "high" / "high 0" / "0.wav", tmp_path / "mine.wav")
    before = good.read_bytes()
    answer = kmusic("generate", wavenet, good, "--out", tmp_path, "--seconds", 0.1)
    assert_one_line(answer, "--out must not write over the tracks", str(good))
    assert good.read_bytes() == before


def test_where_nothing_can_be_written_nothing_is_played(wavenet, collection, tmp_path, monkeypatch):
    monkeypatch.setattr("kmusic.evaluation.vocoding.vocode_track", pytest.fail)
    (tmp_path / "file").touch()
    answer = kmusic("generate", wavenet, collection.root, "--out", tmp_path / "file")
    assert_one_line(answer, str(tmp_path / "file"))


def test_a_run_that_plays_nothing_is_one_line(training, collection, tmp_path):
    answer = kmusic("generate", training.run, collection.root, "--out", tmp_path)
    assert_one_line(answer, "RUN must play sound")
