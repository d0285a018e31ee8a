import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import tensorflow as tf

from kmusic.audio.files import read_waveform
from kmusic.audio.signals import noise, tone
from kmusic.evaluation.predictions import hear
from kmusic.features.waveform import WaveformConfig
from kmusic.models.beta_vae import BetaVAEConfig
from kmusic.models.seq2seq import Seq2SeqAudioConfig
from kmusic.serving.export import export_saved_model, read_labels
from tests import recordings, wavenet_runs
from tests.recordings import RATE, assert_same_vectors
from tests.wavenet_runs import write_run

FRESH = """
import json, sys
sys.modules["keras"] = sys.modules["kmusic"] = None  # importing them fails from here on
import numpy as np
import tensorflow as tf

model = tf.saved_model.load(sys.argv[1])
labels = json.loads(tf.io.read_file(sys.argv[1] + "/assets/labels.json").numpy())
waveform = np.load(sys.argv[2])
answer = model.signatures["serving_default"](waveform=tf.constant(waveform))
print(json.dumps({
    "labels": labels,
    "shapes": {name: answer[name].shape.as_list() for name in sorted(answer)},
    "probabilities": answer["probabilities"].numpy().tolist(),
}))
"""

UNLIKE_OTHERS = [
    wavenet_runs.RECIPE,
    replace(
        wavenet_runs.RECIPE,
        frontend=WaveformConfig(sample_rate=wavenet_runs.RATE),
        model=Seq2SeqAudioConfig(units=3),
    ),
    replace(
        wavenet_runs.RECIPE,
        frontend=replace(wavenet_runs.RECIPE.frontend, n_mels=8),
        model=BetaVAEConfig(latent_dim=3, filters=(2, 2), units=4),
    ),
]
"""What hears samples one by one, or frames."""


@pytest.fixture(scope="module")
def run():
    return recordings.trained()


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    return export_saved_model(run, tmp_path_factory.mktemp("saved"))


@pytest.fixture(scope="module")
def model(exported):
    return tf.saved_model.load(str(exported))


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.5, 0.6, 1.0, 2.3])
def test_the_export_answers_as_predict_at_any_length(run, model, tmp_path, seconds):
    sound = tone(500.0, seconds, RATE) + 0.1 * noise(seconds, RATE)
    sf.write(tmp_path / "x.wav", sound, RATE, subtype="FLOAT")
    heard = hear(run, pd.DataFrame({"path": [str(tmp_path / "x.wav")]}))
    answer = model.serve(read_waveform(tmp_path / "x.wav", RATE)[None])
    assert_same_vectors(answer["probabilities"], heard.probabilities)
    assert_same_vectors(answer["embedding"], heard.embeddings.vectors)


def test_silent_excerpts_do_not_count_as_in_predict(run, model, tmp_path):
    sound = np.concatenate([noise(0.5, RATE), np.zeros(RATE, np.float32), tone(300.0, 0.2, RATE)])
    sf.write(tmp_path / "x.wav", sound, RATE, subtype="FLOAT")
    heard = hear(run, pd.DataFrame({"path": [str(tmp_path / "x.wav")]}))
    probabilities = model.serve(sound[None])["probabilities"]
    assert_same_vectors(probabilities, heard.probabilities)


def test_a_batch_answers_as_its_waveforms_alone(model):
    first, second = noise(1.2, RATE), tone(300.0, 1.2, RATE)
    second[: RATE // 2] = 0.0  # silence in one of them must not touch the other
    both = model.serve(np.stack([first, second]))
    for row, waveform in enumerate((first, second)):
        alone = model.serve(waveform[None])
        for name in ("probabilities", "embedding"):
            assert_same_vectors(both[name][row], alone[name][0])


@pytest.mark.parametrize("samples", [0, 1, RATE])
def test_silence_gets_an_answer_too(model, samples):
    answer = model.serve(np.zeros((1, samples), np.float32))
    assert float(tf.reduce_sum(answer["probabilities"])) == pytest.approx(1.0, abs=1e-5)
    assert np.isfinite(answer["embedding"]).all()


def test_plain_tensorflow_loads_it_without_keras_and_kmusic(run, exported, tmp_path):
    path = recordings.collection_table(recordings.collection())["path"][3]
    waveform = read_waveform(path, RATE)
    np.save(tmp_path / "x.npy", np.stack([waveform, waveform]))
    words = [sys.executable, "-c", FRESH, str(exported), str(tmp_path / "x.npy")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=True)
    answer = json.loads(done.stdout)
    expected = hear(run, pd.DataFrame({"path": [path]})).probabilities
    assert answer["labels"] == ["high", "low"]
    assert answer["shapes"] == {"embedding": [2, 8], "probabilities": [2, 2]}
    assert_same_vectors(answer["probabilities"], np.repeat(expected, 2, axis=0))


def test_the_labels_are_read_back(run, exported):
    assert read_labels(exported) == run.labels == ("high", "low")


def test_a_run_without_a_target_exports_its_embedding_alone(run, tmp_path):
    folder = export_saved_model(replace(run, labels=()), tmp_path)
    model = tf.saved_model.load(str(folder))
    assert set(model.serve(noise(0.5, RATE)[None])) == {"embedding"}


@pytest.mark.parametrize("recipe", UNLIKE_OTHERS, ids=lambda recipe: type(recipe.model).__name__)
def test_systems_that_train_themselves_export_the_vectors_of_embed(recipe, tmp_path):
    run, sound = write_run(tmp_path / "run", recipe), 0.3 * noise(0.37, wavenet_runs.RATE)
    sf.write(tmp_path / "x.wav", sound, wavenet_runs.RATE, subtype="FLOAT")
    heard = hear(run, pd.DataFrame({"path": [str(tmp_path / "x.wav")]}))
    model = tf.saved_model.load(str(export_saved_model(run, tmp_path / "saved")))
    answer = model.serve(np.stack([sound, sound]))
    assert set(answer) == {"embedding"}
    assert_same_vectors(answer["embedding"], np.repeat(heard.embeddings.vectors, 2, axis=0))


def test_a_version_is_never_written_twice(run, exported):
    before = {path: path.stat().st_mtime_ns for path in exported.rglob("*")}
    with pytest.raises(FileExistsError, match=r"must be a new --version; got .*/1"):
        export_saved_model(run, exported.parent)
    assert {path: path.stat().st_mtime_ns for path in exported.rglob("*")} == before


def test_a_killed_export_leaves_no_version_and_the_next_one_is_whole(run, tmp_path, monkeypatch):
    def kill(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(Path, "rename", kill)  # the last thing that an export does
        with pytest.raises(KeyboardInterrupt):
            export_saved_model(run, tmp_path, version=2)
    assert not (tmp_path / "2").exists()
    (draft,) = tmp_path.iterdir()
    assert not draft.name.isdigit()  # TF Serving takes it for no version
    (draft / "stale").touch()
    folder = export_saved_model(run, tmp_path, version=2)
    assert list(tmp_path.iterdir()) == [folder]
    assert not (folder / "stale").exists()
    assert (folder / "saved_model.pb").is_file()
