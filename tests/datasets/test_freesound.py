import shutil

import pytest

from kmusic.datasets.freesound import freesound_tracks
from kmusic.datasets.reading import Problems
from kmusic.datasets.table import TrackTableError, checked, read_tracks, write_tracks
from tests.sound_sets import API, write_api, write_files, write_fsd50k, write_json


@pytest.fixture
def fsd50k(tmp_path):
    return write_fsd50k(tmp_path)


@pytest.fixture
def api(tmp_path):
    return write_api(tmp_path)


def names(tracks):
    return [path.split("/")[-1] for path in tracks["path"]]


def told(root):
    problems = Problems()
    freesound_tracks(root, problems)
    return problems.as_dict()


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_row_of_fsd50k_is_a_clip_with_its_classes_and_tags(fsd50k):
    assert freesound_tracks(fsd50k).iloc[0].to_dict() == {
        "path": str(fsd50k / "FSD50K.dev_audio/64760.wav"),
        "classes": "Electric_guitar;Guitar;Music",
        "split": "train",
        "tags": "guitar;hip hop",
        "uploader": "Ada",
        "title": "riff; take 2",
        "licence": "BY",
        "group": "Ada",
    }


def test_the_split_of_fsd50k_is_its_own(fsd50k):
    tracks = freesound_tracks(fsd50k)
    assert dict(zip(names(tracks), tracks["split"], strict=True)) == {
        "64760.wav": "train",
        "16399.wav": "validation",
        "345111.wav": "train",
        "99.wav": "test",
        "37199.wav": "test",
    }


def test_an_uploader_in_training_and_validation_is_two_groups_that_no_split_cuts(fsd50k):
    tracks = checked(freesound_tracks(fsd50k))
    groups = tracks.loc[tracks["uploader"] == "Bob", "group"]
    assert groups.tolist() == ["Bob (validation)", "Bob"]


def test_an_uploader_in_training_and_test_is_told_by_the_check_of_the_table(fsd50k):
    edit(fsd50k / "FSD50K.metadata/eval_clips_info_FSD50K.json", "Wim", "Ada")
    with pytest.raises(TrackTableError, match="a group must lie in one split; got 'Ada'"):
        checked(freesound_tracks(fsd50k))


def test_a_clip_without_tags_or_title_has_none(fsd50k):
    row = freesound_tracks(fsd50k).iloc[2]
    assert row[["tags", "title"]].isna().all()


@pytest.mark.parametrize(("absent", "left"), [("dev", {"test"}), ("eval", {"train", "validation"})])
def test_one_set_of_fsd50k_is_enough(fsd50k, absent, left):
    (fsd50k / f"FSD50K.ground_truth/{absent}.csv").unlink()
    assert set(freesound_tracks(fsd50k)["split"]) == left


def test_a_clip_that_is_not_there_is_left_out_and_told(fsd50k):
    path = fsd50k / "FSD50K.eval_audio/99.wav"
    path.unlink()
    assert "99.wav" not in names(freesound_tracks(fsd50k))
    assert told(fsd50k) == {str(path): "no such file"}


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("64760,", "a/64760,", r"fname in .*dev\.csv must be an id of Freesound; got 'a/64760'"),
        (",val\n", ",test\n", r"split in .*dev\.csv must be train or val; got 'test'"),
        (",Bark,", ",,", r"labels in .*dev\.csv must be classes, .*; got ''"),
        ("fname", "name", r"dev\.csv must have the columns .*; it lacks \['fname'\]"),
        ("345111", "345112", r"dev_clips_info.* an entry of each clip in dev.csv; got none of 34"),
    ],
)
def test_a_table_of_fsd50k_that_is_not_as_published_is_told(fsd50k, old, new, error):
    edit(fsd50k / "FSD50K.ground_truth/dev.csv", old, new)
    with pytest.raises(ValueError, match=error):
        freesound_tracks(fsd50k)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (
            '"uploader": "Ada"',
            '"name": "Ada"',
            "each sound of .* must have tags and uploader; got ",
        ),
        ('"tags": []', '"tags": "dog"', "tags of 345111 in .* must be a list of texts; got 'dog'"),
    ],
)
def test_what_is_said_of_a_clip_must_be_as_published(fsd50k, old, new, error):
    edit(fsd50k / "FSD50K.metadata/dev_clips_info_FSD50K.json", old, new)
    with pytest.raises(ValueError, match=error):
        freesound_tracks(fsd50k)


def test_without_what_is_said_of_the_clips_fsd50k_is_refused(fsd50k):
    path = fsd50k / "FSD50K.metadata/eval_clips_info_FSD50K.json"
    write_json(path, [])
    with pytest.raises(ValueError, match=r"an entry of each clip in eval\.csv; got '\[\]'\."):
        freesound_tracks(fsd50k)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"must have eval_clips_info_FSD50K\.json; got no"):
        freesound_tracks(fsd50k)


