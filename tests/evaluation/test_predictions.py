import hashlib
from dataclasses import replace

import keras
import numpy as np
import pandas as pd

from kmusic.evaluation.predictions import hear, model_hash
from tests.recordings import assert_same_vectors, segments_by_hand, spoil


def test_probabilities_are_the_mean_of_the_models_outputs(run, tracks):
    heard = hear(run, tracks)
    expected = []
    for path in tracks["path"]:
        segments, weights = segments_by_hand(path)
        outputs = run.model.predict(segments, verbose=0)
        expected.append(np.average(outputs, axis=0, weights=weights))
    assert_same_vectors(heard.probabilities, expected)
    assert heard.embeddings.tracks["path"].tolist() == tracks["path"].tolist()


def test_probabilities_and_vectors_are_of_the_same_tracks(run, tracks, tmp_path):
    bad = pd.DataFrame({"path": [str(tmp_path / name) for name in spoil(tmp_path)]})
    mixed = hear(run, pd.concat([bad[:3], tracks[:4], bad[3:]]))
    alone = hear(run, tracks[:4])
    assert len(mixed.problems) == 6
    assert_same_vectors(mixed.probabilities, alone.probabilities)
    assert_same_vectors(mixed.embeddings.vectors, alone.embeddings.vectors)


def test_a_run_without_a_target_gives_vectors_alone(run, tracks):
    heard = hear(replace(run, labels=()), tracks[:2])
    assert heard.probabilities is None
    assert heard.embeddings.vectors.shape == (2, 8)


def test_embeddings_carry_the_hashes_of_front_end_and_model(run, tracks):
    embeddings = hear(run, tracks[:1]).embeddings
    digest = hashlib.sha256((run.folder / "model.keras").read_bytes()).hexdigest()
    assert (embeddings.front_end, embeddings.model) == (run.front_end, digest[:12])


def test_another_model_has_another_hash(run, tmp_path):
    other = keras.models.clone_model(run.model)
    other.save(tmp_path / "model.keras")
    assert model_hash(replace(run, folder=tmp_path)) != model_hash(run)
