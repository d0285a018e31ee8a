import json
import os
import signal
import sys
from dataclasses import replace

import pytest

from kmusic.training.desk import OwnDesk, forget_all_models, run_in_process, work
from kmusic.training.search import resume_search
from kmusic.training.spaces import find_space
from kmusic.training.trials import Outcome, read_outcome, write_outcome
from tests import recordings, searches


@pytest.fixture(scope="module")
def table():
    return recordings.collection_table(recordings.collection())


@pytest.fixture
def begun(table, tmp_path):
    """A search of four trials, none of which has begun, its desk, and what the desk told."""
    search = searches.begin(tmp_path / "search", table, trials=4)
    told = []
    return search, OwnDesk(search, search.load_oracle(), told.append), told


def given(desk, worker="w"):
    trial = desk.take(worker)
    assert trial.status == "RUNNING"
    return trial.trial_id


def test_trials_run_one_after_the_other_until_there_are_no_more(begun):
    search, desk, told = begun
    work(desk, "w", search, searches.fake_trial())
    assert searches.ran(search.folder) == [f"trial_{number}" for number in range(4)]
    assert told == search.records()
    assert [record.number for record in told] == [0, 1, 2, 3]
    assert told[0].values["optimizer.learning_rate"] == 1e-3
    assert all(record.outcome.score is not None for record in told)
    assert desk.closed


def test_a_trial_that_raises_and_one_that_is_killed_are_told_of_and_the_search_goes_on(begun):
    search, desk, told = begun
    fates = json.dumps({"1": "raise", "2": "kill"})
    work(desk, "w", search, searches.fake_trial(fates))
    assert [record.outcome.score is None for record in told] == [False, True, True, False]
    assert told[1].outcome.problem == "ended with exit code 1: ValueError: the network must fit"
    assert told[2].outcome.problem == "killed by SIGKILL, maybe for want of memory"
    assert "Traceback" in (search.trial_folder("1") / "log.txt").read_text()
    assert search.records() == told


def test_a_worker_waits_while_others_run_since_they_may_lose_their_trials(begun):
    search, desk, _ = begun
    work(desk, "w", search, searches.fake_trial())
    assert desk.take("w").status == "STOPPED"
    oracle = search.load_oracle()
    oracle.max_trials = 5
    desk = OwnDesk(search, oracle)
    number = given(desk, "other")
    assert desk.take("w").status == "IDLE"
    assert desk.lose("other") == number
    assert given(desk, "w") == number
    assert not desk.closed


def test_a_worker_that_lost_its_trial_has_no_say_in_it(begun):
    search, desk, told = begun
    number = given(desk, "slow")
    assert desk.holds("slow", number)
    desk.lose("slow")
    assert given(desk, "other") == number
    write_outcome(search.trial_folder(number), Outcome(score=0.5, scores=(0.5,), epochs=(1,)))
    assert not desk.holds("slow", number)
    desk.finish("slow", number)
    assert told == []
    desk.finish("other", number)
    assert [record.number for record in told] == [int(number)]


def test_a_trial_that_two_workers_did_not_survive_is_one_that_failed(begun):
    _, desk, told = begun
    number = given(desk, "first")
    assert desk.lose("first") == number
    assert given(desk, "second") == number
    assert desk.lose("second") is None
    (record,) = told
    assert record.number == int(number)
    assert "2 workers were lost" in record.outcome.problem
    assert given(desk, "third") != number


def test_a_trial_that_had_ended_when_its_worker_was_lost_has_ended(begun):
    search, desk, told = begun
    number = given(desk, "first")
    outcome = Outcome(score=0.5, scores=(0.5,), epochs=(1,))
    write_outcome(search.trial_folder(number), outcome)
    desk.lose("first")
    assert [record.outcome for record in told] == [outcome]
    assert given(desk, "second") != number


def test_a_trial_that_says_nothing_is_one_that_failed(begun, monkeypatch):
    monkeypatch.setattr("kmusic.training.desk.LATE", 0.0)
    _, desk, told = begun
    desk.finish("w", given(desk, "w"))
    assert "without saying" in told[0].outcome.problem


