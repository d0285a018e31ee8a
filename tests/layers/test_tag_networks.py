"""Networks over tags, held to published sizes and to slow sums over words."""

import keras
import numpy as np
import pytest
from keras import layers

from kmusic.layers.attention import SetAttention
from kmusic.layers.tag_networks import (
    attention_over_tags,
    dense_over_tags,
    set_word_vectors,
    words_of_vector,
)

N_WORDS, DIM = 7, 6
VARIANTS = [1, 4, None]
WORDS = np.random.default_rng(0).normal(size=(N_WORDS, DIM)).astype(np.float32)
TAGS = np.int32([[2, 5, 7], [1, 3, 0], [4, 0, 0], [0, 0, 0]])
TAGGED = TAGS.any(axis=1)


def drawn(model):
    """Draw all weights of a model that train, and variances, which stay positive."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        low = 0.5 if weight.path.endswith("variance") else -0.5
        if weight.trainable or "moving" in weight.path:
            weight.assign(rng.uniform(low, 1.0, weight.shape))
    return model


def over_words(n_heads, padding_asks=False, dropout=0.1):
    """Build a network over small word vectors, its weights drawn."""
    model = attention_over_tags(N_WORDS, DIM, n_heads, padding_asks=padding_asks, dropout=dropout)
    set_word_vectors(model, WORDS)
    return drawn(model)


def marked():
    return drawn(dense_over_tags(N_WORDS, DIM, 0.25))


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def matrices(model):
    """Give the matrices of a network over words, then scale and shift of its end, float64."""
    return [weight.numpy().astype(np.float64) for weight in model.trainable_weights]


def normalised(vector, scale, shift):
    return scale * (vector - vector.mean()) / np.sqrt(vector.var() + 1e-6) + shift


def permuted(numbers):
    return numbers[:, ::-1]


def padded(numbers):
    return np.pad(numbers, [[0, 0], [0, 4]])


def scattered(numbers):
    """Put empty places between the tags."""
    return np.insert(numbers, [0, 1, 3], 0, axis=1)


# Sizes


@pytest.mark.parametrize(
    ("dim", "n_heads", "expected"),
    [
        (128, None, 16_640),
        (128, 1, 65_792),
        (128, 4, 262_400),
        (1_152, None, 1_329_408),
        (1_152, 1, 5_310_720),
        (1_152, 4, 21_235_968),
    ],
)
def test_a_network_over_word_vectors_has_the_published_parameters(dim, n_heads, expected):
    model = attention_over_tags(3, dim, n_heads, padding_asks=False, dropout=0.1)
    assert trainable(model) == expected
    assert model.get_layer("word_vectors").count_params() == (3 + 1) * dim  # do not train


def test_networks_over_marked_words_have_two_hidden_layers_of_512():
    between = 512 * 512 + 512 + 2 * 2 * 512  # and both normalisations
    there = (1_000 + 1) * 512 + between + (512 + 1) * 1_152 + 2 * 1_152
    back = (1_152 + 1) * 512 + between + (512 + 1) * 1_000 + 2 * 1_000
    assert (there, back) == (1_370_496, 1_370_040)
    assert trainable(dense_over_tags(1_000, 1_152, 0.25)) == there
    assert trainable(words_of_vector(1_000, 1_152, 0.25)) == back


# Sets


@pytest.mark.parametrize("change", [permuted, padded, scattered])
@pytest.mark.parametrize("n_heads", VARIANTS)
def test_neither_order_nor_padding_matters(n_heads, change):
    model = over_words(n_heads)
    np.testing.assert_allclose(model(change(TAGS))[0], model(TAGS)[0], atol=1e-6)  # float32 sums


@pytest.mark.parametrize("change", [permuted, padded, scattered])
def test_neither_order_nor_padding_matters_to_marked_words(change):
    model = marked()
    np.testing.assert_array_equal(model(change(TAGS))[0], model(TAGS)[0])


@pytest.mark.parametrize("n_heads", [1, 4])
def test_where_padding_asks_it_matters_and_order_does_not(n_heads):
    model = over_words(n_heads, padding_asks=True)
    short, long = (model(numbers)[0].numpy() for numbers in (TAGS, padded(TAGS)))
    assert np.abs(long - short)[:2].max() > 0.01  # of tracks with tags to choose from
    np.testing.assert_allclose(model(permuted(TAGS))[0], short, atol=1e-6)  # float32 sums


def test_padding_is_asked_about_a_mean_in_vain():
    asks, does_not = over_words(None, padding_asks=True), over_words(None)
    np.testing.assert_array_equal(asks(padded(TAGS))[0], does_not(padded(TAGS))[0])


@pytest.mark.parametrize("change", [permuted, padded, scattered])
@pytest.mark.parametrize("n_heads", VARIANTS)
def test_shares_follow_their_tags_and_add_up_to_one(n_heads, change):
    model, numbers = over_words(n_heads), change(TAGS)
    shares, before = model(numbers)[1].numpy(), model(TAGS)[1].numpy()
    assert shares.shape == numbers.shape
    assert not shares[numbers == 0].any()
    np.testing.assert_allclose(shares.sum(axis=1), TAGGED, atol=1e-6)  # float32
    for word in np.unique(TAGS[TAGS > 0]):
        np.testing.assert_allclose(shares[numbers == word], before[word == TAGS], atol=1e-6)


def test_attention_weighs_unlike_words_unlike_and_a_mean_does_not():
    attended, alike = over_words(1)(TAGS)[1][0], over_words(None)(TAGS)[1][0]
    assert np.ptp(attended) > 0.01
    np.testing.assert_allclose(alike, [1 / 3] * 3, rtol=1e-6)  # float32


@pytest.mark.parametrize("n_heads", VARIANTS)
def test_no_tags_give_the_shift_of_the_layer_normalisation(n_heads):
    model = over_words(n_heads)
    np.testing.assert_allclose(model(TAGS)[0][3], matrices(model)[-1], atol=1e-6)  # float32


@pytest.mark.parametrize("n_heads", VARIANTS)
def test_one_tag_alone_is_its_vector_projected(n_heads):
    model = over_words(n_heads)
    *maps, scale, shift = matrices(model)
    vector = WORDS[3].astype(np.float64)
    if n_heads:
        vector = vector @ maps[2]  # attention to itself alone: its value in every head
    expected = normalised(vector @ maps[-1], scale, shift)
    np.testing.assert_allclose(model(TAGS)[0][2], expected, atol=1e-5)  # float32 sums


def test_a_mean_is_that_of_the_projected_words():
    model = over_words(None)
    matrix, scale, shift = matrices(model)
    rows = [np.mean([WORDS[word - 1] @ matrix for word in row if word], axis=0) for row in TAGS[:3]]
    expected = [normalised(row, scale, shift) for row in rows]
    np.testing.assert_allclose(model(TAGS)[0][:3], expected, atol=1e-5)  # float32 sums


@pytest.mark.parametrize("n_heads", [1, 4])
@pytest.mark.parametrize("padding_asks", [False, True])
def test_what_all_places_take_from_the_words_is_added_up(n_heads, padding_asks):
    model = over_words(n_heads, padding_asks)
    attention = next(each for each in model.layers if isinstance(each, SetAttention))
    vectors = np.concatenate([np.zeros_like(WORDS[:1]), WORDS])[TAGS]
    taken, shares = attention((vectors, TAGS > 0))
    expected = [normalised(np.sum(row, axis=0), *matrices(model)[-2:]) for row in taken.numpy()]
    np.testing.assert_allclose(model(TAGS)[0], expected, atol=1e-5)  # float32 sums
    np.testing.assert_allclose(model(TAGS)[1], shares, atol=1e-6)


# Words


def test_word_vectors_stand_behind_a_row_of_zeros_and_are_not_trained():
    model = over_words(1)
    table = model.get_layer("word_vectors").get_weights()[0]
    np.testing.assert_array_equal(table, np.concatenate([np.zeros((1, DIM)), WORDS]))
    assert not any("word_vectors" in weight.path for weight in model.trainable_weights)
    begun = attention_over_tags(N_WORDS, DIM, 1, padding_asks=False, dropout=0.1)
    table = begun.get_layer("word_vectors").get_weights()[0]
    assert not table[0].any()
    assert table[1:].all()


def test_word_vectors_of_another_number_are_refused():
    with pytest.raises(ValueError, match="shape"):
        set_word_vectors(over_words(1), WORDS[1:])


def dense(row, kernel, bias, scale, shift, mean, variance):
    row = row @ kernel + bias
    return scale * (row - mean) / np.sqrt(variance + 1e-5) + shift


def blocks(model):
    """Give kernel and bias of each dense layer, then its normalisation's weights, float64."""
    kinds = (layers.Dense, layers.BatchNormalization)
    weights = [each.get_weights() for each in model.layers if isinstance(each, kinds)]
    return [
        [weight.astype(np.float64) for weight in (*kernel, *norm)]
        for kernel, norm in zip(weights[::2], weights[1::2], strict=True)
    ]


