"""The top of a report on series: which method forecasts best, whether a classical one does, and one step ahead."""

from __future__ import annotations

from lmcompare.analysis.forecasts import Accuracy, Figure
from lmcompare.render import numbers
from lmcompare.render.templating import fill
from lmcompare.render.titles import sentence
from lmcompare.report.data import Section
from lmcompare.report.series import fans
from lmcompare.report.series.values import SeriesData


def build(data: SeriesData) -> Section:
    """Return the section above all others."""
    title = headline(data)
    html = fill("series/summary", title=title, said=lead(data), subtitle=_subtitle(data), picture=fans.best(data))
    return Section.of("summary", title, html)


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
