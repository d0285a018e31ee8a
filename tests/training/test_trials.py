from threading import Timer

from kmusic.training.trials import Outcome, read_outcome, wait_for, write_outcome


def test_an_outcome_is_read_as_it_was_written(tmp_path):
    for outcome in (
        Outcome(score=1 / 3, scores=(0.25, 0.5), epochs=(3, 4), seconds=12.5),
        Outcome(problem="MemoryError: кто-то занял всё"),
    ):
        write_outcome(tmp_path, outcome)
        assert read_outcome(tmp_path) == outcome


def test_a_trial_that_has_not_ended_has_no_outcome(tmp_path):
    assert read_outcome(tmp_path) is None


def test_a_file_that_comes_late_is_waited_for_and_one_that_does_not_is_given_up(tmp_path):
    assert not wait_for(tmp_path / "late", 0.0)
    Timer(0.3, (tmp_path / "late").touch).start()
    assert wait_for(tmp_path / "late", 10.0)
