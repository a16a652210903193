"""Quality against cost: bits per byte against time, memory and size, with the Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from lmcompare.report import numbers
from lmcompare.report.charts.scatter import Dot, scatter
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill

TIMES = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 60, 600, 3600, 36_000)  # seconds
NEAR = 0.05  # "nearly as good" is within this share of the best


@dataclass(frozen=True)
class Cost:
    """One kind of cost: key in results.json, the axis' title, how a figure is written, how a low one is called."""

    key: str
    title: str
    label: Callable[[float | None], str]
    cheapest: str
    ticks: tuple[float, ...] = ()


COSTS = (
    Cost("train_seconds", "Training time", numbers.seconds, "the fastest to train", TIMES),
    Cost(
        "microseconds_per_token",
        "Time per scored token",
        numbers.microseconds,
        "the fastest to score",
        tuple(1e6 * t for t in TIMES),
    ),
    Cost("peak_memory_bytes", "Peak memory", numbers.size, "the one that needs least memory"),
    Cost("parameters", "Parameters", numbers.short, "the one with the fewest parameters"),
    Cost("model_bytes", "Stored size", numbers.size, "the smallest"),
    Cost("tokens_read", "Tokens read", numbers.short, "the one that read least"),
)
DRAWN = COSTS[:4]
OF_MACHINE = ("train_seconds", "microseconds_per_token", "peak_memory_bytes")  # another machine gives other figures
MACHINES = (
    "The runs were made on different machines, so times and memory are not drawn against one another: in the table"
    " each is the figure of its own machine."
)


@dataclass(frozen=True)
class Drawn:
    """One chart and the sentence that reads it."""

    cost: Cost
    chart: Markup
    reading: str


def build(data: ReportData) -> Section | None:
    """Return the section, or None where no model can be compared."""
    if not data.ranking:
        return None
    equal = made_equal(data.run.manifest)
    alike = data.run.one_machine
    shown = [cost for cost in DRAWN if alike or cost.key not in OF_MACHINE]
    drawn = [one for cost in shown if (one := _draw(data, cost)) is not None]
    machines = [machine(manifest.get("hardware") or {}) for manifest in data.manifests]
    warning = "" if alike else MACHINES
    html = fill(
        "cost",
        drawn=drawn,
        costs=COSTS,
        rows=[(model, data.figures[model.name], True) for model, _ in data.ranking]
        + [(model, data.figures[model.name], False) for model in _apart(data)],
        machine="; ".join(dict.fromkeys(filter(None, machines))),
        warning=warning,
        ran=_measured_on(data),
        equal=equal,
    )
    charts = {f"cost-{one.cost.key}.svg": one.chart for one in drawn}
    pictures = [
        f"![Bits per byte against {one.cost.title.lower()}](charts/cost-{one.cost.key}.svg)\n\n{plain(one.reading)}"
        for one in drawn
    ]
    names = [(model, plain(model.name)) for model, _ in data.ranking]
    names += [(model, f"{plain(model.name)} (adaptive)") for model in _apart(data)]
    rows = ((name, *(cost.label(data.figures[model.name].get(cost.key)) for cost in COSTS)) for model, name in names)
    grid = table(("model", *(cost.title.lower() for cost in COSTS)), rows)
    markdown = "\n\n".join([*(plain(said) for said in (equal, warning) if said), grid, *pictures])
    return Section("cost", "Quality against cost", html, markdown, charts)


def _apart(data: ReportData) -> list[Model]:
    """Return the adaptive models where others are ranked: what they cost may be compared, how good they are not."""
    ranked = {model.name for model, _ in data.ranking}
    return [model for model, _ in data.standings("adaptive") if model.name not in ranked]


def machine(hardware: Mapping[str, Any]) -> str:
    """Return processor, cores, memory and system in words, as far as they are known."""
    parts = [
        str(hardware.get("cpu") or ""),
        numbers.plural(hardware["cores"], "core") if hardware.get("cores") else "",
        f"{numbers.size(hardware['memory_bytes'])} of memory" if hardware.get("memory_bytes") else "",
        str(hardware.get("platform") or ""),
    ]
    return ", ".join(part for part in parts if part)


