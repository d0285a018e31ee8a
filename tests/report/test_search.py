import json
from dataclasses import replace

import matplotlib.image
import pandas as pd
import pytest
from keras_tuner import HyperParameters

from kmusic.report.search import (
    protocol_lines,
    ranked,
    search_protocol,
    trial_table,
    write_search,
)
from kmusic.training.desk import OwnDesk, work
from kmusic.training.recipe_files import find_recipe
from kmusic.training.search import SearchConfig
from kmusic.training.trials import Outcome, TrialRecord
from tests import recordings, searches

FAILS = json.dumps({"2": "raise"})
CONFIG = SearchConfig(objective="val_accuracy")


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search of nine trials, the third of which failed, and what was written of it."""
    folder = tmp_path_factory.mktemp("searched") / "search"
    table = recordings.collection_table(recordings.collection())
    search = searches.begin(folder, table, trials=9, epochs=3, settings=("batch_size=4",))
    oracle = search.load_oracle()
    work(OwnDesk(search, oracle), "w", search, searches.fake_trial(FAILS))
    return search, *written_of(search, oracle)


def written_of(search, oracle):
    """Write what a search came to; gives what was written, and the protocol."""
    records = search.records()
    protocol = search_protocol(search, records, "songs.csv")
    return write_search(search, records, oracle.get_space().space, protocol), protocol


def trial(number, score, **values):
    outcome = Outcome(problem="killed") if score is None else Outcome(score=score, scores=(score,))
    return TrialRecord(number=number, values=values, outcome=outcome)


def test_the_best_trial_is_a_recipe_file_that_training_takes(searched):
    search, written, _ = searched
    records = search.records()
    best = max((r for r in records if r.outcome.score is not None), key=lambda r: r.outcome.score)
    point = HyperParameters()
    point.values = best.values
    assert find_recipe(str(written.recipe)) == search.recipe(point)
    assert find_recipe(str(written.recipe)).batch_size == 4
    assert written.best == {
        "trial": best.number,
        "score": best.outcome.score,
        "defaults": records[0].outcome.score,
    }


def test_all_trials_are_in_the_csv_with_their_points_and_reasons(searched):
    search, _, _ = searched
    table = pd.read_csv(search.folder / "trials.csv")
    assert table["trial"].tolist() == [*range(9)]
    for row, record in zip(table.to_dict("records"), search.records(), strict=True):
        for name, value in record.values.items():
            assert row[name] == value
    assert table["score"].isna().tolist() == [n == 2 for n in range(9)]
    assert table.loc[2, "problem"].endswith("ValueError: the network must fit")


def test_the_json_holds_protocol_best_and_trials(searched):
    search, written, protocol = searched
    told = json.loads((search.folder / "trials.json").read_text())
    assert told["best"] == written.best
    assert told["protocol"] == json.loads(json.dumps(protocol))
    assert [row["number"] for row in told["trials"]] == [*range(9)]


def test_the_pictures_are_drawn(searched):
    search, _, _ = searched
    for name in ("trials.png", "parallel.png", "importance.png"):
        assert matplotlib.image.imread(search.folder / name).shape[0] > 300
    told = json.loads((search.folder / "importance.json").read_text())
    assert told["names"][max(range(4), key=told["shares"].__getitem__)] == "optimizer.learning_rate"


def test_the_protocol_counts_what_a_trial_sees(searched):
    search, written, protocol = searched
    (seen,) = search.tables().values()
    sizes = seen["split"].value_counts().to_dict()
    assert protocol["n_tracks"] == sizes
    facts, _ = protocol_lines(protocol)
    assert "9 of 9 trials by random" in facts
    assert f"{sizes['train']} tracks of 4 groups for training" in facts
    assert "songs.csv" in facts
    assert "--set batch_size=4" in facts
    assert facts in written.table.read_text()


def test_an_early_end_is_told(searched):
    _, _, protocol = searched
    assert "ended early" in protocol_lines(protocol | {"trials": 10})[-1]


def test_trials_are_ranked_by_what_is_better_and_equals_by_number():
    records = [trial(0, 0.5), trial(1, None), trial(2, 0.7), trial(3, 0.5)]
    assert [r.number for r in ranked(CONFIG, records)] == [2, 0, 3]
    by_loss = replace(CONFIG, objective="val_loss")
    assert [r.number for r in ranked(by_loss, records)] == [0, 3, 2]


def test_a_trial_s_row_says_what_it_has_that_the_defaults_have_not():
    records = [
        trial(0, 0.5, rate=1e-3, units=8, masked=False),
        trial(1, 0.6, rate=1e-3, units=16, masked=True, width=3),
        trial(2, None, rate=2e-3, units=8, masked=False),
    ]
    table = trial_table(CONFIG, records)
    assert table["trial"].tolist() == ["1", "0", "2"]
    assert table["point"].tolist() == [
        "units=16, masked=True, width=3",
        "rate=0.001, units=8, masked=False",
        "killed",
    ]
    assert table["val_accuracy"].tolist() == ["0.6", "0.5", "-"]


def test_folds_are_shown_by_their_least_and_greatest():
    outcome = Outcome(score=0.6, scores=(0.5, 0.7), epochs=(3, 4), seconds=1234.5)
    records = [TrialRecord(number=0, values={}, outcome=outcome)]
    (row,) = trial_table(replace(CONFIG, folds=2), records).to_dict("records")
    assert (row["by fold"], row["epochs"], row["seconds"]) == ("0.5000 to 0.7000", "3, 4", "1,234")


def test_a_search_in_which_all_failed_says_why(tmp_path):
    table = recordings.collection_table(recordings.collection())
    search = searches.begin(tmp_path / "search", table, trials=2)
    fates = json.dumps({str(n): "raise" for n in range(2)})
    oracle = search.load_oracle()
    work(OwnDesk(search, oracle), "w", search, searches.fake_trial(fates))
    with pytest.raises(ValueError, match=r"all 2 failed: .*the network must fit\.$"):
        written_of(search, oracle)
    problems = pd.read_csv(search.folder / "trials.csv")["problem"]
    assert problems.str.endswith("ValueError: the network must fit").tolist() == [True, True]
    assert not (search.folder / "best.json").exists()


def test_the_best_of_hyperband_trains_all_epochs(tmp_path):
    table = recordings.collection_table(recordings.collection())
    search = searches.begin(tmp_path / "search", table, trials=7, tuner="hyperband", epochs=4)
    oracle = search.load_oracle()
    work(OwnDesk(search, oracle), "w", search, searches.fake_trial())
    written, _ = written_of(search, oracle)
    assert find_recipe(str(written.recipe)).epochs == 4
    assert {r.values["tuner/epochs"] for r in search.records()} == {2, 4}
    assert "tuner/" not in written.table.read_text()
