import pytest
import soundfile as sf

from kmusic.audio.signals import tone
from tests.cli.commands import assert_one_line, kmusic
from tests.training.test_published import NAME, arrays, write_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_weights(tmp_path_factory.mktemp("published") / "weights.h5", arrays())


def test_the_run_embeds_sound(weights, tmp_path):
    answer = kmusic("import", NAME, weights, "--run", tmp_path / "run", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert (answer.json["run"], answer.json["embedding_dim"]) == (str(tmp_path / "run"), 256)
    assert answer.json["parameters"] == 265_984 + 2  # a mean and a deviation of the features
    sf.write(tmp_path / "a.wav", tone(440, 4.0, 22_050), 22_050)
    embedded = kmusic("embed", tmp_path / "run", tmp_path / "a.wav", "--out", tmp_path / "e.npz")
    assert embedded.out == f"{tmp_path / 'e.npz'}: 1 tracks x 256 numbers\n"


def test_people_read_folder_size_and_rate(weights, tmp_path):
    answer = kmusic("import", NAME, weights, "--run", tmp_path / "run")
    assert answer.out == f"{tmp_path / 'run'}: 256 numbers from sound at 22050 Hz\n"


def test_wrong_use_is_one_line(weights, tmp_path):
    run = ("--run", tmp_path / "run")
    assert_one_line(kmusic("import", "bert", weights, *run), "NAME must be one of", "'bert'")
    assert_one_line(kmusic("import", NAME, tmp_path / "x.h5", *run), "FILE must exist", "x.h5")
    (tmp_path / "text.h5").write_text("no weights")
    assert_one_line(kmusic("import", NAME, tmp_path / "text.h5", *run), "must be an HDF5 file")
    assert_one_line(kmusic("import", NAME, weights, "--run", weights.parent), "--run must be a new")