def _measured_on(data: ReportData) -> str:
    """Return the devices with the numbers of threads that models had there."""
    threads: dict[str, set[int]] = {}
    for model in data.scored:
        cost = model.cell.cost
        threads.setdefault(str(cost.get("device") or "?"), set()).add(int(cost.get("threads") or 0))
    parts = []
    for device, found in sorted(threads.items()):
        count = " or ".join(str(n) for n in sorted(found) if n)
        parts.append(f"{device} with {count} thread{'' if count == '1' else 's'}" if count else device)
    return numbers.listed(parts)


def made_equal(manifest: Mapping[str, Any]) -> str:
    """Return what the models of a run were made equal in; "" where each had what its preset gives."""
    given = _settings(manifest)
    said = []
    sizes = {(settings.get("match") or {}).get("parameters") for settings in given}
    if len(sizes) == 1 and (size := sizes.pop()):
        said.append(
            f"Widths were chosen anew to give each model about {numbers.short(size)} parameters (one that"
            " does not say how it could have another size kept its own); learning rates were not tuned to them."
        )
    if budget := _budget(manifest):
        unit, amount = next(iter(budget.items()))
        much = numbers.seconds(amount) if unit == "seconds" else f"{numbers.short(amount)} {unit}"
        said.append(f"Every model that is trained step by step had {much} to learn in.")
    return " ".join(said)


def _settings(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row["settings"] for row in manifest.get("models", ()) if row.get("settings")]


def _budget(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the budget that all models of a run had, by its unit; empty where they had none or different ones."""
    budgets = {tuple((settings.get("budget") or {}).items()) for settings in _settings(manifest)}
    return dict(budgets.pop()) if len(budgets) == 1 else {}


def _draw(data: ReportData, cost: Cost) -> Drawn | None:
    dots = []
    for model, standing in data.ranking:
        value = data.figures[model.name].get(cost.key)
        if value is not None and value > 0:
            known = (standing.low, standing.high) if standing.low == standing.low else (None, None)
            dots.append(Dot(model.name, model.index, float(value), standing.bits_per_byte, *known))
    if not dots:
        return None
    label = f"Bits per byte against {cost.title.lower()}, a mark for each model"
    chart = scatter(
        dots, label, cost.title, "Bits per byte (less is better)", cost.label, numbers.tidy, choices=cost.ticks
    )
    if cost.key == "train_seconds" and "seconds" in _budget(data.run.manifest):
        return Drawn(cost, chart, "Training time was given, not found: models trained step by step had the same.")

    def clearly_better(one: str, other: str) -> bool:
        d = data.comparison.difference(one, other)
        return d is not None and d.significant and d.difference < 0

    drawn = {dot.name for dot in dots}
    left_out = [model.name for model, _ in data.ranking if model.name not in drawn]
    said = reading(dots, cost, clearly_better)
    if left_out:
        said += f" Not drawn, its figure being 0 or unknown: {numbers.listed(left_out)}."
    return Drawn(cost, chart, said)


def reading(dots: Sequence[Dot], cost: Cost, clearly_better: Callable[[str, str], bool]) -> str:
    """Name the cheapest model that is nearly as good as the best, and the models that others beat on both axes.

    ``clearly_better``: whether the first of two models is significantly better than the second. Costs are measured,
    and as good as equal where they differ by less than ``NEAR``.
    """
    best = min(dots, key=lambda d: d.y)
    near = [dot for dot in dots if dot.y <= best.y * (1 + NEAR)]
    cheapest = min(near, key=lambda d: d.x)
    if best.x <= cheapest.x * (1 + NEAR):
        cheapest = best
    price, near_by = cost.label(cheapest.x), f"within {numbers.percent(NEAR, 0)} of"
    if len(near) == 1:
        said = f"Nothing else comes {near_by} {best.name} ({price})"
    elif cheapest.name == best.name:
        said = f"Of the models {near_by} the best, the best itself, {best.name}, is {cost.cheapest} ({price})"
    else:
        times = numbers.rough(best.x / cheapest.x)
        said = (
            f"{near_by.capitalize()} the best, {cheapest.name} is {cost.cheapest}: {price}, where {best.name} takes "
        )
        said += f"{times} times as much"
    beaten = [
        dot.name
        for dot in dots
        if any(other.x * (1 + NEAR) < dot.x and clearly_better(other.name, dot.name) for other in dots)
    ]
    if not beaten:
        return said + ". No model is clearly beaten by a cheaper one."
    are = "is" if len(beaten) == 1 else "are"
    return f"{said}. {numbers.listed(beaten)} {are} beaten by a model that is cheaper and significantly better."