def test_a_row_of_a_download_is_a_sound_with_its_tags(api):
    assert freesound_tracks(api).iloc[0].to_dict() == {
        "path": str(api / "a/b/1234.wav"),
        "tags": "dog;bark loud",
        "uploader": "Ada",
        "title": "dog",
        "licence": "BY",
        "group": "Ada",
    }


@pytest.mark.parametrize(
    "said",
    [
        {"count": 3, "next": None, "results": API},
        [{"results": API[:1]}, {"results": API[1:]}],
        API,
        {str(sound["id"]): sound for sound in API},
        [*API, API[0]],
    ],
    ids=["page", "pages", "list", "by id", "repeated"],
)
def test_the_answer_of_the_api_may_be_kept_in_several_shapes(api, said):
    write_json(api / "sounds.json", said)
    tracks = freesound_tracks(api)
    assert names(tracks) == ["1234.wav", "5_777-hq.mp3"]
    assert tracks["uploader"].tolist() == ["Ada", "Bob"]
    assert told(api) == {str(api / "6.*"): "no such file"}


def test_the_best_file_of_a_sound_is_taken(api):
    write_files(api, "0/1234_1-hq.ogg", "0/1234_1-lq.ogg", "z/1234.ogg", "0/5_777-lq.ogg")
    assert names(freesound_tracks(api)) == ["1234.wav", "5_777-hq.mp3"]


def test_files_of_other_names_are_no_sounds(api):
    (api / "a/b/1234.wav").rename(api / "a/b/1234-copy.wav")
    assert names(freesound_tracks(api)) == ["5_777-hq.mp3"]


@pytest.mark.parametrize("ids", [[1234, 6], ["1234", "6", "999"]])
def test_sounds_to_leave_out_of_a_download_have_no_row_and_are_no_problem(api, ids):
    write_json(api / "leave_out.json", ids)
    assert names(freesound_tracks(api)) == ["5_777-hq.mp3"]
    assert told(api) == {}


def test_clips_to_leave_out_of_fsd50k_have_no_row_and_are_no_problem(fsd50k):
    write_json(fsd50k / "leave_out.json", [99, 64760])
    (fsd50k / "FSD50K.eval_audio/99.wav").unlink()
    assert names(freesound_tracks(fsd50k)) == ["16399.wav", "345111.wav", "37199.wav"]
    assert told(fsd50k) == {}


@pytest.mark.parametrize("said", [{"1234": 1}, ["dog"], [1.5], [-3], [True], "1234"])
def test_a_list_to_leave_out_must_be_of_ids(api, said):
    write_json(api / "leave_out.json", said)
    with pytest.raises(ValueError, match=r"leave_out\.json must be a list of ids of Freesound; go"):
        freesound_tracks(api)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (7, "must hold sounds with their ids, .*; got TypeError"),
        ("dog", "must hold sounds with their ids, .*; got AttributeError"),
        ([{"tags": [], "username": "Ada"}], r"must hold sounds .*; got KeyError\('id'\)"),
        ({"results": None}, "must hold sounds with their ids, .*; got TypeError"),
        ([{"id": 5, "username": "Ada"}], "must have tags and username; got 5 with \"{'id': 5"),
        ({"5": {"tags": []}}, "must have tags and username; got 5 with \"{'tags'"),
        ({"5": ["dog"]}, "must have tags and username; got 5 with \"\\['dog'\\]\""),
        ({"5": {"tags": "a", "username": "b"}}, r"tags of 5 in .*sounds\.json must be a list"),
    ],
)
def test_an_answer_that_is_not_as_documented_is_told(api, said, error):
    write_json(api / "sounds.json", said)
    with pytest.raises(ValueError, match=error) as caught:
        freesound_tracks(api)
    assert str(api / "sounds.json") in str(caught.value)


def test_a_download_without_a_sound_is_refused(api):
    shutil.rmtree(api / "a")
    shutil.rmtree(api / "previews")
    with pytest.raises(ValueError, match=r"files of sounds in sounds\.json, as in .*; got .* none"):
        freesound_tracks(api)


def test_without_either_layout_it_is_said_what_to_put_where(tmp_path):
    error = r"ROOT must hold FSD50K\.ground_truth .*, or sounds\.json of .*; got .* without them\."
    with pytest.raises(FileNotFoundError, match=error):
        freesound_tracks(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"ROOT must be a folder; got .*nowhere"):
        freesound_tracks(tmp_path / "nowhere")


@pytest.mark.parametrize("write", [write_fsd50k, write_api])
def test_the_table_can_be_written_and_read(tmp_path, write):
    tracks = freesound_tracks(write(tmp_path))
    write_tracks(tracks, tmp_path / "tracks.csv")
    again = read_tracks(tmp_path / "tracks.csv")
    assert again["tags"].dropna().tolist() == tracks["tags"].dropna().tolist()
