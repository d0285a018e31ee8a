import pandas as pd
import pytest

from kmusic.datasets.metadata import groups_by_side, joined_tags, present, read_json, read_table
from kmusic.datasets.reading import Problems

RULES = {"id": ("[0-9]+", "a whole number"), "name": (".+", "a name")}


@pytest.mark.parametrize("raw", [b'{"a": "\xc3\xa9"}', b'\xef\xbb\xbf{"a": "\xc3\xa9"}'])
def test_json_is_read_with_a_byte_order_mark_or_without(tmp_path, raw):
    (tmp_path / "said.json").write_bytes(raw)
    assert read_json(tmp_path / "said.json") == {"a": "é"}


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_what_is_no_json_is_told_with_its_file(tmp_path, raw):
    (tmp_path / "said.json").write_bytes(raw)
    with pytest.raises(ValueError, match=r"said\.json must be JSON; got: .*\."):
        read_json(tmp_path / "said.json")


def test_json_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"must have said\.json; got no .*said\.json\."):
        read_json(tmp_path / "said.json")


def test_the_asked_columns_of_a_table_are_read_as_text(tmp_path):
    text = '\ufeffname,more,id\r\nNA,x,007\r\n"a, b",,1\r\n'
    (tmp_path / "t.csv").write_text(text, encoding="utf-8", newline="")
    rows = read_table(tmp_path / "t.csv", RULES)
    assert rows.to_dict("list") == {"id": ["007", "1"], "name": ["NA", "a, b"]}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", "must be a CSV table in UTF-8; No columns"),
        (b"id,name\n1,\xff\n", "must be a CSV table in UTF-8; 'utf-8'"),
        (b"id,name\n1,a\n2,b,c\n", "must be a CSV table in UTF-8; Error tokenizing"),
        (b"id,title\n1,a\n", r"must have the columns id, name; it lacks \['name'\]"),
        (b"id,name\n1,a\n-2,b\n", r"id in .*t\.csv must be a whole number; got '-2'"),
        (b"id,name\n1,a\n1x,b\n", r"id in .*t\.csv must be a whole number; got '1x'"),
        (b"id,name\n1,\n", r"name in .*t\.csv must be a name; got ''"),
        (b"id,name\n1\n", r"name in .*t\.csv must be a name; got ''"),
    ],
)
def test_a_table_that_is_not_as_it_must_be_is_told(tmp_path, text, error):
    (tmp_path / "t.csv").write_bytes(text)
    with pytest.raises(ValueError, match=error):
        read_table(tmp_path / "t.csv", RULES)


@pytest.mark.parametrize(
    ("tags", "joined"),
    [
        (["b", "a"], "b;a"),
        (["hip;hop", " deep \n house ", "hip hop"], "hip hop;deep house"),
        (["", ";", " "], None),
        ([], None),
    ],
)
def test_tags_are_joined_once_each_in_their_order(tags, joined):
    assert joined_tags(tags, "a sound") == joined


@pytest.mark.parametrize("tags", ["dog", None, [1], {"dog": 1}])
def test_tags_that_are_no_list_of_texts_are_told(tags):
    with pytest.raises(ValueError, match=r"tags of 12 in x must be a list of texts; got"):
        joined_tags(tags, "12 in x")


def test_a_name_on_two_sides_makes_two_groups_if_one_side_is_the_validation():
    rows = [
        ("a", "validation", "a (validation)"),
        ("a", "train", "a"),
        ("b", "test", "b"),
        ("b", "validation", "b (validation)"),
        ("c", "test", "c"),
        ("c", "train", "c"),
        ("d", "validation", "d"),
    ]
    names, split, expected = (pd.Series(column) for column in zip(*rows, strict=True))
    assert groups_by_side(names, split).tolist() == expected.tolist()


def test_rows_without_a_name_have_no_group():
    split = pd.Series(["validation", "train"])
    assert groups_by_side(pd.Series([None, None], dtype=object), split).isna().all()


def test_rows_without_a_file_are_left_out_and_told(tmp_path):
    for name in ("a/1.wav", "b/2.wav"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    names = ["nowhere/1.wav", "a/1.wav", "a/2.wav", "b/2.wav"]
    problems = Problems()
    tracks = pd.DataFrame({"path": [f"{tmp_path}/{name}" for name in names], "n": range(4)})
    found = present(tracks.set_index(pd.Index([4, 4, 7, 9])), problems, tmp_path, "sounds")
    assert (found["n"].tolist(), found.index.tolist()) == ([1, 3], [0, 1])
    assert problems.as_dict() == {
        f"{tmp_path}/a/2.wav": "no such file",
        f"{tmp_path}/nowhere/1.wav": "no such file",
    }


@pytest.mark.parametrize("n_rows", [0, 2])
def test_that_no_row_has_a_file_is_told_with_the_layout(tmp_path, n_rows):
    tracks = pd.DataFrame({"path": [f"{tmp_path}/{n}.wav" for n in range(n_rows)]}, dtype=object)
    error = rf"ROOT must hold sounds, as in 1\.wav; got .* with none .* used of {n_rows}\."
    with pytest.raises(ValueError, match=error):
        present(tracks, Problems(), tmp_path, "sounds, as in 1.wav")
