"""The figures of a run as one table."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

CLASSIFICATION = ("accuracy", "macro_f1", "roc_auc", "average_precision")


def figures(scores: Mapping[str, Any]) -> pd.DataFrame:
    """List every figure with its interval.

    Args:
        scores: `Scores.to_json()`, or what `metrics.json` of a run holds.

    Returns:
        A row a figure, indexed by its name: `value`, and `low` and `high` of its 95 % interval,
        missing where none was measured. Figures of single fold runs say which run they are of.
    """
    parts = (
        _classification,
        _probes,
        _retrieval,
        _reconstruction,
        _latent,
        _disentanglement,
        _cross_modal,
    )
    rows = [row for part in parts for row in part(scores)]
    table = pd.DataFrame(rows, columns=["figure", "value", "low", "high"])
    return table.astype({"value": float, "low": float, "high": float}).set_index("figure")


def _classification(scores: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    named = scores["classification"] or {}
    for metric in CLASSIFICATION:
        if metric in named:
            yield metric.replace("_", " "), named[metric], *named[f"{metric}_interval"]


def _probes(scores: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for name, results in scores["probes"].items():
        for run, result in _numbered(results):
            yield f"{name} probe{run}", result["accuracy"], *result["accuracy_interval"]
        if len(results) > 1:
            weights = [sum(result["protocol"]["n_test"]) for result in results]
            total = sum(r["accuracy"] * n for r, n in zip(results, weights, strict=True))
            yield f"{name} probe, all runs", total / sum(weights), None, None


def _retrieval(scores: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for run, result in _numbered(scores["retrieval"]):
        yield f"retrieval MAP{run}", result["map"], *result["map_interval"]
        for k, precision in result["precision_at"].items():
            yield f"precision at {k}{run}", precision, None, None


def _reconstruction(scores: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for run, result in _numbered(scores.get("reconstruction", [])):  # older figures have none
        unit = result["unit"]
        if sources := result["sources"]:
            name = f"source of a reconstruction found among {sources['n_among']}{run}"
            yield name, sources["value"], *sources["interval"]
        if unit != "scaled feature" or result.get("standardised_error") is None:
            error = result["mean_squared_error"]
            yield f"reconstruction error, {unit} squared{run}", error, None, None
        for key, words in (("standardised_error", ""), ("forced_error", ", teacher forced")):
            if (error := result.get(key)) is not None:
                name = f"reconstruction error, standardised input{words}{run}"
                yield name, error, None, None
        if bands := result["generation"]:
            difference, ratio = bands["mean_difference"], bands["log2_variance_ratio"]
            yield f"generated: difference of band means, {unit}{run}", difference, None, None
            yield f"generated: log2 ratio of band variances{run}", ratio, None, None
        if found := result["loudness"]:
            yield f"latent length and loudness{run}", found["value"], *found["interval"]
            by_rank = found["rank_value"], *found["rank_interval"]
            yield f"latent length and loudness by rank{run}", *by_rank


def _latent(scores: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for run, result in _numbered(scores.get("latent", [])):  # older figures have none
        yield f"divergence of a latent code, nats{run}", result["divergence"], None, None
        words = f"above {result['active_above']} nats, of {result['latent_dim']}"
        yield f"latent dimensions {words}{run}", result["n_active"], None, None


def _disentanglement(scores: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for run, result in _numbered(scores.get("disentanglement", [])):  # older figures have none
        of = f"mean of {len(result['factors'])} factors of {result['n_tracks']} tracks"
        for name in ("mig", "sap") if result["factors"] else ():
            yield f"{name.upper()}, {of}{run}", result[name], None, None
            shuffled = result[f"{name}_shuffled"]
            yield f"{name.upper()} of the factors shuffled{run}", shuffled, None, None


def _cross_modal(scores: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for run, result in _numbered(scores.get("cross_modal", [])):  # older figures have none
        among = f"of {result['pool_size']}"
        for way, found in (
            ("tags to tracks", result["tags_to_tracks"]),
            ("tracks to tags", result["tracks_to_tags"]),
        ):
            for k, share in found["recall"].items():
                ends = found["recall_interval"][k]
                yield f"{way}: found among the nearest {k} {among}{run}", share, *ends
            for name in ("median_rank", "mean_rank"):
                ends = found[f"{name}_interval"]
                yield f"{way}: {name.replace('_', ' ')} {among}{run}", found[name], *ends
        for k, share in result["chance"].items():
            yield f"tags and tracks: chance among the nearest {k} {among}{run}", share, None, None


def _numbered(results: list[Any]) -> list[tuple[str, Any]]:
    if len(results) == 1:
        return [("", results[0])]
    return [(f", run {number}", result) for number, result in enumerate(results, start=1)]
