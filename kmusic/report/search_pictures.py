"""Pictures of a search: its trials, their hyperparameters, and which of these matter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from keras_tuner.engine.hyperparameters import Choice
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import MaxNLocator
from sklearn.ensemble import RandomForestRegressor

from kmusic.report.glyphs import printable
from kmusic.report.pictures import COLOURS, WIDEST, headline, new_picture
from kmusic.training.trials import TrialRecord

TUNER, BUDGET = "tuner/", "tuner/epochs"  # names that Hyperband adds to those of the space
SHARES = (0.0, 0.5, 1 - 1e-9)  # of a range; at 1 KerasTuner may give a value beyond it
OFF = -0.12  # level of parameters that a trial does not have; axes go from 0 to 1
FEWEST, SHUFFLES, TREES, TREES_SHUFFLED = 5, 20, 500, 100
Numbers: TypeAlias = npt.NDArray[np.float64]
Trials: TypeAlias = Sequence[TrialRecord]


@dataclass(frozen=True, kw_only=True)
class Importances:
    """How much a forest that foretells the objective makes of each parameter.

    Attributes:
        names: The parameters that differ between trials.
        shares: Mean decrease of impurity by splits on each, in `[0, 1]`; they sum to 1.
        by_chance: The mean share that each gets when objectives are shuffled between trials.
        explained: R squared of each trial by those trees that have not seen it, at most 1.
        n_trials: Number of trials that finished.
    """

    names: tuple[str, ...]
    shares: tuple[float, ...]
    by_chance: tuple[float, ...]
    explained: float
    n_trials: int


class _Scale(NamedTuple):
    """Where each trial lies on a parameter's axis (NaN: off it), and the texts along it."""

    name: str
    label: str
    places: Numbers
    ticks: Mapping[float, str]


def draw_trials(
    records: Trials, path: str | Path, *, objective: str, higher_is_better: bool, protocol: str = ""
) -> Path:
    """Draw the objective of each trial, the best so far, the defaults', and which trials failed.

    Args:
        records: The trials; number 0 has the defaults of the space.
        path: PNG to write.
        objective: What the trials were judged by.
        higher_is_better: Whether a greater objective is better.
        protocol: What was searched, for the title.

    Returns:
        The path written.

    Raises:
        ValueError: If no trial finished.
    """
    finished, scores = _finished(records)
    numbers = [record.number for record in finished]
    failed = sorted({record.number for record in records}.difference(numbers))
    so_far = (np.maximum if higher_is_better else np.minimum).accumulate(scores)
    with new_picture(path, 7.0, 4.4) as figure:
        axes = figure.subplots()
        axes.plot(numbers, scores, "o", color=COLOURS[0], label="a trial")
        axes.plot(numbers, so_far, color=COLOURS[1], drawstyle="steps-post", label="best so far")
        if numbers[0] == 0:
            axes.axhline(scores[0], color=COLOURS[2], ls="--", lw=1, label="the defaults")
        if failed:
            edge: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "clip_on": False}
            axes.plot(failed, [0.0] * len(failed), "x", c=COLOURS[3], ms=6, label="failed", **edge)
        axes.set_yscale("log" if isinstance(_norm(scores), LogNorm) else "linear")
        axes.set(xlabel="trial", ylabel=printable([objective], longest=40)[0])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
        result = f"best: {so_far[-1]:.4g} in trial {numbers[so_far.tolist().index(so_far[-1])]}"
        axes.set_title(
            headline("Trials", f"{len(records)}, {len(failed)} failed", protocol, result)
        )
    return Path(path)


def draw_parallel(
    records: Trials,
    parameters: Sequence[Any],
    path: str | Path,
    *,
    objective: str,
    higher_is_better: bool,
    protocol: str = "",
) -> Path:
    """Draw each finished trial as a line across an axis a parameter, coloured by its objective.

    A line goes below the axis, to "off", where its trial does not have the parameter. Parameters
    of one name share an axis if their ranges are the same; those of one value have none.

    Args:
        records: The trials.
        parameters: The space, as KerasTuner's `HyperParameters.space` lists it.
        path: PNG to write.
        objective: What the trials were judged by; the last axis, the best on top.
        higher_is_better: Whether a greater objective is better.
        protocol: What was searched, for the title.

    Returns:
        The path written.

    Raises:
        ValueError: If no trial finished, or no parameter can have two values.
    """
    finished, scores = _finished(records)
    scales, norm = _scales(finished, parameters), _norm(scores)
    if not scales:
        raise ValueError(f"a parameter must have two values; got {len(parameters)} of one value.")
    heights = np.asarray(norm(scores)) if higher_is_better else 1 - np.asarray(norm(scores))
    ends = (0.0, 0.5, 1.0) if higher_is_better else (1.0, 0.5, 0.0)
    texts = [f"{value:.4g}" for value in norm.inverse(np.array(SHARES))]
    last = _Scale(objective, objective, heights, dict(zip(ends, texts, strict=True)))
    shades = ScalarMappable(norm, "viridis_r" if higher_is_better else "viridis")  # best is dark
    width = 1.15 * len(scales) + 3.2
    with new_picture(path, width, 5.6) as figure:
        _plot_lines(figure.subplots(), [*scales, last], shades.to_rgba(scores))
        said = printable([objective], longest=40)[0]
        figure.colorbar(shades, ax=figure.axes, label=said, shrink=0.8, aspect=30, pad=0.01)
        counted = f"{len(finished)} trial(s)"
        best = f"thick: the best, {scores[heights.argmax()]:.4g}"
        figure.suptitle(headline("Parameters", counted, protocol, best, width=int(11 * width)))
    return Path(path)


