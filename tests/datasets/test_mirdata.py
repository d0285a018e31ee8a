import sys
from importlib import import_module

import pytest

from kmusic.audio.files import describe_file
from kmusic.datasets.mirdata import COLUMNS, mirdata_tracks
from kmusic.datasets.reading import Problems
from kmusic.datasets.table import checked
from tests import mirdata_sets as sets
from tests.mirdata_sets import GTZAN, GUITARS, IRMAS, KEYS, SOLOS, write_text

mirdata = pytest.importorskip("mirdata", reason="mirdata is the extra `datasets`")


@pytest.fixture
def shelve(tmp_path, monkeypatch):
    """Function that writes a data set's sound, and its index where mirdata is told to look."""

    def write(name, files):
        indexes = import_module(f"mirdata.datasets.{name}").INDEXES
        index = indexes[indexes["default"]]
        monkeypatch.setattr(index, "indexes_dir", str(tmp_path / "indexes"))
        sets.write_index(tmp_path / "indexes" / index.filename, indexes["default"], files)
        root = tmp_path / "data"
        root.mkdir()
        sets.write_sound(root, files)
        return root

    return write


@pytest.fixture
def solos(shelve):
    root = shelve("medley_solos_db", SOLOS)
    sets.write_solos_metadata(root)
    return root


@pytest.fixture
def tones(shelve):
    root = shelve("tinysol", sets.TONES)
    sets.write_tones_metadata(root)
    return root


@pytest.fixture
def keys(shelve):
    root = shelve("giantsteps_key", KEYS)
    sets.write_keys_metadata(root)
    return root


@pytest.fixture
def irmas(shelve):
    root = shelve("irmas", IRMAS)
    sets.write_irmas_metadata(root)
    return root


def test_gtzan_is_listed_with_its_genres_though_its_beats_are_absent(shelve):
    root = shelve("gtzan_genre", GTZAN)
    assert mirdata_tracks("gtzan_genre", root).to_dict("list") == {
        "path": [str(root / paths["audio"]) for paths in GTZAN.values()],
        "track_id": list(GTZAN),
        "label": ["blues", "blues", "hip-hop", "hip-hop"],
    }


def test_a_path_of_the_table_opens_as_sound_wherever_one_stands(shelve, tmp_path, monkeypatch):
    monkeypatch.chdir(shelve("gtzan_genre", GTZAN))
    path = mirdata_tracks("gtzan_genre", ".")["path"][0]
    monkeypatch.chdir(tmp_path)
    assert describe_file(path).seconds == 0.2


def test_solos_come_with_their_split_and_keep_a_song_together(solos):
    tracks = mirdata_tracks("medley_solos_db", solos)
    assert tracks.drop(columns=["path", "track_id"]).to_dict("list") == {
        "label": ["clarinet", "flute", "flute"],
        "split": ["train", "validation", "test"],
        "group": ["7", "8", "9"],
    }


def test_a_split_by_numbers_gives_folds(tones):
    tracks = mirdata_tracks("tinysol", tones)
    assert tracks["fold"].tolist() == [3, 0]
    assert "split" not in tracks


def test_an_annotation_in_a_file_gives_label_artists_and_tags(keys):
    assert mirdata_tracks("giantsteps_key", keys).drop(columns="path").to_dict("list") == {
        "track_id": ["10089", "10102"],
        "label": ["D major", "C minor"],
        "artist": ["Trio 10089, Guest", "Trio 10102, Guest"],
        "tags": ["Techno;Dub, deep", "Techno;Dub, deep"],
    }


def test_a_singer_outweighs_the_song(shelve):
    files = {"10161_chorus": {"audio": "Wavfile/10161_chorus.wav"}}
    files["21025_verse"] = {"audio": "Wavfile/21025_verse.wav"}
    absent = dict.fromkeys(("pitch", "lyrics", "notes_pyin"))
    root = shelve("ikala", {id_: absent | paths for id_, paths in files.items()})
    write_text(root / "id_mapping.txt", "singer\tsong\n1\t10161\n")
    assert checked(mirdata_tracks("ikala", root))["group"].tolist() == ["1", "21025"]


@pytest.mark.parametrize(("above", "split"), [("", ["train", "test"]), ("trainers", None)])
def test_a_flag_gives_the_split_unless_a_folder_above_raises_it(shelve, above, split):
    files = {side: {"audio": f"4way/{side}/audios/1.wav"} for side in ("train", "test")}
    absent = {f"onsets_{stroke}": None for stroke in ("b", "d", "rb", "rt")}
    root = shelve("four_way_tabla", {id_: absent | paths for id_, paths in files.items()})
    moved = root.rename(root.parent / f"data{above}")
    assert mirdata_tracks("four_way_tabla", moved).to_dict("list").get("split") == split


