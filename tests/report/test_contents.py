"""The way through the page: groups of sections, links at headings, questions with their answers, the glossary."""

from __future__ import annotations

from pathlib import Path

import pytest
from markupsafe import Markup

from lmcompare.analysis import load_run
from lmcompare.render.definitions import GROUPS, joined, parsed
from lmcompare.render.templating import explained
from lmcompare.report.contents import FIRST, LAST, Entry, Linked, grouped, questions
from lmcompare.report.data import Section
from lmcompare.report.page import studies_of
from lmcompare.report.sections.glossary import as_page
from lmcompare.study import brought, studies
from tests.report.tree import Node, parse

BROUGHT = [parsed(brought(study, "terms")) for study in studies().values()]
GLOSSARY = Path(__file__).parents[2] / "docs" / "glossary.md"


def section(html: str) -> Section:
    return Section("cost", "Quality against cost", Markup(html), "")


def test_headings_get_ids_of_their_own_and_links() -> None:
    taken = {"cost-time"}
    linked = Linked.of(section('<h3>Time</h3><h4 class="c">Time &amp; <i>space</i></h4>'), taken)
    tree = parse(str(linked.html))
    assert tree.one("h3").attributes["id"] == "cost-time-2"
    (fourth,) = tree.all("h4")
    assert fourth.attributes == {"class": "c", "id": "cost-time--26-space"}
    assert fourth.one("a").attributes["href"] == "#cost-time--26-space"
    assert linked.parts[0] == Entry("cost-time-2", "Time")
    assert "cost-time-2" in taken


def test_an_id_that_is_there_stays() -> None:
    linked = Linked.of(section('<h3 id="prompt-1">“The <b>cat</b> …”</h3>'), set())
    assert linked.parts == (Entry("prompt-1", "“The cat …”"),)
    assert 'id="prompt-1"' in linked.html
    assert linked.html.count("id=") == 1


def test_text_in_a_heading_stays_text() -> None:
    linked = Linked.of(section("<h3>&lt;b&gt; “quoted”</h3>"), set())
    assert linked.parts[0].name == "<b> “quoted”"
    assert 'aria-label="Link to “&lt;b&gt; “quoted””"' in linked.html


def test_groups_have_only_what_there_is() -> None:
    linked = {"Cost": Linked.of(section("<h3>Time</h3>"), set())}
    groups = {"Results": ("Leaderboard", "Cost"), "Inside": ("Similar words",)}
    assert grouped(groups, linked) == [("Results", [Entry("cost", "Cost", (Entry("cost-time", "Time"),))])]


@pytest.mark.slow
def test_questions_lead_to_their_answers(tree: Node, folder: Path) -> None:
    assert questions(["truth", "x"], []) == [(LAST["truth"], "truth")]
    asked = [link.attributes["href"][1:] for link in tree.one(class_="ask").all("a")]
    sections = [each.attributes["id"] for each in tree.one("main").all("section")]
    ids = {each.attributes["id"] for each in tree.all() if "id" in each.attributes}
    assert set(asked) <= ids
    assert asked[: len(FIRST)] == [*FIRST]
    assert asked[-len(LAST) :] == [*LAST]
    firsts = [key for study in studies_of(load_run(folder)) for key in [*study.questions][:1] if key in ids]
    assert asked[len(FIRST) : len(FIRST) + len(firsts)] == firsts
    assert {"all-pairs", "term-perplexity", "not-comparable", "reader", "inside"} < set(asked)
    assert len(asked) >= 12
    nav = tree.one("nav")
    assert [group.text for group in nav.all("p")] == ["Results", "Try it", "Inside", "Trust"]
    top = [link for link in nav.all("a") if link.attributes["href"][1:] in sections]
    assert len(top) == len(sections)


def test_the_page_of_the_documentation_is_made_from_the_glossary() -> None:
    assert GLOSSARY.read_text("utf-8") == as_page(), "run lmcompare.report.sections.glossary"


def test_no_term_is_defined_twice() -> None:
    every = [item for groups in (GROUPS, *BROUGHT) for group in groups.values() for item in group.items()]
    assert len({key for key, _ in every}) == len({term.name.lower() for _, term in every}) == len(every)


def test_definitions_are_whole_sentences() -> None:
    for term in (term for group in joined(BROUGHT).values() for term in group.values()):
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
