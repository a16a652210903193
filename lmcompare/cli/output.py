"""What the commands print beside their results: notes, a line a check, and the table of a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lmcompare.checks import Result


def note(sentence: str) -> None:
    """Print a note to standard error."""
    print(f"lmcompare: note: {sentence}", file=sys.stderr)


def print_result(result: Result) -> None:
    """Print how a check went."""
    mark = "ok  " if result.passed else "xfail" if result.ok else "FAIL"
    said = "; ".join(part for part in (result.reason, result.expected_failure) if part)
    print(f"{mark:<5} {result.name}{f': {said}' if said else ''}", flush=True)


def print_table(folder: Path) -> None:
    """Print a run's models, the best first, and why one is not ranked.

    Perplexity and accuracy are per token: for a model with other tokens than most they can't be compared, so they
    are left out here, and a line says so. Of a model that is not ranked only its would-be bits per byte are shown, in
    brackets, and what it costs.
    """
    from rich.console import Console
    from rich.table import Table

    from lmcompare.runfolder.files import read_json

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("rank", "model", "bits/byte", "95 %", "perplexity", "top-1", "train s", "µs/token"):
        table.add_column(heading, justify="left" if heading == "model" else "right", no_wrap=heading != "model")
    results = read_json(folder / "results.json")
    rows, main = results["models"], results["main_tokens_fingerprint"]
    others: list[dict[str, Any]] = [row for row in rows if row["tokens_fingerprint"] != main]
    for row in sorted(rows, key=lambda r: (r["rank"] is None, r["bits_per_byte"] or float("inf"))):
        valid = row["group"] != "not ranked"
        per_token = valid and row not in others
        low, high = (_shown(row[f"bits_per_byte_{end}"] if valid else None, "{:.2f}") for end in ("low", "high"))
        table.add_row(
            _shown(row["rank"], "{}"),
            row["name"],
            _shown(row["bits_per_byte"], "{:.3f}" if valid else "({:.3f})"),
            low if low == high else f"{low}–{high}",
            _shown(row["perplexity"] if per_token else None, "{:,.1f}"),
            _shown(row["top1_accuracy"] if per_token else None, "{:.1%}"),
            _shown(row["train_seconds"], "{:.1f}" if (row["train_seconds"] or 0) >= 1 else "{:.3f}"),
            _shown(row["microseconds_per_token"], "{:.1f}"),
        )
    Console().print(table)
    for row in rows:
        if row["rank"] is None and row["unranked_reason"]:
            apart = "ranked apart" if row["group"] == "adaptive" else "not ranked"
            print(f"{row['name']} is {apart}: {row['unranked_reason']}.")
    for row in others:
        print(f"{row['name']} reads {row['tokens']} tokens: its perplexity is per such token; compare bits per byte.")


def _shown(value: float | None, how: str) -> str:
    return "–" if value is None else how.format(value)
