"""The table of all methods: densities one step ahead, errors of forecasts, and how often bands hold."""

from __future__ import annotations

from dataclasses import dataclass

from lmcompare.analysis.forecasts import Accuracy, Figure, shared_places
from lmcompare.analysis.resampling import units_of
from lmcompare.render import numbers
from lmcompare.render.templating import fill
from lmcompare.render.titles import sentence
from lmcompare.report.data import Section
from lmcompare.report.series.values import SeriesData

EXACT = 0.005  # a scaled CRPS below which forecasts are nearly exact


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


def build(data: SeriesData) -> Section | None:
    """Return the section; None if nothing was forecast."""
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
    html = fill(
        "series/board",
        bands=bands(data),
        lines=lines,
        origins=origins,
        unit=units_of(data.data.run).kind,
        percents=(50, 80, 95),
    )
    return Section.of("leaderboard", "Leaderboard", html)
