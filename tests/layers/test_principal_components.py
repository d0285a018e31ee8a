import keras
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kmusic.layers import principal_components
from kmusic.layers.principal_components import PrincipalComponents

N_VALUES = 12


class Again:
    """Batches that count how often they are gone through."""

    def __init__(self, batches):
        self.batches = batches
        self.passes = 0

    def __iter__(self):
        self.passes += 1
        return iter(self.batches)


@pytest.fixture
def vectors():
    """60 vectors of 12 values that hang together, of unlike mean and spread."""
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(60, N_VALUES)) @ rng.normal(size=(N_VALUES, N_VALUES))
    return (mixed * rng.uniform(0.1, 30.0, N_VALUES) - 40.0).astype(np.float32)


@pytest.fixture
def plane():
    """200 vectors of 12 values on 3 directions, their level rising from first to last."""
    rng = np.random.default_rng(0)
    places = rng.normal(size=(200, 3))
    places[:, 0] = np.sort(places[:, 0])
    return (places @ rng.normal(size=(3, N_VALUES)) - 40.0).astype(np.float32)


@pytest.fixture
def little_memory(monkeypatch):
    """Hold 8 vectors at most, and step by 20."""
    monkeypatch.setattr(principal_components, "VALUES_AT_ONCE", 8 * N_VALUES)
    monkeypatch.setattr(principal_components, "ROWS_A_STEP", 20)


def in_batches(vectors, size=9):
    return [vectors[start : start + size] for start in range(0, len(vectors), size)]


def fitted(batches, n_components=3, **settings):
    layer = PrincipalComponents(n_components, **settings)
    layer.build((None, N_VALUES))
    layer.adapt(batches)
    return layer


def by_scikit_learn(vectors, n_components=3, *, standardize=True, whiten=False):
    """Give the coordinates of the vectors that scikit-learn's exact solver finds."""
    oracle = make_pipeline(
        StandardScaler(with_std=standardize),
        PCA(n_components, svd_solver="full", whiten=whiten),
    )
    return oracle.fit_transform(vectors.astype(np.float64))


def assert_same_places(actual, expected):
    """Compare coordinates up to the sign of each direction, which nothing decides."""
    signs = np.sign(np.sum(actual * expected, axis=0))
    # Float32 holds the vectors, the fit and the projection; 2e-6 of the peak measured.
    np.testing.assert_allclose(actual * signs, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("standardize", [False, True])
def test_coordinates_are_those_of_scikit_learn(standardize, whiten, vectors):
    settings = {"standardize": standardize, "whiten": whiten}
    actual = fitted(in_batches(vectors), **settings)(vectors)
    assert_same_places(actual, by_scikit_learn(vectors, **settings))


def test_new_vectors_are_placed_by_the_statistics_of_the_old(vectors):
    old, new = vectors[:40], vectors[40:]
    oracle = make_pipeline(StandardScaler(), PCA(3, svd_solver="full")).fit(old.astype(np.float64))
    assert_same_places(fitted([old])(new), oracle.transform(new.astype(np.float64)))


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("standardize", [False, True])
def test_a_fit_by_steps_finds_the_same_plane(standardize, whiten, plane):
    settings = {"standardize": standardize, "whiten": whiten}
    actual = fitted(in_batches(plane), **settings)(plane)
    assert_same_places(actual, by_scikit_learn(plane, **settings))


@pytest.mark.usefixtures("little_memory")
def test_a_fit_by_steps_may_end_on_one_vector(plane):
    actual = fitted(in_batches(plane[:181]))(plane[:181])  # steps of 27, and one of 19
    assert_same_places(actual, by_scikit_learn(plane[:181]))
    actual = fitted(in_batches(plane[:190]))(plane[:190])  # steps of 27, and one of 1
    assert_same_places(actual, by_scikit_learn(plane[:190]))


def test_few_vectors_are_gone_through_once(vectors):
    batches = Again(in_batches(vectors))
    fitted(batches)
    assert batches.passes == 1


@pytest.mark.usefixtures("little_memory")
def test_many_vectors_are_gone_through_twice_after_a_look(plane):
    batches = Again(in_batches(plane))
    fitted(batches)
    assert batches.passes == 3


@pytest.mark.usefixtures("little_memory")
def test_the_first_step_spans_all_directions_asked_for(vectors, monkeypatch):
    monkeypatch.setattr(principal_components, "ROWS_A_STEP", 2)
    layer = fitted(in_batches(vectors, size=3), n_components=N_VALUES)
    expected = by_scikit_learn(vectors, n_components=N_VALUES)
    assert_same_places(layer(vectors), expected)  # no direction is lost between steps


def test_a_second_fit_forgets_the_first(vectors):
    layer = fitted([100.0 + 3.0 * vectors[::-1]])
    layer.adapt([vectors])
    np.testing.assert_array_equal(layer(vectors), fitted([vectors])(vectors))


@pytest.mark.parametrize("standardize", [False, True])
def test_a_value_that_never_varied_moves_nothing(standardize, vectors):
    vectors[:, 3] = -10.1
    layer = fitted([vectors], standardize=standardize, whiten=True)
    louder = vectors.copy()
    louder[:, 3] += 5.0
    np.testing.assert_allclose(layer(louder), layer(vectors), atol=1e-5)  # 5 of float32 rounding


def test_a_direction_without_spread_is_not_whitened(vectors):
    layer = fitted([vectors[:3]], whiten=True)  # three points lie on a plane
    assert np.abs(layer(vectors[:3])[:, 2]).max() < 1e-3  # rounding, not brought to deviation 1
    assert np.abs(layer.directions[:, 2]).max() <= 10.0  # one over the narrowest value's spread


def test_before_the_fit_all_vectors_lie_at_zero(vectors):
    np.testing.assert_array_equal(PrincipalComponents(3)(vectors), np.zeros((60, 3)))


def test_a_fit_travels_with_the_model_and_is_not_trained(vectors, tmp_path):
    values = keras.Input((N_VALUES,))
    layer = PrincipalComponents(3, standardize=False, whiten=True, name="embedding")
    model = keras.Model(values, layer(values))
    layer.adapt([vectors])
    assert model.trainable_weights == []
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(vectors), model(vectors))
    assert loaded.get_layer("embedding").get_config() == layer.get_config()


def test_a_loaded_layer_is_fitted_as_it_was_set(vectors):
    layer = PrincipalComponents(3, standardize=False, whiten=True)
    again = PrincipalComponents.from_config(layer.get_config())
    for each in (layer, again):
        each.build((None, N_VALUES))
        each.adapt([vectors])
    np.testing.assert_array_equal(again(vectors), layer(vectors))


def test_coordinates_are_float32_in_a_mixed_precision_model(vectors):
    layer = PrincipalComponents(3, dtype="mixed_float16")
    assert layer(vectors).dtype == "float32"


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ([], "as many excerpts as there are directions; got 0 for n_components=3"),
        ([2], "as many excerpts as there are directions; got 2 for n_components=3"),
    ],
)
def test_too_few_vectors_are_refused(rows, rule, vectors):
    with pytest.raises(ValueError, match=rule):
        fitted([vectors[:n] for n in rows])


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_with_its_batch(wrong, vectors):
    vectors[20, 5] = wrong
    with pytest.raises(ValueError, match="finite numbers; batch 2 does not"):
        fitted(in_batches(vectors))


def test_more_directions_than_values_are_refused():
    rule = "as many values in a vector as there are directions; got 12 for n_components=13"
    with pytest.raises(ValueError, match=rule):
        PrincipalComponents(13).build((None, N_VALUES))
