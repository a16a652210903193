"""The definitions of all terms and figures."""

from __future__ import annotations

from collections.abc import Collection

from lmcompare.render.definitions import GROUPS
from lmcompare.render.templating import fill
from lmcompare.report.data import Section


def build(keys: Collection[str] = ()) -> Section:
    """Return the section, with the terms of these keys only if some are given."""
    chosen = {
        title: {key: term for key, term in terms.items() if not keys or key in keys}
        for title, terms in GROUPS.items()
    }
    groups = {title: terms for title, terms in chosen.items() if terms}
    folded = {title: fill("glossary", terms=terms) for title, terms in groups.items()}
    return Section.written("definitions", "Definitions", "lmcompare.report", "glossary", groups=groups, folded=folded)


def as_page() -> str:
    """Return the glossary as a page of the documentation."""
    groups = build().markdown.replace("### ", "## ")
    return f"# Glossary\n\nThe terms of the report, of these pages and of the command line.\n\n{groups}\n"


if __name__ == "__main__":
    print(as_page(), end="")
