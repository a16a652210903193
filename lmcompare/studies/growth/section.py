"""How much text each model needs: its figures on growing shares of the training text, and what more would bring."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from lmcompare.render import numbers
from lmcompare.render.charts.growth import Points
from lmcompare.render.charts.growth import growth as chart
from lmcompare.render.titles import sentence
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.studies.growth.curves import FARTHEST, Crossing, Curve, Point, forecasts, growth
from lmcompare.studies.growth.power_law import Law

STEPS = 12  # points at which a forecast is drawn
MOST_CROSSINGS = 6  # crossings that are named


@dataclass(frozen=True)
class Row:
    """A share of the training text, and the point of each model there; None where it was not measured."""

    share: float
    words: int
    points: Sequence[Point | None]


def build(data: ReportData) -> Section | None:
    """Return the section, or None if it has neither shares of its text nor a kind of model in several sizes."""
    found = growth(data.run)
    names = {model.name for model in data.comparable}
    curves = [curve for curve in found.curves if curve.name in names]
    crossings = [each for each in found.crossings if {each.later, each.earlier} <= names]
    sizes = _sizes(data)
    if not curves and not sizes:
        return None
    key, title = ("growth", "How much text each model needs")
    if not curves:
        key, title = "sizes", "Bits per byte by the number of parameters"
    return Section.written(
        key,
        title,
        __package__,
        models=[data.by_name[curve.name] for curve in curves],
        claim=data.on_all(claim(data, curves, crossings)),
        chart=_by_words(data, curves, found.laws) if curves else None,
        said=[*changes(data, curves, crossings)[1:], *forecasts(data.spoken, curves, found.laws)],
        laws=any(curve.name in found.laws for curve in curves),
        rows=_rows(curves),
        sweeps=any(point.chosen for curve in curves for point in curve.points),
        missing=found.missing,
        sizes=_by_parameters(sizes) if sizes else None,
    )


def claim(data: ReportData, curves: Sequence[Curve], crossings: Sequence[Crossing]) -> str:
    """Return the first change of order, or which model is best at every amount of text, or with the whole text.

    "" without curves.
    """
    if not curves:
        return ""
    if told := changes(data, curves, crossings):
        return told[0]
    rows = _rows(curves)
    best = [_best(row.points) for row in rows]
    first, last = (numbers.amount(rows[n].words) for n in (0, -1))
    where = f"at every amount from {first} to {last} words" if len(set(best)) == 1 else f"with all {last} words"
    return f"{sentence(data.spoken(curves[best[-1]].name))} has the fewest bits per byte {where}"


def _best(points: Sequence[Point | None]) -> int:
    """Return which of the models has the fewest bits per byte, of those that were measured."""
    return int(np.argmin([math.inf if point is None else point.bits_per_byte for point in points]))


def changes(data: ReportData, curves: Sequence[Curve], crossings: Sequence[Crossing]) -> list[str]:
    """Return where the order of two models changes, those with the best model of the whole text first."""
    if not curves:
        return []
    best = min(curves, key=lambda curve: curve.figures[-1]).name
    found = sorted(crossings, key=lambda each: (best not in (each.later, each.earlier), each.words))
    return [_overtakes(data, each) for each in found[:MOST_CROSSINGS]]


def _overtakes(data: ReportData, found: Crossing) -> str:
    later, earlier = (data.spoken(name) for name in (found.later, found.earlier))
    return (
        f"{sentence(later)} overtakes {earlier} at about {numbers.amount(_rounded(found.words))} words of"
        f" training text ({_between(found)})"
    )


def _between(found: Crossing) -> str:
    low, high = (numbers.amount(_rounded(end)) if 0 < end < math.inf else "" for end in (found.low, found.high))
    if low and high:
        return f"95 % interval: {low} to {high}"
    if low:
        return f"95 % interval: from {low} on; it may also come after the whole text"
    if high:
        return f"95 % interval: up to {high}; it may also come before the smallest amount that was tried"
    return "the interval is wider than the amounts that were tried"


def _rounded(words: float) -> float:
    return float(f"{words:.2g}")


def _by_words(data: ReportData, curves: Sequence[Curve], laws: Mapping[str, Law]) -> Markup:
    drawn = []
    for curve in curves:
        model, law = data.by_name[curve.name], laws.get(curve.name)
        band: list[tuple[float, float, float, float]] = []
        if law is not None:
            x = curve.words[-1] * np.geomspace(1, FARTHEST, STEPS)
            band = [(a, y, low, high) for a, y, low, high in zip(x, *law.forecast(x), strict=True)]
        seeds = [point.by_seed for point in curve.points]
        drawn.append(
            Points(
                model.title,
                model.index,
                curve.words.tolist(),
                curve.figures.tolist(),
                [float(each.min()) for each in seeds],
                [float(each.max()) for each in seeds],
                band,
            )
        )
    return chart(
        drawn,
        "Bits per byte of test text against words of training text, a line for each model",
        "Words of training text",
        "Bits per byte (less is better)",
        numbers.short,
        numbers.tidy,
        max(curve.words[-1] for curve in curves),
    )


def _rows(curves: Sequence[Curve]) -> list[Row]:
    """Return a row for each share, the least first."""
    shares = {point.share: point.words for curve in curves for point in curve.points}
    by_share = [{point.share: point for point in curve.points} for curve in curves]
    return [Row(share, shares[share], [points.get(share) for points in by_share]) for share in sorted(shares)]


def _sizes(data: ReportData) -> list[list[tuple[Model, dict[str, Any]]]]:
    """Return models of one plug-in and title in several sizes, by their parameters, with their rows of results.json.

    One plug-in may have models of several kinds, such as LSTM and GRU: their titles tell them apart.
    """
    rows = {row["name"]: row for row in data.results["models"]}
    kinds: dict[tuple[str, str], list[tuple[Model, dict[str, Any]]]] = {}
    for model in data.comparable:
        if rows[model.name]["parameters"]:
            kinds.setdefault((model.entry.plugin, model.entry.title), []).append((model, rows[model.name]))
    return [
        sorted(kinds[kind], key=lambda each: each[1]["parameters"])
        for kind in sorted(kinds)
        if len({row["parameters"] for _, row in kinds[kind]}) > 1
    ]


def _by_parameters(groups: Sequence[Sequence[tuple[Model, Mapping[str, Any]]]]) -> Markup:
    drawn = []
    for group in groups:
        model, figures = group[0][0], [[each["bits_per_byte"] for each in row["by_seed"]] for _, row in group]
        drawn.append(
            Points(
                model.entry.title,
                model.index,
                [row["parameters"] for _, row in group],
                [row["bits_per_byte"] for _, row in group],
                [min(each) for each in figures],
                [max(each) for each in figures],
            )
        )
    return chart(
        drawn,
        "Bits per byte of test text against parameters, a line for each kind of model",
        "Parameters",
        "Bits per byte (less is better)",
        numbers.short,
        numbers.tidy,
    )
