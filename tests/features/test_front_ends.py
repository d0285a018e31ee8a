import json
from dataclasses import asdict, replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from kmusic.features.chroma import ChromaConfig
from kmusic.features.front_ends import (
    FRONT_ENDS,
    Compress,
    build_front_end,
    front_end_hash,
)
from kmusic.features.mel import LogMelConfig
from kmusic.features.mfcc import MFCCConfig
from kmusic.features.waveform import WaveformConfig

CONFIGS = [
    LogMelConfig(reference="max", top_db=80.0, n_mels=40),
    ChromaConfig(),
    MFCCConfig(deltas=1, n_mels=40),
    WaveformConfig(),
]
SAMPLES = 11_025
every_front_end = pytest.mark.parametrize("config", CONFIGS, ids=lambda c: type(c).__name__)


@pytest.fixture(scope="module")
def waveform(chirp, noise):
    """Two half seconds, shape `(2, 11_025)`."""
    return np.stack([chirp[22_050:33_075], 0.1 * noise[:SAMPLES]])


@pytest.fixture
def mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


def test_every_front_end_is_walked_here():
    assert {type(config) for config in CONFIGS} == set(FRONT_ENDS)


@every_front_end
def test_the_stages_make_the_whole(config, waveform):
    layer = build_front_end(config)
    spectrum = layer.spectrum(waveform)
    frames = config.n_frames(SAMPLES)
    assert spectrum.shape == (2, frames, config.n_raw_bands)
    features = layer(waveform)
    assert features.shape == (2, frames, config.n_bands)
    np.testing.assert_array_equal(features, layer.compress(spectrum))
    np.testing.assert_array_equal(features, Compress(config)(spectrum))


@every_front_end
def test_spectra_can_be_cropped_frame_by_frame(config, noise):
    layer = build_front_end(config)
    hop, edge = config.hop_length, 2 * config.context  # frames that feel the edge
    whole = layer.spectrum(noise[None, : 30 * hop]).numpy()
    part = layer.spectrum(noise[None, 5 * hop : 25 * hop]).numpy()
    stop = part.shape[1] - edge
    assert stop - edge > 10
    np.testing.assert_allclose(part[:, edge:stop], whole[:, 5 + edge : 5 + stop], rtol=1e-4)


@every_front_end
def test_nothing_counts_as_a_parameter(config, waveform):
    layer = build_front_end(config)
    layer(waveform)
    assert layer.count_params() == 0
    assert layer.weights == []


@every_front_end
def test_a_tf_data_map_computes_the_same(config, waveform):
    layer = build_front_end(config)
    dataset = tf.data.Dataset.from_tensor_slices(waveform).batch(2, drop_remainder=True).map(layer)
    assert dataset.element_spec.shape == (2, config.n_frames(SAMPLES), config.n_bands)
    np.testing.assert_allclose(next(iter(dataset)), layer(waveform), atol=1e-3)


@every_front_end
@pytest.mark.parametrize("samples", [SAMPLES, None])
def test_a_model_survives_the_disk(config, samples, waveform, tmp_path):
    audio = keras.Input((samples,))
    model = keras.Model(audio, build_front_end(config)(audio))
    frames = None if samples is None else config.n_frames(samples)
    assert model.output_shape == (None, frames, config.n_bands)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = model.predict(waveform, verbose=0)
    np.testing.assert_array_equal(loaded.predict(waveform, verbose=0), expected)
    assert loaded.layers[-1].config == config


@every_front_end
def test_a_saved_model_answers_the_same(config, waveform, tmp_path):
    audio = keras.Input((None,))
    model = keras.Model(audio, build_front_end(config)(audio))
    model.export(tmp_path / "export", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "export")
    np.testing.assert_allclose(loaded.serve(waveform), model(waveform), atol=1e-3)


@every_front_end
def test_a_model_on_cached_spectra_survives_the_disk(config, waveform, tmp_path):
    frames = config.n_frames(SAMPLES)
    spectrum = keras.Input((frames, config.n_raw_bands))
    model = keras.Model(spectrum, Compress(config, name="features")(spectrum))
    assert model.output_shape == (None, frames, config.n_bands)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    cached = build_front_end(config).spectrum(waveform).numpy()
    np.testing.assert_array_equal(loaded(cached), model(cached))


@every_front_end
@pytest.mark.usefixtures("mixed_precision")
def test_mixed_precision_leaves_features_in_float32(config, waveform):
    audio = keras.Input((SAMPLES,))
    features = build_front_end(config)(audio)
    half = keras.layers.Dense(2)(features)
    assert (features.dtype, half.dtype) == ("float32", "float16")
    keras.config.set_dtype_policy("float32")
    expected = build_front_end(config)(waveform)
    actual = keras.Model(audio, features)(waveform)
    np.testing.assert_array_equal(actual, expected)


@every_front_end
def test_a_hash_tells_every_setting(config):
    assert front_end_hash(config) == front_end_hash(type(config)(**asdict(config)))
    assert front_end_hash(config) == front_end_hash(
        type(config)(**json.loads(json.dumps(asdict(config))))
    )
    assert front_end_hash(config) != front_end_hash(replace(config, sample_rate=16_000))
    assert len({front_end_hash(other) for other in CONFIGS}) == len(CONFIGS)


def test_equal_configs_have_equal_hashes():
    whole = LogMelConfig(power=2, fmin=0, htk=False)
    assert whole == LogMelConfig()
    assert front_end_hash(whole) == front_end_hash(LogMelConfig())


@every_front_end
def test_compiled_by_xla_a_front_end_gives_the_same(config, waveform):
    layer = build_front_end(config)
    compiled = tf.function(layer, jit_compile=True)(waveform)
    np.testing.assert_allclose(compiled, layer(waveform), atol=1e-3)


def test_a_config_of_no_front_end_is_refused():
    with pytest.raises(ValueError, match="must be one of"):
        build_front_end(22_050)
