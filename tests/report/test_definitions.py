"""The glossary: one source, every term complete."""

from __future__ import annotations

from pathlib import Path

from lmcompare.report.definitions import GROUPS, TERMS
from lmcompare.report.sections.glossary import as_page
from lmcompare.report.templating import explained
from tests.report.tree import parse

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
        assert term.example.endswith("."), "each has one worked example"


def test_terms_in_the_text_of_a_model_are_explained_once_and_tokens_are_marked() -> None:
    said = explained("An LSTM, an LSTM: the model's number for '<b>' in float32")
    tree = parse(f"<p>{said}</p>")
    assert [link.attributes["href"] for link in tree.all("a")] == ["#term-lstm", "#term-precision"]
    assert tree.one("code").text == "<b>"
    assert tree.text == "An LSTM, an LSTM: the model's number for <b> in float32"
