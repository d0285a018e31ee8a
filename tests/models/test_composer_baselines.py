"""The composer classifiers' sizes, sums and steps, against the paper's and slow numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy.special import expit, softmax

from kmusic.layers.crops import CropConfig
from kmusic.models import embedder
from kmusic.models.composer_baselines import (
    CHROMA_STAGES,
    MEL_STAGES,
    MEL_STAGES_PUBLISHED,
    MFCC_STAGES,
    ComposerCNNConfig,
    ComposerLSTMConfig,
    ConvStage,
    FeedForwardConfig,
    build_composer_cnn,
    build_composer_lstm,
    build_feed_forward,
)

BUILDERS = {
    FeedForwardConfig: build_feed_forward,
    ComposerCNNConfig: build_composer_cnn,
    ComposerLSTMConfig: build_composer_lstm,
}
UNEVEN = (
    ConvStage(filters=2, kernel=(3, 2), strides=(2, 1), padding=(1, 3), pool=(2, 3)),
    ConvStage(filters=3, kernel=(2, 3), strides=(1, 2), padding=(0, 2)),
)
STAGE = {"filters": 1, "kernel": (1, 1), "strides": (1, 1), "padding": (0, 0)}
CROP = CropConfig(n_frames=4, n_bands=3, first_band=1)
SMALL = {
    "feed_forward": FeedForwardConfig(n_classes=3, units=(5, 4)),
    "feed_forward_on_crops": FeedForwardConfig(n_classes=3, units=(5, 4), crop=CROP),
    "cnn": ComposerCNNConfig(n_classes=3, stages=UNEVEN, units=(5, 4)),
    "lstm": ComposerLSTMConfig(n_classes=3, units=4, chunk=CropConfig(n_frames=5)),
    "lstm_without_a_head": ComposerLSTMConfig(
        n_classes=3, units=4, chunk=CropConfig(n_frames=5), head=False
    ),
}
FRAMES, BANDS = 14, 6  # three crops and two frames over, or two chunks and four


def on_features(config, n_frames=FRAMES, n_bands=BANDS):
    features = keras.Input((n_frames, n_bands))
    return BUILDERS[type(config)](config, keras.Model(features, layers.Identity()(features)))


def randomised(name, n_examples=3):
    """Give a small net with drawn weights, and examples that it hears."""
    keras.utils.set_random_seed(0)
    model, rng = on_features(SMALL[name]), np.random.default_rng(0)
    for weight in model.weights:
        drawn = rng.uniform(0.1, 1.0, weight.shape) * rng.choice([-1, 1], weight.shape)
        weight.assign(abs(drawn) if "variance" in weight.path else drawn)
    return model, rng.normal(size=(n_examples, FRAMES, BANDS)).astype(np.float32)


def weights_of(model):
    """List the weights in the order of the layers, float64."""
    return [weight.numpy().astype(np.float64) for weight in model.weights]


def trainable(model):
    return sum(weight.value.shape.num_elements() for weight in model.trainable_weights)


def normalised(x, weights):
    """Normalise and rectify; takes gamma, beta, moving mean and variance off the weights."""
    gamma, beta, mean, variance = (weights.pop(0) for _ in range(4))
    return np.maximum((x - mean) / np.sqrt(variance + 1e-3) * gamma + beta, 0)


def dense(x, weights):
    kernel, bias = weights.pop(0), weights.pop(0)
    return x @ kernel + bias


def hidden(crop, weights, n_layers):
    """Give the last hidden vector of the feed-forward net, of features `(frames, bands)`."""
    weights, x = list(weights), crop.ravel()
    for _ in range(n_layers):
        x = normalised(dense(x, weights), weights)
    return x


def convolved(maps, stage, weights):
    """Apply a stage to maps `(frames, bands, channels)` by loops."""
    kernel, bias = weights.pop(0), weights.pop(0)
    padded = np.pad(maps, [*((n, n) for n in stage.padding), (0, 0)])
    sizes = [
        (whole - width) // step + 1
        for whole, width, step in zip(padded.shape, stage.kernel, stage.strides, strict=False)
    ]
    answer = np.zeros((*sizes, stage.filters))
    for frame, band in np.ndindex(*sizes):
        t, b = frame * stage.strides[0], band * stage.strides[1]
        window = padded[t : t + stage.kernel[0], b : b + stage.kernel[1]]
        answer[frame, band] = np.tensordot(window, kernel, 3) + bias
    answer = normalised(answer, weights)
    if stage.pool is None:
        return answer
    frames, bands = (n // w for n, w in zip(sizes, stage.pool, strict=True))
    whole = answer[: frames * stage.pool[0], : bands * stage.pool[1]]
    return whole.reshape(frames, stage.pool[0], bands, stage.pool[1], -1).max(axis=(1, 3))


def last_output(steps, weights):
    """Step a stack of long short-term memories through `(n_steps, n_features)`.

    Gers, Schmidhuber and Cummins (2000), equations 1 to 7, gate after gate.
    """
    while weights:
        kernel, recurrent_kernel, bias = (weights.pop(0) for _ in range(3))
        state = output = np.zeros(len(recurrent_kernel))
        outputs = []
        for step in steps:
            gates = np.split(step @ kernel + output @ recurrent_kernel + bias, 4)
            state = expit(gates[1]) * state + expit(gates[0]) * np.tanh(gates[2])
            output = expit(gates[3]) * np.tanh(state)
            outputs.append(output)
        steps = np.array(outputs)
    return steps[-1]


@pytest.mark.parametrize("n_hidden", [4, 5])
def test_the_feed_forward_net_has_the_parameters_of_its_source(n_hidden):
    units = (1_024, 512, 256, 64) if n_hidden == 4 else (1_024, 512, 256, 128, 64)
    counted = trainable(on_features(FeedForwardConfig(units=units), 431, 12))
    # Only the first kernel knows of the bands.
    sizes = [counted + (bands - 12) * 431 * 1_024 for bands in (12, 13, 64)]
    assert sizes == (
        [5_973_765, 6_415_109, 28_923_653] if n_hidden == 4 else [5_998_725, 6_440_069, 28_948_613]
    )


@pytest.mark.parametrize(
    ("stages", "bands", "sizes", "flat", "parameters"),
    [
        (CHROMA_STAGES, 12, [(429, 12), (214, 12), (108, 12), (54, 12), (27, 12)], 3_240, 400_834),
        (MFCC_STAGES, 13, [(429, 12), (214, 12), (108, 12), (54, 12), (27, 12)], 3_240, 400_884),
        (MEL_STAGES, 64, [(216, 32), (108, 32), (54, 16), (27, 16), (13, 8), (6, 4)], 240, 41_644),
        (MEL_STAGES_PUBLISHED, 64, [(216, 32), (108, 32), (54, 16), (27, 8), (13, 4)], 520, 75_244),
    ],
)
def test_the_cnn_has_the_sizes_and_parameters_of_its_source(stages, bands, sizes, flat, parameters):
    model = on_features(ComposerCNNConfig(stages=stages), 431, bands)
    kinds = (layers.Conv2D, layers.MaxPooling2D)
    outputs = [layer.output.shape[1:3] for layer in model.layers if isinstance(layer, kinds)]
    assert outputs == sizes
    (flatten,) = (layer for layer in model.layers if isinstance(layer, layers.Flatten))
    assert flatten.output.shape == (None, flat)
    assert trainable(model) == parameters


@pytest.mark.parametrize("bands", [12, 13, 64])
def test_the_published_lstm_has_the_parameters_of_its_source_less_the_second_biases(bands):
    assert ComposerLSTMConfig().layer_units == (5, 5)
    two_biases = {12: 620, 13: 640, 64: 1_660}[bands]
    for head, dense_parameters in ((False, 0), (True, 5 * 5 + 5)):
        model = on_features(ComposerLSTMConfig(head=head), 431, bands)
        assert trainable(model) == two_biases - 2 * 4 * 5 + dense_parameters


@pytest.mark.parametrize("name", ["feed_forward", "feed_forward_on_crops"])
def test_feed_forward_answers_are_those_of_the_equations_and_of_the_mean_over_crops(name):
    model, features = randomised(name)
    weights = weights_of(model)
    vectors = []
    for example in features:
        crops = [example[t : t + 4, 1:4] for t in (0, 4, 8)] if "crops" in name else [example]
        vectors.append(np.mean([hidden(crop, weights[:-2], 2) for crop in crops], axis=0))
    np.testing.assert_allclose(embedder(model)(features), vectors, rtol=1e-5, atol=1e-5)  # float32
    answers = [softmax(dense(vector, weights[-2:])) for vector in vectors]
    np.testing.assert_allclose(model(features), answers, atol=1e-5)


def test_convolutional_answers_are_those_of_the_equations():
    model, features = randomised("cnn")
    answers = []
    for example in features:
        weights, x = weights_of(model), example[..., None].astype(np.float64)
        for stage in UNEVEN:
            x = convolved(x, stage, weights)
        x = np.maximum(dense(x.ravel(), weights), 0)
        x = np.maximum(dense(x, weights), 0)
        answers.append(softmax(dense(x, weights)))
    assert answers[0].std() > 0.01
    np.testing.assert_allclose(model(features), answers, atol=1e-5)  # float32 sums


@pytest.mark.parametrize("name", ["lstm", "lstm_without_a_head"])
def test_recurrent_answers_are_those_of_the_equations(name):
    model, features = randomised(name)
    weights = weights_of(model)
    chunks = features[:, :10].reshape(3, 2, 5, BANDS).astype(np.float64)
    vectors = [np.mean([last_output(one, weights[:6]) for one in cut], axis=0) for cut in chunks]
    np.testing.assert_allclose(embedder(model)(features), vectors, atol=1e-6)  # float32
    scores = [dense(v, weights[6:]) for v in vectors] if SMALL[name].head else vectors
    np.testing.assert_allclose(model(features), softmax(scores, axis=1), atol=1e-6)


def test_eleven_chunks_of_36_frames_are_heard_and_35_frames_are_not():
    features = np.random.default_rng(0).normal(size=(1, 431, 2)).astype(np.float32)
    model = embedder(on_features(ComposerLSTMConfig(), 431, 2))
    one = embedder(on_features(ComposerLSTMConfig(), 36, 2))
    one.set_weights(model.get_weights())
    chunks = features[:, : 11 * 36].reshape(11, 36, 2)
    np.testing.assert_allclose(model(features)[0], np.mean(one(chunks), axis=0), atol=1e-6)


def test_in_training_each_excerpt_is_heard_in_one_drawn_chunk():
    model, features = randomised("lstm", n_examples=1)
    vectors, chunk = embedder(model), embedder(on_features(SMALL["lstm"], 5))
    chunk.set_weights(vectors.get_weights())
    every = np.concatenate([chunk(features[:, t : t + 5]) for t in range(FRAMES - 4)])
    starts = set()
    for _ in range(12):
        distances = np.abs(every - vectors(features, training=True)).max(axis=1)
        (start,) = np.flatnonzero(distances < 1e-6)
        starts.add(start)
    assert len(starts) > 3


def test_the_recurrence_steps_through_frames_and_keeps_examples_apart():
    model, features = randomised("lstm")
    vectors, order = embedder(model)(features).numpy(), [2, 0, 1]
    np.testing.assert_allclose(embedder(model)(features[order]), vectors[order], atol=1e-6)
    alone = np.concatenate([embedder(model)(example[None]) for example in features])
    np.testing.assert_allclose(alone, vectors, atol=1e-6)
    reversed_vectors = embedder(model)(features[:, ::-1]).numpy()
    assert np.abs(reversed_vectors - vectors).max(axis=1).min() > 0.01


def test_without_a_head_there_is_a_unit_a_class():
    config = ComposerLSTMConfig(n_classes=7, units=5, n_layers=3, head=False)
    model = on_features(config, 40)
    units = tuple(layer.units for layer in model.layers if isinstance(layer, layers.LSTM))
    assert units == config.layer_units == (5, 5, 7)


def test_the_recurrence_learns_which_way_its_frames_go():
    keras.utils.set_random_seed(0)
    model = on_features(ComposerLSTMConfig(n_classes=2, chunk=CropConfig(n_frames=8)), 8, 2)
    rng = np.random.default_rng(0)
    rising = np.linspace(-1, 1, 8)[:, None] + rng.normal(scale=0.2, size=(40, 8, 2))
    features = np.concatenate([rising[:20], rising[20:, ::-1]]).astype(np.float32)
    target = np.eye(2, dtype=np.float32).repeat(20, axis=0)
    model.compile(keras.optimizers.Adam(0.03), "categorical_crossentropy", jit_compile=False)
    history = model.fit(features, target, batch_size=40, epochs=30, verbose=0).history
    assert history["loss"][-1] < 0.1 * history["loss"][0]


@pytest.mark.parametrize("name", SMALL)
def test_a_gradient_reaches_every_weight(name):
    model, features = randomised(name, n_examples=6)
    with tf.GradientTape() as tape:
        loss = keras.losses.categorical_crossentropy(tf.one_hot([0, 1, 2] * 2, 3), model(features))
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    assert all(np.any(gradient) for gradient in gradients)


@pytest.mark.parametrize("name", SMALL)
def test_a_saved_net_answers_as_before(name, tmp_path):
    model, features = randomised(name)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(again(features), model(features), atol=1e-6)
    np.testing.assert_allclose(embedder(again)(features), embedder(model)(features), atol=1e-6)


@pytest.mark.parametrize(
    ("config", "settings", "said"),
    [
        (FeedForwardConfig, {"n_classes": 0}, "got n_classes=0"),
        (FeedForwardConfig, {"units": ()}, r"units must be positive.*got \(\)"),
        (FeedForwardConfig, {"units": (4, 0)}, r"units must be positive.*got \(4, 0\)"),
        (ComposerCNNConfig, {"output": "relu"}, "got 'relu'"),
        (ComposerCNNConfig, {"stages": ()}, "stages must be at least one; got none"),
        (ComposerCNNConfig, {"units": (0,)}, r"units must be positive.*got \(0,\)"),
        (ComposerLSTMConfig, {"n_classes": 0}, "got n_classes=0"),
        (ComposerLSTMConfig, {"units": 0}, r"units must be positive.*got \(0, 0\)"),
        (ComposerLSTMConfig, {"n_layers": 0}, r"units must be positive.*got \(\)"),
        (ConvStage, STAGE | {"filters": 0}, "filters must be positive; got 0"),
        (ConvStage, STAGE | {"kernel": (3, 0)}, r"kernel must be .* from 1 on; got \(3, 0\)"),
        (ConvStage, STAGE | {"strides": (2,)}, r"strides must be .* from 1 on; got \(2,\)"),
        (ConvStage, STAGE | {"padding": (-1, 0)}, r"padding must be .* from 0 on; got \(-1, 0\)"),
        (ConvStage, STAGE | {"pool": (0, 1)}, r"pool must be .* from 1 on; got \(0, 1\)"),
    ],
)
def test_nonsense_is_refused(config, settings, said):
    with pytest.raises(ValueError, match=said):
        config(**settings)
