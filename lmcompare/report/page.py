"""The whole report: its sections in order, as one HTML file or as Markdown with drawings beside it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from lmcompare.analysis import Run
from lmcompare.report.kinds.rendering import CONTROL
from lmcompare.report.material import Material, Section
from lmcompare.report.pages import asset, fill
from lmcompare.report.palette import style_sheet
from lmcompare.report.sections import (
    alike,
    cost,
    glossary,
    inside,
    leaderboard,
    learning,
    meaning,
    opening,
    prompts,
    reader,
    reproduce,
    sentences,
    text,
    together,
    truth,
    wins,
)

SCRIPTS = ("page.js", "reader.js")
NAMES = {
    "leaderboard": "Leaderboard",
    "cost": "Cost",
    "alike": "Alike",
    "meaning": "Context",
    "learning": "Learning",
    "wins": "Where",
    "reader": "Reader",
    "next": "What next",
    "sentences": "Sentences",
    "inside": "Inside",
    "together": "Together",
    "text": "Text",
    "truth": "Truth",
    "reproduce": "Reproduce",
    "definitions": "Definitions",
}


def whole_page(template: str, **context: Any) -> str:
    """Return a page made of a template that extends the layout: style and scripts inside, so that it needs nothing
    but itself.
    """
    scripts = [Markup(asset(name)) for name in SCRIPTS]
    digests = [base64.b64encode(hashlib.sha256(str(s).encode()).digest()).decode() for s in scripts]
    style = Markup(style_sheet() + asset("charts.css") + asset("report.css"))
    return fill(template, style=style, scripts=scripts, digests=digests, **context).translate(CONTROL)


class Report:
    """A report of a run, its parts made once for both forms; ``names`` as in ``Material``."""

    def __init__(self, run: Run, names: Sequence[str] = ()) -> None:
        self.material = Material(run, names)
        self.opening = opening.build(self.material)
        self.sections = _sections(self.material)

    @property
    def version(self) -> str:
        """The version of lmcompare that made the run."""
        return str(self.material.run.manifest.get("lmcompare") or "")

    @property
    def charts(self) -> dict[str, Markup]:
        """The drawings that ``markdown`` refers to, by the name of their file in ``charts/``."""
        return {name: drawing for section in self.sections for name, drawing in section.charts.items()}

    def html(self) -> str:
        """Return the page, drawings inside."""
        return whole_page(
            "page",
            version=self.version,
            run=self.material.run,
            opening=self.opening,
            sections=self.sections,
            names=NAMES,
            models=self.material.scored,
        )

    def markdown(self) -> str:
        """Return the report as Markdown."""
        parts = [self.opening.markdown]
        for section in self.sections:
            parts.append(f"## {section.title}")
            if section.markdown:
                parts.append(section.markdown)
        parts.append(
            f"Written by lmcompare {self.version}. `report.html` beside this file shows more, and interactively."
        )
        return "\n\n".join(parts) + "\n"


def _sections(material: Material) -> list[Section]:
    found = (
        leaderboard.build(material),
        cost.build(material),
        wins.build(material),
        reader.build(material),
        prompts.build(material),
        sentences.build(material),
        inside.build(material),
        alike.build(material),
        meaning.build(material),
        learning.build(material),
        together.build(material),
        text.build(material),
        truth.build(material),
        reproduce.build(material),
        glossary.build(),
    )
    return [section for section in found if section is not None]
