import pytest
from keras_tuner import HyperParameters

from kmusic.training.oracles import build_oracle
from kmusic.training.recipe_files import RecipeError
from kmusic.training.spaces import find_space
from tests import searches
from tests.recordings import RECIPE


@pytest.fixture
def write(tmp_path):
    """Writes a file and gives its path."""

    def written(text, name="space.py"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return written


def oracle_in(folder):
    settings = {"objective": "val_accuracy", "higher_is_better": True}
    return build_oracle("random", folder, trials=3, epochs=2, seed=0, **settings)


def test_a_space_is_a_function_of_a_file_with_what_is_looked_for(write):
    space = find_space(write(searches.SPACE))
    assert (space.name, space.objective) == ("space", "val_accuracy")
    assert space.recipe(HyperParameters()).model.embedding_dim == 8


def test_a_file_may_hold_several_spaces_and_no_objective(write):
    text = "from tests.recordings import RECIPE\ndef small(hp):\n    return RECIPE\n"
    space = find_space(write(text) + ":small")
    assert (space.name, space.objective) == ("small", None)
    assert space.recipe(HyperParameters()) == RECIPE


def test_an_oracle_is_told_of_what_is_under_conditions_too(write, tmp_path):
    oracle = oracle_in(tmp_path)
    find_space(write(searches.SPACE)).explore(oracle)
    names = [each.name for each in oracle.get_space().space]
    assert names == [
        "optimizer.learning_rate",
        "model.embedding_dim",
        "masked",
        "augment.time_mask_frames",
    ]
    (condition,) = oracle.get_space().space[-1].conditions
    assert (condition.name, condition.values) == ("masked", [True])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("space = 3\n", "must hold a function space"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("", "must hold a function space"),
    ],
)
def test_a_file_without_a_space_is_refused(write, text, words):
    with pytest.raises(RecipeError, match=words):
        find_space(write(text))


@pytest.mark.parametrize("reference", ["no.py", "crnn", "", "tests"])
def test_a_reference_to_no_file_is_refused(reference):
    with pytest.raises(RecipeError, match=r"SPACE must be an existing file\.py"):
        find_space(reference)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return hp.Boolean('a')", "must give a Recipe; got bool"),
        ("return hp.NoSuch('a')", "must give a recipe; AttributeError"),
        ("return RECIPE", r"must ask for a hyperparameter of two values or more; got \[\]"),
        ("hp.Fixed('a', 1); hp.Choice('b', [2])\n    return RECIPE", r"got \['a', 'b'\]"),
        (
            "masked = hp.Boolean('m')\n    assert not masked\n"
            "    with hp.conditional_scope('m', [True]):\n        hp.Int('w', 1, 2)\n"
            "    return RECIPE",
            "must give a recipe; AssertionError",
        ),
    ],
)
def test_a_space_that_fails_at_its_defaults_or_under_a_condition_is_refused(
    write, tmp_path, body, words
):
    text = f"from tests.recordings import RECIPE\ndef space(hp):\n    {body}\n"
    with pytest.raises(RecipeError, match=words):
        find_space(write(text)).explore(oracle_in(tmp_path))
