"""A run on series of numbers as the page reads it: its test series, methods and finding, and the leaderboard."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from lmcompare.analysis.forecasts import (
    BANDS,
    MEDIAN,
    Accuracy,
    Figure,
    Forecast,
    Method,
    Place,
    accuracies,
    methods,
    shared_places,
)
from lmcompare.analysis.units import units_of
from lmcompare.corpora.series.grid import months_of, seconds_of
from lmcompare.render import numbers
from lmcompare.render.charts.fan import Fan, fan
from lmcompare.render.titles import sentence
from lmcompare.report.data import ReportData, Section
from lmcompare.runfolder.files import Array
from lmcompare.runfolder.layout import QUANTILES
from lmcompare.tokens import Encoded

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
EXACT = 0.005  # a scaled CRPS below which forecasts are nearly exact
MOST = 6  # origins that are drawn, of as many series as possible
BEFORE = 2.5  # how many horizons of the past are drawn before each


@dataclass(frozen=True)
class TestSeries:
    """A test document: its values (n,), NaN where one is missing, how many are given, and when they are.

    Parameters
    ----------
    number : int
        The document.
    name : str
    values : (n,) array
    given : int
    start : str
        The time of the grid's first step; "" without times.
    step : str
        The step in words.
    first : int
        The place of the first value on the grid.
    """

    number: int
    name: str
    values: Array
    given: int
    start: str
    step: str
    first: int

    @property
    def future(self) -> Array:
        """The values after the past that is given."""
        return self.values[self.given :]

    def when(self, at: float) -> str:
        """Return the time of a step of the document, or its number without times."""
        place = self.first + round(at)
        return time_of(self.start, self.step, place) if self.start else f"step {place + 1:,}"


def time_of(start: str, step: str, place: int) -> str:
    """Return the time of a place on a grid, as short as its step allows."""
    begin = np.datetime64(start)
    if months := months_of(step):
        month = begin.astype("datetime64[M]") + place * months
        year, number = int(str(month)[:4]), int(str(month)[5:7])
        if step == "year":
            return str(year)
        return f"Q{(number + 2) // 3} {year}" if step == "quarter" else f"{MONTHS[number - 1]} {year}"
    if step == "business day":
        return str(np.busday_offset(begin.astype("datetime64[D]"), place, roll="forward"))
    seconds = seconds_of(step)
    moment = begin.astype("datetime64[s]") + place * seconds
    length = 10 if seconds % 86_400 == 0 else 16 if seconds % 60 == 0 else 19
    return str(moment)[:length].replace("T", " ")


class SeriesData:
    """A run on series as the sections read it."""

    def __init__(self, data: ReportData) -> None:
        self.data = data
        self.accuracies: list[Accuracy] = accuracies(data.whole)
        self.methods: list[Method] = methods(data.whole)
        self.series = _series(data)
        taken = len(data.models)
        self._index = {method.name: taken + at for at, method in enumerate(m for m in self.methods if m.classical)}

    def index(self, method: Method) -> int:
        """Return the number that gives a method its colour and mark; those of classical ones follow the models'."""
        return self._index[method.name] if method.classical else self.data.by_name[method.name].index

    def title(self, method: Method) -> str:
        """Return the name of a method for people."""
        return method.title if method.classical else self.data.title(method.name)

    def spoken(self, method: Method) -> str:
        """Return the name of a method as it is said inside a sentence."""
        if not method.classical:
            return self.data.spoken(method.name)
        return method.title if method.title[1:2].isupper() else f"the {method.title.lower()} method"

    def reads_differences(self, method: Method) -> bool:
        """Return whether a model reads the differences of values."""
        return not method.classical and bool(getattr(self._tokenizer(method), "differs", False))

    def reads_letters(self, method: Method) -> bool:
        """Return whether a model reads letters, which have probabilities and no density."""
        return not method.classical and not getattr(self._tokenizer(method), "has_density", True)

    def _tokenizer(self, method: Method) -> Any:
        return self.data.run.tokens[self.data.by_name[method.name].entry.tokens_fingerprint].tokenizer

    @property
    def densities(self) -> list[Accuracy]:
        """The methods with densities, the fewest nats per step first."""
        known = [one for one in self.accuracies if one.nats is not None and not self.reads_letters(one.method)]
        return sorted(known, key=lambda one: one.nats.value if one.nats else 0.0)


