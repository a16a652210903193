"""Do the parts of an exhibit fit together, so that the report can draw it?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lmcompare.exhibits import (
    BackoffTrace,
    Bars,
    Curve,
    Exhibit,
    Heatmap,
    Map2D,
    Neighbours,
    WorkedEquation,
    to_json,
)


def problem(exhibit: Exhibit) -> str:
    """Return the first thing that is wrong with an exhibit, "" if nothing is."""
    if not isinstance(exhibit.title, str) or not exhibit.title.strip():
        return "it has no title"
    if wrong := misfit(exhibit):
        return wrong
    bad = next((v for v in _numbers(to_json(exhibit)) if not math.isfinite(v)), None)
    return "" if bad is None else f"it holds the number {bad}: only finite ones can be drawn"


def misfit(exhibit: Exhibit) -> str:
    """Return how the parts of an exhibit do not fit together, "" if they do."""
    rule = _RULES.get(type(exhibit))
    return rule(exhibit) if rule else ""


def _unlike(what: str, lengths: dict[str, int]) -> str:
    if len(set(lengths.values())) <= 1:
        return ""
    return f"{what} differ in length: " + ", ".join(f"{name} {n}" for name, n in lengths.items())


def _lengths(what: str, exhibit: Exhibit, *names: str) -> str:
    return _unlike(what, {name: len(getattr(exhibit, name)) for name in names})


def _heatmap(e: Any) -> str:
    wrong = _panels(e, "", e.values)
    for name, values in () if wrong else e.steps:
        wrong = wrong or _panels(e, f"'{name}' of ", values)
    return wrong or (_opens(e) if e.opens is not None else "")


def _opens(e: Any) -> str:
    if len(e.opens) == 2 and 0 <= e.opens[0] < len(e.panels) and 0 <= e.opens[1] < len(e.rows):
        return ""
    return f"it opens on {e.opens}: that is no panel of {len(e.panels)} and row of {len(e.rows)}"


def _panels(e: Any, what: str, values: Any) -> str:
    if len(values) != len(e.panels):
        return f"{len(e.panels)} panels are named, but there are {what or 'values for '}{len(values)}"
    for panel, rows in zip(e.panels, values, strict=True):
        if len(rows) != len(e.rows) or any(len(row) != len(e.columns) for row in rows):
            shape = (len(rows), sorted({len(r) for r in rows}))
            return f"{what}panel '{panel}' has the shape {shape} for {len(e.rows)} rows and {len(e.columns)} columns"
    return ""


def _neighbours(e: Any) -> str:
    wrong = _lengths("its parts", e, "words", "neighbours", "similarities")
    if wrong:
        return wrong
    for word, near, similarity in zip(e.words, e.neighbours, e.similarities, strict=True):
        wrong = _unlike(f"the lists of '{word}'", {"neighbours": len(near), "similarities": len(similarity)})
        if wrong:
            return wrong
        if any(abs(s) > 1 + 1e-6 for s in similarity):
            return f"a similarity of '{word}' is not a cosine: it lies outside -1 … 1"
    return ""


def _backoff(e: Any) -> str:
    for step in e.steps:
        parts = {"contexts": step.contexts, "counts": step.counts, "probabilities": step.probabilities}
        wrong = _unlike(f"the orders of '{step.token}'", {name: len(part) for name, part in parts.items()})
        if wrong:
            return wrong
        if not 0 <= step.matched <= len(step.contexts):
            return f"'{step.token}' matched order {step.matched} of {len(step.contexts)}"
        if any(not 0 <= p <= 1 + 1e-6 for p in step.probabilities):
            return f"a probability of '{step.token}' lies outside 0 … 1"
    return ""


def _map(e: Any) -> str:
    return _lengths("its points", e, "labels", "x", "y") or (
        _lengths("points and groups", e, "labels", "groups") if e.groups else ""
    )


def _curve(e: Any) -> str:
    wrong = _lengths("its lines", e, "names", "x", "y")
    for name, x, y in zip(e.names, e.x, e.y, strict=True) if not wrong else ():
        wrong = wrong or _unlike(f"line '{name}'", {"x": len(x), "y": len(y)})
    return wrong


def _bars(e: Any) -> str:
    return _lengths("its bars", e, "labels", "values")


def _equation(e: Any) -> str:
    if not e.equation.strip() or not e.saying.strip():
        return "it needs the equation, in LaTeX, and what it means, in words"
    return "" if all(len(line) == 2 for line in e.lines) else "a line is a pair of what is computed and the number"


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _numbers(part)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from _numbers(part)


_RULES: dict[type[Exhibit], Callable[[Any], str]] = {
    Heatmap: _heatmap,
    Neighbours: _neighbours,
    BackoffTrace: _backoff,
    Map2D: _map,
    Curve: _curve,
    Bars: _bars,
    WorkedEquation: _equation,
}