def test_tags_of_jamendo_come_with_artist_and_album(shelve):
    name = "autotagging_moodtheme"
    root = shelve(f"mtg_jamendo_{name}", {"track_0000948": {"audio": "audios/48/948.mp3"}})
    row = "track_0000948\tartist_87\talbum_149\t48/948.mp3\t212.7\tmood---dark\tmood---film"
    write_text(root / "data" / f"{name}.tsv", f"header\n{row}\n")
    for number in range(5):
        for side in ("train", "validation", "test"):
            write_text(root / "data" / "splits" / f"split-{number}" / f"{name}-{side}.tsv", "")
    assert mirdata_tracks(f"mtg_jamendo_{name}", root).drop(columns="path").to_dict("list") == {
        "track_id": ["track_0000948"],
        "artist": ["artist_87"],
        "album": ["album_149"],
        "tags": ["dark;film"],
    }


@pytest.mark.parametrize(
    ("name", "fixture"),
    [
        ("medley_solos_db", "solos"),
        ("tinysol", "tones"),
        ("giantsteps_key", "keys"),
        ("irmas", "irmas"),
    ],
)
def test_a_table_obeys_the_rules_of_tables(name, fixture, request):
    tracks = mirdata_tracks(name, request.getfixturevalue(fixture))
    assert len(checked(tracks)) == len(tracks) > 1


@pytest.mark.parametrize(
    ("attribute", "labels"),
    [("family", ["Brass", "Strings"]), ("pitch_id", ["30", "69"]), ("", ["Bass Tuba", "Violin"])],
)
def test_the_label_may_be_any_attribute(tones, attribute, labels):
    assert mirdata_tracks(f"tinysol:{attribute}", tones)["label"].tolist() == labels


@pytest.mark.parametrize("attribute", ["colour", "keys_path", "audio"])
def test_an_unknown_attribute_is_answered_with_all_that_there_are(keys, attribute):
    known = f"one of artists, genres, key, tempo, title, track_id; got '{attribute}'"
    with pytest.raises(ValueError, match=f"LABEL in mirdata:giantsteps_key:LABEL must be {known}"):
        mirdata_tracks(f"giantsteps_key:{attribute}", keys)


def test_an_attribute_that_is_no_text_is_refused_as_a_label(shelve):
    root = shelve("gtzan_genre", GTZAN)
    for paths in GTZAN.values():
        write_text(root / paths["beats"], "0.5 1\n1.0 2\n")
    with pytest.raises(ValueError, match=r"can be used of 4, .*: beats must be one text"):
        mirdata_tracks("gtzan_genre:beats", root)


def test_a_missing_file_is_noted_and_left_out(solos):
    gone = solos / SOLOS[list(SOLOS)[1]]["audio"]
    gone.unlink()
    problems = Problems()
    tracks = mirdata_tracks("medley_solos_db", solos, problems)
    assert tracks["label"].tolist() == ["clarinet", "flute"]
    assert problems.as_dict() == {str(gone): "no such file"}


def test_a_data_set_of_which_no_file_is_there_is_refused(shelve, tmp_path):
    shelve("gtzan_genre", GTZAN)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(
        ValueError, match=r"used of 4, .*elsewhere/.*blues\.00000\.wav: no such file"
    ):
        mirdata_tracks("gtzan_genre", tmp_path / "elsewhere")


def test_a_track_without_exactly_one_label_is_noted_and_left_out(irmas):
    problems = Problems()
    tracks = mirdata_tracks("irmas", irmas, problems)
    path = str(irmas / IRMAS["03-1"]["audio"])
    assert path not in tracks["path"].tolist()
    assert problems.as_dict()[path] == "instrument must be one text or number; got gel, pia"


def test_a_track_with_the_file_of_another_is_noted_and_left_out(irmas):
    problems = Problems()
    assert mirdata_tracks("irmas", irmas, problems)["track_id"].tolist() == ["0058__1", "02-1"]
    path = str(irmas / IRMAS["0058__1"]["audio"])
    assert problems.as_dict()[path] == "track 0059__1 repeats track 0058__1"


def test_a_split_that_no_table_knows_is_noted_and_left_out(solos):
    metadata = solos / "annotation" / "Medley-solos-DB_metadata.csv"
    write_text(metadata, metadata.read_text(encoding="utf-8").replace("validation", "omitted"))
    problems = Problems()
    assert mirdata_tracks("medley_solos_db", solos, problems)["split"].tolist() == ["train", "test"]
    (reason,) = problems.as_dict().values()
    assert reason.startswith("subset must be one of ")
    assert reason.endswith("; got omitted")


