"""results.json and results.csv: the figures of a run for programs, each defined in docs/metrics.md."""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from lmcompare.analysis.comparison import Comparison, compare_models, is_valid, main_tokens
from lmcompare.analysis.contamination import repeated_documents
from lmcompare.analysis.intervals import LEVEL
from lmcompare.analysis.metrics import Figures, mean_figures, seed_figures, split_bytes, spread_figures
from lmcompare.analysis.progress import tokens_read
from lmcompare.analysis.totals import sums
from lmcompare.runfolder.files import write_json, write_text
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.run import ModelEntry, Run, kept

SCHEMA_VERSION = 1
METHOD = "paired bootstrap, symmetric studentised"

# the columns of results.csv and of the leaderboard, in this order
COLUMNS = (
    "rank",
    "name",
    "bits_per_byte",
    "bits_per_byte_low",
    "bits_per_byte_high",
    "bits_per_byte_spread",
    "tokens",
    "perplexity",
    "perplexity_spread",
    "perplexity_excluding_unknown",
    "perplexity_reset",
    "top1_accuracy",
    "top5_accuracy",
    "train_seconds",
    "microseconds_per_token",
    "peak_memory_bytes",
    "parameters",
    "model_bytes",
    "plugin",
    "status",
    "valid_probability_model",
    "seeds",
    "tokens_fingerprint",
    "reason",
)
TEXTS = ("name", "tokens", "plugin", "status")
WHOLE = ("rank", "peak_memory_bytes", "parameters", "model_bytes")


def results(run: Run) -> dict[str, Any]:
    """Return all figures of a run as one JSON-able table; what is not a finite number is None.

    Keys: schema_version, experiment, corpus_fingerprint, main_tokens_fingerprint (the tokens of most of the models:
    perplexities and accuracies are comparable between models of the same tokens only), repeated_documents (of valid
    and of test: how many stand in train as well), models (those with a finished
    cell, in the order of the experiment), failed (cells without figures: name, plugin, seed, error), interval (how
    the intervals were made), differences (pairs of models of one group: bits per byte of first − second with
    interval and p-values).
    """
    return copy.deepcopy(_results(run))


def leaderboard(run: Run) -> pd.DataFrame:
    """Return one row a model, the best first: by rank and bits per byte, then those that aren't ranked, then the
    failed. Columns as in results.csv, ``COLUMNS``; missing figures are NaN, missing whole numbers <NA>.
    """
    table = _results(run)
    rows = [_board_row(model) for model in table["models"]]
    scored = {model["name"] for model in table["models"]}
    for cell in table["failed"]:
        if cell["name"] not in scored:
            scored.add(cell["name"])
            row = dict.fromkeys(COLUMNS)
            row |= {"name": cell["name"], "plugin": cell["plugin"], "status": "failed", "reason": cell["error"]}
            rows.append(row | {"valid_probability_model": False, "seeds": ""})
    order = ("ranked", "adaptive", "not ranked", "failed")
    rows.sort(key=lambda r: (order.index(str(r["status"])), r["rank"] or 0, _or_inf(r["bits_per_byte"])))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for column in COLUMNS[: COLUMNS.index("valid_probability_model")]:
        if column not in TEXTS:
            frame[column] = frame[column].astype("Int64" if column in WHOLE else np.float64)
    return frame


def write_results(run: Run, folder: Path | None = None) -> None:
    """Write results.json and results.csv into a folder, the run's own if none is given, each whole or not at all.

    Raises ``LmcompareError`` where the folder can't be written to.
    """
    place = run.path if folder is None else folder
    table = io.StringIO()
    leaderboard(run).to_csv(table, index=False, lineterminator="\n")
    write_json(place / "results.json", _results(run))
    write_text(place / "results.csv", table.getvalue())


