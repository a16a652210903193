"""Attention: its numbers by hand, what the page stores and computes, and the way from a word to it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from lmcompare.analysis import Run
from lmcompare.exhibits import Attention, draw, to_json
from lmcompare.exhibits.attention import STEPS, Head, _sink, rounded, telling_head, turned, weights
from lmcompare.render.charts.strips import strip
from lmcompare.report.data import ReportData
from lmcompare.studies.exhibits import forward_pass
from lmcompare.studies.exhibits.section import build
from tests.exhibit_samples import attention
from tests.report.browser import complaints, reopened
from tests.report.tree import Node, parse
from tests.synthetic_exhibits import attention as of_heads


def drawn(exhibit: Attention) -> Node:
    return parse(str(draw(exhibit).html))


def test_one_head_at_one_word_is_shown_in_full() -> None:
    # After "bank", q = (1, 0); its products with the keys (0, 1), (1, 0) and (2, -1) are 0, 1 and 2, halved to scores
    # 0, 0.5 and 1. It sees the first two: e^0.5 / (1 + e^0.5) = 0.622 is the weight of "bank".
    tree = drawn(attention())
    assert tree.one("table", class_="att-scores").rows() == [
        ["the", "0.00", "0.00", "0.378", "0.186", "0.38"],
        ["bank", "1.00", "0.50", "0.622", "0.307", "0.62"],
        ["was", "2.00", "1.00", "hidden", "0.506", "–"],
    ]
    assert "After reading bank, head 1 (on average: bank) looks at: bank (62%), the (38%)." in tree.text
    numbers = {dd.attributes["data-numbers"]: dd.text.split() for dd in tree.all("dd")}
    assert numbers["q"] == numbers["k"] == ["1.00", "0.00"]
    assert numbers["part"] == ["0.62", "0.00"]
    assert numbers["mix"] == ["0.62", "0.38"]
    assert [li.text for li in tree.one("ul", class_="att-adds").all("li")] == ["bank +0.50", "x −0.25"]
    assert [b.attributes["aria-checked"] for b in tree.one(class_="att-words").all("button")] == [
        "false",
        "true",
        "false",
    ]


def test_additive_scores_and_a_bias_by_hand() -> None:
    # Of "the" for "bank": u · tanh(q + k) = (1, 2) · tanh((1, 0) + (0, 1)), and a bias of 3 for distance 1.
    head = replace(attention().heads[0], bias=(0.0, 0.0, 0.0, 3.0, 0.0))
    exhibit = replace(attention(), heads=(head,), weigh=(1.0, 2.0), scale=1.0)
    row, *_ = drawn(exhibit).one("table", class_="att-scores").rows()
    score = 3 * math.tanh(1)
    assert row[1:4] == [f"{score:.2f}", "3.00", f"{score + 3:.2f}"]


def test_turning_is_a_rotation_by_the_position() -> None:
    x = np.array([[1.0, 2.0, 0.0, 0.0]] * 3)
    np.testing.assert_allclose(turned(x, (0.5, 0.0))[2], [math.cos(1), 2.0, math.sin(1), 0.0], atol=1e-12)
    assert turned(x, ()) is x


def test_a_word_that_sees_nothing_reads_nothing() -> None:
    tree = drawn(replace(attention(), seen=((0, 0), (0, 0), (0, 0))))
    assert "looks at: nothing." in tree.text
    assert all(row[-1] == "–" for row in tree.one("table", class_="att-scores").rows())


def test_attention_that_rests_on_the_beginning_is_explained() -> None:
    resting = [[1.0, 0, 0], [0.9, 0.1, 0], [0.3, 0.3, 0.4]]  # at one of the two words after the beginning
    reading = [[1.0, 0, 0], [0.2, 0.8, 0], [0.5, 0, 0.5]]
    words = ("<s>", "the", "bank")
    assert "1 of 2 heads puts over half" in _sink(words, np.array([resting, reading]))
    assert "Xiao et al. 2023" in _sink(words, np.array([resting]))
    assert _sink(words, np.array([reading])) == _sink(("a", *words[1:]), np.array([resting])) == ""


def test_nothing_is_hidden_from_a_word_that_sees_all() -> None:
    tree = drawn(replace(attention(), seen=((0, 3),) * 3))
    assert not tree.all(class_="unseen")
    assert not tree.all("input")


def test_the_page_keeps_each_number_within_a_step() -> None:
    values = np.random.default_rng(0).standard_normal((20, 64)) * 3
    assert np.abs(rounded(values) - values).max() <= np.abs(values).max() / STEPS
    (script,) = drawn(attention()).all("script")
    assert json.loads(script.text)["seen"] == [[0, 1], [0, 2], [0, 3]]


def test_heads_are_weights() -> None:
    exhibit = attention()
    for head in exhibit.heads:
        found = weights(exhibit, Head.of(exhibit, head).scores)
        np.testing.assert_allclose(found.sum(1), 1.0)
        assert not np.triu(found, 1).any()


def test_a_strip_has_bars_above_and_below_the_middle() -> None:
    made = strip(np.array([1.0, -0.5, 0.0]))
    up, down = (path.attributes["d"] for path in parse(str(made["svg"])).all("path"))
    assert (up, down) == ("M0 0h3v12h-3z", "M4 12h3v6h-3z")
    assert made["said"] == "numbers from −0.50 to 1.00"


def look(exhibit: Attention, word: int) -> forward_pass.Look | None:
    return forward_pass.Look.of(SimpleNamespace(), exhibit, word)  # type: ignore[arg-type]


def test_score_and_weight_of_the_way_are_those_of_query_and_key() -> None:
    exhibit = replace(attention(), turns=())
    word = exhibit.opens[1]
    head = exhibit.heads[telling_head(exhibit, word)]
    first, end = exhibit.seen[word]
    scores = exhibit.scale * np.array(head.keys)[first:end] @ np.array(head.queries)[word]
    if head.bias:
        scores += [head.bias[word - j + len(exhibit.words) - 1] for j in range(first, end)]
    weights = np.exp(scores) / np.exp(scores).sum()
    found = look(exhibit, word)
    assert found is not None
    assert found.word == exhibit.words[word]
    assert found.other == exhibit.words[first + int(weights.argmax())]
    assert found.score == pytest.approx(scores.max(), abs=1e-3)
    assert found.weight == pytest.approx(weights.max(), abs=1e-3)
    assert found.parts[0] == (found.other, found.weight)
    assert not found.additive


def test_a_word_that_reads_nothing_has_no_way() -> None:
    exhibit = attention()
    assert look(replace(exhibit, seen=((0, 0),) * len(exhibit.words)), 0) is None


@pytest.mark.slow
def test_each_model_with_attention_is_linked_and_each_way_of_looking_is_shown_once(run: Run) -> None:
    data = ReportData(run)
    section = build(data)
    assert section is not None
    tree = parse(str(section.html))
    (way,) = tree.all("figure", "way")
    attending = [m for m in data.scored if any(e["kind"] == Attention.kind for e in m.cell.measured("exhibits"))]
    ids = {node.attributes["id"] for node in tree.all("article", "inside")}
    links = [a.attributes["href"].removeprefix("#") for a in way.one("figcaption").all("a")]
    assert len(links) == len(attending)
    assert set(links) <= ids
    kinds = {bool(e["weigh"]) for m in attending for e in m.cell.measured("exhibits") if e["kind"] == Attention.kind}
    assert len(way.all("div", "way-lane")) == len(kinds)


def test_a_broken_exhibit_costs_no_more_than_itself() -> None:
    good = to_json(attention())
    stored = [{**good, "heads": "none"}, {"kind": "bars"}, "no table", good]
    assert [each.words for each in forward_pass._attentions(stored)] == [attention().words]


def see_head_and_word(page: Page, plugin: str, head: int, word: int) -> None:
    """The page's script and Python compute the same from the same numbers."""
    exhibit = of_heads(4 if plugin == "transformer" else 1)
    assert isinstance(exhibit, Attention)
    wanted = parse(str(draw(replace(exhibit, opens=(head, word))).html))
    page.locator(f"#inside-{plugin} > details > summary").click()
    box = page.locator(f"#inside-{plugin} .att")
    if head:
        box.locator(".att-heads button").nth(head).click()
    box.get_by_role("radio").nth(word).click()
    rows = box.locator(".att-scores tbody tr")
    shown = [[c.strip() for c in row.locator("th, td").all_text_contents()] for row in rows.all()]
    assert len(exhibit.words) == len(shown)
    assert shown == wanted.one("table", class_="att-scores").rows()
    for part in wanted.all("dd"):
        numbers = box.locator(f"[data-numbers={part.attributes['data-numbers']}]").text_content() or ""
        assert numbers.split() == part.text.split()
    for name in ("att-said", "att-adds"):
        (said,) = box.locator(f".{name}").all_text_contents()
        assert " ".join(said.split()) == wanted.one(class_=name).text