def test_one_annotation_that_is_missing_costs_one_track(keys):
    (keys / KEYS["10089"]["key"]).unlink()
    problems = Problems()
    assert mirdata_tracks("giantsteps_key", keys, problems)["track_id"].tolist() == ["10102"]
    path = str(keys / KEYS["10089"]["audio"])
    assert problems.as_dict() == {path: "key must be one text or number; got none"}


def test_missing_metadata_leave_a_table_without_columns_and_a_note(solos):
    (solos / "annotation" / "Medley-solos-DB_metadata.csv").unlink()
    problems = Problems()
    assert list(mirdata_tracks("medley_solos_db", solos, problems)) == ["path", "track_id"]
    assert list(problems.as_dict()) == [str(solos)]
    assert problems.as_dict()[str(solos)].startswith("no label: instrument of aaaaaaaa-")
    assert "Metadata not found" in problems.as_dict()[str(solos)]


@pytest.mark.parametrize(
    ("text", "kind"), [("", "JSONDecodeError"), ("{}", "KeyError"), ("[]", "TypeError")]
)
def test_metadata_of_no_use_are_told_from_none(keys, text, kind):
    for paths in KEYS.values():
        write_text(keys / paths["meta"], text)
    problems = Problems()
    tracks = mirdata_tracks("giantsteps_key", keys, problems)
    assert list(tracks) == ["path", "track_id", "label"]
    assert problems.as_dict()[str(keys)].startswith(f"no artist: artists of 10089: {kind}: ")


def test_metadata_without_a_row_are_told_from_none(solos):
    metadata = solos / "annotation" / "Medley-solos-DB_metadata.csv"
    write_text(metadata, metadata.read_text(encoding="utf-8").splitlines()[0])
    problems = Problems()
    mirdata_tracks("medley_solos_db", solos, problems)
    assert "AttributeError: This Track does not have" in problems.as_dict()[str(solos)]


def test_missing_metadata_refuse_a_label_that_was_asked_for(solos):
    (solos / "annotation" / "Medley-solos-DB_metadata.csv").unlink()
    with pytest.raises(ValueError, match=r"of 3, .*: no label: instrument of .*Metadata not found"):
        mirdata_tracks("medley_solos_db:instrument", solos)


def test_a_track_without_a_recording_in_the_index_is_noted(shelve):
    root = shelve("gtzan_genre", GTZAN | {"jazz.00000": dict.fromkeys(GTZAN["blues.00000"])})
    problems = Problems()
    assert len(mirdata_tracks("gtzan_genre", root, problems)) == 4
    assert problems.as_dict() == {"jazz.00000": "track without audio_path"}


def test_the_recording_is_chosen_where_there_are_several(shelve):
    root = shelve("guitarset", GUITARS)
    tracks = mirdata_tracks("guitarset::audio_mic_path", root)
    (paths,) = GUITARS.values()
    assert tracks["path"].tolist() == [str(root / paths["audio_mic"])]
    assert tracks[["label", "artist"]].to_numpy().tolist() == [["Jazz", "00"]]


def test_the_mix_is_taken_where_there_are_stems_too(shelve):
    stems = ("ghatam", "mridangam-left", "mridangam-right", "violin", "vocal-s", "vocal")
    files = {f"audio-{stem}": f"saraga/{stem}.mp3" for stem in ("mix", *stems)}
    notes = ("ctonic", "pitch", "pitch-vocal", "tempo", "sama", "sections", "phrases", "metadata")
    root = shelve("saraga_carnatic", {"116_Bhuvini": dict.fromkeys(notes) | files})
    tracks = mirdata_tracks("saraga_carnatic", root)
    assert tracks["path"].tolist() == [str(root / "saraga" / "mix.mp3")]


def test_only_paths_are_offered_as_recordings(irmas):
    with pytest.raises(ValueError, match=r"AUDIO in .* must be one of audio_path; got 'mix'"):
        mirdata_tracks("irmas::mix", irmas)


@pytest.mark.parametrize("asked", ["guitarset", "guitarset:style", "guitarset::audio"])
def test_several_recordings_without_a_choice_are_named(shelve, asked):
    root = shelve("guitarset", GUITARS)
    known = "audio_hex_cln_path, audio_hex_path, audio_mic_path, audio_mix_path; got '(audio)?'"
    with pytest.raises(ValueError, match=f"AUDIO in .* one of {known}"):
        mirdata_tracks(asked, root)