def _series(data: ReportData) -> list[TestSeries]:
    model = data.scored[0]
    tokens = data.run.tokens[model.entry.tokens_fingerprint]
    words = tokens.test_strings
    sentence = np.concatenate([block["sentence"] for block in tokens.feature_blocks("test", ["sentence"])])
    text: Encoded = tokens.test
    found = []
    documents = tokens.documents_of("test")
    for number, (begin, end) in enumerate(zip(text.starts.tolist(), text.ends.tolist(), strict=True)):
        values = np.array([np.nan if word == "?" else float(word) for word in words[begin : end - 1]])
        about: Mapping[str, str] = json.loads(documents["metadata"].iloc[number])
        given = int((sentence[begin : end - 1] == 0).sum())
        name = str(documents["name"].iloc[number])
        found.append(TestSeries(number, name, values, given, about["start"], about["step"], int(about["first"])))
    return found


def summary(data: SeriesData, still: bool = False) -> Section:
    """Return the top of the page: which method forecasts best, and one step ahead."""
    title = headline(data)
    return Section.written(
        "summary",
        title,
        "lmcompare.report",
        "series_summary",
        still,
        heading=title,
        said=lead(data),
        subtitle=_subtitle(data),
        picture=_picture(data),
    )


def headline(data: SeriesData) -> str:
    """Return the finding in one sentence, the classical methods first where they win."""
    what = "these series" if len(data.series) > 1 else "this series"
    if not data.accuracies:
        if any(method.forecasts for method in data.methods):
            return f"The methods of this run have no forecasts of {what} in common"
        return f"No model of this run has forecast {what}"
    best = data.accuracies[0]
    name = data.spoken(best.method)
    others = [one for one in data.accuracies if one.method.classical != best.method.classical]
    if not others:
        return f"{sentence(name)} forecasts {what} best"
    tied = [one for one in others if one.behind is None or not one.behind.low > 0]
    surely = not tied
    their = data.spoken((tied or others)[0].method)
    if best.method.classical:
        if surely:
            return f"{sentence(name)} forecasts {what} better than every language model"
        return f"{sentence(name)} forecasts {what} best, not significantly ahead of {their}"
    once = ", in one training" if _once(data) else ""
    if surely:
        return f"{sentence(name)} forecasts {what} better than every classical method{once}"
    return f"{sentence(name)} forecasts {what} best, not significantly ahead of {their}"


def lead(data: SeriesData) -> list[str]:
    """Return what a reader needs beside the headline, in a few sentences."""
    if not data.accuracies:
        return []
    best = data.accuracies[0]
    said = [
        f"Its scaled CRPS is {_two(best.crps.value)} (less is better). This is an error in units of the mean error"
        " that a naive forecast had in the past: the value one season earlier, or the last value where there is no"
        " season."
    ]
    if best.method.classical:
        said[0] = f"This is a classical method of forecasting, not a language model. {said[0]}"
    other = next((one for one in data.accuracies if one.method.classical != best.method.classical), None)
    if other is not None:
        kind = "classical method" if other.method.classical else "language model"
        said.append(f"The best {kind}, {data.spoken(other.method)}, has {_two(other.crps.value)}.")
    tied = [data.spoken(one.method) for one in data.accuracies[1:] if one.behind and not one.behind.low > 0]
    if tied:
        said.append(f"{sentence(numbers.listed(tied))} {'is' if len(tied) == 1 else 'are'} not significantly worse.")
    if _once(data):
        said.append("Each language model was trained once, and another training could change the order.")
    densities = data.densities
    if len(densities) > 1:
        first, second = densities[:2]
        said.append(
            f"For one step ahead, {data.spoken(first.method)} gave the highest density to the values that came,"
            f" {_nats(first)} nats per step (fewer is better). {sentence(data.spoken(second.method))} is second with"
            f" {_nats(second)}."
        )
    return said


def _picture(data: SeriesData) -> tuple[str, Markup] | None:
    """Return the first forecast of the best method, with its title; None if nothing was forecast."""
    drawn = [one.method for one in data.accuracies]
    if not drawn:
        return None
    one = panel(data, drawn[:1], chosen(shared_places(drawn))[0])
    return f"{one.charts[0][0]}, {one.title}", one.charts[0][3]


def _once(data: SeriesData) -> bool:
    """Return whether every language model was trained with one seed."""
    scored = data.data.whole.scored
    return bool(scored) and all(len(model.seeds) == 1 for model in scored)


