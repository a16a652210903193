"""Which model to take: limits of the amount of text and of what a model may cost, and the best model within."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lmcompare.render import numbers
from lmcompare.render.definitions import TERMS
from lmcompare.render.templating import fill
from lmcompare.render.titles import short_titles, spoken
from lmcompare.report.data import Model, ReportData

LIMITS = {  # by the key of a cost: its format, and the verb for a model that exceeds it
    "processor_seconds": (numbers.seconds, "trains for"),
    "microseconds_per_list": (numbers.microseconds, "takes"),
    "microseconds_per_token": (numbers.microseconds, "takes"),
    "peak_memory_bytes": (numbers.size, "needs"),
    "model_bytes": (numbers.size, "takes up"),
}
KNOWN = Path(__file__).parent / "known_figures.json"  # written by benchmarks/known_figures.py
BEST = 4  # untried models that are named
LEAST = 2  # models: with fewer, there is no choice


@dataclass(frozen=True)
class Slider:
    """A slider: what it limits, and its stops. The last stop is the widest."""

    key: str
    name: str
    stops: Sequence[str]


def build(data: ReportData, ahead: Mapping[str, float] | None = None, falling: Collection[str] = ()) -> Markup:
    """Return the sliders; empty where there are no two models, or costs can't be compared.

    Parameters
    ----------
    ahead : mapping, optional
        By the names of networks, after how many seconds they were better than the best model that counts.
    falling : collection of str
        The models whose loss was still falling at the end of training, by their names in ``results.json``.
    """
    amounts = _amounts(data)
    if not data.run.one_machine or max(map(len, amounts.values()), default=0) < LEAST:
        return Markup()
    keys = [key for key in LIMITS if all(row.get(key) is not None for rows in amounts.values() for _, row in rows)]
    values = {key: sorted({row[key] for rows in amounts.values() for _, row in rows}) for key in keys}
    sliders = [Slider(key, TERMS[key].name, [LIMITS[key][0](value) for value in values[key]]) for key in keys]
    if len(amounts) > 1:
        sliders.insert(0, Slider("words", "Training text", [f"{numbers.amount(words)} words" for words in amounts]))
    alike = len({model.entry.tokens_fingerprint for rows in amounts.values() for model, _ in rows}) == 1
    rows = [
        [_candidate(*each, keys, alike) for each in sorted(rows, key=lambda pair: _compared(pair[1]))]
        for rows in amounts.values()
    ]
    still = [spoken(model.title) for model in data.scored if model.name in falling]
    exceeds = {key: LIMITS[key][1] for key in keys}
    hardware = data.run.manifest.hardware
    found = {
        "threads": hardware.threads if hardware.device == "cpu" else 1,
        "amounts": rows,
        "exceeds": exceeds,
        "ahead": ahead or {},
        "falling": still,
    }
    return (
        fill("choice", __package__, sliders=sliders, ahead=ahead, untried=_untried(data), data=found)
        if keys
        else Markup()
    )


def _untried(data: ReportData) -> str:
    """Return which built-in models the run did not try, with the best known figures on the same text."""
    tried = {model.entry.plugin for model in data.models}
    built_in = [each.name for each in entry_points(group="lmcompare.models") if each.value.startswith("lmcompare.")]
    left = [name for name in built_in if name not in tried]
    if not left:
        return ""
    said = f"This run did not try {numbers.count(len(left))} of the built-in models; “lmcompare models” lists them."
    known = json.loads(KNOWN.read_text(encoding="utf-8"))
    if data.run.corpus_fingerprint != known["text"]:
        return said
    untried = [each for each in known["models"] if each["plugin"] in left][:BEST]
    titles = short_titles([each["title"] for each in untried])
    best = [
        f"{title} {numbers.bits_per_byte(each['bits_per_byte'])} ({numbers.seconds(each['train_seconds'])} of"
        " training)"
        for title, each in zip(titles, untried, strict=True)
    ]
    return f"{said} On this text, the project's history of models found these bits per byte: {numbers.listed(best)}."


def _amounts(data: ReportData) -> dict[int, list[tuple[Model, Mapping[str, Any]]]]:
    """Return for each number of words of training text the models with their figures and costs; the whole text is
    last.
    """
    found: dict[int, list[tuple[Model, Mapping[str, Any]]]] = {}
    ranked = {model.name for model, _ in data.ranking}
    for curve in (data.results["studies"].get("growth") or {}).get("models", ()):
        for point in curve["points"][:-1]:
            if curve["name"] in ranked:
                found.setdefault(point["words"], []).append((data.by_name[curve["name"]], point))
    whole = {row["name"]: row for row in data.results["models"]}
    found[data.run.corpus.splits["train"].words] = [(model, whole[model.name]) for model, _ in data.ranking]
    return dict(sorted(found.items()))


def _compared(row: Mapping[str, Any]) -> float:
    """Return the figure by which models are compared, given a model of ``results.json`` or a point of a curve."""
    fresh = row.get("fresh_bits_per_byte")
    return float(row["bits_per_byte"] if fresh is None else fresh)


def _candidate(model: Model, row: Mapping[str, Any], keys: Sequence[str], alike: bool) -> dict[str, Any]:
    """Return a model as the script reads it, with each cost as a number and as text.

    ``alike``: whether all models have the same tokens, so that their top-5 accuracies compare.
    """
    top = row.get("top5_accuracy") if alike else None
    return {
        "name": spoken(model.title),
        "bits": _compared(row),
        "said": numbers.bits_per_byte(_compared(row)),
        "top5": "" if top is None else numbers.percent(top),
        "costs": {key: [row[key], LIMITS[key][0](row[key])] for key in keys},
    }
