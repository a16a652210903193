"""Published figures beside those of a run: which of them can be compared, with which model, and why others cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lmcompare.analysis.leaderboard import Row
from lmcompare.runfolder.run import Run

NEAR = 1e-4  # shares of a text that count as the same: a cut may fall inside a character
COLUMNS = {
    ("perplexity", "test"): "perplexity",
    ("perplexity", "valid"): "valid_perplexity",
    ("bits", "test"): "bits_per_byte",
    ("bits", "valid"): "valid_bits_per_byte",
}


def published(run: Run, models: Sequence[Row]) -> list[dict[str, Any]]:
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
    found = [_row(run, table, models) for table in run.manifest.experiment.get("published", ())]
    return sorted(found, key=lambda row: (row["reason"] is not None, row["unit"], row["split"], row["figure"]))


def _row(run: Run, table: Mapping[str, Any], models: Sequence[Row]) -> dict[str, Any]:
    unit, split = table["unit"], table["split"]
    kind = "perplexity" if unit == "perplexity" else "bits"
    fingerprints, reason, remark = _alike(run, table)
    column = COLUMNS[kind, split]
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
