"""results.json and results.csv: the figures of a run for programs, each defined in docs/metrics.md."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from lmcompare.analysis.comparison import compare_models, interval_note, main_tokens
from lmcompare.analysis.forecasts import forecast_rows
from lmcompare.analysis.intervals import LEVEL
from lmcompare.analysis.leaderboard import WHOLE, Row, finite, rows, scored_rows
from lmcompare.analysis.repeats import repeats
from lmcompare.analysis.sweeps import listed
from lmcompare.errors import what_went_wrong, without_controls
from lmcompare.runfolder.files import no_formula, write_json, write_text
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.run import Run, kept
from lmcompare.study import chosen_by

SCHEMA_VERSION = 2
METHOD = "paired bootstrap, symmetric studentised"

# the columns of results.csv and of the leaderboard, in this order
COLUMNS = (
    "rank_low",
    "rank_high",
    "name",
    "bits_per_byte",
    "bits_per_byte_low",
    "bits_per_byte_high",
    "bits_per_byte_spread",
    "fresh_bits_per_byte",
    "fresh_bits_per_byte_low",
    "fresh_bits_per_byte_high",
    "tokens",
    "perplexity",
    "perplexity_spread",
    "perplexity_excluding_unknown",
    "perplexity_reset",
    "top1_accuracy",
    "top5_accuracy",
    "train_seconds",
    "processor_seconds",
    "microseconds_per_token",
    "microseconds_per_list",
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
NEAR = 1e-4  # shares of a text that count as the same: a cut may fall inside a character
PUBLISHED_FIGURES = {
    ("perplexity", "test"): "perplexity",
    ("perplexity", "valid"): "valid_perplexity",
    ("bits", "test"): "bits_per_byte",
    ("bits", "valid"): "valid_bits_per_byte",
}


def results(run: Run) -> dict[str, Any]:
    """Return all figures of a run as one table for JSON, in which None replaces what is not a finite number.

    Returns
    -------
    dict
        The contents of results.json: schema_version, experiment, corpus_fingerprint, main_tokens_fingerprint (of the
        tokens that most models have), repeated_text (how much of the validation and the test text also occurs in
        earlier text), models (those with a finished cell, in the order of the experiment), failed (cells without
        figures), unverified (parts of the folder without checksums), interval (how the intervals were computed),
        differences (of all pairs of one group), published (figures of papers that the experiment names), forecasts
        (of series), sweeps (how hyper-parameters were chosen), studies (the figures of each study), failed_studies
        (why one has none), doubts and advice (sentences of studies, with the names of models in braces).
        docs/metrics.md defines every key.
    """
    return copy.deepcopy(_results(run))


def leaderboard(run: Run) -> pd.DataFrame:
    """Return the leaderboard as a table, in the order of its rows.

    Returns
    -------
    DataFrame
        The columns of results.csv, ``COLUMNS``. Missing figures are NaN, missing whole numbers <NA>.
    """
    found = pd.DataFrame([_columns(row) for row in rows(run)], columns=list(COLUMNS))
    for column in COLUMNS[: COLUMNS.index("valid_probability_model")]:
        if column not in TEXTS:
            found[column] = found[column].astype("Int64" if column in WHOLE else np.float64)
    return found


def _columns(row: Row) -> dict[str, Any]:
    cells = {column: getattr(row, column) for column in COLUMNS}
    ranked = {} if row.status == "ranked" else {"rank_low": None, "rank_high": None}
    return cells | ranked | {"seeds": " ".join(map(str, row.seeds))}


def write_results(run: Run, folder: Path | None = None) -> None:
    """Write results.json and results.csv into a folder, by default the run's own, each completely or not at all.

    Raises
    ------
    LmcompareError
        If the folder cannot be written to.
    """
    place = run.path if folder is None else folder
    write_json(place / "results.json", _results(run))
    write_text(place / "results.csv", as_csv(leaderboard(run)))


def as_csv(table: pd.DataFrame) -> str:
    """Return a table as results.csv contains it: no text in it is a formula or commands a terminal."""
    texts = {column: table[column].map(_plain) for column in ("table", *TEXTS, "reason") if column in table}
    written: str = table.assign(**texts).to_csv(index=False, lineterminator="\n")
    return written


def _plain(cell: Any) -> Any:
    return no_formula(without_controls(cell) if isinstance(cell, str) else cell)


@kept
def _results(run: Run) -> dict[str, Any]:
    comparison, scored = compare_models(run), scored_rows(run)
    table: dict[str, Any] = finite(
        {
            "schema_version": SCHEMA_VERSION,
            "experiment": run.name,
            "corpus_fingerprint": run.corpus_fingerprint,
            "main_tokens_fingerprint": main_tokens(run, comparison),
            "repeated_text": {which: _repeated(run, which) for which in get_args(Split)},
            "models": [row.table() for row in scored],
            "failed": [
                {"name": model.name, "plugin": model.plugin, "seed": cell.seed, "error": cell.error}
                for model in run.models
                for cell in model.failed
            ],
            "unverified": list(run.unverified),
            "interval": {
                "method": METHOD,
                "level": LEVEL,
                "unit": comparison.unit,
                "units": comparison.units,
                "resamples": comparison.resamples,
                "smallest_detectable_difference": comparison.smallest_detectable,
                "note": interval_note(comparison),
            },
            "differences": [asdict(d) | {"significant": d.significant} for d in comparison.differences],
            "published": _published(run, scored),
            "forecasts": forecast_rows(run) if run.rules.rivals else [],
            "sweeps": [listed(sweep) for each in run.runs for sweep in each.sweeps],
            **_studied(run),
        }
    )
    return table


def _studied(run: Run) -> dict[str, Any]:
    """Return the figures and sentences of all studies, and why one could not be computed."""
    figures: dict[str, Any] = {}
    doubts, advice, failed = [], [], {}
    for name, study in chosen_by(run).items():
        try:
            found = study.compute(run)
            json.dumps(None if found is None else asdict(found))
        except (Exception, SystemExit) as error:  # a study may be anybody's code
            failed[name] = what_went_wrong(error)
            continue
        if found is not None:
            figures[name] = found.figures
            doubts += [{"model": model, "said": said} for model, said in found.doubts.items()]
            advice += [asdict(each) for each in found.advice]
    return {"studies": figures, "failed_studies": failed, "doubts": doubts, "advice": advice}


def _repeated(run: Run, split: Split) -> dict[str, Any]:
    found = repeats(run, split)
    return {
        "share": found.share,
        "documents": found.documents,
        "of": found.of,
        "left_out": split == "test" and found.are_left_out,
    }


def _published(run: Run, models: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the published figures of a run's experiment, those that can be compared first, each group by figure.

    Parameters
    ----------
    run : Run
    models : sequence of Row
        The rows of the scored models.

    Returns
    -------
    list of dict
        name, figure, unit, split, tokens, over, source and note as in ``[[published]]``; ``reason``, why the figure
        is not compared with this run, or None; and ``best``, the name and the figure of the best model that it can
        be compared with, or None.
    """
    found = [_beside(run, table, models) for table in run.manifest.experiment.get("published", ())]
    return sorted(found, key=lambda row: (row["reason"] is not None, row["unit"], row["split"], row["figure"]))


