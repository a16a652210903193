"""Inside each model: its exhibits, drawn by kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from lmcompare.exhibits import Drawing, draw_stored
from lmcompare.render.templating import anchor
from lmcompare.report.data import Model, ReportData, Section
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
    return Section.written(
        "inside",
        "Inside each model",
        __package__,
        way=forward_pass.build(data),
        keys={inside.model.name: inside.key for inside in insides},
        strips=forward_pass.strips,
        insides=insides,
        unranked=data.unranked,
    )


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
