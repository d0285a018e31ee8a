"""Which rows are judged is tested through judging; here what a map may ask of them."""

import pandas as pd
import pytest

from kmusic.evaluation.judged_rows import require_classes

JUDGED = pd.DataFrame({"label": ["dub", "waltz", "dub", None]})


@pytest.mark.parametrize("classes", [[], ["dub", "waltz"]])
def test_classes_of_judged_rows_may_be_drawn(classes):
    require_classes(classes, JUDGED)


@pytest.mark.parametrize(
    ("classes", "judged"),
    [
        (["dub", "jazz"], JUDGED),
        (["dub"], JUDGED),
        (["dub", "dub"], JUDGED),
        (["dub", "waltz"], JUDGED.drop(columns="label")),
    ],
    ids=["unknown", "one", "the same", "no label"],
)
def test_other_classes_are_refused_with_those_there_are(classes, judged):
    known = r"\['dub', 'waltz'\]" if "label" in judged else r"\[\]"
    with pytest.raises(ValueError, match=rf"--map must name two or more .* {known}; got \['dub'"):
        require_classes(classes, judged)
