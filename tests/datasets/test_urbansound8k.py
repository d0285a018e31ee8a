import pytest

from kmusic.datasets.reading import Problems
from kmusic.datasets.table import TrackTableError, checked, read_tracks, write_tracks
from kmusic.datasets.urbansound8k import urbansound8k_tracks
from tests.sound_sets import write_json, write_urbansound8k

TAGS = {"101415": ["dog", "hip;hop"], "57": [], "1": ["nowhere"]}


@pytest.fixture
def sounds(tmp_path):
    return write_urbansound8k(tmp_path)


def edit(root, old, new):
    path = root / "metadata/UrbanSound8K.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_row_is_a_sound_with_its_fold_and_no_place_in_its_recording(sounds):
    assert urbansound8k_tracks(sounds).iloc[2].to_dict() == {
        "path": str(sounds / "audio/fold2/57-0-0-0.wav"),
        "label": "air_conditioner",
        "group": "freesound:57",
        "fold": 2,
    }


def test_sounds_of_one_recording_are_one_group(sounds):
    assert urbansound8k_tracks(sounds)["group"].nunique() == 3


@pytest.mark.parametrize("name", ["UrbanSound8K_tags.json", "US8K_tags.json"])
def test_tags_are_those_of_the_recording(sounds, name):
    write_json(sounds / "metadata" / name, TAGS)
    tags = urbansound8k_tracks(sounds)["tags"]
    assert tags[:2].tolist() == ["dog;hip hop"] * 2
    assert tags[2:].isna().all()


def test_the_published_tags_are_read(shared, sounds):
    raw = (shared / "reference/us8k_tags_raw.json").read_bytes()
    (sounds / "metadata/US8K_tags.json").write_bytes(raw)
    edit(sounds, ",99,", ",127443,")
    expected = "ambience;buzz;drone;field-recording;forklift;machine;noise;piledriver;rattle"
    assert urbansound8k_tracks(sounds)["tags"].iloc[3] == expected


def test_a_sound_that_is_not_there_is_left_out_and_told(sounds):
    path = sounds / "audio/fold1/101415-3-0-3.wav"
    path.unlink()
    problems = Problems()
    assert str(path) not in urbansound8k_tracks(sounds, problems)["path"].tolist()
    assert problems.as_dict() == {str(path): "no such file"}


def test_the_table_can_be_written_and_read(sounds):
    write_tracks(urbansound8k_tracks(sounds), sounds / "tracks.csv")
    assert read_tracks(sounds / "tracks.csv")["fold"].tolist() == [1, 1, 2, 10]


def test_a_recording_that_folds_cut_is_told_by_the_check_of_the_table(sounds):
    edit(sounds, "6.0,2,1,3", "6.0,2,2,3")
    (sounds / "audio/fold1/101415-3-0-3.wav").rename(sounds / "audio/fold2/101415-3-0-3.wav")
    with pytest.raises(TrackTableError, match="a group must lie in one fold; got 'freesound:10141"):
        checked(urbansound8k_tracks(sounds))


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("57-0-0-0.wav", "../57-0-0-0.wav", "slice_file_name in .* a name such as .*; got '../57"),
        ("57-0-0-0.wav", "57-0-0.wav", "slice_file_name in .*; got '57-0-0.wav'"),
        (",57,", ",x57,", "fsID in .* must be a whole number; got 'x57'"),
        (",10,9,", ",11,9,", "fold in .* must be a fold from 1 to 10; got '11'"),
        (",10,9,", ",0,9,", "fold in .* must be a fold from 1 to 10; got '0'"),
        ("street_music", " ", "class in .* must be the name of a class; got ' '"),
        ("salience,fold", "salience,part", r"must have the columns .*; it lacks \['fold'\]"),
    ],
)
def test_a_table_that_is_not_as_published_is_told(sounds, old, new, error):
    edit(sounds, old, new)
    with pytest.raises(ValueError, match=error):
        urbansound8k_tracks(sounds)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (["dog"], r"US8K_tags\.json must give a list of tags for each id; got \"\['dog'\]\""),
        ({"57": "dog"}, r"tags of 57 in .*US8K_tags\.json must be a list of texts; got 'dog'"),
    ],
)
def test_tags_that_are_not_as_published_are_told(sounds, said, error):
    write_json(sounds / "metadata/US8K_tags.json", said)
    with pytest.raises(ValueError, match=error):
        urbansound8k_tracks(sounds)


def test_without_its_table_it_is_said_what_to_put_where(sounds):
    (sounds / "metadata/UrbanSound8K.csv").unlink()
    error = r"ROOT must hold metadata/UrbanSound8K\.csv of .*; got .* without it\."
    with pytest.raises(FileNotFoundError, match=error):
        urbansound8k_tracks(sounds)


def test_a_folder_without_a_sound_is_refused(sounds):
    (sounds / "audio").rename(sounds / "sound")
    with pytest.raises(ValueError, match=r"as in audio/fold1/.*; got .* none .* used of 4\."):
        urbansound8k_tracks(sounds)


def test_a_root_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"ROOT must be a folder; got .*nowhere"):
        urbansound8k_tracks(tmp_path / "nowhere")
