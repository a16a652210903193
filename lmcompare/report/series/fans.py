"""Forecasts as pictures: for some origins the fan of each method, with what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from lmcompare.analysis.forecasts import BANDS, MEDIAN, Forecast, Method, Place, shared_places
from lmcompare.render import numbers
from lmcompare.render.charts.fan import Fan, fan
from lmcompare.render.templating import fill
from lmcompare.report.data import Section
from lmcompare.report.series.values import SeriesData, TestSeries
from lmcompare.runfolder.layout import QUANTILES

MOST = 6  # origins that are drawn, of as many series as possible
BEFORE = 2.5  # how many horizons of the past are drawn before each


@dataclass(frozen=True)
class Panel:
    """The forecasts of all methods at one origin."""

    title: str
    charts: Sequence[tuple[str, int, bool, Markup]]


def build(data: SeriesData) -> Section | None:
    """Return the section; None if nothing was forecast."""
    drawn = [one.method for one in data.accuracies]
    if not drawn:
        return None
    places = shared_places(drawn)
    panels = [_panel(data, drawn, place) for place in chosen(places)]
    html = fill("series/fans", panels=panels, first=panels[0], others=panels[1:], total=len(places))
    return Section.of("forecasts", "Forecasts", html)


def best(data: SeriesData) -> tuple[str, Markup] | None:
    """Return the first forecast of the best method, with its title; None if nothing was forecast."""
    drawn = [one.method for one in data.accuracies]
    if not drawn:
        return None
    places = shared_places(drawn)
    panel = _panel(data, drawn[:1], chosen(places)[0])
    return f"{panel.charts[0][0]}, {panel.title}", panel.charts[0][3]


def chosen(places: Sequence[Place]) -> list[Place]:
    """Return some origins: of each series the middle one, then others, at most ``MOST``."""
    by_series: dict[int, list[Place]] = {}
    for place in places:
        by_series.setdefault(place[0], []).append(place)
    middle = [own[len(own) // 2] for own in by_series.values()]
    rest = [place for place in places if place not in middle]
    return [*middle, *rest][:MOST]


def _panel(data: SeriesData, drawn: Sequence[Method], place: Place) -> Panel:
    series = data.series[place[0]]
    forecasts = {method.name: method.forecasts[place][0] for method in drawn}
    horizon, origin = place[2], series.given + place[1]
    begin = max(0, origin - round(BEFORE * horizon))
    x = list(range(begin, origin + horizon))
    values = series.values[begin : origin + horizon].tolist()
    low, high = _ends(values, list(forecasts.values()))
    charts = []
    for method in drawn:
        one = _fan(data, method, forecasts[method.name], origin)
        label = numbers.short if max(abs(low), abs(high)) >= 1e5 else numbers.tidy
        chart = fan(one, x, values, series.when, label, low, high)
        charts.append((data.title(method), data.index(method), method.classical, chart))
    return Panel(_title(series, origin, horizon), charts)


def _title(series: TestSeries, origin: int, horizon: int) -> str:
    steps = numbers.plural(horizon, "step")
    return f"{series.name}, {steps} from {series.when(origin)}"


def _fan(data: SeriesData, method: Method, found: Forecast, origin: int) -> Fan:
    x = [float(origin + step) for step in range(len(found.actual))]
    bands = []
    for percent in (95, 80, 50):
        low, high = BANDS[percent]
        bands.append(
            (found.quantiles[QUANTILES.index(low)].tolist(), found.quantiles[QUANTILES.index(high)].tolist())
        )
    return Fan(data.index(method), data.title(method), x, found.quantiles[MEDIAN].tolist(), bands)


def _ends(values: Sequence[float], forecasts: Sequence[Forecast]) -> tuple[float, float]:
    """Return the ends of the axis: all values and 80 % bands, but no band more than twice as far as the values."""
    known = np.array([value for value in values if value == value])
    low, high = float(known.min()), float(known.max())
    room = (high - low) or abs(high) or 1.0
    ends = np.concatenate(
        [each.quantiles[[QUANTILES.index(0.1), QUANTILES.index(0.9)]].ravel() for each in forecasts]
    )
    return max(low - room, min(low, float(ends.min()))) - 0.05 * room, min(
        high + room, max(high, float(ends.max()))
    ) + 0.05 * room
