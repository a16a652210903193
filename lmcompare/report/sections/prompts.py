"""What comes next: after every prompt each model's likeliest tokens and its continuation, side by side."""

from __future__ import annotations

import math
from collections import Counter
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
    """What one model says after a prompt: (token, probability) from the likeliest on, and a continuation."""

    model: Model
    next: Sequence[tuple[str, float]]
    continuation: str
    sampling: str


@dataclass(frozen=True)
class Prompt:
    """One prompt with a column a model and a sentence that reads them."""

    text: str
    columns: Sequence[Column]
    reading: str


def build(data: ReportData) -> Section | None:
    """Return the section, or None where no model was asked anything."""
    asked: dict[str, list[Column]] = {}
    for model in data.scored:
        for entry in model.cell.examples["prompts"]:
            asked.setdefault(str(entry["prompt"]), []).append(_column(model, entry))
    if not asked:
        return None
    prompts = [
        Prompt(text, columns, reading(text, [c for c in columns if _counts(c.model, data)]))
        for text, columns in asked.items()
    ]
    html = fill("prompts", prompts=prompts, shown_open=SHOWN_OPEN, apart=data.apart)
    return Section("next", "What comes next", html, "\n\n".join(_markdown(p, data.apart) for p in prompts))


def reading(prompt: str, columns: Sequence[Column]) -> str:
    """Say how far the models agree on the likeliest token and which is the surest."""
    firsts = [(column.model.name, *column.next[0]) for column in columns if column.next]
    if not firsts:
        return "No model gave a distribution."
    name, token, sure = max(firsts, key=lambda first: first[2])
    common, times = Counter(token for _, token, _ in firsts).most_common(1)[0]
    if len(firsts) == 1:
        return f"After “{prompt}” {name} expects “{visible(token)}” with {numbers.probability(sure)}."
    agree = (
        "each model expects something else"
        if times == 1
        else f"{times} of {len(firsts)} models expect “{visible(common)}” most"
    )
    return f"After “{prompt}” {agree}; the surest is {name}: “{visible(token)}” with {numbers.probability(sure)}."


def _counts(model: Model, data: ReportData) -> bool:
    """Whether what the model expects may be set against what others do: it is ranked, and its tokens are theirs."""
    return model.name not in data.apart and model.entry.tokens_fingerprint == data.main_tokens


def _column(model: Model, entry: Mapping[str, Any]) -> Column:
    found = [(str(n["token"]), float(n["probability"])) for n in entry["next"]]
    found = [(token, p) for token, p in found if math.isfinite(p)]
    how = entry.get("sampling") or {}
    said = " ¶ ".join(part.strip() for part in str(entry["continuation"]).split("\n"))
    return Column(model, found, said.strip(), _sampling(how))


def _sampling(how: Mapping[str, Any]) -> str:
    """Say in words how a continuation was drawn."""
    said = []
    if how.get("temperature") is not None:
        said.append(f"temperature {how['temperature']}")
    share = how.get("top_p")
    part = "" if share is None or share >= 1 else numbers.percent(float(share), 0)
    if how.get("top_k"):
        fewer = f", or fewer where these make up {part}" if part else ""
        said.append(f"from the {how['top_k']} likeliest tokens{fewer}")
    elif part:
        said.append(f"from the likeliest tokens that make up {part}")
    if how.get("seed") is not None:
        said.append(f"seed {how['seed']}")
    return ", ".join(said)


def _markdown(prompt: Prompt, apart: frozenset[str]) -> str:
    head = [marked(column.model, apart) for column in prompt.columns]
    rows = [
        [
            f"{plain(visible(c.next[i][0]))} {numbers.probability(c.next[i][1])}" if i < len(c.next) else ""
            for c in prompt.columns
        ]
        for i in range(MARKDOWN_PLACES)
    ]
    said = "\n".join(
        f"- **{marked(c.model, apart)}**: {plain(prompt.text)} *{plain(c.continuation) or '…'}*"
        for c in prompt.columns
    )
    return (
        f"### “{plain(prompt.text)} …”\n\n{plain(prompt.reading)}\n\n{table(head, rows, len(head))}\n\n"
        f"Continuations ({plain(prompt.columns[0].sampling)}):\n\n{said}"
    )
