"""The figures of the README are those of the stored reports."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def stored(*path: str) -> Any:
    return json.loads(ROOT.joinpath("reports", *path).read_text(encoding="utf-8"))


def test_the_first_table_is_that_of_the_reference_report() -> None:
    models = sorted(stored("reference", "results.json")["models"], key=lambda model: model["bits_per_byte"])
    rows = re.findall(r"^\| (\d) \| .+? \| ([\d.]+) \(([\d.]+) to ([\d.]+)\) \| ([\d.]+) \|$", README, re.MULTILINE)
    shown = [
        (
            f"{m['rank_low']}",
            *(f"{m[f'bits_per_byte{end}']:.{n}f}" for end, n in (("", 3), ("_low", 2), ("_high", 2))),
        )
        for m in models
    ]
    perplexities = [f"{m['perplexity']:.1f}" for m in models]
    assert [(*row, perplexity) for row, perplexity in zip(shown, perplexities, strict=True)] == rows


def test_the_pictures_say_the_figures_of_history_and_laboratory() -> None:
    models = stored("history", "results.json")["models"]
    (history,) = re.findall(r"!\[(Bits per byte of \d+ models[^]]*)\]", README)
    assert sorted(re.findall(r"\d\.\d{3}", history)) == sorted(f"{m['bits_per_byte']:.3f}" for m in models)
    (ideas,) = re.findall(r"!\[(Bits per byte that a transformer loses[^]]*)\]", README)
    rows = stored("laboratory", "findings", "ideas.json")["tables"][0]["rows"]
    found = [f"{row['value']:.3f}" for row in rows if row["p_holm"] is not None and row["p_holm"] < 0.05]
    assert re.findall(r"\d\.\d{3}", ideas) == sorted(found, reverse=True)