@pytest.mark.parametrize(
    ("name", "files", "held"),
    [
        ("da_tacos", {"benchmark#W_1#P_1": dict.fromkeys(("cens", "crema", "hpcp"))}, "none"),
        (
            "phenicx_anechoic",
            {"beethoven-bassoon": {"audio_bassoon1": "b1.wav", "audio_bassoon2": "b2.wav"}},
            "several to be mixed",
        ),
    ],
)
def test_a_data_set_without_one_recording_a_track_is_refused(shelve, name, files, held):
    keys = ("key", "madmom", "mfcc", "tags", "notes", "notes_original")
    root = shelve(name, {id_: dict.fromkeys(keys) | paths for id_, paths in files.items()})
    with pytest.raises(ValueError, match=f"must have a recording; .*:{name} have {held}"):
        mirdata_tracks(name, root)


def test_shares_above_one_half_are_tags_and_nan_is_nothing(shelve, monkeypatch):
    root = shelve("openmic2018", {"000046_3840": {"audio": "audio/000/46.wav", "vggish": None}})
    said = {"split": "split01_test", "piano": 0.9, "flute": 0.2, "artist_name": float("nan")}
    dataset = import_module("mirdata.datasets.openmic2018").Dataset
    monkeypatch.setattr(dataset, "_metadata", {"000046_3840": said | {"track_genres": []}})
    assert mirdata_tracks("openmic2018", root).drop(columns=["path"]).to_dict("list") == {
        "track_id": ["000046_3840"],
        "tags": ["piano"],
        "split": ["test"],
    }


def test_an_absent_index_is_answered_with_the_line_that_fetches_it(tmp_path, monkeypatch):
    index = import_module("mirdata.datasets.gtzan_genre").INDEXES["1.0"]
    monkeypatch.setattr(index, "indexes_dir", str(tmp_path))
    fetch = f"import mirdata; mirdata.initialize('gtzan_genre', data_home='{tmp_path}')"
    with pytest.raises(FileNotFoundError) as caught:
        mirdata_tracks("gtzan_genre", tmp_path)
    assert f"`{fetch}.download(['index'])`; got no {tmp_path}" in str(caught.value)


def test_an_unknown_data_set_is_answered_with_all_that_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"one of acousticbrainz_genre, .*, vocadito; got 'fma'"):
        mirdata_tracks("fma", tmp_path)


def test_a_data_set_that_needs_another_package_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "music21", None)
    monkeypatch.delitem(sys.modules, "mirdata.datasets.haydn_op20", raising=False)
    with pytest.raises(ValueError, match=r"mirdata:haydn_op20 must load in mirdata; .*music21"):
        mirdata_tracks("haydn_op20", tmp_path)


def test_a_loader_that_names_no_index_is_refused(tmp_path, monkeypatch):
    monkeypatch.delitem(import_module("mirdata.datasets.gtzan_genre").INDEXES, "1.0")
    with pytest.raises(ValueError, match=r"must load in mirdata; got KeyError\('1\.0'\)"):
        mirdata_tracks("gtzan_genre", tmp_path)


@pytest.mark.parametrize("text", ['{"version": "1.0", "tra', '{"version": "1.0"}'])
def test_an_index_cut_short_is_named(shelve, tmp_path, text):
    root = shelve("gtzan_genre", GTZAN)
    write_text(tmp_path / "indexes" / "gtzan_genre_index_1.0.json", text)
    with pytest.raises(
        ValueError, match=r"must be whole JSON with tracks; got .*_index_1\.0\.json"
    ):
        mirdata_tracks("gtzan_genre", root)


def test_without_mirdata_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mirdata", None)
    with pytest.raises(ValueError, match=r"`pip install kmusic\[datasets\]`, for mirdata:tinysol"):
        mirdata_tracks("tinysol", tmp_path)


@pytest.mark.parametrize("name", ["none", "x.wav"])
def test_what_is_no_folder_is_refused(tmp_path, name):
    (tmp_path / "x.wav").touch()
    with pytest.raises(FileNotFoundError, match="must be a folder; got"):
        mirdata_tracks("tinysol", tmp_path / name)


def test_more_than_a_label_and_a_recording_cannot_be_asked(tmp_path):
    with pytest.raises(ValueError, match="NAME:LABEL:AUDIO at most; got mirdata:tinysol:a:b:c"):
        mirdata_tracks("tinysol:a:b:c", tmp_path)


def test_every_attribute_of_the_table_is_one_of_a_data_set_in_mirdata():
    offered = set()
    for name in mirdata.list_datasets():
        try:
            module = import_module(f"mirdata.datasets.{name}")
        except ImportError:  # the three that need packages of their own
            continue
        offered |= set(dir(module.Track)) | set(module.Track.__init__.__code__.co_names)
    assert {name for names in COLUMNS.values() for name in names} <= offered
