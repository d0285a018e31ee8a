import json
from dataclasses import fields, replace

import pytest

from kmusic.datasets.sampling import TripletConfig
from kmusic.datasets.tags import TagConfig
from kmusic.features.augment import SIX_COPIES, AugmentConfig, Copy
from kmusic.features.chroma import ChromaConfig
from kmusic.features.mel import LogMelConfig
from kmusic.features.mfcc import MFCCConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.layers.patch_networks import PatchConfig
from kmusic.models.coala import COALAConfig
from kmusic.models.siamese import SiameseConfig
from kmusic.models.tag_contrastive import TagContrastiveConfig
from kmusic.training.defaults import DEFAULTS
from kmusic.training.optimizers import SGDConfig
from kmusic.training.probe import KNNConfig, SVMConfig
from kmusic.training.recipe import PaperFigure, Plateau, Recipe
from kmusic.training.recipe_files import (
    CONFIGS,
    RecipeError,
    find_recipe,
    from_json,
    override,
    read_recipe,
    recipes_of,
    to_json,
)

FILE = """
from dataclasses import replace

from kmusic.training.defaults import DEFAULTS

FIRST = DEFAULTS["residual_cnn"]
"""


@pytest.fixture
def base():
    return DEFAULTS["residual_cnn"]


@pytest.fixture
def neighbors():
    """A recipe whose classes are named by a k-NN probe."""
    return replace(DEFAULTS["pca"], probe=KNNConfig())


@pytest.fixture
def file(tmp_path):
    """A Python file of two recipes, `first` and `second`."""
    path = tmp_path / "two.py"
    path.write_text(FILE + 'RECIPES = {"first": FIRST, "second": replace(FIRST, epochs=7)}\n')
    return path


def test_a_model_name_stands_for_its_default(base):
    assert find_recipe("residual_cnn") == base


def test_a_file_stands_for_its_first_recipe(file, base):
    assert find_recipe(str(file)) == base


def test_a_recipe_is_found_by_file_and_name(file, base):
    assert find_recipe(f"{file}:second") == replace(base, epochs=7)


def test_a_file_may_hold_one_recipe(tmp_path, base):
    path = tmp_path / "one.py"
    path.write_text(FILE + "RECIPE = FIRST\n")
    assert recipes_of(path) == {"RECIPE": base}


def test_a_json_file_is_found(tmp_path, base):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(to_json(base)))
    assert find_recipe(str(path)) == base


def test_an_unknown_name_in_a_file_is_refused_with_those_there_are(file):
    with pytest.raises(RecipeError, match=r"got 'third' of \['first', 'second'\]"):
        find_recipe(f"{file}:third")


@pytest.mark.parametrize("reference", ["nothing", "absent.py", "absent.py:paper", ""])
def test_what_is_not_there_is_refused_with_the_models_there_are(reference):
    with pytest.raises(RecipeError, match=r"an existing \.py or \.json file, or") as caught:
        find_recipe(reference)
    assert str(caught.value).endswith(f"one of {sorted(DEFAULTS)}; got {reference!r}.")


@pytest.mark.parametrize("text", ["", "RECIPE = 3", "RECIPES = []", "RECIPES = {'a': 3}"])
def test_a_file_without_recipes_is_refused(tmp_path, text):
    path = tmp_path / "empty.py"
    path.write_text(text)
    with pytest.raises(RecipeError, match=r"empty.py must hold RECIPE, or RECIPES ="):
        find_recipe(str(path))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("epochs=7", {"epochs": 7}),
        ("excerpt_seconds=2", {"excerpt_seconds": 2.0}),
        ("target=artist", {"target": "artist"}),
        ("target=null", {"target": None}),
        ('loss="binary_crossentropy"', {"loss": "binary_crossentropy"}),
        ("augment=null", {"augment": None}),
        ("deterministic=true", {"deterministic": True}),
        ("place=0.585", {"place": 0.585}),
        ("place=1", {"place": 1.0}),
        ("place=loudest", {"place": "loudest"}),
        ("n_artists=500", {"n_artists": 500}),
    ],
)
def test_a_field_is_set(base, setting, expected):
    assert override(base, [setting]) == replace(base, **expected)


