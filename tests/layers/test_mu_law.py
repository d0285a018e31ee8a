import librosa
import numpy as np

from kmusic.layers.mu_law import mu_law_decode, mu_law_encode

DRAWN = np.random.default_rng(0).uniform(-1, 1, 5_000)
SAMPLES = np.concatenate([[-1.0, 0.0, 1.0, 1e-5, -1e-5], DRAWN])


def test_codes_are_the_whole_part_of_librosas_companded_samples():
    companded = librosa.mu_compress(SAMPLES, mu=255, quantize=False)
    expected = np.floor((companded + 1) / 2 * 255)
    codes = mu_law_encode(SAMPLES).numpy()
    # float32 may fall on the other side where a sample lies on a border
    assert np.mean(codes == expected) > 0.999
    assert np.abs(codes - expected).max() <= 1
    assert codes[:3].tolist() == [0, 127, 255]


def test_a_code_stands_for_the_middle_of_its_samples():
    codes = np.arange(255)
    middle = librosa.mu_expand((2 * codes + 1) / 255 - 1, mu=255, quantize=False)
    np.testing.assert_allclose(mu_law_decode(codes), middle, atol=1e-6)
    assert mu_law_encode(mu_law_decode(codes)).numpy().tolist() == codes.tolist()
    assert float(mu_law_decode(127)) == 0.0
    assert float(mu_law_decode(255)) == 1.0


def test_samples_beyond_full_scale_are_clipped():
    assert mu_law_encode(np.array([-7.0, 7.0])).numpy().tolist() == [0, 255]
