"""Surprisal along the line: which values of the test series surprised the models most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from lmcompare.analysis.forecasts import Method
from lmcompare.render import numbers
from lmcompare.render.charts.fan import surprise
from lmcompare.render.templating import fill
from lmcompare.report.data import Section
from lmcompare.report.series.values import SeriesData, TestSeries

NAMED = 5  # steps that are named
SHOWN = 6  # series that are shown
LONGEST = 400  # steps of a chart


@dataclass(frozen=True)
class Along:
    """A series with the nats per step of a method, and the steps that surprised it most."""

    series: TestSeries
    chart: Markup
    most: list[tuple[str, str, str]]


def build(data: SeriesData) -> Section | None:
    """Return the section; None without densities."""
    if not data.densities:
        return None
    method = data.densities[0].method
    assert method.nats is not None, "it has densities"
    found = [_along(data, method, series) for series in data.series[:SHOWN]]
    html = fill(
        "series/along",
        found=found,
        model=data.spoken(method),
        index=data.index(method),
        left=len(data.series) - len(found),
        differences=data.reads_differences(method),
    )
    return Section.of("along", f"What surprised {data.spoken(method)}", html)


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