def test_models_are_not_kept_but_for_hyperband_whose_trials_may_go_on(begun, table, tmp_path):
    banded = searches.begin(tmp_path / "banded", table, trials=7, tuner="hyperband", epochs=4)
    for search, kept in ((begun[0], False), (banded, True)):
        desk = OwnDesk(search, search.load_oracle())
        folder = search.trial_folder(given(desk))
        (folder / "validation" / "checkpoints").mkdir(parents=True)
        for name in ("model.keras", "history.csv", "checkpoints/last.npz"):
            (folder / "validation" / name).write_text("some")
        write_outcome(folder, Outcome(score=0.5, scores=(0.5,), epochs=(1,)))
        desk.finish("w", folder.name.removeprefix("trial_"))
        assert (folder / "validation" / "history.csv").is_file()
        assert (folder / "validation" / "model.keras").is_file() == kept
        assert (folder / "validation" / "checkpoints").is_dir() == kept
        forget_all_models(search)
        assert [path.name for path in (folder / "validation").iterdir()] == ["history.csv"]
        assert read_outcome(folder) is not None


def test_trials_keep_their_order_where_a_search_of_nine_goes_on_to_more(table, tmp_path):
    search = searches.begin(tmp_path / "search", table, trials=9)
    for trials in (9, 11):
        space = find_space(str(tmp_path / "search.py"))
        search = resume_search(search.folder, space, table, replace(search.config, trials=trials))
        desk = OwnDesk(search, search.load_oracle())
        while (trial := desk.take("w")).status == "RUNNING":
            write_outcome(search.trial_folder(trial.trial_id), Outcome(score=0.5, scores=(0.5,)))
            desk.finish("w", trial.trial_id)
    names = [folder.name for folder in search.trial_folders()]
    assert names[7:] == ["trial_7", "trial_8", "trial_09", "trial_10"]
    assert [record.number for record in search.records()] == [*range(11)]


def test_a_trial_that_had_ended_is_not_run_again(begun):
    search, desk, _ = begun
    folder = search.trial_folder(given(desk))
    write_outcome(folder, Outcome(score=0.5, scores=(0.5,), epochs=(1,)))
    assert run_in_process((sys.executable, "-c", "raise SystemExit(3)"), folder)
    assert read_outcome(folder).score == 0.5
    assert not (folder / "log.txt").exists()


def test_a_trial_that_is_no_longer_wanted_is_ended(begun, monkeypatch):
    monkeypatch.setattr("kmusic.training.desk.BEAT", 0.2)
    search, desk, _ = begun
    number = given(desk)
    folder = search.trial_folder(number)
    command = searches.fake_trial(json.dumps({number: "hang"}))
    assert not run_in_process(command, folder, lambda: not searches.ran(search.folder))
    assert read_outcome(folder) is None
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), 0)


def test_a_search_killed_after_four_trials_goes_on_to_twelve_and_repeats_none(table, tmp_path):
    folder = tmp_path / "search"
    search = searches.begin(folder, table, trials=12, tuner="bayesian")
    driver = searches.in_process("lead_alone", folder, json.dumps({"04": "hang"}))
    searches.wait_until(lambda: "trial_04" in searches.ran(folder))
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    before = search.records()
    assert [record.number for record in before] == [0, 1, 2, 3]
    searches.lead_alone(folder)
    after = search.records()
    assert after[:4] == before
    assert [record.number for record in after] == [*range(12)]
    assert len({tuple(sorted(record.values.items())) for record in after}) == 12
    times = [searches.ran(folder).count(f"trial_{number:02d}") for number in range(12)]
    assert times == [1, 1, 1, 1, 2, *[1] * 7]  # the one that was killed begins again


def test_a_trial_ends_with_the_search_that_began_it(table, tmp_path):
    search = searches.begin(tmp_path / "search", table, trials=1)
    driver = searches.in_process("lead_alone", search.folder, json.dumps({"0": "hang"}))
    searches.wait_until(lambda: searches.ran(search.folder))
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    searches.wait_until((search.trial_folder("0") / "orphaned").is_file)
    assert read_outcome(search.trial_folder("0")) is None
