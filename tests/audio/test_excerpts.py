import numpy as np
import pytest

from kmusic.audio.excerpts import loudest_excerpt


def loudest_by_hand(energies, n_frames, step):
    """Compare the excerpts one after the other; whole numbers, so that sums are exact."""
    best, begin, first = -np.inf, 0, 0
    while first + n_frames <= len(energies):
        total = 0
        for place in range(first, first + n_frames):
            total += energies[place]
        if total > best:
            best, begin = total, first
        first += step
    return begin


def test_the_excerpt_is_the_one_of_most_energy():
    rng = np.random.default_rng(0)
    found = set()
    for _ in range(300):
        length, n_frames, step = rng.integers(1, 60), rng.integers(1, 20), rng.integers(1, 15)
        energies = rng.integers(-3, 4, length)  # ties are many
        begin = loudest_excerpt(energies, int(n_frames), int(step))
        assert begin == loudest_by_hand(energies, n_frames, step)
        found.add(begin)
    assert len(found) > 20


def test_excerpts_lie_twelve_frames_apart():
    energies = np.zeros(200)
    energies[100:196] = 1.0
    assert loudest_excerpt(energies, 96) == 96  # 100 is no multiple of 12
    energies[96:100] = -1.0
    assert loudest_excerpt(energies, 96) == 96  # 92 frames of the sound; 104 cannot begin


@pytest.mark.parametrize(("burst", "begin"), [(0, 0), (95, 0), (107, 12), (118, 24), (119, 24)])
def test_of_excerpts_that_hold_the_same_burst_the_earliest_is_taken(burst, begin):
    energies = np.full(120, -15.9424, np.float32)
    energies[burst] = 3.3
    assert loudest_excerpt(energies, 96) == begin


@pytest.mark.parametrize("length", [16, 30, 500, 10_000])
def test_of_sound_that_does_not_change_the_first_excerpt_is_taken(length):
    assert loudest_excerpt(np.full(length, -15.9), 16) == 0


@pytest.mark.parametrize("length", [0, 1, 95, 96, 107])
def test_a_track_with_room_for_one_excerpt_has_it_at_its_beginning(length):
    assert loudest_excerpt(np.arange(length), 96) == 0


def test_frames_of_float32_lose_nothing_in_a_long_track():
    energies = np.full(500_000, -1_000.0, np.float32)
    energies[480_000:480_016] += np.float32(1e-4)  # the least step of float32 at 1,000 is 6e-5
    assert loudest_excerpt(energies, 16) == 480_000


@pytest.mark.parametrize(("n_frames", "step"), [(0, 12), (96, 0), (-1, 12)])
def test_sizes_that_are_not_positive_are_refused(n_frames, step):
    rule = f"n_frames and step must be positive; got {n_frames} and {step}"
    with pytest.raises(ValueError, match=rule):
        loudest_excerpt(np.ones(100), n_frames, step)
