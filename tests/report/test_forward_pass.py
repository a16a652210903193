"""The way from a word to the probabilities: its numbers are those of the attention that it leads to."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lmcompare.analysis import Run
from lmcompare.exhibits import Attention, to_json
from lmcompare.exhibits.attending import telling_head
from lmcompare.report.data import ReportData
from lmcompare.report.sections import forward_pass
from lmcompare.report.sections.exhibits import build
from tests.exhibit_samples import attention
from tests.report.tree import parse


def look(exhibit: Attention, word: int) -> forward_pass.Look | None:
    return forward_pass.Look.of(SimpleNamespace(), exhibit, word)  # type: ignore[arg-type]


def test_score_and_weight_are_those_of_query_and_key() -> None:
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


def test_each_model_with_attention_is_linked_and_each_way_of_looking_is_shown_once(run: Run) -> None:
    data = ReportData(run)
    section = build(data)
    assert section is not None
    tree = parse(str(section.html))
    (way,) = tree.all("figure", "way")
    attending = [m for m in data.scored if any(e["kind"] == Attention.kind for e in m.cell.exhibit_tables)]
    ids = {node.attributes["id"] for node in tree.all("article", "inside")}
    links = [a.attributes["href"].removeprefix("#") for a in way.one("figcaption").all("a")]
    assert len(links) == len(attending)
    assert set(links) <= ids
    kinds = {bool(e["weigh"]) for m in attending for e in m.cell.exhibit_tables if e["kind"] == Attention.kind}
    assert len(way.all("div", "way-lane")) == len(kinds)


def test_a_broken_exhibit_costs_no_more_than_itself() -> None:
    good = to_json(attention())
    stored = [{**good, "heads": "none"}, {"kind": "bars"}, "no table", good]
    assert [each.words for each in forward_pass._attentions(stored)] == [attention().words]
