import keras
import numpy as np
import pytest
import tensorflow as tf

from kmusic.layers.attention import SetAttention, attention_pooling, shares_of

STEPS, FEATURES, UNITS = 6, 4, 3
SEQUENCES = np.random.default_rng(0).normal(size=(5, STEPS, FEATURES)).astype(np.float32)

PLACES, DIM = 5, 3
PRESENT = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
SETS = (
    np.random.default_rng(3).normal(size=(4, PLACES, DIM)).astype(np.float32) * PRESENT[..., None]
)
VARIANTS = [(1, False), (2, False), (4, False), (1, True), (2, True)]


@pytest.fixture(scope="module")
def pooling():
    """Pooling over any number of steps, all of its weights drawn."""
    sequence = keras.Input((None, FEATURES))
    model = keras.Model(sequence, attention_pooling(sequence, UNITS))
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    return model


def by_hand(sequence, kernel, bias, score):
    """Average one sequence `(steps, features)`, step by step from the equations."""
    shares = [np.exp(np.tanh(step @ kernel + bias) @ score).item() for step in sequence]
    return sum(share * step for share, step in zip(shares, sequence, strict=True)) / sum(shares)


def test_it_is_the_average_by_softmax_scores(pooling):
    weights = [weight.numpy().astype(np.float64) for weight in pooling.weights]
    expected = [by_hand(sequence, *weights) for sequence in SEQUENCES.astype(np.float64)]
    np.testing.assert_allclose(pooling(SEQUENCES), expected, atol=1e-6)  # float32 sums


def test_a_hidden_layer_scores_each_step_by_one_number(pooling):
    assert [weight.shape for weight in pooling.weights] == [(FEATURES, UNITS), (UNITS,), (UNITS, 1)]


def test_the_order_of_the_steps_does_not_matter(pooling):
    turned = SEQUENCES[:, np.random.default_rng(2).permutation(STEPS)]
    np.testing.assert_allclose(pooling(turned), pooling(SEQUENCES), atol=1e-6)  # float32 sums


def test_a_step_that_repeats_is_its_own_average(pooling):
    repeated = np.repeat(SEQUENCES[:, :1], STEPS, axis=1)
    np.testing.assert_allclose(pooling(repeated), SEQUENCES[:, 0], atol=1e-6)  # float32 sums


def test_the_length_of_the_sequence_may_be_static():
    sequence = keras.Input((STEPS, FEATURES))
    assert attention_pooling(sequence, UNITS).shape == (None, FEATURES)


def set_attention(n_heads, padding_asks=False, **settings):
    """Build attention over sets, its matrices drawn wide enough for shares far from equal."""
    layer = SetAttention(n_heads, padding_asks=padding_asks, **settings)
    layer.build([SETS.shape, PRESENT.shape])
    rng = np.random.default_rng(4)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    return layer


def softmax(scores):
    whole = np.exp(scores - np.max(scores))
    return whole / whole.sum()


def attended(layer, vectors, present):
    """Attend in one set, `(n_places, dim)`, head by head and place by place."""
    queries, keys, values, joining = (w.numpy().astype(np.float64) for w in layer.trainable_weights)
    taken, shares = np.zeros_like(vectors, dtype=np.float64), np.zeros(len(vectors))
    members = np.flatnonzero(present)
    for place, vector in enumerate(vectors.astype(np.float64)):
        if not len(members) or not (present[place] or layer.padding_asks):
            continue
        for head in range(layer.n_heads):
            own = slice(head * DIM, (head + 1) * DIM)
            scores = [(vector @ queries[:, own]) @ (vectors[k] @ keys[:, own]) for k in members]
            weights = softmax(np.array(scores) / np.sqrt(DIM))
            for member, weight in zip(members, weights, strict=True):
                taken[place] += weight * (vectors[member] @ values[:, own]) @ joining[own]
                shares[member] += weight
    return taken, shares / shares.sum() if len(members) else shares


@pytest.mark.parametrize(("n_heads", "padding_asks"), VARIANTS)
def test_members_attend_to_members_as_the_equation_says(n_heads, padding_asks):
    layer = set_attention(n_heads, padding_asks)
    expected = [attended(layer, *each) for each in zip(SETS, PRESENT, strict=True)]
    taken, shares = layer((SETS, PRESENT))
    # Float32 sums of products of up to four drawn numbers.
    np.testing.assert_allclose(taken, [each for each, _ in expected], atol=1e-4)
    np.testing.assert_allclose(shares, [each for _, each in expected], atol=1e-5)


@pytest.mark.parametrize(("n_heads", "padding_asks"), VARIANTS)
def test_shares_of_members_add_up_to_one_and_empty_places_have_none(n_heads, padding_asks):
    _, shares = set_attention(n_heads, padding_asks)((SETS, PRESENT))
    np.testing.assert_allclose(np.sum(shares, axis=1), [1, 1, 1, 0], atol=1e-6)  # float32
    assert not shares.numpy()[~PRESENT].any()


@pytest.mark.parametrize("padding_asks", [False, True])
def test_an_empty_set_takes_nothing_and_learns_nothing(padding_asks):
    layer = set_attention(2, padding_asks)
    with tf.GradientTape() as tape:
        taken, _ = layer((SETS[3:], PRESENT[3:]))
        loss = tf.reduce_sum(tf.square(taken))
    weights = [weight.value for weight in layer.trainable_weights]
    assert not taken.numpy().any()
    assert not any(np.any(slope) for slope in tape.gradient(loss, weights))


def test_half_precision_goes_in_and_comes_out():
    taken, shares = set_attention(2, dtype="mixed_float16")((SETS, PRESENT))
    expected, weights = set_attention(2)((SETS, PRESENT))
    assert (taken.dtype, shares.dtype) == ("float16", "float32")
    np.testing.assert_allclose(taken, expected, atol=0.1)  # numbers to 20, of 11 bits
    np.testing.assert_allclose(shares, weights, atol=0.01)


def test_training_leaves_shares_out_and_shows_them_whole():
    layer = set_attention(1, dropout=0.5)
    (taken, shares), (still, weights) = (
        layer((SETS, PRESENT), training=training) for training in (True, False)
    )
    assert not np.allclose(taken, still)
    np.testing.assert_array_equal(shares, weights)


def test_shares_are_scaled_weights_of_members():
    weights = np.float32([[1, 3, 9], [2, 2, 2], [1, 1, 1]])
    present = np.array([[1, 1, 0], [1, 1, 1], [0, 0, 0]], bool)
    expected = [[0.25, 0.75, 0], [1 / 3] * 3, [0] * 3]
    np.testing.assert_allclose(shares_of(weights, present), expected, rtol=1e-6)  # float32


def test_matrices_begin_as_those_of_a_linear_layer_of_torch():
    layer = SetAttention(4)
    layer.build([(None, None, 100), (None, None)])
    for weight in layer.trainable_weights:
        fan_in = weight.shape[0]
        drawn = weight.numpy()
        assert np.abs(drawn).max() == pytest.approx(fan_in**-0.5, rel=1e-3)  # of 40,000 draws
        assert drawn.std() == pytest.approx((3 * fan_in) ** -0.5, rel=0.02)
