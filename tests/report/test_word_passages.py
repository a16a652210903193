"""The reader's passages of words, for models of different tokens, against the stored scores."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.analysis import Run, load_run
from lmcompare.analysis.word_scores import word_blocks
from lmcompare.report.data import ReportData
from lmcompare.report.passages import BYTES, Passage
from lmcompare.report.word_passages import BUDGET, chosen_words


@pytest.fixture(scope="module")
def passages(run: Run) -> list[Passage]:
    data = ReportData(run)
    return chosen_words(data, data.scored)


def test_every_word_is_made_of_the_tokens_of_each_model(passages: list[Passage]) -> None:
    assert passages
    for passage in passages:
        assert passage.pieces is not None
        for of_model in passage.pieces:
            assert ["".join(p.token for p in word).strip() for word in of_model] == list(passage.tokens)
            assert len(of_model) == len(passage.bits[0])
        assert all(len(word) == 5 for of_model in passage.top for word in of_model)
        assert sum(len(w.encode()) + 1 for w in passage.tokens) <= 2 * BYTES + 100


def test_the_bits_are_those_of_the_words(run: Run, passages: list[Passage]) -> None:
    data = ReportData(run)
    (found,) = word_blocks(run, [m.entry for m in data.scored], "test", ("word",), seeds=1)
    tokens = run.tokens[data.scored[0].entry.tokens_fingerprint]
    names = tokens.documents_of("test")["name"].tolist()
    for passage in passages:
        document = names.index(passage.document)
        at = np.flatnonzero(found.features["document"] == document)[passage.first :][: len(passage.tokens)]
        assert list(found.features["word"][at]) == list(passage.tokens)
        np.testing.assert_allclose(passage.bits, found.bits[:, at])


def test_the_page_does_not_grow_without_bound(passages: list[Passage]) -> None:
    assert sum(len(word) for p in passages for of_model in p.pieces or () for word in of_model) <= BUDGET
    spreads = [p.disagreement for p in passages]
    assert spreads == sorted(spreads, reverse=True)


def test_passages_do_not_depend_on_the_blocks_in_which_words_are_read(
    run: Run, passages: list[Passage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmcompare.runfolder.parquet.BLOCK", 23)
    data = ReportData(load_run(run.path))
    for one, other in zip(chosen_words(data, data.scored), passages, strict=True):
        assert (one.number, one.first, one.tokens, one.top) == (other.number, other.first, other.tokens, other.top)
        assert one.bits.tolist() == other.bits.tolist()
