import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from kmusic.evaluation.aligned import AlignedRun
from kmusic.evaluation.predictions import hear
from kmusic.training.runs import load_run
from tests.aligned_runs import WORDS, tagged_table, write_untrained
from tests.cli.commands import assert_named, assert_one_line, kmusic


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run that aligns sound with tags as chance has it."""
    folder = tmp_path_factory.mktemp("tag") / "run"
    write_untrained(folder)
    return folder


def test_each_track_is_told_with_the_words_nearest_to_it_and_bad_files_are_named(
    folder, collection
):
    tracks = tagged_table()[:3]
    spoiled = collection.root / "high" / "spoiled"
    answer = kmusic("tag", folder, *tracks["path"], spoiled, "--top", 4, "--json")
    assert answer.code == 1
    assert_named(answer.json["problems"], collection.bad)
    run = load_run(folder)
    aligned = AlignedRun(run)
    sound = aligned.sound(hear(run, tracks).embeddings.vectors)
    cosines = cosine_similarity(sound, aligned.tags([[word] for word in WORDS]))
    assert [told["path"] for told in answer.json["tracks"]] == tracks["path"].tolist()
    for told, row in zip(answer.json["tracks"], cosines, strict=True):
        best = np.argsort(-row)[:4]
        assert [*told["words"]] == [WORDS[word] for word in best]
        assert [*told["words"].values()] == pytest.approx(row[best].tolist(), abs=1e-5)


def test_people_read_a_table_in_which_clips_have_a_start(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    (path,) = tagged_table()["path"][:1]
    (tmp_path / "clips.csv").write_text(f"path,start,duration\n{path},0,0.4\n{path},0.4,0.4\n")
    answer = kmusic("tag", folder, tmp_path / "clips.csv", "--top", 2)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[0].strip() == "nearest words"
    assert "start" in answer.out
    rows = [line for line in answer.out.splitlines() if path in line]
    assert len(rows) == 2
    assert "0.4" in rows[1]
    assert sum(word in rows[0] for word in WORDS) == 2


def test_a_run_that_does_not_align_is_one_line(run, collection):
    answer = kmusic("tag", run, collection.root)
    assert_one_line(answer, "RUN must align sound with tags", "ResidualCNNConfig")
