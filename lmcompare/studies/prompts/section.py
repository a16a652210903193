"""What comes next: each model's most likely tokens after a prompt, and a sampled continuation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lmcompare.report.data import Model, ReportData, Section

SHOWN_OPEN = 1  # prompts beyond these are folded


@dataclass(frozen=True)
class Column:
    """One model's next tokens with their probabilities, the most likely first, and its continuation of a prompt."""

    model: Model
    next: Sequence[tuple[str, float]]
    continuation: str
    sampling: str


@dataclass(frozen=True)
class Prompt:
    """One prompt with a column for each model."""

    text: str
    columns: Sequence[Column]


def build(data: ReportData) -> Section | None:
    """Return the section, or None if the run has no prompts."""
    asked: dict[str, list[Column]] = {}
    for model in data.scored:
        for entry in model.cell.measured("prompts") or ():
            asked.setdefault(str(entry["prompt"]), []).append(_column(model, entry))
    if not asked:
        return None
    prompts = [Prompt(text, columns) for text, columns in asked.items()]
    return Section.written(
        "next", "What comes next", __package__, prompts=prompts, shown_open=SHOWN_OPEN, unranked=data.unranked
    )


def _column(model: Model, entry: Mapping[str, Any]) -> Column:
    found = [(str(n["token"]), float(n["probability"])) for n in entry["next"]]
    found = [(token, p) for token, p in found if math.isfinite(p)]
    how = entry.get("sampling") or {}
    said = " ¶ ".join(part.strip() for part in str(entry["continuation"]).split("\n"))
    return Column(model, found, said.strip(), _sampling(how))


def _sampling(how: Mapping[str, Any]) -> str:
    """Return how a continuation was sampled."""
    names = {"temperature": "temperature", "top_k": "top-k", "top_p": "top-p", "seed": "seed"}
    return ", ".join(f"{name} {how[key]}" for key, name in names.items() if how.get(key) is not None)
