import json
import shutil

import pytest

from kmusic.datasets.nsynth import FAMILIES, PUBLISHED, nsynth_tracks
from kmusic.datasets.reading import Problems
from kmusic.datasets.table import TrackTableError, checked, read_tracks, write_tracks
from tests.sound_sets import N_TRAIN, example, write_json, write_nsynth


@pytest.fixture
def notes(tmp_path):
    return write_nsynth(tmp_path)


def training(tracks):
    return tracks[tracks["split"] == "train"]


def names(tracks):
    return [path.split("/")[-1].removesuffix(".wav") for path in tracks["path"]]


def rewrite(root, side, change):
    path = root / f"nsynth-{side}/examples.json"
    examples = json.loads(path.read_text(encoding="utf-8"))
    change(examples)
    write_json(path, examples)


def test_a_row_is_a_note_with_what_is_said_of_it(notes):
    assert nsynth_tracks("all", notes).iloc[0].to_dict() == {
        "path": str(notes / "nsynth-train/audio/bass_acoustic_000-060-100.wav"),
        "label": "bass",
        "instrument": "bass_acoustic_000",
        "tags": "bass;acoustic;dark;fast_decay",
        "pitch": 60,
        "velocity": 100,
        "split": "train",
        "group": "bass_acoustic_000",
    }


def test_all_notes_are_listed_by_side_and_name(notes):
    tracks = nsynth_tracks("all", notes)
    assert tracks["split"].tolist() == ["train"] * 34 + ["validation"] * 2 + ["test"] * 10
    for _, side in tracks.groupby("split"):
        assert names(side) == sorted(names(side))
    assert training(tracks)["label"].value_counts().to_dict() == N_TRAIN


@pytest.mark.parametrize("absent", ["train", "valid", "test"])
def test_some_of_the_sides_are_enough(notes, absent):
    shutil.rmtree(notes / f"nsynth-{absent}")
    sides = {"train": "train", "valid": "validation", "test": "test"}
    tracks = nsynth_tracks("all", notes)
    assert set(tracks["split"]) == set(sides.values()) - {sides[absent]}


def test_an_instrument_in_validation_and_test_is_two_groups_that_no_split_cuts(notes):
    tracks = checked(nsynth_tracks("all", notes))
    shared = tracks[tracks["instrument"] == "bass_acoustic_020"]
    groups = dict(zip(shared["split"], shared["group"], strict=True))
    assert groups == {
        "validation": "bass_acoustic_020 (validation)",
        "test": "bass_acoustic_020",
    }


def test_an_instrument_in_training_and_test_is_told_by_the_check_of_the_table(notes):
    change = {"instrument_str": "bass_acoustic_000"}
    rewrite(notes, "test", lambda said: said["bass_acoustic_020-060-100"].update(change))
    with pytest.raises(TrackTableError, match="a group must lie in one split; got 'bass_acoustic"):
        checked(nsynth_tracks("all", notes))


def test_the_draw_takes_as_many_training_notes_of_each_family_and_no_other(notes):
    tracks = nsynth_tracks("20", notes)
    drawn = training(tracks)
    assert drawn["label"].value_counts().to_dict() == dict.fromkeys(FAMILIES, 2)
    assert not drawn["path"].duplicated().any()
    assert tracks["split"].tolist() == ["train"] * 20 + ["validation"] * 2 + ["test"] * 10
    assert names(drawn) == sorted(names(drawn))


def test_the_draw_can_be_repeated_and_another_seed_draws_others(notes):
    first, again, zero, other = (
        names(nsynth_tracks(subset, notes)) for subset in ("10", "10", "10:0", "10:1")
    )
    assert first == again == zero
    assert first != other


def test_the_draw_does_not_heed_the_order_of_the_file(notes):
    expected = names(nsynth_tracks("10", notes))

    def turn(said):
        turned = [*said.items()][::-1]
        said.clear()
        said.update(turned)

    rewrite(notes, "train", turn)
    assert names(nsynth_tracks("10", notes)) == expected


def test_the_draw_is_from_the_notes_that_have_a_file(notes):
    for number in (0, 2):
        (notes / f"nsynth-train/audio/reed_acoustic_00{number}-060-100.wav").unlink()
    problems = Problems()
    assert "reed_acoustic_001-060-100" in names(nsynth_tracks("10", notes, problems))
    assert [*problems.as_dict().values()] == ["no such file"] * 2
    error = r"nsynth:20 must find 2 training notes of each family; got 1 of reed\."
    with pytest.raises(ValueError, match=error):
        nsynth_tracks("20", notes)


