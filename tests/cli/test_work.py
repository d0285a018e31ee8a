import sys
from threading import Thread

from kmusic.training import service
from kmusic.training.desk import OwnDesk
from kmusic.training.service import lead, serving
from tests import recordings, searches
from tests.cli.commands import assert_one_line, kmusic


def test_a_worker_runs_the_trials_of_the_search_that_it_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["kmusic.cli.work"], "TRIAL", searches.fake_trial())
    table = recordings.collection_table(recordings.collection())
    search = searches.begin(tmp_path / "search", table, trials=3)
    desk = OwnDesk(search, search.load_oracle())
    with serving(desk, search.folder, "127.0.0.1:0") as chief:
        leading = Thread(target=lead, args=(desk, chief, ()), kwargs={"stay": True})
        leading.start()
        answer = kmusic("work", search.folder, "--name", "helper")
        leading.join()
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("helper: at work for 127.0.0.1:")
    assert answer.out.endswith("helper: no more trials\n")
    assert len(search.records()) == 3


def test_a_folder_of_no_search_or_without_a_chief_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(service, "SILENCE", 0.0)
    assert_one_line(kmusic("work", tmp_path), "must have been begun by `kmusic tune`")
    table = recordings.collection_table(recordings.collection())
    searches.begin(tmp_path / "search", table)
    assert_one_line(kmusic("work", tmp_path / "search"), "must be led by `kmusic tune --listen`")
