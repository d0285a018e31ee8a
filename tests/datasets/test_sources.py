import pytest
import soundfile as sf

from kmusic.audio.signals import tone
from kmusic.datasets.sources import SOURCES
from kmusic.datasets.table import read_tracks, write_tracks


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_gives_a_table_that_can_be_written_and_read(name, tmp_path):
    for label in ("high", "low"):
        (tmp_path / label).mkdir()
        sf.write(tmp_path / label / "x.wav", tone(440, 0.2, 8_000), 8_000)
    write_tracks(SOURCES[name](tmp_path), tmp_path / "tracks.csv")
    assert read_tracks(tmp_path / "tracks.csv")["label"].tolist() == ["high", "low"]