@pytest.mark.parametrize(
    ("setting", "config", "expected"),
    [
        ("model.embedding_dim=64", "model", {"embedding_dim": 64}),
        ("model.stages=[]", "model", {"stages": ()}),
        ("frontend.fmax=8000", "frontend", {"fmax": 8_000.0}),
        ("frontend.reference=max", "frontend", {"reference": "max"}),
        ("frontend.reference=2", "frontend", {"reference": 2.0}),
        ("frontend.norm=slaney", "frontend", {"norm": "slaney"}),
        ("frontend.norm=null", "frontend", {"norm": None}),
        ("frontend.window=hamming", "frontend", {"window": "hamming"}),
        ("augment.stretch=[1, 1.2]", "augment", {"stretch": (1.0, 1.2)}),
        ("early_stopping.patience=3", "early_stopping", {"patience": 3}),
        ('optimizer={"decay": 0.5}', "optimizer", {"decay": 0.5}),
        ("augment.copies=[]", "augment", {"copies": ()}),
    ],
)
def test_a_field_of_a_config_is_set(base, setting, config, expected):
    changed = replace(getattr(base, config), **expected)
    assert override(base, [setting]) == replace(base, **{config: changed})


@pytest.mark.parametrize(
    ("settings", "probe"),
    [
        (["probe.n_neighbors=18"], KNNConfig(n_neighbors=18)),
        (
            ["probe.metric=cosine", "probe.weights=uniform"],
            KNNConfig(weights="uniform", metric="cosine"),
        ),
        (["probe.standardize=true"], KNNConfig(standardize=True)),
        (["probe=null"], None),
    ],
)
def test_a_field_of_a_probe_is_set(neighbors, settings, probe):
    assert override(neighbors, settings) == replace(neighbors, probe=probe)


def test_a_field_of_the_other_probe_is_set():
    base = DEFAULTS["pca"]
    assert override(base, ["probe.penalty=10"]).probe == replace(base.probe, penalty=10.0)


@pytest.mark.parametrize(
    ("setting", "config", "expected"),
    [
        ("triplets.n_negatives=0", "triplets", {"n_negatives": 0}),
        ("triplets.distinct=false", "triplets", {"distinct": False}),
        ("rate_falls.patience=2", "rate_falls", {"patience": 2}),
        ("model.reduction=sum", "model", {"reduction": "sum"}),
    ],
)
def test_a_field_of_the_siamese_net_is_set(setting, config, expected):
    base = DEFAULTS["siamese"]
    changed = replace(getattr(base, config), **expected)
    assert override(base, [setting]) == replace(base, **{config: changed})


@pytest.mark.parametrize("place", [0.5, "loudest"])
def test_a_place_is_taken_away(base, place):
    assert override(replace(base, place=place), ["place=null"]) == base


