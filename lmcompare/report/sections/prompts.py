"""What comes next: each model's most likely tokens after a prompt, and a sampled continuation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lmcompare.report import numbers
from lmcompare.report.data import Model, ReportData, Section, marked
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill
from lmcompare.report.tokens import visible

SHOWN_OPEN = 4  # prompts beyond these are folded
MARKDOWN_PLACES = 5


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
        for entry in model.cell.examples["prompts"]:
            asked.setdefault(str(entry["prompt"]), []).append(_column(model, entry))
    if not asked:
        return None
    prompts = [Prompt(text, columns) for text, columns in asked.items()]
    html = fill("prompts", prompts=prompts, shown_open=SHOWN_OPEN, unranked=data.unranked)
    return Section("next", "What comes next", html, "\n\n".join(_markdown(p, data.unranked) for p in prompts))


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


def _markdown(prompt: Prompt, unranked: frozenset[str]) -> str:
    head = [marked(column.model, unranked) for column in prompt.columns]
    rows = [
        [
            f"{plain(visible(c.next[i][0]))} {numbers.probability(c.next[i][1])}" if i < len(c.next) else ""
            for c in prompt.columns
        ]
        for i in range(MARKDOWN_PLACES)
    ]
    said = "\n".join(
        f"- **{marked(c.model, unranked)}**: {plain(prompt.text)} *{plain(c.continuation) or '…'}*"
        for c in prompt.columns
    )
    return (
        f"### “{plain(prompt.text)} …”\n\n{table(head, rows, len(head))}\n\n"
        f"Continuations ({plain(prompt.columns[0].sampling)}):\n\n{said}"
    )