def test_marked_words_pass_three_layers_with_a_relu_each():
    model = marked()
    expected = np.array([[float(word + 1 in row) for word in range(N_WORDS)] for row in TAGS])
    for block in blocks(model):
        expected = np.maximum(dense(expected, *block), 0)
    vectors, shares = model(TAGS)
    np.testing.assert_allclose(vectors, expected, rtol=1e-4)  # float32 sums of 512 numbers
    alike = (TAGS > 0) / np.maximum((TAGS > 0).sum(axis=1, keepdims=True), 1)
    np.testing.assert_allclose(shares, alike, rtol=1e-6)


def test_words_are_told_from_a_vector_by_three_layers_the_last_without_a_relu():
    model = drawn(words_of_vector(N_WORDS, DIM, 0.25))
    expected = WORDS.astype(np.float64)
    *hidden, last = blocks(model)
    for block in hidden:
        expected = np.maximum(dense(expected, *block), 0)
    expected = dense(expected, *last)
    assert (expected < 0).any()
    named = model([WORDS, np.ones(len(WORDS), bool)])
    np.testing.assert_allclose(named, expected, rtol=1e-4, atol=1e-3)  # float32 sums


# Training and disk


@pytest.mark.parametrize("n_heads", VARIANTS)
def test_something_is_left_out_in_training_alone(n_heads):
    model = over_words(n_heads, dropout=0.5)
    assert not np.allclose(model(TAGS, training=True)[0], model(TAGS)[0])
    whole = over_words(n_heads, dropout=0.0)
    np.testing.assert_allclose(whole(TAGS, training=True)[0], model(TAGS)[0], atol=1e-6)


def test_of_marked_words_every_layer_is_left_out_in_part_and_of_their_way_back_the_first():
    for model, n_dropouts in ((marked(), 3), (words_of_vector(N_WORDS, DIM, 0.25), 1)):
        rates = [each.rate for each in model.layers if isinstance(each, layers.Dropout)]
        assert rates == [0.25] * n_dropouts


@pytest.mark.parametrize("n_heads", [*VARIANTS, "marked"])
def test_a_network_survives_its_file(n_heads, tmp_path):
    model = marked() if n_heads == "marked" else over_words(n_heads)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    for one, other in zip(again(TAGS), model(TAGS), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert len(again.trainable_weights) == len(model.trainable_weights)


@pytest.mark.parametrize("n_heads", [*VARIANTS, "marked"])
def test_what_a_network_gives_in_mixed_precision_is_not_rounded(n_heads):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = marked() if n_heads == "marked" else over_words(n_heads)
    finally:
        keras.config.set_dtype_policy("float32")
    vectors, shares = model(TAGS)
    assert vectors.dtype == shares.dtype == "float32"
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.sum(shares, axis=1), TAGGED, atol=1e-6)  # float32
