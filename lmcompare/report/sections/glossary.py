"""The definitions of all terms and figures."""

from __future__ import annotations

from lmcompare.report.data import Section
from lmcompare.report.definitions import GROUPS, Term
from lmcompare.report.markdown import plain
from lmcompare.report.templating import fill


def build() -> Section:
    """Return the section."""
    parts = []
    for title, terms in GROUPS.items():
        parts += [f"### {plain(title)}", "\n".join(_line(term) for term in terms.values())]
    return Section("definitions", "Definitions", fill("glossary", groups=GROUPS), "\n\n".join(parts))


def _line(term: Term) -> str:
    unit = f" ({plain(term.unit)})" if term.unit else ""
    formula = f" {plain(term.formula)}" if term.formula else ""
    return f"- **{plain(term.name)}**{unit}: {plain(term.definition)}{formula}"