def importances(records: Trials, parameters: Sequence[Any], *, seed: int = 0) -> Importances:
    """Measure which parameters scikit-learn's random forest needs to foretell the objectives.

    A parameter goes in by its place in its range, -1 where a trial does not have it. One of no
    effect has a share too, the greater the more values it has; `by_chance` tells how great.

    Args:
        records: The trials.
        parameters: The space, as for `draw_parallel`; those of one name are one.
        seed: Makes forests and shuffles repeatable.

    Returns:
        What the forest makes of each parameter that differs between finished trials.

    Raises:
        ValueError: If fewer than 5 trials finished, or no objective or no parameter differs.
    """
    finished, scores = _finished(records)
    columns: dict[str, Numbers] = {}
    for scale in _scales(finished, parameters):
        places = np.nan_to_num(scale.places, nan=-1.0)
        columns[scale.name] = np.maximum(places, columns.get(scale.name, places))
    columns = {name: places for name, places in columns.items() if np.ptp(places) > 0}
    if len(finished) < FEWEST or np.ptp(scores) == 0 or not columns:
        got = f"{len(finished)} of {len(np.unique(scores))} objective(s), differing in {[*columns]}"
        raise ValueError(f"{FEWEST} trials must finish, with two objectives and inputs; got {got}.")
    inputs, rng = np.column_stack([*columns.values()]), np.random.default_rng(seed)
    forest = RandomForestRegressor(TREES, oob_score=True, random_state=seed).fit(inputs, scores)
    small = RandomForestRegressor(TREES_SHUFFLED, random_state=seed)
    shuffled = [rng.permutation(scores) for _ in range(SHUFFLES)]
    by_chance = [small.fit(inputs, objectives).feature_importances_ for objectives in shuffled]
    return Importances(
        names=tuple(name.removeprefix(TUNER) for name in columns),
        shares=tuple(forest.feature_importances_.tolist()),
        by_chance=tuple(np.mean(by_chance, axis=0).tolist()),
        explained=float(forest.oob_score_),
        n_trials=len(finished),
    )


def draw_importance(
    found: Importances, path: str | Path, *, objective: str, protocol: str = ""
) -> Path:
    """Draw the share of each parameter as a bar, the greatest on top, and its share by chance.

    Args:
        found: What to draw.
        path: PNG to write.
        objective: What the trials were judged by.
        protocol: What was searched, for the title.

    Returns:
        The path written.
    """
    bars = zip(printable(found.names, longest=32), found.shares, found.by_chance, strict=True)
    names, shares, by_chance = zip(*sorted(bars, key=lambda bar: -bar[1]), strict=True)
    colour, rows = COLOURS[0] if found.explained > 0 else "0.75", range(len(names))
    told = f"the forest explains R² = {found.explained:.2f} of trials it has not seen"
    if found.explained <= 0:
        told = f"the forest explains nothing (R² = {found.explained:.2f}): the bars mean nothing"
    with new_picture(path, 7.0, 0.3 * len(names) + 2.2) as figure:
        axes = figure.subplots()
        axes.barh(rows, shares, color=colour, height=0.7, label="objectives as they are")
        axes.plot(by_chance, rows, "D", c=COLOURS[3], mec="white", label="objectives shuffled")
        axes.set_yticks(rows, names, fontsize=8)
        axes.set(xlim=(0, 1.08 * max(*shares, *by_chance)), ylim=(len(names) - 0.4, -0.6))
        axes.set_xlabel(
            f"share of the decrease of variance in {printable([objective], longest=40)[0]}"
        )
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
        axes.set_title(headline("Importance", f"{found.n_trials} trials", protocol, told))
    return Path(path)


