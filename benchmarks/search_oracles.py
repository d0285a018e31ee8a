"""What a search by chance and a Bayesian one find, in simulated searches over the C-RNN's space.

Run:
    python benchmarks/search_oracles.py

No net is trained: a trial's score falls off smoothly around a point of the space that is drawn, a
few hyperparameters matter much and most little, some depend on each other, and noise of 0.03 is
added, as much as four validation artists more or less make. Printed is the score without noise of
the trial that the search holds for the best, the mean over landscapes, and how much better the
Bayesian search is on the same landscapes, with 95 % bootstrap intervals.
"""

import tempfile
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial

from kmusic.training.oracles import build_oracle
from kmusic.training.spaces import find_space

SPACE = Path(__file__).parents[1] / "tuning" / "crnn.py"
N_LANDSCAPES = 24
NOISE = 0.03
BEST = 0.85


def landscape(space: HyperParameters, seed: int) -> Callable[[Mapping[str, Any]], float]:
    """Draw what each point scores."""
    random, n = np.random.default_rng(seed), len(space.space)
    centre = random.uniform(0.1, 0.9, n)
    weights = random.exponential(1, n) ** 1.5
    between = random.normal(0, 0.3, (n, n))

    def score(values: Mapping[str, Any]) -> float:
        place = [each.value_to_prob(values.get(each.name, each.default)) for each in space.space]
        away = np.sqrt(weights / weights.sum()) * (np.array(place) - centre)
        return BEST * float(np.exp(-3 * max(away @ away + away @ between @ away, 0)))

    return score


def search(tuner: str, trials: int, seed: int) -> float:
    """Search a landscape, and give the score without noise of what seemed the best."""
    found, random = [], np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = build_oracle(
            tuner,
            Path(folder),
            objective="score",
            higher_is_better=True,
            trials=trials,
            epochs=1,
            seed=seed,
        )
        find_space(str(SPACE)).explore(oracle)
        score = landscape(oracle.get_space(), seed)
        while (trial := oracle.create_trial("worker")).status == "RUNNING":
            scored = score(trial.hyperparameters.values)
            noisy = scored + NOISE * random.standard_normal()
            found.append((noisy, scored))
            oracle.update_trial(trial.trial_id, {"score": noisy})
            oracle.end_trial(Trial(trial.hyperparameters, trial.trial_id, "COMPLETED"))
    return max(found)[1]


def main() -> None:
    """Print what both find with a short and with a longer search."""
    seeds = range(N_LANDSCAPES)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for trials in (12, 30):
            jobs = [*product(("random", "bayesian"), [trials], seeds)]
            drawn, chosen = np.reshape([*pool.map(search, *zip(*jobs, strict=True))], (2, -1))
            better = chosen - drawn
            again = np.random.default_rng(0).choice(better, (10_000, len(better))).mean(axis=1)
            low, high = np.quantile(again, [0.025, 0.975])
            print(
                f"{trials} trials: by chance {drawn.mean():.3f}, Bayesian {chosen.mean():.3f}, "
                f"{better.mean():+.3f} ({low:+.3f} to {high:+.3f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
