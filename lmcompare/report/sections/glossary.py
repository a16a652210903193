"""The definitions of all terms and figures."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from lmcompare.render.definitions import Groups, joined, parsed
from lmcompare.render.templating import fill
from lmcompare.report.data import Section
from lmcompare.study import brought, studies


def build(keys: Collection[str] = (), of_studies: Iterable[Groups] = ()) -> Section:
    """Return the section, with the terms of these keys only if some are given, those of studies among them."""
    chosen = {
        title: {key: term for key, term in terms.items() if not keys or key in keys}
        for title, terms in joined(of_studies).items()
    }
    groups = {title: terms for title, terms in chosen.items() if terms}
    folded = {title: fill("glossary", terms=terms) for title, terms in groups.items()}
    return Section.written("definitions", "Definitions", "lmcompare.report", "glossary", groups=groups, folded=folded)


def as_page() -> str:
    """Return the glossary as a page of the documentation."""
    own = [parsed(brought(study, "terms")) for study in studies().values()]
    groups = build(of_studies=own).markdown.replace("### ", "## ")
    return f"# Glossary\n\nThe terms of the report, of these pages and of the command line.\n\n{groups}\n"


if __name__ == "__main__":
    print(as_page(), end="")
