import shutil

import pytest
import soundfile as sf

from kmusic.audio.signals import tone
from kmusic.datasets.gtzan import gtzan_tracks
from kmusic.datasets.reading import Problems
from kmusic.datasets.table import checked
from tests.archives import GTZAN_LISTS, write_gtzan


@pytest.fixture
def gtzan(tmp_path):
    return write_gtzan(tmp_path)


def places(tracks, root):
    return [path.removeprefix(f"{root}/") for path in tracks["path"]]


def told(root):
    problems = Problems()
    gtzan_tracks(root, problems)
    return problems.as_dict()


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_row_is_a_listed_track(gtzan):
    assert gtzan_tracks(gtzan).iloc[0].to_dict() == {
        "path": str(gtzan / "genres/blues/blues.00029.wav"),
        "label": "blues",
        "split": "train",
    }


def test_the_split_is_that_of_the_lists(gtzan):
    tracks = gtzan_tracks(gtzan)
    split = dict(zip(places(tracks, gtzan / "genres"), tracks["split"], strict=True))
    assert split == {
        line: side
        for name, side in (("train", "train"), ("valid", "validation"), ("test", "test"))
        for line in GTZAN_LISTS[name]
    }


def test_the_public_lists_have_930_tracks_that_all_are_found(shared, tmp_path):
    for path in (shared / "reference/gtzan_fault_filtered").glob("*.txt"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
        for line in path.read_text(encoding="utf-8").split():
            (tmp_path / line).parent.mkdir(exist_ok=True)
            (tmp_path / line).touch()
    sf.write(tmp_path / "jazz/jazz.00054.wav", tone(440, 0.2, 8_000), 8_000)
    tracks = gtzan_tracks(tmp_path)
    assert tracks["split"].value_counts().to_dict() == {
        "train": 443,
        "test": 290,
        "validation": 197,
    }
    assert tracks["label"].nunique() == 10


def test_each_track_is_a_group_because_no_artist_is_known(gtzan):
    tracks = checked(gtzan_tracks(gtzan))
    assert tracks["group"].tolist() == tracks["path"].tolist()


@pytest.mark.parametrize("folder", ["genres", "genres_original", "."])
def test_the_folders_of_the_genres_may_lie_in_each_of_three_places(tmp_path, folder):
    root = write_gtzan(tmp_path, folder=folder)
    assert gtzan_tracks(root)["path"][0] == str(root / folder / "blues/blues.00029.wav")


@pytest.mark.parametrize("genre", ["blues", "hiphop", "jazz"])
def test_a_genre_alone_is_found(gtzan, genre):
    for folder in (gtzan / "genres").iterdir():
        if folder.name != genre:
            shutil.rmtree(folder)
    assert gtzan_tracks(gtzan)["label"].unique().tolist() == [genre]


def test_tracks_with_the_ending_of_the_older_archive_are_found(tmp_path):
    root = write_gtzan(tmp_path, suffix=".au")
    assert gtzan_tracks(root)["path"][0] == str(root / "genres/blues/blues.00029.au")


def test_the_lists_go_by_either_of_their_names(gtzan):
    expected = gtzan_tracks(gtzan)["path"].tolist()
    for name in GTZAN_LISTS:
        (gtzan / f"{name}_filtered.txt").rename(gtzan / f"{name}.txt")
    assert gtzan_tracks(gtzan)["path"].tolist() == expected


def test_lists_that_say_that_they_are_filtered_come_first(gtzan):
    expected = gtzan_tracks(gtzan)["split"].tolist()
    for name in GTZAN_LISTS:
        (gtzan / f"{name}.txt").write_text("no track", encoding="utf-8")
    assert gtzan_tracks(gtzan)["split"].tolist() == expected


def test_a_list_may_come_from_another_system(gtzan):
    expected = gtzan_tracks(gtzan)["path"].tolist()
    path = gtzan / "train_filtered.txt"
    lines = path.read_text(encoding="utf-8").split()
    path.write_text("\ufeff" + "\r\n".join([*lines, ""]), encoding="utf-8", newline="")
    assert gtzan_tracks(gtzan)["path"].tolist() == expected


def test_a_file_on_no_list_is_left_out_and_is_no_problem(gtzan):
    (gtzan / "genres/blues/blues.00099.wav").touch()
    assert "blues/blues.00099.wav" not in places(gtzan_tracks(gtzan), gtzan / "genres")
    assert told(gtzan) == {}


def test_a_listed_track_that_is_not_there_is_left_out_and_told(gtzan):
    path = gtzan / "genres/blues/blues.00000.wav"
    path.unlink()
    assert told(gtzan) == {str(path): "no such file"}
    assert str(path) not in gtzan_tracks(gtzan)["path"].tolist()


def test_the_damaged_copy_of_a_track_is_left_out_and_told(gtzan):
    path = gtzan / "genres/jazz/jazz.00054.wav"
    path.write_bytes(b"\0" * 1_000)
    ((bad, reason),) = told(gtzan).items()
    assert (bad, reason.split("; ")[1]) == (
        str(path),
        "known to be damaged in one of the archives of GTZAN",
    )
    assert str(path) not in gtzan_tracks(gtzan)["path"].tolist()


@pytest.mark.parametrize("absent", ["train", "valid", "test"])
def test_without_all_three_lists_it_is_said_what_to_put_where_and_why(gtzan, absent):
    (gtzan / f"{absent}_filtered.txt").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        gtzan_tracks(gtzan)
    words = ("ROOT must hold", "train_filtered.txt", "test.txt", "repeats artists", f"got {gtzan} ")
    assert [word for word in words if word not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "blues.00001.wav",
        "blues/jazz.00001.wav",
        "blues/blues.1.wav",
        "blues/blues.00001.mp3",
        "blues/blues.00001.wave",
        "../blues/blues.00001.wav",
        "blüs/blüs.00001.wav",
    ],
)
def test_a_line_that_names_no_track_is_told_with_its_list(gtzan, line):
    edit(gtzan / "valid_filtered.txt", "blues/blues.00000.wav", line)
    with pytest.raises(ValueError, match=r"each line of .*valid_filtered\.txt must name") as caught:
        gtzan_tracks(gtzan)
    assert str(caught.value).endswith(f"got {line!r}.")


def test_a_list_that_is_no_text_is_told(gtzan):
    (gtzan / "test_filtered.txt").write_bytes(b"\xff\xfe\x00" * 100)
    with pytest.raises(ValueError, match=r"each line of .*test_filtered\.txt must name"):
        gtzan_tracks(gtzan)


@pytest.mark.parametrize("name", ["train", "test"])
def test_a_track_on_two_lists_or_twice_on_one_is_told(gtzan, name):
    with (gtzan / f"{name}_filtered.txt").open("a", encoding="utf-8") as file:
        file.write("blues/blues.00029.au\n")
    with pytest.raises(ValueError, match=rf"listed once; got 'blues.*au' again in .*{name}_filt"):
        gtzan_tracks(gtzan)


def test_lists_without_any_track_are_refused(gtzan):
    (gtzan / "genres").rename(gtzan / "music")
    with pytest.raises(ValueError, match=r"as in genres/blues/.*; got .* none .* used of 7\."):
        gtzan_tracks(gtzan)


def test_a_root_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"ROOT must be a folder; got .*nowhere"):
        gtzan_tracks(tmp_path / "nowhere")
