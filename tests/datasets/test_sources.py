import pytest
import soundfile as sf

from kmusic.audio.signals import tone
from kmusic.datasets.reading import Problems
from kmusic.datasets.sources import SOURCES, find_source
from kmusic.datasets.table import read_tracks, write_tracks
from tests.archives import write_fma


def write_folder(root):
    for label in ("high", "low"):
        (root / label).mkdir()
        sf.write(root / label / "x.wav", tone(440, 0.2, 8_000), 8_000)
    return root


LAYOUTS = {
    "folder": (write_folder, ["high", "low"], 0),
    "fma": (write_fma, ["Pop", "Pop", "Hip-Hop", "Pop"], 2),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_gives_a_table_that_can_be_written_and_read(name, tmp_path):
    write, labels, n_left_out = LAYOUTS[name]
    problems = Problems()
    write_tracks(find_source(name)(write(tmp_path), problems), tmp_path / "tracks.csv")
    assert read_tracks(tmp_path / "tracks.csv")["label"].tolist() == labels
    assert len(problems.as_dict()) == n_left_out


@pytest.mark.parametrize("name", ["shelf", "", "mirdata", "mirdata:"])
def test_an_unknown_source_is_answered_with_all_that_there_are(name):
    with pytest.raises(ValueError, match="studio or one of folder, fma, mirdata:NAME") as caught:
        find_source(name)
    assert str(caught.value).endswith(f"got {name!r}.")