def _beside(run: Run, table: Mapping[str, Any], models: Sequence[Row]) -> dict[str, Any]:
    unit, split = table["unit"], table["split"]
    kind = "perplexity" if unit == "perplexity" else "bits"
    fingerprints, reason, remark = _alike(run, table)
    column = PUBLISHED_FIGURES[kind, split]
    figures = [
        (figure, model.name)
        for model in models
        if model.status != "not ranked"
        and (figure := getattr(model, column)) is not None
        and (kind == "bits" or model.tokens_fingerprint in fingerprints)
    ]
    best = None
    if figures and reason is None:
        figure, name = min(figures)
        best = {"name": name, "figure": figure}
    note = " ".join(part for part in (table["note"], remark) if part)
    return {**table, "note": note, "reason": reason, "best": best}


def _alike(run: Run, table: Mapping[str, Any]) -> tuple[list[str], str | None, str]:
    """Return the tokens that a figure can be compared under, why there are none, and what to know of them."""
    unit, split, over = table["unit"], table["split"], table["over"]
    if unit != "perplexity":
        size = run.corpus.splits[split].bytes
        if over is not None and abs(size - over) > NEAR * over:
            units = f"{unit.removeprefix('bits per ')}s"
            return [], f"the {split} text has {size:,} {units} here and {over:,} where the figure is from", ""
        return [], None, ""
    entries = {fp: entry for fp, entry in run.manifest.tokens.items() if entry.spec.get("kind") == table["tokens"]}
    if not entries:
        return [], f"no model of this run has the tokens of '{table['tokens']}'", ""
    same = {fp: entry for fp, entry in entries.items() if over is None or entry.tokens[split] == over}
    if not same:
        size = next(iter(entries.values())).tokens[split]
        return [], f"the {split} text has {size:,} tokens here and {over:,} where the figure is from", ""
    unknown = max(entry.unknown[split] for entry in same.values())
    remark = f"Of the tokens here {unknown:,} are unknown, which lowers the perplexity." if unknown else ""
    return list(same), None, remark
