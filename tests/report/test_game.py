"""Shannon's game: which words are hidden, and what the models guessed, against the stored tables."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lmcompare.analysis import Run
from lmcompare.render.tokens import UNKNOWN, visible
from lmcompare.report.data import ReportData
from lmcompare.report.passages import Passage
from lmcompare.studies.game import section as game
from tests.report.part import data_of
from tests.report.tree import Node, parse


def passage(tokens: str, unknown: str = "") -> Passage:
    words = tuple(tokens.split())
    top = tuple((("a", 0.5), (UNKNOWN, 0.2)) for _ in words)
    missed = tuple(word in unknown.split() for word in words)
    return Passage("d", 0, 0, words, (True,) * len(words), missed, np.zeros((1, len(words))), (top,), 0.1)


def test_ten_words_with_letters_are_hidden_evenly() -> None:
    read = " ".join(["first"] * game.READ_FIRST)
    words = " ".join(f"w{i}" for i in range(20))
    assert game.hidden_words(passage(f"{read} {words}")) == [12 + 2 * i for i in range(10)]
    assert game.hidden_words(passage(f"{read} , 7 the </s> cat dog", unknown="dog")) == [14, 16]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    return data_of(tmp_path_factory.mktemp("game"), "unigram", "ngram")


@pytest.fixture(scope="module")
def shown(data: ReportData) -> Node:
    section = game.build(data)
    assert section is not None
    return parse(str(section.html))


@pytest.mark.slow
def test_guesses_are_the_most_likely_stored_words(data: ReportData, shown: Node) -> None:
    _, passages = data.passages
    middle = sorted(passages, key=lambda each: each.disagreement)[len(passages) // 2]
    *lines, total = shown.one("table").rows()
    hidden = game.hidden_words(middle)
    assert [line[1] for line in lines] == [middle.tokens[at] for at in hidden]
    for m, model in enumerate(data.scored):
        top = model.cell.top.set_index(["document", "position", "place"])["token"]
        names = list(data.run.tokens[data.main_tokens].documents_of("test")["name"])
        key = names.index(middle.document)
        for line, at in zip(lines, hidden, strict=True):
            best = [top[key, middle.first + at, place] for place in (1, 2)]
            assert line[2 + m] == visible(best[1] if best[0] == UNKNOWN else best[0])
        assert total[2 + m] == f"{sum(line[2 + m] == line[1] for line in lines)} of {len(lines)}"


@pytest.mark.slow
def test_the_page_hides_nothing_beyond_the_last_word(shown: Node) -> None:
    (script,) = shown.all("script")
    stored = json.loads(str(script.children[0]))
    assert len(stored["tokens"]) == stored["hidden"][-1] + 1
    assert [len(line) for line in stored["top"]] == [len(stored["hidden"])] * 2


@pytest.mark.slow
def test_models_of_different_tokens_have_no_game(run: Run) -> None:
    assert game.build(ReportData(run)) is None
