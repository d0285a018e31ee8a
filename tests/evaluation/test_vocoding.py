import numpy as np
import pytest
import soundfile as sf

from kmusic.audio.files import AudioError
from kmusic.audio.signals import tone
from kmusic.evaluation.vocoding import vocode_track, write_wav
from tests import recordings
from tests.wavenet_runs import RATE, RECIPE, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("wavenet") / "run")


@pytest.fixture
def recording(tmp_path):
    file = tmp_path / "tone.wav"
    sf.write(file, tone(500.0, 1.0, 2 * RATE), 2 * RATE)
    return str(file)


def test_a_track_longer_than_an_excerpt_is_played_whole(run, recording):
    heard, played = vocode_track(run, recording, start=0.25, seconds=0.5)
    assert heard.shape == played.shape == (RATE // 2,)
    assert np.abs(played).max() <= 1.0
    assert np.ptp(played) > 0


def test_what_is_played_follows_the_features_as_the_model_scales_them(run, recording):
    samples = round(RECIPE.excerpt_seconds * RATE)
    heard, played = vocode_track(run, recording, seconds=RECIPE.excerpt_seconds, seed=3)
    expected = run.model.vocode(run.model.originals(heard[None]), samples, seed=3)
    np.testing.assert_array_equal(played, expected[0])


def test_shares_of_what_is_played_add_up(run, recording):
    told = []
    vocode_track(run, recording, seconds=0.5, advance=told.append)
    assert sum(told) == pytest.approx(1.0)
    assert len(told) == 2  # blocks of 1,000 samples


def test_past_the_end_of_a_track_nothing_is_played(run, recording):
    heard, played = vocode_track(run, recording, start=0.9, seconds=2.0)
    assert len(heard) == len(played) == pytest.approx(0.1 * RATE, abs=1)
    with pytest.raises(AudioError):
        vocode_track(run, recording, start=5.0)


def test_a_run_that_plays_nothing_is_refused(recording):
    with pytest.raises(ValueError, match="RUN must play sound"):
        vocode_track(recordings.trained(), recording)


def test_a_wav_file_holds_what_was_played_in_16_bits(tmp_path):
    waveform = np.float32([0.0, 0.5, -1.0, 1.0])
    file = write_wav(tmp_path / "new" / "played.wav", waveform, RATE)
    samples, rate = sf.read(file)
    assert (rate, sf.info(file).subtype) == (RATE, "PCM_16")
    np.testing.assert_allclose(samples, waveform, atol=2**-15)
