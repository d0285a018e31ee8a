import pytest
import soundfile as sf

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
    assert "silent" in answer.err
    assert (tmp_path / "0.wav").is_file()


def test_a_run_that_plays_nothing_is_one_line(training, collection, tmp_path):
    answer = kmusic("generate", training.run, collection.root, "--out", tmp_path)
    assert_one_line(answer, "RUN must play sound")
