"""Classes by the words of their names, on a chart where the nearest word can be seen."""

import numpy as np
import pandas as pd
import pytest

from kmusic.datasets.tags import TagConfig, Vocabulary
from kmusic.evaluation.aligned import AlignedRun
from kmusic.evaluation.zero_shot import name_tracks, read_classes
from tests.aligned_runs import chart_run

WORDS = ("dog", "bark", "air", "jazz", "electronic", "piano")
VOCABULARY = Vocabulary(WORDS, (1,) * 6, None)


def words_of(*names, config=None):
    return read_classes(names, VOCABULARY, config or TagConfig()).to_json()


@pytest.mark.parametrize("compounds", ["split", "drop"])
def test_names_are_cut_to_their_words(compounds):
    config = TagConfig(compounds=compounds)
    assert words_of("Dog bark", "dog_bark", "Jazz-Electronic", config=config) == {
        "Dog bark": {"words": ["dog", "bark"]},
        "Jazz-Electronic": {"words": ["jazz", "electronic"]},
        "dog_bark": {"words": ["dog", "bark"]},
    }


def test_what_stands_in_and_what_is_missing_is_told_of_each_class():
    assert words_of("air_conditioner", "Pianists", "the jazz", "jazz", "jazz") == {
        "Pianists": {"words": ["piano"], "stood_in": {"pianist": ["piano"]}},
        "air_conditioner": {"words": ["air"], "missing": ["conditioner"]},
        "jazz": {"words": ["jazz"]},
        "the jazz": {"words": ["jazz"]},
    }


def test_all_classes_without_a_known_word_are_named_at_once():
    with pytest.raises(ValueError, match=r"got 3 of 4 without: 12, drilling, the\.$"):
        words_of("drilling", "jazz", "the", 12)


def test_a_track_is_named_after_the_class_whose_words_are_nearest(tmp_path):
    places = np.eye(6)
    aligned = AlignedRun(chart_run(tmp_path, WORDS, 7 * places, np.eye(6)))
    classes = read_classes(["Dog bark", "jazz", "piano"], VOCABULARY, TagConfig())
    # On the chart a dog's bark lies at (1, 2) / 3 of dog and bark.
    sound = [places[0] + places[1], 9 * places[3], 0.1 * places[5], places[3] + 2 * places[1]]
    tracks = pd.DataFrame(
        {
            "path": ["/a", "/b", "/c", "/d", "/e"],
            "group": ["1", "2", "3", "4", "5"],
            "label": ["Dog bark", "piano", "piano", "jazz", None],
        }
    )
    named = name_tracks(aligned, classes, tracks, [*sound, places[0]])
    assert named.columns.tolist() == ["path", "start", "group", "true", "named"]
    assert named["path"].tolist() == ["/a", "/b", "/c", "/d"]
    assert named["true"].tolist() == ["Dog bark", "piano", "piano", "jazz"]
    assert named["named"].tolist() == ["Dog bark", "jazz", "piano", "Dog bark"]
