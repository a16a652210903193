"""Inside each model: its exhibits, drawn by kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup

from lmcompare.exhibits import Drawing, draw_stored
from lmcompare.render.markdown import plain
from lmcompare.render.templating import anchor, fill
from lmcompare.report.data import Model, ReportData, Section, marked
from lmcompare.studies.exhibits import forward_pass


@dataclass(frozen=True)
class Drawn:
    """One exhibit, drawn."""

    kind: str
    title: str
    note: str
    drawing: Drawing


@dataclass(frozen=True)
class Inside:
    """The exhibits of one model.

    Parameters
    ----------
    series : list of lists of Drawn
        Successive exhibits of the same kind and title: the first is shown, the others are folded.
    """

    model: Model
    series: list[list[Drawn]]
    hyperparameters: Mapping[str, Any]
    traits: list[str]

    @property
    def key(self) -> str:
        """Its id on the page."""
        return f"inside-{anchor(self.model.name)}"

    @property
    def titles(self) -> list[str]:
        """What is shown, each title once."""
        return list(dict.fromkeys(series[0].title for series in self.series))

    @property
    def charts(self) -> dict[str, Markup]:
        """The drawings that are shown, by file name."""
        drawn = {f"{self.key}-{i}.svg": series[0].drawing.svg for i, series in enumerate(self.series)}
        return {name: drawing for name, drawing in drawn.items() if drawing is not None}


LEAD = (
    "How each model arrives at its predictions, shown with its own numbers. ¶ or </s> is the end of a sentence, <s>"
    " the beginning (of a sentence for models that count n-grams, of a document for networks), and <unk> any unknown"
    " word."
)
TRAITS = {
    "causal": "causal: reads no later word",
    "normalised": "normalised: its probabilities sum to one",
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
    way = forward_pass.build(data, {inside.model.name: inside.key for inside in insides})
    html = fill("exhibits", __package__, lead=LEAD, way=way, insides=insides, unranked=data.unranked)
    markdown = "\n\n".join([plain(LEAD), *(_markdown(inside, data.unranked) for inside in insides)])
    return Section("inside", "Inside each model", html, markdown, charts)


def in_series(stored: Iterable[Any]) -> list[list[Drawn]]:
    """Return stored exhibits, drawn: successive ones of the same kind and title are a series."""
    drawn = []
    for each in stored:
        table = each if isinstance(each, dict) else {}
        drawn.append(Drawn(str(table.get("kind", "")), *draw_stored(table)))
    return [list(alike) for _, alike in groupby(drawn, key=lambda one: (one.kind, one.title))]


def _inside(model: Model) -> Inside:
    series = in_series(model.cell.measured("exhibits") or ())
    traits = [said for trait, said in TRAITS.items() if model.entry.traits.get(trait)]
    return Inside(model, series, dict(model.cell.info.get("hyperparameters") or {}), traits)


def _markdown(inside: Inside, unranked: frozenset[str]) -> str:
    """The first exhibit of each series as Markdown."""
    parts = [f"### {marked(inside.model, unranked)}", plain(inside.model.entry.summary)]
    for i, (one, *_) in enumerate(inside.series):
        parts += [
            f"**{plain(one.title)}.** {plain(one.note)} {plain(one.drawing.reading)}".strip(),
            f"![{plain(one.title)}](charts/{inside.key}-{i}.svg)" if one.drawing.svg else "",
            one.drawing.markdown,
        ]
    return "\n\n".join(part for part in parts if part)
