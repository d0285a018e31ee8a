from pathlib import Path

import pytest

from tests.cli.commands import assert_one_line, kmusic

CNN = Path(__file__).parents[2] / "experiments" / "genre_methods" / "cnn.py"


def test_the_published_cnn_has_the_papers_parameters():
    facts = kmusic("describe", f"{CNN}:published", "--json").json
    assert (facts["parameters"], facts["trainable_parameters"]) == (1_099_784, 1_095_800)
    assert facts["features"] == [128, 128]
    assert facts["embedding"] == [128]
    assert facts["paper"]["value"] == 0.5025


def test_settings_change_what_is_built(collection):
    facts = kmusic("describe", collection.recipe, "--set", "model.embedding_dim=5", "--json").json
    assert facts["embedding"] == [5]
    assert facts["recipe"]["model"]["embedding_dim"] == 5
    assert facts["excerpt_samples"] == 8_000


def test_layers_add_up_to_the_whole(collection):
    facts = kmusic("describe", collection.recipe, "--json").json
    layers = sum(layer["parameters"] for layer in facts["layers"])
    assert layers == facts["parameters"] + facts["front_end_constants"]


def test_a_layer_of_two_outputs_shows_both():
    layers = kmusic("describe", "vae", "--json").json["layers"]
    outputs = {layer["name"]: layer["output"] for layer in layers}
    assert outputs["encoder"] == [[None, 40], [None, 40]]
    assert outputs["embedding"] == [None, 40]


def test_people_read_a_table_of_layers(collection, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    answer = kmusic("describe", collection.recipe)
    assert answer.code == 0
    assert "│ embedding" in answer.out
    assert "\nembedding: [8]\n" in answer.out


@pytest.mark.parametrize(
    ("content", "words", "expected"),
    [
        (None, (), ("RECIPE must be an existing .py or .json file", "residual_cnn")),
        ("RECIPE = (", (), ("r.py must run", "SyntaxError")),
        ("RECIPE = 5", (), ("must hold RECIPE",)),
        ("from kmusic.training.recipe import Recipe\nRECIPE = Recipe(volume=11)", (), ("volume",)),
        ("from tests.recordings import RECIPE", ("--set", "volume=11"), ("--set volume",)),
        ("from tests.recordings import RECIPE", ("--set", "epochs=many"), ("epochs", "'many'")),
        ("from tests.recordings import RECIPE", ("--set", "epochs"), ("field=value",)),
    ],
    ids=["none", "syntax", "no recipe", "config", "field", "value", "no value"],
)
def test_wrong_use_is_one_line(tmp_path, content, words, expected):
    if content:
        (tmp_path / "r.py").write_text(content)
    assert_one_line(kmusic("describe", tmp_path / "r.py", *words), *expected)
