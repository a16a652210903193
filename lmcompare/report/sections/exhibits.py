"""Inside each model: its exhibits, drawn by kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from lmcompare.report.data import Model, ReportData, Section, marked
from lmcompare.report.kinds import Rendering, render_stored
from lmcompare.report.markdown import plain
from lmcompare.report.templating import anchor, fill


@dataclass(frozen=True)
class Drawn:
    """One exhibit, drawn."""

    kind: str
    title: str
    note: str
    rendering: Rendering


@dataclass(frozen=True)
class Series:
    """Successive exhibits of the same kind and title: the first is shown, the others are folded."""

    first: Drawn
    others: list[Drawn]


@dataclass(frozen=True)
class Inside:
    """The exhibits of one model."""

    model: Model
    exhibits: list[Drawn]
    hyperparameters: Mapping[str, Any]
    traits: list[str]
    charts: dict[str, Markup] = field(default_factory=dict)

    @property
    def series(self) -> list[Series]:
        """The exhibits, grouped by successive equal titles."""
        found: list[Series] = []
        for one in self.exhibits:
            if found and (one.kind, one.title) == (found[-1].first.kind, found[-1].first.title):
                found[-1].others.append(one)
            else:
                found.append(Series(one, []))
        return found

    @property
    def key(self) -> str:
        return f"inside-{anchor(self.model.name)}"


TRAITS = {
    "causal": "causal",
    "normalised": "normalised",
    "adaptive": "adaptive: learns from the test documents it has been scored on",
    "carries_state": "uses context across sentences",
    "pretrained": "pre-trained on other text",
}


def build(data: ReportData) -> Section | None:
    """Return the section, or None if no model was scored."""
    insides = [_inside(model) for model in data.scored]
    if not insides:
        return None
    charts = {name: drawing for inside in insides for name, drawing in inside.charts.items()}
    html = fill("exhibits", insides=insides, unranked=data.unranked)
    return Section(
        "inside", "Inside each model", html, "\n\n".join(_markdown(i, data.unranked) for i in insides), charts
    )


def _inside(model: Model) -> Inside:
    cell = model.cell
    drawn = []
    for stored in cell.exhibit_tables:
        table = stored if isinstance(stored, dict) else {}
        title, note, rendering = render_stored(table)
        drawn.append(Drawn(str(table.get("kind", "")), title, note, rendering))
    traits = [said for trait, said in TRAITS.items() if model.entry.traits.get(trait)]
    inside = Inside(model, drawn, dict(cell.info.get("hyperparameters") or {}), traits)
    for i, series in enumerate(inside.series):
        if series.first.rendering.svg:
            inside.charts[f"inside-{anchor(model.name)}-{i}.svg"] = series.first.rendering.svg
    return inside


def _markdown(inside: Inside, unranked: frozenset[str]) -> str:
    """The first exhibit of each series as Markdown."""
    entry = inside.model.entry
    parts = [f"### {marked(inside.model, unranked)}", plain(entry.summary)]
    for one in (series.first for series in inside.series):
        file = next((name for name, drawing in inside.charts.items() if drawing is one.rendering.svg), "")
        parts += [
            f"**{plain(one.title)}.** {plain(one.note)} {plain(one.rendering.reading)}".strip(),
            f"![{plain(one.title)}](charts/{file})" if file else "",
            one.rendering.markdown,
        ]
    return "\n\n".join(part for part in parts if part)
