import pytest
import soundfile as sf

from kmusic.audio.signals import tone
from kmusic.datasets.gtzan import FIXED_SPLIT
from kmusic.datasets.reading import Problems
from kmusic.datasets.sources import SOURCES, find_source
from kmusic.datasets.table import read_tracks, write_tracks
from tests.archives import write_fma, write_gtzan
from tests.msd_sets import artist_lines, write_artists, write_previews
from tests.sound_sets import write_api, write_nsynth, write_urbansound8k


def write_folder(root):
    for label in ("high", "low"):
        (root / label).mkdir()
        sf.write(root / label / "x.wav", tone(440, 0.2, 8_000), 8_000)
    return root


def write_msd(root):
    write_artists(root)
    write_previews(root, [line.split("/")[0] for line in artist_lines()])
    return root


def write_recordings(root):
    for number, seconds in enumerate((21, 12, 3)):
        path = root / "Haydn" / "Symphony 88" / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, tone(440, seconds, 2_000), 2_000)
    return root


LAYOUTS = {
    "folder": (write_folder, "label", ["high", "low"], 0),
    "fma": (write_fma, "label", ["Pop", "Pop", "Hip-Hop", "Pop"], 2),
    "gtzan": (write_gtzan, "split", ["train"] * 3 + ["validation"] * 2 + ["test"] * 2, 0),
    "msd:2": (write_msd, "artist", ["7"] * 20 + ["3"] * 20, 0),
    "nsynth:10": (write_nsynth, "split", ["train"] * 10 + ["validation"] * 2 + ["test"] * 10, 0),
    "urbansound8k": (write_urbansound8k, "fold", [1, 1, 2, 10], 0),
    "freesound": (write_api, "uploader", ["Ada", "Bob"], 1),
    "symphonies": (write_recordings, "start", [0.0, 10.0, 0.0], 1),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_source_gives_a_table_that_can_be_written_and_read(name, tmp_path):
    write, column, values, n_left_out = LAYOUTS[name]
    problems = Problems()
    write_tracks(find_source(name).rows(write(tmp_path), problems), tmp_path / "tracks.csv")
    assert read_tracks(tmp_path / "tracks.csv")[column].tolist() == values
    assert len(problems.as_dict()) == n_left_out


def test_every_source_is_tried_here_or_beside_mirdata():
    assert {name.split(":")[0] for name in LAYOUTS} | {"mirdata"} == set(SOURCES)


def test_a_source_for_mirdata_takes_all_behind_the_first_colon(tmp_path):
    pytest.importorskip("mirdata", reason="mirdata is the extra `datasets`")
    with pytest.raises(ValueError, match="at most; got mirdata:tinysol:family:audio_path:more"):
        find_source("mirdata:tinysol:family:audio_path:more").rows(tmp_path, Problems())


@pytest.mark.parametrize(
    "name", ["shelf", "", "mirdata", "mirdata:", "msd", "nsynth", "folder:", "fma:small"]
)
def test_an_unknown_source_is_answered_with_all_that_there_are(name):
    known = (
        "studio or one of folder, fma, gtzan, msd:SUBSET, nsynth:SUBSET, urbansound8k, freesound, "
        "symphonies, mirdata:NAME"
    )
    with pytest.raises(ValueError, match=known) as caught:
        find_source(name)
    assert str(caught.value).endswith(f"got {name!r}.")


def test_only_gtzan_must_keep_its_split():
    fixed = {name: source.fixed_split for name, source in SOURCES.items() if source.fixed_split}
    assert fixed == {"gtzan": FIXED_SPLIT}