def _finished(records: Trials) -> tuple[list[TrialRecord], Numbers]:
    """Give the trials that have an objective, in the order of their numbers, and objectives."""
    told = sorted(records, key=lambda record: record.number)
    scores = np.array([record.outcome.score for record in told], dtype=np.float64)  # None is NaN
    known = np.isfinite(scores)
    if not known.any():
        raise ValueError(f"a trial must finish; got {len(told)}, all failed.")
    return [record for record, is_known in zip(told, known, strict=True) if is_known], scores[known]


def _norm(scores: Numbers) -> Normalize:
    """Span the objectives, by logarithm if one that leaps would make all others the same."""
    low, high = float(scores.min()), float(scores.max())
    pad = 0.5 * (low == high)
    return LogNorm(low, high) if 0 < WIDEST * low < high else Normalize(low - pad, high + pad)


def _scales(records: Trials, parameters: Sequence[Any]) -> list[_Scale]:
    """Lay out an axis for each name and range of more than one value, and one for budgets."""
    budgets = sorted({r.values[BUDGET] for r in records if BUDGET in r.values})
    space = [parameter for parameter in parameters if not parameter.name.startswith(TUNER)]
    alike: dict[str, list[Any]] = {}
    for parameter in [*space, Choice(BUDGET, budgets)] if budgets else space:
        if parameter.prob_to_value(SHARES[0]) != parameter.prob_to_value(SHARES[-1]):
            config = parameter.get_config() | {"conditions": None, "default": None}
            alike.setdefault(repr(config), []).append(parameter)
    names, scales = [kinds[0].name for kinds in alike.values()], []
    for name, kinds in zip(names, alike.values(), strict=True):
        label, conditions = name.removeprefix(TUNER), kinds[0].conditions
        if names.count(name) > 1 and conditions:  # else its axes could not be told apart
            label += f" ({'/'.join(map(str, conditions[-1].values))})"
        places = np.array([_place(kinds, record.values) for record in records])
        off = {OFF: "off"} if np.isnan(places).any() else {}
        scales.append(_Scale(name, label, places, _ticks(kinds[0]) | off))
    return scales


def _place(kinds: Sequence[Any], values: Mapping[str, Any]) -> float:
    """Place a trial's value by that of the parameters of one name whose conditions hold."""
    met = [kind for kind in kinds if all(c.is_active(values) for c in kind.conditions)]
    return _share(met[0], values[met[0].name]) if met and met[0].name in values else float("nan")


def _share(kind: Any, value: Any) -> float:
    """Place a value on the axis; a default beyond the range lies at the end."""
    if getattr(kind, "step", None) and kind.sampling == "linear":
        value += 1e-6 * kind.step  # KerasTuner counts whole steps, and 0.3 // 0.1 is 2
    return float(np.clip(kind.value_to_prob(value), 0.0, 1.0))


def _ticks(kind: Any) -> dict[float, str]:
    """Give all values of a choice, and the least, middle and greatest of a range."""
    values = [*map(kind.prob_to_value, SHARES)] if hasattr(kind, "min_value") else kind.values
    values = [*dict.fromkeys(values)]  # a short range has no middle
    texts = [f"{v:,}" if type(v) is int else f"{v:.4g}" if type(v) is float else v for v in values]
    places = [_share(kind, value) for value in values]
    return dict(zip(places, printable(texts, longest=14), strict=True))


def _plot_lines(axes: Axes, scales: Sequence[_Scale], colours: Any) -> None:
    """Plot a line a trial across all axes, the best, by the last, over the others."""
    rows = np.column_stack([np.nan_to_num(scale.places, nan=OFF) for scale in scales])
    order = np.argsort(-rows[:, -1], kind="stable")[::-1].tolist()
    for row in order:
        wide = 3.5 if row == order[-1] else min(1.1, 11 / len(rows) ** 0.5)
        axes.plot(range(len(scales)), rows[row], color=colours[row], linewidth=wide)
    for x, scale in enumerate(scales):
        side, aside = ("right", -0.06) if x < len(scales) - 1 else ("left", 0.06)
        axes.vlines(x, 0, 1, color="0.2", linewidth=1, zorder=3)
        size = min(7.0, 200 / len(scale.ticks))
        for y, text in scale.ticks.items():
            box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.5}
            axes.text(x + aside, y, text, ha=side, va="center", fontsize=size, bbox=box)
    slanted: dict[str, Any] = {"rotation": 30, "ha": "left", "rotation_mode": "anchor"}
    names = printable([scale.label for scale in scales], longest=32)
    axes.set_xticks(range(len(names)), names, fontsize=8, **slanted)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.set(xlim=(-0.5, len(scales) - 0.5), ylim=(OFF - 0.05, 1.03), yticks=[], frame_on=False)
