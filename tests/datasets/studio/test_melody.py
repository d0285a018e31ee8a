"""Melodies: singable, on the chord where it counts, and recurring."""

from itertools import pairwise

import numpy as np
import pytest

from kmusic.datasets.studio.harmony import chord
from kmusic.datasets.studio.melody import HIGHEST, LOWEST, melody

C_MAJOR, A_MINOR = chord("1", 0, "major"), chord("6", 0, "major")
HARMONY = ([C_MAJOR] * 16 + [A_MINOR] * 16) * 8


def sung(density=0.5, slot=2, seed=0):
    return melody(HARMONY, slot, 16, density, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(5))
def test_notes_on_beats_belong_to_the_chord_and_all_to_its_scale(seed):
    for step, _, pitch, _ in sung(seed=seed):
        here = HARMONY[step]
        allowed = {(here.root + interval) % 12 for interval in here.intervals}
        assert pitch % 12 in (allowed if step % 4 == 0 else allowed | set(here.scale))
        assert LOWEST - 6 <= pitch <= HIGHEST + 6


def test_notes_follow_one_another_without_overlap():
    tones = sung()
    for (step, length, *_), (following, *_) in pairwise(tones):
        assert step + length <= following


def test_the_first_bar_is_free_and_a_short_song_begins_at_once():
    assert sung()[0][0] == 16
    assert melody(HARMONY[:20], 2, 16, 0.5, np.random.default_rng(0))[0][0] == 0


def test_the_first_motif_returns_after_its_answer():
    steps = [step - 16 for step, *_ in sung()]
    first = [step for step in steps if step < 32]
    third = [step - 64 for step in steps if 64 <= step < 96]
    assert first == third


def test_density_is_the_share_of_slots_that_sing():
    share = np.mean([len(sung(0.5, seed=seed)) for seed in range(40)]) / (240 / 2)
    # Of 14 slots in two bars, 7 lie on beats: 0.5 * (1.4 + 0.7) / 2, and the first always.
    assert share == pytest.approx(0.49, abs=0.06)
