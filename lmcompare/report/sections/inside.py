"""Inside each model: its exhibits, drawn by kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from lmcompare.analysis.stored import read_list
from lmcompare.report.kinds import Rendering, render_stored
from lmcompare.report.kinds.rendering import plain
from lmcompare.report.material import Material, Model, Section
from lmcompare.report.pages import anchor, fill


@dataclass(frozen=True)
class Drawn:
    """One exhibit, drawn."""

    kind: str
    title: str
    note: str
    rendering: Rendering


@dataclass(frozen=True)
class Inside:
    """What one model shows of itself."""

    model: Model
    exhibits: list[Drawn]
    hyperparameters: Mapping[str, Any]
    traits: list[str]
    charts: dict[str, Markup] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"inside-{anchor(self.model.name)}"


TRAITS = {
    "causal": "causal",
    "normalised": "normalised",
    "adaptive": "learns from the test text's past",
    "carries_state": "remembers across sentences",
    "pretrained": "has read other text before",
}


def build(material: Material) -> Section | None:
    """Return the section, or None where no model was scored."""
    insides = [_inside(model) for model in material.scored]
    if not insides:
        return None
    charts = {name: drawing for inside in insides for name, drawing in inside.charts.items()}
    html = fill("inside", insides=insides, apart=material.apart)
    return Section("inside", "Inside each model", html, "\n\n".join(map(_markdown, insides)), charts)


def _inside(model: Model) -> Inside:
    cell = model.cell
    drawn = []
    for stored in read_list(cell.path / "exhibits.json"):
        table = stored if isinstance(stored, dict) else {}
        title, note, rendering = render_stored(table)
        drawn.append(Drawn(str(table.get("kind", "")), title, note, rendering))
    traits = [said for trait, said in TRAITS.items() if model.entry.traits.get(trait)]
    charts = {
        f"inside-{anchor(model.name)}-{i}.svg": one.rendering.svg for i, one in enumerate(drawn) if one.rendering.svg
    }
    return Inside(model, drawn, dict(cell.info.get("hyperparameters") or {}), traits, charts)


def _markdown(inside: Inside) -> str:
    entry = inside.model.entry
    parts = [f"### {plain(entry.name)}", plain(entry.summary)]
    for i, one in enumerate(inside.exhibits):
        file = f"inside-{anchor(entry.name)}-{i}.svg"
        parts += [
            f"**{plain(one.title)}.** {plain(one.note)} {plain(one.rendering.reading)}".strip(),
            f"![{plain(one.title)}](charts/{file})" if file in inside.charts else "",
            one.rendering.markdown,
        ]
    return "\n\n".join(part for part in parts if part)
