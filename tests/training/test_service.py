import json
import subprocess
import sys
from contextlib import contextmanager
from threading import Thread
from types import SimpleNamespace

import pytest

from kmusic.training import service
from kmusic.training.desk import OwnDesk, work
from kmusic.training.service import (
    SILENCE,
    ChiefLostError,
    RemoteDesk,
    find_chief,
    lead,
    serving,
)
from kmusic.training.trials import Outcome, write_outcome
from tests import recordings, searches

HERE = "127.0.0.1:0"


@pytest.fixture(scope="module")
def table():
    return recordings.collection_table(recordings.collection())


@pytest.fixture
def search(table, tmp_path):
    return searches.begin(tmp_path / "search", table, trials=6)


@contextmanager
def led(search):
    """Answer for a search; gives its desk, the service, what was told, and a desk from afar."""
    told = []
    desk = OwnDesk(search, search.load_oracle(), told.append)
    with serving(desk, search.folder, HERE) as answering:
        far = RemoteDesk(find_chief(search.folder))
        yield SimpleNamespace(desk=desk, service=answering, told=told, far=far)


def in_thread(chief, workers, **settings):
    """Lead a search beside the test."""
    thread = Thread(target=lead, args=(chief.desk, chief.service, workers), kwargs=settings)
    thread.start()
    return thread


def test_workers_share_the_trials_and_none_is_run_twice(search):
    with led(search) as chief:
        threads = [
            Thread(target=work, args=(chief.far, name, search, searches.fake_trial()))
            for name in ("one", "two")
        ]
        for thread in threads:
            thread.start()
        lead(chief.desk, chief.service, (), stay=True)
        for thread in threads:
            thread.join()
    assert sorted(searches.ran(search.folder)) == [f"trial_{number}" for number in range(6)]
    assert sorted(record.number for record in chief.told) == [*range(6)]
    assert not (search.folder / "chief.json").exists()


def test_scores_and_points_arrive_to_the_last_bit(search):
    score = 1 / 3  # no float32
    with led(search) as chief:
        number = chief.far.take("w").trial_id
        write_outcome(search.trial_folder(number), Outcome(score=score, scores=(score,)))
        chief.far.finish("w", number)
        assert search.load_oracle().trials[number].score == score
        (record,) = search.records()
        own = chief.desk._oracle.trials[number].hyperparameters.values
        assert record.values["optimizer.learning_rate"] == own["optimizer.learning_rate"] == 1e-3


def test_a_failure_arrives_with_its_reason(search):
    with led(search) as chief:
        number = chief.far.take("w").trial_id
        write_outcome(search.trial_folder(number), Outcome(problem="MemoryError: too wide"))
        chief.far.finish("w", number)
    assert chief.told[0].outcome.problem == "MemoryError: too wide"
    assert search.load_oracle().trials[number].status == "FAILED"


def test_a_silent_worker_loses_its_trial_and_hears_so_when_it_is_back(search):
    said = []
    with led(search) as chief:
        number = chief.far.take("silent").trial_id
        assert chief.far.holds("silent", number)
        chief.service.seen["silent"] -= 2 * SILENCE
        leading = in_thread(chief, (), stay=True, tell=said.append)
        searches.wait_until(lambda: said)
        assert not chief.far.holds("silent", number)
        work(chief.far, "other", search, searches.fake_trial())
        leading.join()
    assert said == [f"worker silent was lost; trial {int(number)} is given to another"]
    assert sorted(record.number for record in chief.told) == [*range(6)]


def test_a_worker_that_is_heard_is_not_silent(search):
    with led(search) as chief:
        number = chief.far.take("w").trial_id
        assert chief.service.silent() == []
        chief.service.seen["w"] -= 2 * SILENCE
        assert chief.service.silent() == ["w"]
        assert chief.far.holds("w", number)
        assert chief.service.silent() == []


def test_a_search_ends_when_one_of_two_workers_is_killed(search):
    fates, said = json.dumps({"0": "hang"}), []
    with led(search) as chief:
        processes = {
            name: searches.in_process("follow", search.folder, name, fates)
            for name in ("one", "two")
        }
        leading = in_thread(chief, [*processes.items()], stay=False, tell=said.append)
        searches.wait_until(lambda: "trial_0" in searches.ran(search.folder))
        victim = next(name for name in processes if chief.desk.holds(name, "0"))
        processes[victim].kill()
        leading.join()
    assert said == [f"worker {victim} was lost; trial 0 is given to another"]
    assert [record.number for record in search.records()] == [*range(6)]
    assert all(record.outcome.score is not None for record in search.records())
    assert searches.ran(search.folder).count("trial_0") == 2


def test_without_a_worker_there_is_no_search(search):
    dead = subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)"])
    said = []
    with (
        led(search) as chief,
        pytest.raises(ChildProcessError, match=r"none is left.*--resume"),
    ):
        lead(chief.desk, chief.service, [("w", dead)], stay=False, tell=said.append)
    assert said == ["worker w was lost"]


def test_a_chief_that_cannot_choose_a_trial_ends_the_search_with_the_reason(search, monkeypatch):
    monkeypatch.setattr(service, "THINKING", 60.0)
    with led(search) as chief:
        number = chief.far.take("other").trial_id
        chief.desk._oracle.populate_space = lambda _: 1 / 0
        with pytest.raises(ChiefLostError, match="division by zero"):
            chief.far.take("w")
        with pytest.raises(ChiefLostError, match="division by zero"):
            chief.far.finish("other", number)
        with pytest.raises(ZeroDivisionError):
            lead(chief.desk, chief.service, (), stay=True)


def test_a_chief_that_is_gone_is_not_waited_for_for_ever(search, tmp_path, monkeypatch):
    with led(search) as chief:
        number = chief.far.take("w").trial_id
    monkeypatch.setattr(service, "SILENCE", 0.5)
    with pytest.raises(ChiefLostError, match="must answer within"):
        chief.far.holds("w", number)
    with pytest.raises(ChiefLostError, match=r"must be led by .* not within 0 s"):
        find_chief(tmp_path)


@pytest.mark.parametrize("address", ["8470", "localhost", ":8470", "localhost:http", ""])
def test_an_address_is_a_host_and_a_port(search, address):
    desk = OwnDesk(search, search.load_oracle())
    with pytest.raises(ValueError, match="host:port"), serving(desk, search.folder, address):
        pass


def test_an_address_that_is_taken_is_refused(search):
    with led(search) as chief:
        taken = find_chief(search.folder)
        with (
            pytest.raises(ValueError, match="must be an address that is free"),
            serving(chief.desk, search.folder, taken),
        ):
            pass