def test_the_published_list_takes_the_place_of_the_draw(notes):
    listed = {"reed": ["reed_acoustic_002-060-100"], "bass": ["bass_acoustic_001-060-100"]}
    write_json(notes / PUBLISHED, listed)
    tracks = nsynth_tracks("published", notes)
    assert names(training(tracks)) == ["bass_acoustic_001-060-100", "reed_acoustic_002-060-100"]
    assert tracks["split"].value_counts().to_dict() == {"test": 10, "train": 2, "validation": 2}


def test_notes_off_the_published_list_need_no_file(notes):
    write_json(notes / PUBLISHED, {"reed": ["reed_acoustic_002-060-100"]})
    (notes / "nsynth-train/audio/reed_acoustic_001-060-100.wav").unlink()
    problems = Problems()
    nsynth_tracks("published", notes, problems)
    assert problems.as_dict() == {}


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"reed": ["reed_acoustic_020-060-100"]}, r"of nsynth-train/.*; got 'reed_acoustic_020-06"),
        (["reed_acoustic_002-060-100"], r"a list of notes for each family; got \"\['reed"),
        ({"reed": 7}, r"a list of notes for each family; got \"\{'reed': 7\}\""),
    ],
)
def test_a_list_that_is_not_as_published_is_told(notes, said, error):
    write_json(notes / PUBLISHED, said)
    with pytest.raises(ValueError, match=error):
        nsynth_tracks("published", notes)


def test_without_the_published_list_it_is_said_where_it_is(notes):
    with pytest.raises(FileNotFoundError, match=rf"ROOT must hold {PUBLISHED}, of .*coala"):
        nsynth_tracks("published", notes)


@pytest.mark.parametrize("subset", ["", "some", "0", "15", "-10", "10:", "10:x", "all:1", "1e1"])
def test_an_unknown_subset_is_told(notes, subset):
    error = r"SUBSET in nsynth:SUBSET must be all, published, or a multiple of 10, .*; got "
    with pytest.raises(ValueError, match=error) as caught:
        nsynth_tracks(subset, notes)
    assert str(caught.value).endswith(f"got {subset!r}.")


@pytest.mark.parametrize("subset", ["10", "published"])
def test_a_part_needs_the_training_side(notes, subset):
    shutil.rmtree(notes / "nsynth-train")
    with pytest.raises(FileNotFoundError, match=rf"hold nsynth-train of .* for nsynth:{subset}; g"):
        nsynth_tracks(subset, notes)


def test_a_folder_without_any_side_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nsynth-train, nsynth-valid or nsynth-test of .*"):
        nsynth_tracks("all", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"ROOT must be a folder; got .*nowhere"):
        nsynth_tracks("all", tmp_path / "nowhere")


def test_a_folder_without_a_note_is_refused(notes):
    for side in ("train", "valid", "test"):
        shutil.rmtree(notes / f"nsynth-{side}/audio")
    with pytest.raises(ValueError, match=r"as in nsynth-test/audio/.* none .* used of 46\."):
        nsynth_tracks("all", notes)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ([], "got no note with AttributeError"),
        ({"a": None}, "give .*pitch, velocity of each note; got a with TypeError"),
        ({"a": example("bass", 1) | {"qualities_str": None}}, "got a with TypeError"),
        ({"a": {"pitch": 60}}, r"got a with KeyError\('instrument_family_str'\)"),
        ({"a": example("bass", 1) | {"qualities_str": [1]}}, "tags of a in .*; got "),
    ],
)
def test_notes_that_are_not_as_published_are_told(notes, said, error):
    write_json(notes / "nsynth-valid/examples.json", said)
    with pytest.raises(ValueError, match=error) as caught:
        nsynth_tracks("all", notes)
    assert str(notes / "nsynth-valid/examples.json") in str(caught.value)


def test_the_table_can_be_written_and_read(notes):
    tracks = nsynth_tracks("10", notes)
    write_tracks(tracks, notes / "tracks.csv")
    again = read_tracks(notes / "tracks.csv")
    assert again["group"].tolist() == tracks["group"].tolist()
