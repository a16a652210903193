"""The glossary: one source, every term complete."""

from __future__ import annotations

from pathlib import Path

from lmcompare.report.definitions import GROUPS, TERMS
from lmcompare.report.sections.glossary import as_page

PAGE = Path(__file__).parents[2] / "docs" / "glossary.md"


def test_the_page_of_the_documentation_is_made_from_the_glossary() -> None:
    assert PAGE.read_text("utf-8") == as_page(), "run lmcompare.report.sections.glossary"


def test_no_term_is_defined_twice() -> None:
    assert len(TERMS) == sum(map(len, GROUPS.values()))
    assert len({term.name.lower() for term in TERMS.values()}) == len(TERMS)


def test_definitions_are_whole_sentences() -> None:
    for term in TERMS.values():
        assert term.definition[0].isupper()
        assert term.definition.endswith(".")
        assert len(term.definition) < 480
