"""Writes ``lmcompare/studies/cost/known_figures.json``: what the models of the history reached on the default text.

A report on this text names those that its run did not try. ``python benchmarks/known_figures.py`` after a new
``reports/history``.
"""

from __future__ import annotations

import json
from pathlib import Path

from lmcompare import plugins
from lmcompare.harness.experiment import load

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Write the figures, the best first."""
    results = json.loads((ROOT / "reports" / "history" / "results.json").read_text(encoding="utf-8"))
    models = load(ROOT / "benchmarks" / "history.toml").models
    tables = {table.name or table.plugin: table for table in models}
    rows = [
        {
            "plugin": each["plugin"],
            "title": plugins.build(each["plugin"], tables[each["name"]].hyperparameters).title(),
            "bits_per_byte": round(each["bits_per_byte"], 4),
            "train_seconds": round(each["train_seconds"], 1),
        }
        for each in sorted(results["models"], key=lambda each: each["bits_per_byte"])
    ]
    found = {"text": results["corpus_fingerprint"], "models": rows}
    path = ROOT / "lmcompare" / "studies" / "cost" / "known_figures.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
