"""The validity checks of the run: what was measured for each model, and whether it passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from lmcompare.render import numbers
from lmcompare.render.prose import Inline
from lmcompare.report.data import Model, ReportData, Section


@dataclass(frozen=True)
class Found:
    """The result of one check of one model: the worst figure over its seeds."""

    figure: float | None
    tolerance: float | None
    passed: bool
    detail: str


def build(data: ReportData) -> Section | None:
    """Return the section, or None if nothing was checked."""
    names: dict[str, None] = {}
    rows: list[tuple[Model, dict[str, Found]]] = []
    for model in data.models:
        found: dict[str, Found] = {}
        for cell in model.entry.done:
            for check in cell.truth.get("checks", ()):
                names.setdefault(str(check["name"]))
                found[str(check["name"])] = _worse(found.get(str(check["name"])), check)
        if model.entry.done:
            rows.append((model, found))
    if not names:
        return None
    failing = [model for model, found in rows if not all(one.passed for one in found.values()) or not found]
    scores = [model for model, _ in rows if not model.entry.traits.get("normalised", True)]
    said = []
    if failing:
        said.append(f"{_titles(failing)} did not pass: the figures are not valid probabilities of the text.")
    if scores:
        give = "gives" if len(scores) == 1 else "give"
        said.append(f"{_titles(scores)} {give} scores that need not sum to one, so only the other checks apply.")
    rest = len(rows) - len({model.name for model in (*failing, *scores)})
    if rest:
        who = "All" if rest == len(rows) else "The other"
        said.append(
            f"{who} {numbers.plural(rest, 'model')} passed: their figures are valid probabilities of the text."
        )
    in_table = {model.name for model in (*data.scored, *failing)}
    return Section.written(
        "truth",
        "Are these valid probabilities?",
        "lmcompare.report",
        "validity",
        names=list(names),
        rows=[row for row in rows if row[0].name in in_table],
        reading=" ".join(said),
        failing=failing,
        more=len(rows) - len(in_table),
        outcome=_outcome,
    )


def _outcome(found: Found | None) -> Inline:
    """Return the cell of a check."""
    if found is None:
        return Inline(Markup("–"), "–")
    limit = "" if found.tolerance is None else f" (tolerance {numbers.tidy(found.tolerance)})"
    figure = numbers.tidy(found.figure, digits=2)
    passed = Markup('<span class="yes" role="img" aria-label="passed">✓</span>')
    mark = passed if found.passed else Markup('<span class="no">✗ failed</span>')
    said = f"{'✓' if found.passed else '✗ failed'} {figure}"
    return Inline(mark + f" {figure}", said, {"title": found.detail + limit})


def _titles(models: Sequence[Model]) -> str:
    return numbers.listed([model.title for model in models])


def _worse(before: Found | None, check: dict[str, Any]) -> Found:
    figure, tolerance = check.get("figure"), check.get("tolerance")
    now = Found(
        None if figure is None else float(figure),
        None if tolerance is None else float(tolerance),
        bool(check.get("passed")),
        str(check.get("detail") or ""),
    )
    if before is None or (before.passed and not now.passed):
        return now
    return now if now.passed == before.passed and (now.figure or 0) > (before.figure or 0) else before