@pytest.mark.parametrize(
    ("setting", "config", "expected"),
    [
        ("tags.min_tracks=2", "tags", {"min_tracks": 2}),
        ("tags.max_share=1", "tags", {"max_share": 1.0}),
        ("tags.max_tags=null", "tags", {"max_tags": None}),
        ("tags.keep=first", "tags", {"keep": "first"}),
        ("tags.vectors=words.txt", "tags", {"vectors": "words.txt"}),
        ("model.n_heads=null", "model", {"n_heads": None}),
        ("model.n_heads=4", "model", {"n_heads": 4}),
        ("model.contrastive_weight=0", "model", {"contrastive_weight": 0.0}),
        ("model.patch.n_filters=8", "model", {"patch": PatchConfig(n_filters=8)}),
        ("scaling.per=frame", "scaling", {"per": "frame"}),
    ],
)
def test_a_field_of_an_aligning_system_is_set(setting, config, expected):
    base = DEFAULTS["tag_contrastive"]
    changed = replace(getattr(base, config), **expected)
    assert override(base, [setting]) == replace(base, **{config: changed})


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ("place=loud", "--set place: place must be a number, \"loudest\" or None; got 'loud'"),
        ("place=true", "--set place: value must be float or str or NoneType; got True"),
        ("tags=null", "--set tags: tags and a model that learns from tags belong together"),
        ("tags.min_tracks=0", "--set tags.min_tracks: tags.min_tracks must be at least 1; got 0"),
        ("tags.keep=best", "--set tags.keep: tags.keep must be one of .*; got 'best'"),
        ("model.n_heads=1.5", "--set model.n_heads: value must be int or NoneType; got 1.5"),
        ("model.patch.n_filters=0", "--set model.patch.n_filters: n_filters must be positive"),
        ("model.patch=8", "--set model.patch: value must be PatchConfig; got 8"),
    ],
)
def test_a_change_that_does_not_fit_an_aligning_system_is_refused(setting, rule):
    with pytest.raises(RecipeError, match=rule):
        override(DEFAULTS["tag_contrastive"], [setting])


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ("probe.penalty=10", "--set probe.penalty: field must be one of .*; got 'penalty'"),
        ("probe.n_neighbors=0", "--set probe.n_neighbors: n_neighbors must be positive; got 0"),
        ("target=label", "--set target: probe needs target=None; got target='label'"),
    ],
)
def test_a_change_that_does_not_fit_a_probe_is_refused(neighbors, setting, rule):
    with pytest.raises(RecipeError, match=rule):
        override(neighbors, [setting])


def test_a_number_takes_the_type_of_its_field(base):
    assert type(override(base, ["excerpt_seconds=2"]).excerpt_seconds) is float


def test_changes_that_belong_together_are_judged_together(base):
    changed = override(base, ["frontend.n_fft=256", "frontend.hop_length=128"]).frontend
    assert (changed.n_fft, changed.hop_length) == (256, 128)  # 604 over 256 alone is refused


