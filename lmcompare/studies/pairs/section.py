"""Minimal pairs: how often each model that was asked gives the acceptable sentence of two the higher probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lmcompare.render import numbers
from lmcompare.render.charts.intervals import Row, intervals
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.runfolder.probed import Accuracy, Probed, phenomena_of


@dataclass(frozen=True)
class Asked:
    """The answers of M models to one set of pairs.

    Parameters
    ----------
    name : str
        The name of the pairs.
    models : sequence of Model
        M, the most accurate first.
    whole : sequence of Accuracy
        (M,) on all pairs.
    rows : sequence of (str, int, sequence of Accuracy or None)
        For each phenomenon its name, the number of pairs, and (M,) the accuracy.
    chart : Markup
        The accuracy on all pairs.
    said : str
        Which model is right most often.
    """

    name: str
    models: Sequence[Model]
    whole: Sequence[Accuracy]
    rows: Sequence[tuple[str, int, Sequence[Accuracy | None]]]
    chart: Markup
    said: str


def build(data: ReportData) -> Section | None:
    """Return the section, or None if no model was asked about minimal pairs."""
    answers: dict[tuple[str, str], list[tuple[Model, Probed]]] = {}
    for model in data.scored:
        for probed in model.cell.probed:
            answers.setdefault((probed.name, probed.digest), []).append((model, probed))
    if not answers:
        return None
    asked = [_asked(name, found) for (name, _), found in answers.items()]
    return Section.written("pairs", "Minimal pairs", __package__, asked=asked, unranked=data.unranked)


def _asked(name: str, answers: Sequence[tuple[Model, Probed]]) -> Asked:
    answers = sorted(answers, key=lambda each: -each[1].whole.accuracy)
    models, probed = [model for model, _ in answers], [each for _, each in answers]
    whole = [each.whole for each in probed]
    marks = [
        Row(model.title, model.index, 100 * row.accuracy, 100 * row.low, 100 * row.high)
        for model, row in zip(models, whole, strict=True)
    ]
    rows = []
    for phenomenon in phenomena_of(probed):
        found = [next((row for row in each.rows if row.phenomenon == phenomenon), None) for each in probed]
        pairs = next(row.pairs for row in found if row is not None)
        rows.append((phenomenon or "all", pairs, found))
    percent = "{:.0f}".format
    chart = intervals(marks, f"Accuracy on the pairs {name}", "Accuracy (%)", percent, lambda v: f"{v:.0f} %")
    return Asked(name, models, whole, rows, chart, said(models, whole))


def said(models: Sequence[Model], whole: Sequence[Accuracy]) -> str:
    """Return which model is right most often, and which intervals overlap with that of the best.

    ``models`` and ``whole`` begin with the best model.
    """
    best = whole[0]
    share = numbers.percent(best.accuracy, 0)
    count = sum(row.accuracy == best.accuracy for row in whole)  # the best come first
    leading = numbers.listed([model.title for model in models[:count]])
    if len(models) == 1:
        right = f"{leading} is right for {share} of the pairs."
    elif count == len(models):
        right = f"All models are right equally often, for {share} of the pairs."
    else:
        often = "is right most often," if count == 1 else "are right most often, each"
        right = f"{leading} {often} for {share} of the pairs."
    if best.low <= 0.5 <= best.high:  # models that are right equally often have the same interval
        right += (
            " Its interval contains 50 %: it may be guessing."
            if count == 1
            else " Their intervals contain 50 %: they may be guessing."
        )
    near = [m.title for m, row in zip(models[count:], whole[count:], strict=True) if row.high >= best.low]
    if not near:
        return right
    overlap = "overlaps" if len(near) == 1 else "overlap"
    whose = f"The interval of {near[0]}" if len(near) == 1 else f"The intervals of {numbers.listed(near)}"
    return f"{right} {whose} {overlap} with that of {leading}: whether they differ was not tested."