@pytest.mark.slow
def test_heads_and_words_are_chosen_in_the_page_and_a_link_leads_to_them(report: Page) -> None:
    see_head_and_word(report, "transformer", 2, 4)
    see_head_and_word(report, "rnn-attention", 0, 2)
    box = report.locator("#inside-transformer .att")
    hidden = box.locator(".att-scores tbody tr").nth(5).locator("td .unseen").first
    expect(hidden).to_be_hidden()
    box.get_by_role("checkbox").check()  # shows what the hidden words would have counted
    expect(hidden).to_be_visible()
    shares = box.locator(".att-scores td.part.unseen").all_inner_texts()
    assert sum(map(float, shares)) == pytest.approx(1.0, abs=0.005)
    box.get_by_role("checkbox").uncheck()

    heat = report.locator("#inside-transformer .heat")  # the map of all words under one head
    cells = heat.locator(".heat-table tbody td")
    before = cells.all_inner_texts()
    heat.get_by_role("button", name="head 3").first.click()
    assert cells.all_inner_texts() != before
    expect(report.locator("#inside-transformer .heat-name").first).to_have_text("head 3")
    heat.get_by_role("button", name="head 1").first.click()
    assert cells.all_inner_texts() == before

    box.locator(".att-heads button").nth(1).click()
    box.get_by_role("radio").nth(3).focus()
    report.keyboard.press("ArrowRight")
    expect(box.get_by_role("radio").nth(4)).to_be_focused()
    expect(box.get_by_role("radio").nth(4)).to_be_checked()
    assert box.locator(".att-words [tabindex='0']").count() == 1
    box.locator(".att-scores th button").nth(1).click()
    said = box.inner_text()
    again = reopened(report).locator("#inside-transformer .att")
    assert again.inner_text() == said
    expect(again.locator(".att-scores th button").nth(1)).to_have_attribute("aria-pressed", "true")
    assert complaints(report) == []