@kept
def _results(run: Run) -> dict[str, Any]:
    comparison = compare_models(run)
    table: dict[str, Any] = _finite(
        {
            "schema_version": SCHEMA_VERSION,
            "experiment": run.name,
            "corpus_fingerprint": run.corpus_fingerprint,
            "main_tokens_fingerprint": main_tokens(run, comparison),
            "repeated_documents": {which: repeated_documents(run, which) for which in get_args(Split)},
            "models": [_model_row(run, model, comparison) for model in run.scored],
            "failed": [
                {"name": model.name, "plugin": model.plugin, "seed": cell.seed, "error": cell.error}
                for model in run.models
                for cell in model.failed
            ],
            "interval": {
                "method": METHOD,
                "level": LEVEL,
                "unit": comparison.unit,
                "units": comparison.units,
                "resamples": comparison.resamples,
                "smallest_detectable_difference": comparison.smallest_detectable,
                "note": comparison.note,
            },
            "differences": [asdict(d) | {"significant": d.significant} for d in comparison.differences],
        }
    )
    return table


def _model_row(run: Run, model: ModelEntry, comparison: Comparison) -> dict[str, Any]:
    on_test = sums(run, "test")[model.name]
    test = seed_figures(on_test, split_bytes(run, model))
    valid = seed_figures(sums(run, "valid")[model.name], split_bytes(run, model, "valid"), "valid")
    mean, spread, on_valid = mean_figures(test), spread_figures(test), mean_figures(valid)
    standing = comparison.standing(model.name)
    return {
        "name": model.name,
        "plugin": model.plugin,
        "traits": dict(model.traits),
        "seeds": list(model.seeds),
        "tokens": run.tokens_name(model.tokens_fingerprint),
        "tokens_fingerprint": model.tokens_fingerprint,
        **_figures(mean),
        "bits_per_byte_low": standing.low,
        "bits_per_byte_high": standing.high,
        "bits_per_byte_spread": spread.bits_per_byte,
        "perplexity_spread": spread.perplexity,
        "rank": standing.rank if standing.group == "ranked" else None,
        "group": standing.group,
        "rank_in_group": standing.rank,
        "unranked_reason": standing.reason,
        **_costs(model),
        "tokens_read": tokens_read(model),
        "overhead_bits_per_byte": on_test.overhead_bits / max(split_bytes(run, model), 1),
        "valid_probability_model": is_valid(model),
        "valid_perplexity": on_valid.perplexity,
        "valid_bits_per_byte": on_valid.bits_per_byte,
        "zero_probability_tokens": on_test.impossible,
        "test_tokens": on_test.tokens,
        "by_seed": [{"seed": seed} | _figures(f) for seed, f in zip(model.seeds, test, strict=True)],
    }


def _figures(figures: Figures) -> dict[str, float]:
    return asdict(figures)


def _costs(model: ModelEntry) -> dict[str, float | int | None]:
    """Times and sizes are means over seeds, memory is the greatest."""
    return {
        "train_seconds": _over_seeds(model, "train_seconds", np.mean),
        "microseconds_per_token": _over_seeds(model, "microseconds_per_token", np.mean),
        "peak_memory_bytes": _whole(_over_seeds(model, "peak_memory_bytes", np.max)),
        "parameters": _whole(_over_seeds(model, "parameters", np.mean)),
        "model_bytes": _whole(_over_seeds(model, "model_bytes", np.mean)),
    }


def _over_seeds(model: ModelEntry, key: str, reduce: Callable[[list[float]], Any]) -> float | None:
    """A figure that some seed could not measure is None."""
    values = [cell.cost[key] for cell in model.done]
    return None if any(value is None for value in values) else float(reduce([float(v) for v in values]))


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _board_row(model: Mapping[str, Any]) -> dict[str, Any]:
    named = {c: model[c] for c in COLUMNS if c in model}
    return named | {
        "status": model["group"],
        "seeds": " ".join(str(seed) for seed in model["seeds"]),
        "reason": model["unranked_reason"],
    }


def _or_inf(value: float | None) -> float:
    return math.inf if value is None else value


def _finite(value: Any) -> Any:
    """Return the value with None for what JSON can't say: NaN and infinities."""
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