def test_no_change_gives_the_recipe(base):
    assert override(base, []) == base


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        (["epochs"], "--set must be field=value; got 'epochs'"),
        (["epoch=3"], r"--set epoch: field must be one of \['augment', .*; got 'epoch'"),
        (["=3"], "--set : field must be one of"),
        (["model.units=3"], r"--set model.units: field must be one of .*; got 'units'"),
        (["epochs=many"], "--set epochs: value must be int; got 'many'"),
        (["epochs=1.5"], "--set epochs: value must be int; got 1.5"),
        (["epochs=true"], "--set epochs: value must be int; got True"),
        (["epochs=null"], "--set epochs: value must be int; got None"),
        (["n_artists=1"], "--set n_artists: n_artists must be at least 2 or None; got 1"),
        (["epochs=0"], "--set epochs: epochs must be positive; got 0"),
        (["target=3"], "--set target: value must be str or NoneType; got 3"),
        (["epochs.x=3"], "--set epochs: value must be a config to have fields; got 30"),
        (["paper.value=1"], "--set paper: value must be a config to have fields; got None"),
        (["paper={}"], "--set paper: value must be a config to have fields; got None"),
        (["augment.stretch=0.9"], "--set augment.stretch: value must be tuple; got 0.9"),
        (['augment.stretch=["a"]'], "--set augment.stretch: value must be float; got 'a'"),
        (["augment.stretch=[1]"], "--set augment.stretch: stretch must be"),
        (["model.stages=[1]"], "--set model.stages: value must be ResidualStage; got 1"),
        (["model.n_classes=0"], "--set model.n_classes: n_classes must be positive; got"),
        (["frontend.window=flat"], "--set frontend.window: window must be one of"),
        (["frontend.reference=mean"], "--set frontend.reference: reference must be positive"),
        (["augment=null", "augment.gain_db=3"], "--set augment.gain_db: augment must not be set"),
        (["model=3"], "--set model: value must be"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(base, settings, rule):
    with pytest.raises(RecipeError, match=rule):
        override(base, settings)


@pytest.mark.parametrize("frontend", [LogMelConfig(), ChromaConfig(), MFCCConfig()])
def test_every_front_end_travels_through_json(base, frontend):
    recipe = replace(base, frontend=frontend)
    assert from_json(json.loads(json.dumps(to_json(recipe)))) == recipe


def test_every_field_of_a_recipe_travels_through_json():
    recipe = Recipe(
        frontend=LogMelConfig(fmax=8_000.0, reference="max", norm=None),
        excerpt_seconds=2.5,
        model=replace(DEFAULTS["residual_cnn"].model, stages=()),
        place=0.5,
        target=None,
        n_artists=7,
        probe=SVMConfig(penalty=2.0, standardize=True),
        loss="binary_crossentropy",
        augment=AugmentConfig(copies=(Copy(semitones=1.0, stretch=0.9, place=0.5),), gain_db=3.0),
        scaling=ScalingConfig(kind="minmax", clip=True),
        optimizer=SGDConfig(momentum=0.5),
        rate_falls=Plateau(monitor="val_accuracy", patience=2, factor=0.5),
        decoder="tfio",
        batch_size=3,
        excerpts_per_track=2,
        epochs=4,
        early_stopping=None,
        batch_norm_momentum=0.5,
        precision="mixed_bfloat16",
        seed=5,
        deterministic=True,
        paper=PaperFigure(place="table 1", metric="accuracy", value=0.5, data="fma_small"),
    )
    plain = Recipe(frontend=recipe.frontend, excerpt_seconds=1.0, model=recipe.model)
    names = [field.name for field in fields(Recipe) if field.name not in ("frontend", "model")]
    same = [name for name in names if getattr(recipe, name) == getattr(plain, name)]
    # Copies refuse triplets, another model tags, and "tfio" the other crop.
    assert same == ["triplets", "tags", "crop"]
    assert from_json(json.loads(json.dumps(to_json(recipe)))) == recipe


@pytest.mark.parametrize(
    "changes",
    [
        {"crop": "frames", "augment": AugmentConfig(time_masks=1, time_mask_frames=2)},
        {"target": "tags", "augment": AugmentConfig(copies=SIX_COPIES)},
        {"target": None, "probe": KNNConfig(n_neighbors=18, metric="cosine", weights="uniform")},
        {
            "model": SiameseConfig(),
            "target": None,
            "triplets": TripletConfig(column="x", n_negatives=0, distinct=False),
        },
        {
            "model": TagContrastiveConfig(n_heads=None, patch=PatchConfig(n_blocks=3)),
            "target": None,
            "place": "loudest",
            "scaling": ScalingConfig(kind="minmax", clip=True),
            "tags": TagConfig(max_tags=None, keep="first", vectors="words.txt"),
        },
        {
            "model": COALAConfig(tag_weight=0.0),
            "target": None,
            "scaling": ScalingConfig(kind="fixed", offset=-80.0, spread=80.0),
            "tags": TagConfig(),
        },
    ],
    ids=["frames", "copies", "neighbours", "triplets", "tags", "marked tags"],
)
def test_what_excludes_something_else_travels_through_json(base, changes):
    recipe = replace(base, **{"augment": None} | changes)
    assert from_json(json.loads(json.dumps(to_json(recipe)))) == recipe


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_a_config_is_known_by_its_class_name(name):
    assert CONFIGS[name].__name__ == name


@pytest.mark.parametrize(
    ("described", "rule"),
    [
        ({"class": "Path"}, "class must be one of .*; got 'Path'"),
        ({"epochs": 3}, "class must be one of .*; got None"),
        ({"class": "SGDConfig", "rho": 1}, "SGDConfig does not have these fields: .*'rho'"),
    ],
)
def test_a_description_of_something_else_is_refused(described, rule):
    with pytest.raises(RecipeError, match=rule):
        from_json(described)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "recipe.json must be JSON; "),
        ("[]", "recipe.json must describe a Recipe; got tuple"),
        ('{"class": "SGDConfig"}', "recipe.json must describe a Recipe; got SGDConfig"),
    ],
)
def test_a_file_that_describes_no_recipe_is_refused(tmp_path, text, rule):
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(RecipeError, match=rule):
        read_recipe(path)
