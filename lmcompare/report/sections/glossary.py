"""The definition of every number, with its unit."""

from __future__ import annotations

from lmcompare.report.definitions import TERMS
from lmcompare.report.kinds.rendering import plain
from lmcompare.report.material import Section
from lmcompare.report.pages import fill


def build() -> Section:
    """Return the section."""
    lines = [
        f"- **{plain(term.name)}**{f' ({plain(term.unit)})' if term.unit else ''}: {plain(term.definition)}"
        for term in TERMS.values()
    ]
    return Section("definitions", "What the numbers mean", fill("glossary", terms=TERMS), "\n".join(lines))