def _two(value: float) -> str:
    return numbers.decimals(value, 2)


def _nats(one: Accuracy) -> str:
    figure: Figure | None = one.nats
    return numbers.NONE if figure is None else _two(figure.value)


def _subtitle(data: SeriesData) -> str:
    run = data.data.run
    series = numbers.plural(len(data.series), "series", "series")
    steps = sum(len(one.future) for one in data.series)
    models = numbers.plural(len(data.data.whole.scored), "language model")
    classical = sum(method.classical for method in data.methods)
    beside = f" and {numbers.plural(classical, 'classical method')}" if classical else ""
    return (
        f"{models}{beside} on {series} of {run.corpus.name} ({run.corpus.source}); tested on the last"
        f" {numbers.count(steps)} steps (run “{run.name}”, {run.manifest.created[:10]})"
    )


@dataclass(frozen=True)
class Line:
    """A method with its figures as text."""

    index: int
    title: str
    classical: bool
    source: str
    letters: bool
    one: Accuracy

    def shown(self, figure: Figure | None, places: int = 2) -> str:
        """Return a figure."""
        return numbers.NONE if figure is None else numbers.decimals(figure.value, places)

    def interval(self, figure: Figure | None, places: int = 2) -> str:
        """Return the interval of a figure, "" without one."""
        if figure is None or figure.low != figure.low:
            return ""
        return f"{numbers.decimals(figure.low, places)} to {numbers.decimals(figure.high, places)}"

    @property
    def behind(self) -> str:
        """How far it is behind the best, with the interval; "" for the best."""
        behind = self.one.behind
        if behind is None:
            return ""
        interval = self.interval(behind)
        return f"{numbers.signed(behind.value, 2)}{f' ({interval})' if interval else ''}"

    @property
    def tied(self) -> bool:
        """Whether it is not significantly worse than the best."""
        behind = self.one.behind
        return behind is not None and not behind.low > 0


def bands(data: SeriesData) -> str:
    """Return a sentence on whether the bands of the best method hold as many values as they should; "" without
    intervals.
    """
    best = data.accuracies[0]
    known = {percent: each for percent, each in best.coverage.items() if each.low == each.low}
    if not known:
        return ""
    name = data.spoken(best.method)
    if best.crps.value < EXACT:
        return f"{sentence(name)}, the best method, forecasts nearly exactly: its narrow bands say little."
    wrong = [
        f"its {percent} % band holds {numbers.percent(each.value, 0)} ({numbers.percent(each.low, 0)} to"
        f" {numbers.percent(each.high, 0)}), so it is too {'narrow' if each.value < percent / 100 else 'wide'}"
        for percent, each in known.items()
        if not each.low <= percent / 100 <= each.high
    ]
    if wrong:
        return f"Of {name}, the best method, {'; '.join(wrong)}."
    return f"No band of {name}, the best method, holds significantly more or less than it should."


def leaderboard(data: SeriesData, still: bool = False) -> Section | None:
    """Return the table of all methods: densities, errors of forecasts, and bands; None if nothing was forecast."""
    if not data.accuracies:
        return None
    lines = [
        Line(
            data.index(one.method),
            data.title(one.method),
            one.method.classical,
            one.method.source,
            data.reads_letters(one.method),
            one,
        )
        for one in data.accuracies
    ]
    origins = len(shared_places([one.method for one in data.accuracies]))
    return Section.written(
        "leaderboard",
        "Leaderboard",
        "lmcompare.report",
        "series_board",
        still,
        bands=bands(data),
        lines=lines,
        origins=origins,
        unit=units_of(data.data.run).kind,
        percents=(50, 80, 95),
    )


@dataclass(frozen=True)
class Panel:
    """The forecasts of all methods at one origin."""

    title: str
    charts: Sequence[tuple[str, int, bool, Markup]]


def chosen(places: Sequence[Place]) -> list[Place]:
    """Return some origins: of each series the middle one, then others, at most ``MOST``."""
    by_series: dict[int, list[Place]] = {}
    for place in places:
        by_series.setdefault(place[0], []).append(place)
    middle = [own[len(own) // 2] for own in by_series.values()]
    rest = [place for place in places if place not in middle]
    return [*middle, *rest][:MOST]


def panel(data: SeriesData, drawn: Sequence[Method], place: Place) -> Panel:
    """Return the fans of these methods at an origin."""
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
