"""The sections on series: forecasts as fans, what surprised the best model, how far models read back, the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from lmcompare.analysis.forecasts import Method, shared_places
from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Attention, from_json
from lmcompare.exhibits.attention import Head, weights
from lmcompare.render import numbers
from lmcompare.render.charts.fan import surprise
from lmcompare.render.charts.lines import Line, lines
from lmcompare.render.titles import sentence, spoken
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.series import SeriesData, TestSeries, chosen, panel

NAMED = 5  # most surprising steps that are named
SHOWN = 6  # series whose surprises are shown
LONGEST = 400  # steps of a chart of surprises
FEW = 0.005  # nats: a lag that changes the distribution by less hardly counts
CLEAR = 1.5  # times the mean weight: a lag with less does not stand out
HEADS = 12


def forecasts(report: ReportData) -> Section | None:
    """Return for some origins the fan of each method, with what came; None if nothing was forecast."""
    data = report.series
    drawn = [one.method for one in data.accuracies]
    if not drawn:
        return None
    places = shared_places(drawn)
    panels = [panel(data, drawn, place) for place in chosen(places)]
    shown: dict[str, Any] = {"panels": panels, "first": panels[0], "others": panels[1:], "total": len(places)}
    return Section.written("forecasts", "Forecasts", __package__, "fans", **shown)


def the_series(report: ReportData) -> Section:
    """Return where the series come from, their splits, how values become tokens, and what a reader should know."""
    run = report.run
    tokens = [(run.tokens_name(fp), entry) for fp, entry in run.manifest.tokens.items()]
    shown: dict[str, Any] = {"corpus": run.corpus, "tokens": tokens, "series": report.series.series}
    return Section.written("text", "The series", __package__, "the_series", **shown)


@dataclass(frozen=True)
class Along:
    """A series with the nats per step of a method, and the steps that surprised it most."""

    series: TestSeries
    chart: Markup
    most: list[tuple[str, str, str]]


def surprises(report: ReportData) -> Section | None:
    """Return which values of the test series surprised the best model most; None without densities."""
    data = report.series
    if not data.densities:
        return None
    method = data.densities[0].method
    assert method.nats is not None, "it has densities"
    found = [_along(data, method, series) for series in data.series[:SHOWN]]
    return Section.written(
        "along",
        f"What surprised {data.spoken(method)}",
        __package__,
        "surprises",
        found=found,
        model_name=data.spoken(method),
        left=len(data.series) - len(found),
        differences=data.reads_differences(method),
    )


def _along(data: SeriesData, method: Method, series: TestSeries) -> Along:
    assert method.nats is not None, "it has densities"
    nats, values = method.nats[series.number], series.future
    begin = max(0, len(values) - LONGEST)
    known = np.flatnonzero(np.isfinite(nats))
    most = known[np.argsort(-nats[known], kind="stable")][:NAMED]
    x = [float(series.given + at) for at in range(begin, len(values))]
    marked = [int(at) - begin for at in most if at >= begin]
    label = numbers.short if np.nanmax(np.abs(values)) >= 1e5 else numbers.tidy
    chart = surprise(
        x,
        values[begin:].tolist(),
        nats[begin:].tolist(),
        data.index(method),
        data.title(method),
        series.when,
        label,
        marked,
    )
    named = [
        (series.when(series.given + int(at)), label(float(values[at])), numbers.decimals(float(nats[at]), 1))
        for at in most
    ]
    return Along(series, chart, named)


@dataclass(frozen=True)
class LookingBack:
    """A head with the mean weight that it gives to each lag; 0 is the step that looks."""

    model: Model
    name: str
    shares: Sequence[float]

    @property
    def most(self) -> str:
        """The lag of the greatest weight, or that no lag has much more weight than others."""
        lag = int(np.argmax(self.shares))
        clear = self.shares[lag] > CLEAR * float(np.mean(self.shares))
        return f"most at lag {lag}" if clear else "at no lag much more than at others"


def lags(report: ReportData) -> Section | None:
    """Return the lags that models depend on, and where their heads look; None if no model was asked."""
    found = {model: _lags(model) for model in report.scored}
    found = {model: each for model, each in found.items() if each and max(each) > 0}
    if not found:
        return None
    drawn = [
        Line(model.title, model.index, [float(lag) for lag in range(1, len(each) + 1)], each)
        for model, each in found.items()
    ]
    label = "How much the next distribution changes with another value at each lag, a line for each model"
    chart = lines(drawn, label, "Lag in steps", "Nats (Kullback-Leibler)", numbers.tidy, numbers.tidy)
    said = [told(spoken(model.title), each) for model, each in found.items()]
    heads = [each for model in report.scored for each in looking_back(model)][:HEADS]
    width = max((len(each.shares) for each in heads), default=0)
    title = "How far back they read"
    return Section.written("lags", title, __package__, "lags", chart=chart, said=said, heads=heads, width=width)


def _lags(model: Model) -> list[float]:
    """Return the mean over trainings."""
    stored = [cell.measured("lags") or [] for cell in model.entry.done]
    lengths = {len(each) for each in stored}
    return np.mean(stored, axis=0).tolist() if len(lengths) == 1 and lengths != {0} else []


def told(name: str, lags: Sequence[float]) -> str:
    """Return which lags a model reads most, in a sentence."""
    order = np.argsort(-np.array(lags), kind="stable")
    counting = [int(lag) + 1 for lag in order[:3] if lags[int(lag)] >= FEW]
    if not counting:
        return f"{sentence(name)} hardly reads any earlier step."
    steps = numbers.listed([f"{lag} ({numbers.decimals(lags[lag - 1], 2)} nats)" for lag in counting])
    which = "lag" if len(counting) == 1 else "lags"
    return f"{sentence(name)} reads most at {which} {steps}."


def looking_back(model: Model) -> Iterator[LookingBack]:
    """Yield for each head of a model's exhibits of attention the mean weight by lag, over all steps that look."""
    exhibits = [
        exhibit for stored in model.cell.measured("exhibits") or () if (exhibit := _attention(stored)) is not None
    ]
    if not exhibits:
        return
    for number, head in enumerate(exhibits[0].heads):
        sums: dict[int, list[float]] = {}
        for exhibit in exhibits:
            if number >= len(exhibit.heads):
                continue
            given = weights(exhibit, Head.of(exhibit, exhibit.heads[number]).scores)
            size = len(exhibit.words)
            for at in range(size // 2, size):  # the first steps have few steps before them
                for lag in range(at + 1):
                    sums.setdefault(lag, []).append(float(given[at, at - lag]))
        shares = [float(np.mean(sums[lag])) for lag in sorted(sums)]
        yield LookingBack(model, head.name, shares)


def _attention(stored: object) -> Attention | None:
    if not isinstance(stored, dict) or stored.get("kind") != Attention.kind:
        return None
    try:
        exhibit = from_json(stored)
    except LmcompareError:
        return None
    return exhibit if isinstance(exhibit, Attention) else None
