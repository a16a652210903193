"""Quality against cost: bits per byte against time, memory and size, with the Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lmcompare.analysis.leaderboard import NEAR, Row, much_less
from lmcompare.render import numbers
from lmcompare.render.charts.scatter import Dot, scatter
from lmcompare.render.definitions import TERMS
from lmcompare.render.titles import sentence, spoken
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.sections.fairness import budget, made_equal
from lmcompare.report.sections.reproduce import described
from lmcompare.studies.cost import choice
from lmcompare.studies.learning.section import networks_ahead

SHOWN_OPEN = 2  # charts that are not folded
TIMES = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 60, 600, 3600, 36_000)  # ticks in seconds

ALIKE = 1.05  # costs whose ratio is at most this count as equal


@dataclass(frozen=True)
class Cost:
    """A cost: its key in results.json and its format; if it is drawn, how models are compared by it."""

    key: str
    label: Callable[[float | None], str]
    verb: str = ""
    less: str = ""
    ticks: tuple[float, ...] = ()

    @property
    def title(self) -> str:
        """Its name."""
        return TERMS[self.key].name

    @property
    def unit(self) -> str:
        """The unit of the figures, such as "seconds of wall clock"."""
        return TERMS[self.key].unit.partition(";")[0]


MICROSECONDS = tuple(1e6 * t for t in TIMES)
COSTS = (
    Cost("processor_seconds", numbers.seconds, "trains", "faster", TIMES),
    Cost("train_seconds", numbers.seconds),
    Cost("microseconds_per_token", numbers.microseconds, "scores", "faster", MICROSECONDS),
    Cost("microseconds_per_list", numbers.microseconds),
    Cost("peak_memory_bytes", numbers.size, "needs", "less memory"),
    Cost("parameters", numbers.short, "has", "fewer parameters"),
    Cost("model_bytes", numbers.size),
    Cost("tokens_read", numbers.short),
)
# they depend on the machine
OF_MACHINE = (
    "processor_seconds",
    "train_seconds",
    "microseconds_per_token",
    "microseconds_per_list",
    "peak_memory_bytes",
)
MACHINES = (
    "The models were trained and scored on different machines, so times and memory are not drawn in one chart; the"
    " table has the figures of each model on its own machine."
)
UNEQUAL = " In equal time, a faster machine trains more."
BESIDE = (
    "Models were trained side by side, so they are compared by the processor time of their trainings; the training"
    " time in the table is that by the clock."
)


@dataclass(frozen=True)
class Drawn:
    """One chart with its finding and its caption, "" without one."""

    cost: Cost
    chart: Markup
    claim: str
    caption: str = ""


def build(data: ReportData) -> Section | None:
    """Return the section, or None if no model can be compared."""
    if not data.ranking:
        return None
    equal = made_equal(data)
    compared = [cost for cost in COSTS if data.run.one_machine or cost.key not in OF_MACHINE]
    drawn = [one for cost in compared if cost.verb and (one := _draw(data, cost)) is not None]
    warning = BESIDE if data.run.ran_beside else ""
    if not data.run.one_machine:
        warning = MACHINES + (UNEQUAL if "seconds" in budget(data.run.manifest) else "")
    limited = [cost for cost in compared if cost.key in choice.LIMITS]
    steps = [(cost, _steps(data, cost)) for cost in limited]
    if all(len(found) < 2 for _, found in steps):  # one model for each cost leaves no choice
        steps = []
    rows = [(model, row, True) for model, row in data.ranking] + [(*pair, False) for pair in _adaptive(data)]
    return Section.written(
        "cost",
        "Quality against cost",
        __package__,
        steps=steps,
        choice=choice.build(data, networks_ahead(data), data.outlook.falling),
        drawn=drawn,
        shown_open=SHOWN_OPEN,
        costs=[cost for cost in COSTS if any(getattr(row, cost.key) is not None for _, row, _ in rows)],
        rows=rows,
        ranges={model.name: said for model, *_ in rows if (said := _range(model))},
        machine="; ".join(map(described, data.run.machines)),
        warning=warning,
        ran=_measured_on(data),
        equal=equal,
    )


def _range(model: Model) -> str:
    """Return the shortest and the longest time of several trainings; "" where they are written alike."""
    found = (cell.cost["processor_seconds"] for cell in model.entry.done)
    times = [float(each) for each in found if each]
    ends = [numbers.seconds(pick(times)) for pick in (min, max)] if len(times) > 1 else ["", ""]
    return f"{ends[0]} to {ends[1]}" if ends[0] != ends[1] else ""


def _adaptive(data: ReportData) -> list[tuple[Model, Row]]:
    """The adaptive models if others are ranked: their costs can be compared, their quality cannot."""
    ranked = {model.name for model, _ in data.ranking}
    return [(model, row) for model, row in data.with_status("adaptive") if model.name not in ranked]


def _measured_on(data: ReportData) -> str:
    """Return the devices that models used, with the number of threads."""
    threads: dict[str, set[int]] = {}
    for model in data.scored:
        cost = model.cell.cost
        threads.setdefault(str(cost.get("device") or "?"), set()).add(int(cost.get("threads") or 0))
    parts = []
    for device, found in sorted(threads.items()):
        count = " or ".join(str(n) for n in sorted(found) if n)
        parts.append(f"{device} with {count} thread{'' if count == '1' else 's'}" if count else device)
    return numbers.listed(parts)


def worth_their_cost(data: ReportData, cost: Cost) -> list[str]:
    """Return the models that are significantly better than every one that costs less, the cheapest first.

    Costs within 5 % of each other count as equal: of their models, the best one is named.
    """
    known = [(float(value), row) for _, row in data.ranking if (value := getattr(row, cost.key)) is not None]
    best: list[tuple[float, Row]] = []
    cheaper: list[Row] = []
    for value, row in sorted(known, key=lambda pair: (pair[0], pair[1].bits_per_byte or 0.0)):
        if all(data.comparison.is_better(row.name, other.name) for other in cheaper):
            best = [pair for pair in best if ALIKE * pair[0] < value] + [(value, row)]
        cheaper.append(row)
    return [row.name for _, row in best]


def _steps(data: ReportData, cost: Cost) -> list[tuple[Model, str]]:
    """Return the models that are worth a cost, the cheapest first, each with its cost."""
    known = {model.name: (model, cost.label(getattr(row, cost.key))) for model, row in data.ranking}
    return [known[name] for name in worth_their_cost(data, cost)]


def _draw(data: ReportData, cost: Cost) -> Drawn | None:
    dots = [
        Dot(model.title, model.index, float(value), row.compared, *(row.interval or (None, None)))
        for model, row in data.ranking
        if (value := getattr(row, cost.key)) and row.compared is not None
    ]
    if not dots:
        return None
    label = f"Bits per byte against {cost.title.lower()}, a mark for each model"
    y_title = "Bits per byte (less is better)"
    chart = scatter(dots, label, cost.title, y_title, cost.label, numbers.tidy, choices=cost.ticks, x_unit=cost.unit)
    if cost.key == "processor_seconds" and "seconds" in budget(data.run.manifest):
        return Drawn(cost, chart, "The training time was set in advance: every network had the same")
    best = data.ranking[0][0].name
    found = {model.title: data.comparison.difference(model.name, best) for model, _ in data.ranking}
    worse = {title for title, difference in found.items() if difference is not None and difference.significant}
    drawn = {dot.name for dot in dots}
    left_out = [model.title for model, _ in data.ranking if model.title not in drawn]
    said = f"Not shown, because the figure is 0 or unknown: {numbers.listed(left_out)}." if left_out else ""
    return Drawn(cost, chart, "" if left_out else claim(dots, cost, worse), said)


def claim(dots: Sequence[Dot], cost: Cost, worse: Collection[str]) -> str:
    """Return what a cheaper model loses, the cheapest of those near the best one if there are any; "" for one model.

    Parameters
    ----------
    worse : collection of str
        The titles of the models that are significantly worse than the best one.
    """
    if len(dots) < 2:
        return ""
    best = min(dots, key=lambda d: d.y)
    near = min((dot for dot in dots if dot.y <= best.y * (1 + NEAR)), key=lambda d: d.x)
    name = spoken(best.name)
    if much_less(near.x, best.x):
        return f"{sentence(spoken(near.name))} {_compared(near, best, cost, worse)}"
    if not much_less(min(dot.x for dot in dots), best.x):
        return f"No model is better than {name}, and none {cost.verb} much {cost.less}"
    cheap = min((dot for dot in dots if much_less(dot.x, best.x)), key=lambda d: d.y)
    return f"{sentence(spoken(cheap.name))} {_compared(cheap, best, cost, worse)}"


def _compared(cheap: Dot, best: Dot, cost: Cost, worse: Collection[str]) -> str:
    """Return how much less a model costs than the best one, and how much worse it is, after its name."""
    ratio, behind = best.x / cheap.x, cheap.y / best.y - 1
    share = numbers.percent(1 - cheap.x / best.x, 0)
    small = f"in {share} less time" if cost.less == "faster" else f"{share} {cost.less}"
    much = f"{numbers.rough(ratio)} times {cost.less}" if ratio >= 2 else small
    is_worse = f"{numbers.percent(behind, 0 if behind >= 0.0095 else 1)} worse"
    may_be = "not significantly worse" if behind <= NEAR else f"{is_worse}, which may be chance"
    how = is_worse if cheap.name in worse else may_be
    return f"{cost.verb} {much} than {spoken(best.name)} and is {how}"
